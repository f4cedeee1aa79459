"""A record: one cell's predictions under every condition, with where they come from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from homog.metrics.predictions import Predictions

CLEAN = "clean"  # the condition in which examples are as they are
COUNTERPART = "/counterpart"  # ends the name of the condition that an exposure's examples are compared with
FORMAT = 1


class RecordError(ValueError):
    """A record that cannot be read; the message names the file."""


@dataclass(frozen=True)
class Record:
    """One cell's predictions and where they come from.

    `provenance`: JSON-ready facts (arm, kind, dose, arm_seed, adaptation, task, seed, sizes, label_names, upstream,
    trainable, moved, versions …). Its `cell` is the canonical content of the cell, and its `with` the digest of the
    user's folders; records of earlier versions have neither.

    `examples`, `people` (n,) ids, `labels` (n,) int, `groups` name -> (n,) values, `probabilities` condition ->
    (n, classes) float32; every condition is on the same examples in the same order. A row is NaN where the exposure
    does not apply to the example.
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

    def under(self, condition: str, control: Record | None = None) -> Predictions:
        """What a harm is computed from: the predictions under a condition beside those it is compared with."""
        return Predictions(
            self.labels,
            self.probabilities.get(condition + COUNTERPART, self.probabilities[CLEAN]),
            self.probabilities[condition],
            self.provenance.get("unfavourable"),
            None if control is None else control.probabilities[CLEAN],
        )


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
