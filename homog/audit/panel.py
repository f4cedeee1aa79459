"""What an audit works on: k models that predicted the same n examples of one task."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

Frame = Any  # a pandas.DataFrame
NOTES = ["what", "subject", "count", "detail"]
BASES = ("base_model", "backbone", "arm")  # attributes whose sharing is studied, in this order
MOST_GROUPS = 50  # a column of examples with more values is no group column: a text, a date
CHOICES = 12  # valid choices named in a message
SHOWN = 3  # names given as examples in a message


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


@dataclass(frozen=True, eq=False)
class Panel:
    """One task: `predictions` (k, n) and `labels` (n,) are indices into `classes`.

    `present` (k, n) bool, or None when every model answered everything; a prediction that is absent is 0.
    `probabilities` (k, n, classes) float32 or None. `people` (n,) or None where no person is named. `groups`: name ->
    (n,) values; `details`: the same for columns of more than MOST_GROUPS values, such as a text. `attributes`: name ->
    (k,) values. `options`: how many answers there are to choose from.
    `lacking`: the examples that some model did not answer, and how many `models` did not.
    """

    task: str
    models: tuple[str, ...]
    classes: tuple[str, ...]
    examples: Any
    labels: np.ndarray
    predictions: np.ndarray
    options: int
    people: np.ndarray | None = None
    present: np.ndarray | None = None
    probabilities: np.ndarray | None = None
    groups: dict[str, np.ndarray] = field(default_factory=dict)
    details: dict[str, np.ndarray] = field(default_factory=dict)
    attributes: dict[str, np.ndarray] = field(default_factory=dict)
    lacking: dict[str, np.ndarray] = field(default_factory=dict)

    @cached_property
    def complete(self) -> np.ndarray | slice:
        """The examples that every model answered, as an index."""
        return slice(None) if self.present is None else np.flatnonzero(self.present.all(0))

    @cached_property
    def failures(self) -> np.ndarray:
        """Who fails what, bool (k, n), on the examples that every model answered."""
        return self.predictions[:, self.complete] != self.labels[self.complete].astype(self.predictions.dtype)

    @cached_property
    def persons(self) -> np.ndarray | None:
        """The person of each example that every model answered, or None."""
        return None if self.people is None else self.people[self.complete]

    @cached_property
    def accuracy(self) -> np.ndarray:
        """Of each model (k,), on the examples that it answered; NaN where there are none."""
        correct = self.predictions == self.labels.astype(self.predictions.dtype)
        if self.present is None:
            return correct.mean(1)
        answered = self.present.sum(1)
        return (correct & self.present).sum(1) / np.where(answered, answered, np.nan)


def note(what: str, subject: str, count: int, detail: str) -> dict[str, Any]:
    """A row of the table of notes: what was left out, or is worth knowing."""
    return dict(zip(NOTES, (what, subject, int(count), detail), strict=True))


def some(names: Iterable[Any], most: int = SHOWN) -> str:
    """'a, b, c, ...': at most `most` names."""
    names = [str(name) for name in names]
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def counted(n: int, noun: str, verb: Sequence[str] = ("", "")) -> str:
    """'1 example', '3 examples'; with `verb` ('is', 'are') the one that agrees."""
    return f"{n:,} {noun}{'' if n == 1 else 's'} {verb[n != 1]}".rstrip()
