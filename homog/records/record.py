"""A record: one cell's predictions under every condition, with where they come from."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np

from homog.metrics.predictions import Predictions

CLEAN = "clean"  # the condition in which examples are as they are
COUNTERPART = "/counterpart"  # ends the name of the condition that an exposure's examples are compared with
NO_ANSWER = "no answer"  # a column after those of the classes, of models that may give none: always wrong
FORMAT = 1
SUM = 1e-3  # how far probabilities may be from 1 in sum


class RecordError(ValueError):
    """A record that cannot be read; the message names the file."""


class UnreadableError(RecordError):
    """A record that cannot be read now, whatever is in it; its file is left as it is."""


@dataclass(frozen=True)
class Record:
    """One cell's predictions and where they come from.

    `provenance`: JSON-ready facts (arm, kind, dose, arm_seed, adaptation, task, seed, sizes, label_names, upstream,
    trainable, moved, versions …). Its `cell` is the canonical content of the cell, and its `with` the digest of the
    user's folders; records of earlier versions have neither.

    `examples`, `people` (n,) ids, `labels` (n,) int, `groups` name -> (n,) values, `probabilities` condition ->
    (n, classes) float32, or a column more for no answer; every condition is on the same examples in the same order. A
    row is NaN where the exposure does not apply to the example.
    """

    cell: str
    provenance: dict[str, Any]
    examples: np.ndarray
    people: np.ndarray
    labels: np.ndarray
    groups: dict[str, np.ndarray]
    probabilities: dict[str, np.ndarray]

    @property
    def conditions(self) -> tuple[str, ...]:
        """The conditions that it holds, `clean` first."""
        return tuple(sorted(self.probabilities, key=lambda name: (name != CLEAN, name)))

    @property
    def answers(self) -> list[str]:
        """What each column of the probabilities stands for: the labels, and where there is one more, no answer."""
        names = list(self.provenance["label_names"])
        return [*names, NO_ANSWER][: max(len(names), self.probabilities[CLEAN].shape[1])]

    def under(self, condition: str, control: Record | None = None) -> Predictions:
        """What a harm is computed from: the predictions under a condition beside those it is compared with."""
        return Predictions(
            self.labels,
            self.probabilities.get(condition + COUNTERPART, self.probabilities[CLEAN]),
            self.probabilities[condition],
            self.provenance.get("unfavourable"),
            None if control is None else control.probabilities[CLEAN],
        )


def check(record: Record) -> None:
    """Raise ValueError for predictions that are none: NaN beside numbers, no probabilities, labels out of range."""
    classes = record.probabilities[CLEAN].shape[1]
    if len(record.labels) and not 0 <= int(record.labels.min()) <= int(record.labels.max()) < classes:
        outside = sorted({int(label) for label in record.labels if not 0 <= label < classes})
        raise ValueError(f"labels {outside[:5]} of {classes} classes")
    for condition, values in record.probabilities.items():
        if values.min(initial=0) >= 0 and np.abs(values.sum(1) - 1).max(initial=0) <= SUM:
            continue  # as nearly all are
        absent = np.isnan(values).all(1) & (condition != CLEAN)  # every example is there as it is
        with np.errstate(invalid="ignore"):
            bad = ~absent & ~((values >= 0).all(1) & (values <= 1 + SUM).all(1) & (np.abs(values.sum(1) - 1) <= SUM))
        if bad.any():
            what = "NaN or infinite" if not np.isfinite(values[bad]).all() else "not in 0..1 or do not sum to 1"
            raise ValueError(f"{condition}: the probabilities of {bad.sum()} of {len(values)} examples are {what}")


@functools.cache
def schema() -> Any:
    """The one schema of record files: a row per example and condition."""
    import pyarrow as pa

    columns = [
        ("cell", pa.string()),
        ("condition", pa.string()),
        ("example", pa.string()),
        ("person", pa.string()),
        ("label", pa.int32()),
        ("groups", pa.string()),
        ("probabilities", pa.list_(pa.float32())),
    ]
    return pa.schema([pa.field(name, kind, nullable=False) for name, kind in columns])
