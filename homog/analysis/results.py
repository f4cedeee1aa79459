"""Records -> results: a row per cell and exposure with its scalars, and beside it the arrays of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from homog import records
from homog.adaptations import label
from homog.config import Cell

Frame = Any  # a pandas.DataFrame; pandas' own annotations call every selection from one a union of types
GROUP = ["backbone", "condition", "adaptation"]  # what is never averaged over
HARM, ACCURACY = ("numerator", "denominator"), ("correct", "asked")  # ratios of sums over examples
SETTINGS = ["cell", "arm", "kind", "backbone", "defect", "dose", "arm_seed", "adaptation", "task", "seed", "data"]
NUMBERS = ["n", "n_train", "accuracy_clean", "accuracy_exposed", "majority", "flips", "harm", "harm_n", "control_harm"]
UPSTREAM = ["drift", "effect", "verified"]
CHOSEN_BY = ["variant", "exposure", "view"]  # bare name of the adaptation; defect and which of its views is shown
WRITTEN = [
    *SETTINGS,
    "family",
    "condition",
    "defect_kind",
    "control",
    *NUMBERS,
    "exposed_label",
    "exposed_share",
    "inherited",
    *UPSTREAM,
    "seconds",
    "reason",
]
ANSWERS = ["exposed_correct", "counterpart_correct"]  # (n,) 1 = right, 0 = wrong, NaN = the exposure does not apply
ARRAYS = [*HARM, *ACCURACY, *ANSWERS, "examples", "people", "provenance"]


@dataclass(frozen=True, eq=False)
class Results:
    """Rows of scalars, one per cell and condition, and the arrays of each.

    `frame` has the columns `cell` and `condition` and a column for everything that one selects by. `arrays`:
    (cell, condition) -> name -> array over the examples. `computed` is what was computed from some of the rows, by
    their keys. A selection shares both, so that each interval is computed once. `results["n"]` is a column,
    `results[results["n"] > 9]` a selection; `groupby` gives selections.
    """

    frame: Frame
    arrays: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    computed: dict[Any, Any] = field(default_factory=dict)

    @staticmethod
    def of(rows: Sequence[Mapping[str, Any]], columns: Sequence[str], arrays: Sequence[str]) -> Results:
        """From rows that hold both: `columns` go into the frame, `arrays` beside it."""
        beside = {(row["cell"], row["condition"]): {name: row.get(name) for name in arrays} for row in rows}
        return Results(pd.DataFrame(rows, columns=list(columns)), beside)

    def __getitem__(self, asked: Any) -> Any:
        """A column by its name, the rows of a mask as Results."""
        return self.frame[asked] if isinstance(asked, str) else self.with_rows(self.frame[asked])

    def __contains__(self, column: str) -> bool:
        return column in self.frame

    def __len__(self) -> int:
        return len(self.frame)

    def with_rows(self, frame: Frame) -> Results:
        """The same arrays, with other rows or columns."""
        return Results(frame, self.arrays, self.computed)

    @property
    def keys(self) -> list[tuple[str, str]]:
        """(cell, condition) of each row."""
        return list(zip(self.frame["cell"], self.frame["condition"], strict=True))

    def each(self, name: str) -> list[Any]:
        """One array of each row, None where it has none; `control_...`: that of its control under its condition."""
        if name.startswith("control_"):
            keys = zip(self.frame["control"], self.frame["condition"], strict=True)
            return [self.arrays.get(key, {}).get(name.removeprefix("control_")) for key in keys]
        return [self.arrays[key].get(name) for key in self.keys]

    def groupby(self, columns: str | list[str], sort: bool = False) -> Iterator[tuple[Any, Results]]:
        """(values of the columns, their rows), in the order in which they come first."""
        return ((key, self.with_rows(rows)) for key, rows in self.frame.groupby(columns, sort=sort))

    def once(self, key: tuple[Any, ...], compute: Callable[[], Any]) -> Any:
        """What `compute` gives, remembered under a key that names the rows and what is asked of them."""
        if key not in self.computed:
            self.computed[key] = compute()
        return self.computed[key]


def read(results: Path, cells: Iterable[Cell]) -> tuple[dict[str, records.Record], dict[str, str]]:
    """(records by cell id, why there is none by cell id)."""
    kept, problems = {}, {}
    for cell in cells:
        try:
            kept[cell.id] = records.load(results, cell.id)
        except FileNotFoundError:
            problems[cell.id] = "no record"
        except records.RecordError as error:
            problems[cell.id] = str(error)
    return kept, problems


def effects(
    cells: Sequence[Cell], kept: Mapping[str, records.Record], exposures: Mapping[str, Any], own: bool = True
) -> Results:
    """One row per cell with a record and exposure (condition -> defect); a number that is NaN has a `reason`.

    An arm with a defect is there under that defect's exposures; with `own` False, under those of the other defects:
    is the harm specific to the defect? The clean arm is there under all. `variant` is the bare name of the adaptation,
    `exposure` the name of the defect whose exposure it is and `view` which of its views; every numeric field of the
    adaptations has a column.

    `harm` is the defect's, in its units; `control_harm` that of the `control`: the clean backbone's cell with
    the same adaptation, task, seed and sizes, exposed under the same condition on the same examples;
    `inherited` their difference. `exposed_label` is the most frequent prediction under the exposure, `exposed_share`
    its share. `flips` is the share of predictions that the exposure changes, `majority` the share of the most frequent
    label in test. `paired`: whether the control predicted the same examples. The arrays (ARRAYS) are the harm as
    numerator and denominator per example, whether the clean prediction is correct, the exposed one and that of its
    counterpart, ids, and the record's provenance.
    """
    there = [cell for cell in cells if cell.id in kept]
    rows = [_row(cell, kept, *shown) for cell in there for shown in exposures.items() if _asked(cell, shown[1], own)]
    by_key = {(row["cell"], row["condition"]): row for row in rows}
    for row in rows:
        row.update(_against(row, by_key.get((row["control"], row["condition"]))))
    varied = sorted({name for cell in there for name in amounts(cell.adaptation)})
    return Results.of(rows, [*WRITTEN, *CHOSEN_BY, "paired", *varied], ARRAYS)


def amounts(adaptation: Any) -> dict[str, float]:
    """The numeric fields of an adaptation: epochs, learning_rate, rank …; a frame has a column for each."""
    values = {field.name: getattr(adaptation, field.name) for field in fields(adaptation)}
    return {name: value for name, value in values.items() if type(value) in (int, float)}


def _asked(cell: Cell, exposure: Any, own: bool) -> bool:
    if cell.arm.defect is None or own:
        return cell.arm.defect is None or cell.arm.defect.name == exposure.name
    return cell.arm.defect.name != exposure.name and exposure.kind != "engineered"  # that one exposes to nothing


def settings(cell: Cell) -> dict[str, Any]:
    """The columns that say which cell it is."""
    arm = cell.arm
    defect = arm.defect.name if arm.defect else ""
    values = (cell.id, arm.id, arm.kind, arm.backbone.label, defect, arm.dose, arm.seed)
    return dict(zip(SETTINGS, (*values, label(cell.adaptation), cell.task.name, cell.seed, cell.data), strict=True))


def _row(cell: Cell, kept: Mapping[str, records.Record], condition: str, defect: Any) -> dict[str, Any]:
    record = kept[cell.id]
    facts, clean = record.provenance, record.probabilities[records.CLEAN]
    upstream = facts.get("upstream") or {}
    correct = (clean.argmax(1) == record.labels).astype(float)
    row = settings(cell) | {
        "family": facts.get("family") or "",
        "condition": condition,
        "defect_kind": defect.kind,
        "control": cell.control.id,
        **dict(zip(CHOSEN_BY, (cell.adaptation.name, defect.name, defect.view), strict=True)),
        **amounts(cell.adaptation),
        "n": len(record.labels),
        "n_train": facts["n_train"],
        "accuracy_clean": float(correct.mean()),
        "majority": majority(record.labels),
        **{name: upstream.get(name) for name in UPSTREAM},
        "seconds": facts["seconds"],
        "correct": correct,
        "asked": np.ones_like(correct),
        "examples": record.examples,
        "people": record.people,
        "provenance": facts,
    }
    exposed = record.probabilities.get(condition)
    if exposed is None:
        return row | {"reason": f"the record does not hold condition {condition}"}
    predictions = record.under(condition, kept.get(cell.control.id))
    rate, applies = defect.harm(predictions), predictions.applies
    pair = (exposed, predictions.clean)
    right = [np.where(applies, given.argmax(1) == record.labels, np.nan) for given in pair]
    counts = np.bincount(exposed[applies].argmax(1), minlength=exposed.shape[1])
    return row | {
        "accuracy_exposed": _mean(right[0][applies]),
        "exposed_label": facts["label_names"][counts.argmax()] if counts.any() else "",
        "exposed_share": counts.max() / counts.sum() if counts.any() else float("nan"),
        **dict(zip(ANSWERS, right, strict=True)),
        "flips": _mean((exposed.argmax(1) != predictions.clean.argmax(1))[applies]),
        "harm": rate.value,
        "harm_n": rate.n,
        "numerator": rate.numerator,
        "denominator": rate.denominator,
        "reason": "" if rate.n else "harm undefined: no example counts in its denominator",
    }


def majority(labels: np.ndarray) -> float:
    """The share of the most frequent label."""
    return float(np.unique(labels, return_counts=True)[1].max() / len(labels))


def _mean(values: np.ndarray) -> float:
    return float(values.mean()) if values.size else float("nan")


def _against(row: dict[str, Any], control: dict[str, Any] | None) -> dict[str, Any]:
    """The control's numbers for a row, or the reason that there are none."""
    unknown = {"control_harm": np.nan, "inherited": np.nan, "paired": False}
    if control is None:
        return unknown | {"reason": row["reason"] or f"its control {row['control']} has no record"}
    if not np.array_equal(row["examples"], control["examples"]):
        return unknown | {"reason": f"its control {row['control']} predicted other examples"}
    harm = control.get("harm", np.nan)
    reason = row["reason"] or (control["reason"] and f"its control {row['control']}: {control['reason']}")
    if reason:
        return {"control_harm": harm, "inherited": np.nan, "paired": True, "reason": reason}
    return {"control_harm": harm, "inherited": row["harm"] - harm, "paired": True}


def missing(cells: Sequence[Cell], results: Results, problems: Mapping[str, str] | None = None) -> Frame:
    """The cells without a row in `results`, named, with the reason (`problems`: by cell id)."""
    there = set(results["cell"])
    why = problems or {}
    rows = [settings(c) | {"reason": why.get(c.id, "no record")} for c in cells if c.id not in there]
    return pd.DataFrame(rows, columns=[*SETTINGS, "reason"])
