"""Records -> results: a row per cell and exposure with its scalars, and beside it the arrays of each."""

from __future__ import annotations

import contextlib
import functools
import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from homog import records
from homog.adaptations import label
from homog.analysis import compared
from homog.config import Cell
from homog.metrics.flips import divergence
from homog.metrics.predictions import Predictions
from homog.variants import unusual

Frame = Any  # a pandas.DataFrame; pandas' own annotations call every selection from one a union of types
GROUP = ["backbone", "condition", "adaptation"]  # what is never averaged over
HARM = ("numerator", "denominator")  # ratios of sums over examples
AGAINST_CLEAN = (*HARM, "control_numerator", "control_denominator")  # on examples that both models get right
AGAINST_SHAM = ("beside_numerator", "beside_denominator", "sham_numerator", "sham_denominator")
COST = ("correct", "asked", "clean_correct", "clean_asked")  # clean_: of the control's own row
SETTINGS = ["cell", "arm", "kind", "backbone", "defect", "dose", "arm_seed", "adaptation", "task", "seed", "data"]
NUMBERS = ["n", "n_train", "accuracy_clean", "accuracy_exposed", "majority", "flips", "divergence"]
NUMBERS += ["harm", "harm_n", "control_harm"]
TARGET = ["target", "exposed_label", "exposed_share"]
UPSTREAM = ["drift", "effect", "verified"]
CHOSEN_BY = ["variant", "exposure", "view"]  # bare name of the adaptation; defect and which of its views is shown
AS_USUAL = "as_usual"  # whether the defect of the arm is as in its YAML
PLANTED = "defect."  # before the name of a field of the defect
SIZE = "train"  # training examples asked for; the task may have fewer (n_train)
WRITTEN = [
    *SETTINGS,
    "family",
    "condition",
    "defect_kind",
    "control",
    *NUMBERS,
    *TARGET,
    "inherited",
    "beyond_sham",
    *UPSTREAM,
    "seconds",
    "reason",
]
ANSWERS = ["exposed_correct", "counterpart_correct"]  # (n,) 1 = right, 0 = wrong, NaN = the exposure does not apply
ARRAYS = [*AGAINST_CLEAN, *AGAINST_SHAM, "correct", "asked", *ANSWERS, "examples", "people", "provenance"]


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

    @functools.cached_property
    def keys(self) -> list[tuple[str, str]]:
        """(cell, condition) of each row."""
        return list(zip(*(self.frame[name].to_numpy() for name in ("cell", "condition")), strict=True))

    def each(self, name: str) -> list[Any]:
        """One array of each row, None where it has none; `clean_...`: that of its control under its condition."""
        if name.startswith("clean_"):
            keys = zip(*(self.frame[name].to_numpy() for name in ("control", "condition")), strict=True)
            return [self.arrays.get(key, {}).get(name.removeprefix("clean_")) for key in keys]
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
    ids, arms = [], {}
    for cell in cells:
        ids.append(cell.id)
        arms.setdefault(cell.arm.id, []).append(cell.id)
    told: dict[str, records.Record | str] = {}
    with uncollected(), ThreadPoolExecutor(2) as pool:  # one decodes the file of an arm while the other makes records
        for some in pool.map(lambda some: {cell: _loaded(results, cell) for cell in some}, arms.values()):
            told |= some
    problems = {cell: why for cell in ids if isinstance(why := told[cell], str)}
    return {cell: each for cell in ids if not isinstance(each := told[cell], str)}, problems


def _loaded(results: Path, cell: str) -> records.Record | str:
    """The record of a cell, or why there is none."""
    try:
        return records.load(results, cell)
    except FileNotFoundError:
        return failed(results, cell)
    except records.RecordError as error:
        return str(error)


