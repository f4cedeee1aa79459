"""What a user of an audit may choose, what is left out, and how input that cannot be audited is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from homog.metrics.resampling import Bootstrap

NOTES = ["what", "subject", "count", "detail"]
BASES = ("base_model", "backbone", "arm")  # attributes whose sharing is studied, in this order
MOST_GROUPS = 50  # a column of examples with more values is no group column: a text, a date
CHOICES = 12  # valid choices named in a message


class AuditError(ValueError):
    """Predictions that cannot be audited; the message is one line and names what is wrong."""


@dataclass(frozen=True)
class Settings:
    """What a user may choose.

    `groups`: the group columns of a wide table (None: told apart by their values). `ignore`: columns left out.
    `base`: the attribute whose sharing is studied (default: the first of base_model, backbone, arm that differs).
    `options`: answers to choose from (default: the classes that occur). `pairwise_complete`: compare each pair of
    models on the examples that both answered.
    """

    groups: tuple[str, ...] | None = None
    ignore: tuple[str, ...] = ()
    base: str = ""
    options: int | None = None
    pairwise_complete: bool = False
    resamples: int = 2000
    level: float = 0.95
    seed: int = 0

    def __post_init__(self) -> None:
        if self.options is not None and self.options < 2:
            raise AuditError(f"options = {self.options}; valid: at least 2 answers to choose from")
        if self.resamples < 1:
            raise AuditError(f"resamples = {self.resamples}; valid: at least 1")
        if not 0 < self.level < 1:
            raise AuditError(f"level = {self.level}; valid: above 0 and below 1")

    @property
    def bootstrap(self) -> Bootstrap:
        """How persons are drawn."""
        return Bootstrap(self.resamples, self.level, self.seed)


EXCLUDED = "examples excluded for all models"
FIRST = (EXCLUDED, "examples in pairs only", "no measure of joint failure", "model that lacks examples")
FIRST += ("duplicate rows", "answers spelled otherwise", "predictions that are never a label")


def place_of(what: str) -> int:
    """Where a kind of note stands: what is left out comes first, then what is read otherwise than it is written."""
    return FIRST.index(what) if what in FIRST else len(FIRST)


def note(what: str, subject: str, count: int, detail: str) -> dict[str, Any]:
    """A row of the table of notes: what was left out, or is worth knowing."""
    return dict(zip(NOTES, (what, subject, int(count), detail), strict=True))
