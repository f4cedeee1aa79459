"""What a results folder holds, from the records alone."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homog import records
from homog.config import ConfigError

if TYPE_CHECKING:
    import pandas as pd

SETTINGS = ("arm", "backbone", "defect", "kind", "dose", "arm_seed", "adaptation", "task", "family", "seed", "data")
FACTS = (
    "backbone",
    "kind",
    "dose",
    "arm_seed",
    "adaptation",
    "task",
    "seed",
    "defect",
    "data",
    "train",
)  # to select by
PARTS = ("backbone", "defect", "adaptation", "task")


@dataclass(frozen=True)
class Kept:
    """`records`: by the cell's id. `frame`: a row per cell and condition. `unreadable`: a cell's id -> what is wrong.

    Columns of the frame: cell, the settings, sizes, every field of backbone, defect, adaptation and task as
    `adaptation.epochs` (NaN in records of earlier versions, which do not hold them), condition, n (examples that the
    condition applies to) and accuracy (share of them that are right; NaN where n is 0).
    """

    records: dict[str, records.Record]
    frame: pd.DataFrame
    unreadable: dict[str, str]


def load(results: str | Path, cells: Collection[str] | None = None) -> Kept:
    """All records of a results folder, or those of the `cells` with these ids."""
    import pandas as pd

    where, good, bad = Path(results), {}, {}
    for cell in [cell for cell in records.kept(where) if cells is None or cell in cells]:
        try:
            good[cell] = records.load(where, cell)
        except records.RecordError as error:
            bad[cell] = str(error)
    return Kept(good, pd.DataFrame([row for record in good.values() for row in rows(record)]), bad)


def rows(record: records.Record) -> Iterator[dict[str, Any]]:
    """A row per condition of a record: scalars only."""
    facts = record.provenance
    settings = {"cell": record.cell, **{name: facts.get(name) for name in SETTINGS}, **facts.get("sizes", {})}
    content = facts.get("cell", {})
    parts = {"backbone": content.get("arm", {}).get("backbone"), "defect": content.get("arm", {}).get("defect")}
    parts |= {name: content.get(name) for name in ("adaptation", "task")}
    fields = {f"{part}.{name}": value for part in PARTS for name, value in _scalars(parts[part] or {}).items()}
    for condition in record.conditions:
        predictions = record.under(condition)
        there = predictions.applies
        right = predictions.exposed_class[there] == record.labels[there]
        accuracy = float(right.mean()) if there.any() else float("nan")
        yield {**settings, **fields, "condition": condition, "n": int(there.sum()), "accuracy": accuracy}


def _scalars(content: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a part as scalars: lists as words, what is nested left out."""
    plain = {k: " ".join(map(str, v)) if isinstance(v, list) else v for k, v in content.items() if k != "name"}
    return {k: v for k, v in plain.items() if not isinstance(v, dict)}


def picked(settings: Mapping[str, Mapping[str, Any]], select: Sequence[str], what: str) -> list[str]:
    """The ids whose settings `select` ("task=adult_*,trec", "kind=clean") lets through; all without it.

    Raises ConfigError for what is no selection, and where nothing is left of `what`.
    """
    wanted = [_pattern(text) for text in select]
    ids = [name for name, facts in settings.items() if all(_matches(facts, *pattern) for pattern in wanted)]
    if ids:
        return ids
    choices = {key: sorted({str(facts[key]) for facts in settings.values()}) for key, _ in wanted}
    raise ConfigError(f"select: no {what}; valid: " + "; ".join(f"{k}={','.join(v)}" for k, v in choices.items()))


def _pattern(text: str) -> tuple[str, list[str]]:
    key, equals, values = text.partition("=")
    if not equals or key not in FACTS:
        raise ConfigError(f"select: {text!r}; valid: {'|'.join(FACTS)}=value[,value], * stands for anything")
    return key, values.split(",")


def _matches(facts: Mapping[str, Any], key: str, patterns: list[str]) -> bool:
    said = f"{facts[key]:g}" if isinstance(facts[key], float) else str(facts[key])
    return any(fnmatch.fnmatchcase(said, pattern) for pattern in patterns)
