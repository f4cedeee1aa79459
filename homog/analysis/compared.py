"""One model beside those that it is compared with: one target, the same examples, the harm of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from homog.config import Cell
from homog.metrics.inheritance import targets_by_fold
from homog.metrics.predictions import Predictions
from homog.records import Record
from homog.variants import unusual

FOLDS = 2  # parts of the people; the target of one part is picked on the other
Key = tuple[str, Any, int, str]
Targets = Mapping[Key, np.ndarray]


@dataclass(frozen=True, eq=False)
class Shown:
    """What models with a record (`kept`, by cell id) predict under exposures, beside the control: each made once."""

    kept: Mapping[str, Record]
    known: dict[tuple[str, str], Predictions] = field(default_factory=dict)

    def of(self, cell: Cell, condition: str) -> Predictions:
        """The predictions of a cell that has a record which holds the condition."""
        place = (cell.id, condition)
        if place not in self.known:
            self.known[place] = self.kept[cell.id].under(condition, self.kept.get(cell.control.id))
        return self.known[place]


def key(cell: Cell, condition: str) -> Key:
    """The comparison that a cell is part of: its control, the defect and its seed, and the condition.

    Injected backbones at all doses and the sham of one seed are one comparison with the clean control; another setting
    of the defect is another one. So is the clean cell alone: there is nothing that it is compared with.
    """
    defect = cell.arm.defect
    planted = (defect.name, *sorted(unusual("defect", defect).items())) if defect else ""
    return (cell.control.id, planted, cell.arm.seed if defect else 0, condition)


def targets(asked: Sequence[tuple[Cell, str]], shown: Shown) -> Targets:
    """Comparison -> (n,) the class that attack success counts for each example.

    One class for all models of a comparison: that into which the head of the model of the largest dose puts the planted
    feature. Where its record does not say (records of earlier versions, models without a head): the class that it gives
    to most exposed examples. Of a model that is compared with nothing: the class with most conversions among the other
    half of the people (METRICS: `targets_by_fold`).
    """
    leaders: dict[Key, Cell] = {}
    for cell, condition in asked:
        if condition in shown.kept[cell.id].probabilities:
            place = key(cell, condition)
            leaders[place] = max(leaders.get(place, cell), cell, key=_leads)
    folds: dict[int, tuple[np.ndarray, np.ndarray]] = {}
    return {name: _target(cell, name[-1], shown, folds) for name, cell in leaders.items()}


def _leads(cell: Cell) -> tuple[bool, float]:
    """The largest dose leads; a sham only where no injected model is there."""
    return cell.arm.kind != "sham", cell.arm.dose


def _folds(people: np.ndarray, known: dict[int, tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    """(n,) the part of the people that each example is of; `known`: array of ids -> its parts, all models share it."""
    if id(people) not in known:
        known[id(people)] = people, np.unique(people.astype(str), return_inverse=True)[1] % FOLDS
    return known[id(people)][1]


def _target(cell: Cell, condition: str, shown: Shown, folds: dict[int, tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    record, predictions = shown.kept[cell.id], shown.of(cell, condition)
    there, exposed = predictions.applies, predictions.exposed_class
    if cell.arm.kind == "injected":
        known = record.provenance.get("targets", {}).get(condition)
        counts = np.bincount(exposed[there], minlength=1)
        return np.full(len(there), counts.argmax() if known is None else known)
    converted = np.where(there, exposed, record.labels)  # none where the exposure does not apply
    return targets_by_fold(predictions.clean_class, converted, record.labels, _folds(record.people, folds))


def with_control(cell: Cell, condition: str, defect: Any, shown: Shown, target: np.ndarray) -> dict[str, Any]:
    """Harm of a cell and of its clean control, as columns and arrays, or the `reason` that there is none."""
    problem = _problem(cell, cell.control, f"its control {cell.control.id}", condition, shown.kept)
    (own, beside), nan = _rates(cell, cell if problem else cell.control, condition, defect, shown, target), float("nan")
    row = {"harm": own.value, "harm_n": own.n, "numerator": own.numerator, "denominator": own.denominator}
    row |= {"paired": False, "control_harm": nan, "inherited": nan}
    undefined = "" if own.n else "harm undefined: no example counts in its denominator"
    if problem:
        return row | {"reason": undefined or problem}
    row |= {"paired": True, "control_harm": beside.value, "inherited": row["harm"] - beside.value, "reason": undefined}
    return row | {"control_numerator": beside.numerator, "control_denominator": beside.denominator}


def with_sham(cell: Cell, condition: str, defect: Any, shown: Shown, target: np.ndarray) -> dict[str, Any]:
    """Harm of an injected cell less that of the sham of the same seed, where there is one with a record."""
    if cell.arm.kind != "injected":
        return {}
    twin = replace(cell, arm=cell.arm.twin)
    if _problem(cell, twin, "its sham", condition, shown.kept):
        return {}
    own, beside = _rates(cell, twin, condition, defect, shown, target)
    arrays = (own.numerator, own.denominator, beside.numerator, beside.denominator)
    names = ("beside_numerator", "beside_denominator", "sham_numerator", "sham_denominator")
    return {"beyond_sham": own.value - beside.value, **dict(zip(names, arrays, strict=True))}


def _problem(cell: Cell, other: Cell, what: str, condition: str, kept: Mapping[str, Record]) -> str:
    """Why the two cannot be compared, or ''."""
    record, beside = kept[cell.id], kept.get(other.id)
    if beside is None:
        return f"{what} has no record"
    if record.examples is not beside.examples and not np.array_equal(record.examples, beside.examples):
        return f"{what} predicted other examples"
    return "" if condition in beside.probabilities else f"{what}: the record does not hold condition {condition}"


def _rates(cell: Cell, other: Cell, condition: str, defect: Any, shown: Shown, target: np.ndarray) -> tuple[Any, Any]:
    """The harm of a model and of the other one (it may be the same), both on what both get right."""
    own, beside = shown.of(cell, condition), shown.of(other, condition)
    both = own.right & beside.right
    rate = defect.harm(own.compared(target, both))
    return rate, rate if other.id == cell.id else defect.harm(beside.compared(target, both))