@contextlib.contextmanager
def uncollected() -> Iterator[None]:
    """While very many objects are made that stay, nothing looks through all of them for cycles again and again."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def failed(results: Path, cell: str) -> str:
    """Why there is no record: it failed, or was not computed."""
    reason = records.failure(results, cell)
    return f"failed: {reason}" if reason else "no record"


def effects(
    cells: Sequence[Cell], kept: Mapping[str, records.Record], exposures: Mapping[str, Any], own: bool = True
) -> Results:
    """One row per cell with a record and exposure (condition -> defect); a number that is NaN has a `reason`.

    An arm with a defect is there under that defect's exposures; with `own` False, under those of the other defects:
    is the harm specific to the defect? The clean arm is there under all. `variant` is the bare name of the adaptation,
    `exposure` the name of the defect whose exposure it is and `view` which of its views; every numeric field of the
    adaptations has a column. `as_usual`: whether the defect of the arm is as in its YAML; a numeric field of which some
    are not has a column `defect.NAME`, NaN in clean arms.

    `harm` is the defect's, in its units; `control_harm` that of the `control`: the clean backbone's cell with
    the same adaptation, task, seed and sizes, exposed under the same condition on the same examples; `inherited` their
    difference; `beyond_sham` the harm less that of the sham of the same seed. Where harm depends on what a model gets
    right, it counts the examples that both models of the comparison get right. Attack success is scored on one target
    for all models that are compared (`compared.targets`); `target` is its label, of most examples. `exposed_label` is
    the most frequent prediction under the exposure, `exposed_share` its share. `flips` is the share of predictions that
    the exposure changes, `divergence` how far it moves the distribution of predicted classes (smoothed KL, nats),
    `majority` the share of the most frequent label in test. `paired`: whether the control
    predicted the same examples. The arrays (ARRAYS) are the harm as numerator and denominator per example, whether the
    clean prediction is correct, the exposed one and that of its counterpart, ids, and the record's provenance.
    """
    there = [cell for cell in cells if cell.id in kept]
    asked = [(cell, *shown) for cell in there for shown in exposures.items() if _asked(cell, shown[1], own)]
    shown = compared.Shown(kept)
    targets = compared.targets([(cell, condition) for cell, condition, _ in asked], shown)
    with uncollected():
        rows = [_row(*each, shown, targets) for each in asked]
    varied = sorted({name for cell in there for name in amounts(cell.adaptation)})
    turned = sorted({f"{PLANTED}{name}" for cell in there for name in _settings(cell.arm.defect)})
    return Results.of(rows, [*WRITTEN, *CHOSEN_BY, AS_USUAL, SIZE, "paired", *varied, *turned], ARRAYS)


@functools.lru_cache(maxsize=4096)
def amounts(variant: Any) -> dict[str, float]:
    """The numeric fields of an adaptation or a defect: epochs, learning_rate, rank …; one mapping for all that ask."""
    values = {field.name: getattr(variant, field.name) for field in fields(variant)}
    return {name: value for name, value in values.items() if type(value) in (int, float)}


def _settings(defect: Any) -> dict[str, Any]:
    """The fields of a defect that are not as usual."""
    return unusual("defect", defect) if defect else {}


def _asked(cell: Cell, exposure: Any, own: bool) -> bool:
    if not exposure.fits(cell.task.modality):
        return False
    if cell.arm.defect is None or own:
        return cell.arm.defect is None or cell.arm.defect.name == exposure.name
    return cell.arm.defect.name != exposure.name and exposure.kind != "engineered"  # that one exposes to nothing


def settings(cell: Cell) -> dict[str, Any]:
    """The columns that say which cell it is."""
    arm = cell.arm
    defect = arm.defect.name if arm.defect else ""
    values = (cell.id, arm.id, arm.kind, arm.backbone.label, defect, arm.dose, arm.seed)
    return dict(zip(SETTINGS, (*values, label(cell.adaptation), cell.task.name, cell.seed, cell.data), strict=True))


def _row(cell: Cell, condition: str, defect: Any, shown: compared.Shown, targets: compared.Targets) -> dict[str, Any]:
    record = shown.kept[cell.id]
    facts, clean = record.provenance, record.probabilities[records.CLEAN]
    upstream = facts.get("upstream") or {}
    right = clean.argmax(1) == record.labels
    correct = right.astype(float)
    row = settings(cell) | {
        "family": facts.get("family") or "",
        "condition": condition,
        "defect_kind": defect.kind,
        "control": cell.control.id,
        **dict(zip(CHOSEN_BY, (cell.adaptation.name, defect.name, defect.view), strict=True)),
        **amounts(cell.adaptation),
        **{f"{PLANTED}{name}": value for name, value in (amounts(cell.arm.defect) if cell.arm.defect else {}).items()},
        AS_USUAL: not _settings(cell.arm.defect),
        SIZE: cell.sizes.train,
        "n": len(record.labels),
        "n_train": facts["n_train"],
        "accuracy_clean": _share(right),
        "majority": majority(record.labels),
        **{name: upstream.get(name) for name in UPSTREAM},
        "seconds": facts["seconds"],
        "correct": correct,
        "asked": np.ones_like(correct),
        "examples": record.examples,
        "people": record.people,
        "provenance": facts,
        "paired": False,
        "reason": f"the record does not hold condition {condition}",
    }
    if condition not in record.probabilities:
        return row
    target = targets[compared.key(cell, condition)]
    row |= _exposed(shown.of(cell, condition), record.answers, target)
    row |= compared.with_control(cell, condition, defect, shown, target)
    row |= compared.with_sham(cell, condition, defect, shown, target)
    return row


def _exposed(predictions: Predictions, names: Sequence[str], target: np.ndarray) -> dict[str, Any]:
    """What the model answers under the exposure."""
    applies, options = predictions.applies, predictions.exposed.shape[1]
    pair = (predictions.exposed_class, predictions.clean_class)
    hits = [given == predictions.labels for given in pair]
    counts, before = (np.bincount(given[applies], minlength=options) for given in pair)
    aims = np.bincount(target[target >= 0], minlength=1)
    return {
        "accuracy_exposed": _share(hits[0][applies]),
        "target": names[int(aims.argmax())] if aims.any() else "",
        "exposed_label": names[int(counts.argmax())] if counts.any() else "",
        "exposed_share": counts.max() / counts.sum() if counts.any() else float("nan"),
        **{name: np.where(applies, each, np.nan) for name, each in zip(ANSWERS, hits, strict=True)},
        "flips": _share((pair[0] != pair[1])[applies]),
        "divergence": _divergence(tuple(before.tolist()), tuple(counts.tolist())),
    }


@functools.lru_cache(maxsize=2**16)
def _divergence(clean: tuple[int, ...], exposed: tuple[int, ...]) -> float:
    """Of counts: many models of a task have the same."""
    return float(divergence([clean, exposed]))


def majority(labels: np.ndarray) -> float:
    """The share of the most frequent label."""
    return float(np.bincount(labels).max() / len(labels))


def _share(true: np.ndarray) -> float:
    return np.count_nonzero(true) / true.size if true.size else float("nan")


def usual_rows(results: Results) -> Results:
    """What a study's means are over: defects as in their YAML, and the training size that most of a backbone have."""
    if SIZE not in results or not len(results):
        return results
    results = results[results[AS_USUAL].astype(bool)] if AS_USUAL in results else results
    usual = results.frame.groupby("backbone")[SIZE].transform(lambda sizes: sizes.mode()[0])
    return results[results[SIZE] == usual]


def missing(cells: Sequence[Cell], results: Results, problems: Mapping[str, str] | None = None) -> Frame:
    """The cells without a row in `results`, named, with the reason (`problems`: by cell id)."""
    there = set(results["cell"])
    why = problems or {}
    rows = [settings(c) | {"reason": why.get(c.id, "no record")} for c in cells if c.id not in there]
    return pd.DataFrame(rows, columns=[*SETTINGS, "reason"])
