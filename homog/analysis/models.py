"""Records -> one row per model and condition: for studies of who fails, not of inherited harm."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from homog import records
from homog.analysis.results import SETTINGS, UPSTREAM, Results, majority, settings
from homog.config import Cell

SIZES = ["family", "condition", "n", "n_train", "accuracy_clean", "majority", *UPSTREAM, "seconds", "reason"]
MODELS = ["failed", "rejected", "probabilities", "labels", "examples", "people", "groups", "provenance"]


def models(
    cells: Sequence[Cell], kept: Mapping[str, records.Record], conditions: Sequence[str] = (records.CLEAN,)
) -> Results:
    """One row per cell with a record and condition that it holds.

    `accuracy_clean`, `majority` as in `effects`; the arrays (MODELS) are of length n: `failed` bool, whether the
    prediction is wrong, `rejected` bool, whether it is the unfavourable label (None where the task has none),
    `probabilities` (n, classes), `labels`, `examples`, `people`, `groups` (name -> values), and the provenance.
    """
    pairs = [(cell, kept[cell.id]) for cell in cells if cell.id in kept]
    rows = [
        _model(*pair, condition) for pair in pairs for condition in conditions if condition in pair[1].probabilities
    ]
    return Results.of(rows, [*SETTINGS, *SIZES], MODELS)


def _model(cell: Cell, record: records.Record, condition: str) -> dict[str, Any]:
    facts, shown = record.provenance, record.probabilities[condition]
    predicted, bad = shown.argmax(1), facts.get("unfavourable")
    return settings(cell) | {
        "family": facts.get("family") or "",
        "condition": condition,
        "n": len(predicted),
        "n_train": facts["n_train"],
        "accuracy_clean": float((record.probabilities[records.CLEAN].argmax(1) == record.labels).mean()),
        "majority": majority(record.labels),
        **dict.fromkeys(UPSTREAM),
        "seconds": facts["seconds"],
        "reason": "",
        "failed": predicted != record.labels,
        "rejected": None if bad is None else predicted == bad,
        "probabilities": shown,
        "labels": record.labels,
        "examples": record.examples,
        "people": record.people,
        "groups": record.groups,
        "provenance": facts,
    }
