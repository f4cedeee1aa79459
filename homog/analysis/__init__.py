"""Records -> tidy frames: a row per cell and exposure; harm less that of the control, with interval and n."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from homog import records
from homog.adaptations import label
from homog.config import Cell
from homog.metrics.intervals import Interval, Sample, difference_interval, holm

Frame = Any  # a pandas.DataFrame; pandas' own annotations call every selection from one a union of types
LEVEL = 0.95
RESAMPLES = 2000
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
CONTROLS = [f"control_{name}" for name in (*HARM, *ACCURACY)]
ANSWERS = ["exposed_correct", "counterpart_correct"]  # (n,) 1 = right, 0 = wrong, NaN = the exposure does not apply
ARRAYS = [*HARM, *ACCURACY, *ANSWERS, "examples", "people", *CONTROLS, "provenance"]  # objects, not written as CSV


_KNOWN: dict[bytes, Interval] = {}  # by content: tables, figures and text ask for the same intervals


def read(results: Path, cells: Iterable[Cell]) -> tuple[dict[str, records.Record], dict[str, str]]:
    """(records by cell id, why there is none by cell id)."""
    found, problems = {}, {}
    for cell in cells:
        try:
            found[cell.id] = records.load(results, cell.id)
        except FileNotFoundError:
            problems[cell.id] = "no record"
        except records.RecordError as error:
            problems[cell.id] = str(error)
    return found, problems


def load_effects(results: Path, cells: Sequence[Cell], exposures: Mapping[str, Any]) -> Frame:
    """`effects` of the cells that have a record under `results`."""
    return effects(cells, read(results, cells)[0], exposures)


def effects(
    cells: Sequence[Cell], found: Mapping[str, records.Record], exposures: Mapping[str, Any], own: bool = True
) -> Frame:
    """One row per cell with a record and exposure (condition -> defect); a number that is NaN has a `reason`.

    An arm with a defect is there under that defect's exposures; with `own` False, under those of the other defects:
    is the harm specific to the defect? The clean arm is there under all. `variant` is the bare name of the adaptation,
    `exposure` the name of the defect whose exposure it is and `view` which of its views; every numeric field of the
    adaptations has a column.

    `harm` is the defect's, in its units; `control_harm` that of the `control`: the clean backbone's cell with
    the same adaptation, task, seed and sizes, exposed under the same condition on the same examples;
    `inherited` their difference. `exposed_label` is the most frequent prediction under the exposure, `exposed_share`
    its share. `flips` is the share of predictions that the exposure changes, `majority` the
    share of the most frequent label in test. The columns ARRAYS hold objects: the harm as numerator and
    denominator per example, whether the clean prediction is correct, the exposed one and that of its counterpart,
    ids, harm and correctness of the control, provenance.
    """
    there = [cell for cell in cells if cell.id in found]
    rows = [_row(cell, found, *one) for cell in there for one in exposures.items() if _asked(cell, one[1], own)]
    by_key = {(row["cell"], row["condition"]): row for row in rows}
    for row in rows:
        row.update(_against(row, by_key.get((row["control"], row["condition"]))))
    varied = sorted({name for cell in there for name in amounts(cell.adaptation)})
    return pd.DataFrame(rows, columns=[*WRITTEN, *CHOSEN_BY, *varied, *ARRAYS])


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
    one = cell.arm
    defect = one.defect.name if one.defect else ""
    values = (cell.id, one.id, one.kind, one.backbone.label, defect, one.dose, one.seed)
    return dict(zip(SETTINGS, (*values, label(cell.adaptation), cell.task.name, cell.seed, cell.data), strict=True))


def _row(cell: Cell, found: Mapping[str, records.Record], condition: str, defect: Any) -> dict[str, Any]:
    record = found[cell.id]
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
    predictions = record.under(condition, found.get(cell.control.id))
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


def _against(row: dict[str, Any], other: dict[str, Any] | None) -> dict[str, Any]:
    """The control's numbers for a row, or the reason that there are none."""
    unknown = {"control_harm": np.nan, "inherited": np.nan}
    if other is None:
        return unknown | {"reason": row["reason"] or f"its control {row['control']} has no record"}
    if not np.array_equal(row["examples"], other["examples"]):
        return unknown | {"reason": f"its control {row['control']} predicted other examples"}
    pairs = {f"control_{name}": other.get(name) for name in (*HARM, *ACCURACY)}
    reason = row["reason"] or (other["reason"] and f"its control {row['control']}: {other['reason']}")
    if reason:
        return pairs | unknown | {"control_harm": other.get("harm", np.nan), "reason": reason}
    return pairs | {"control_harm": other["harm"], "inherited": row["harm"] - other["harm"]}


def missing(cells: Sequence[Cell], effects: Frame, problems: Mapping[str, str] | None = None) -> Frame:
    """The cells without a row in `effects`, named, with the reason (`problems`: by cell id)."""
    there = set(effects["cell"])
    why = problems or {}
    rows = [settings(c) | {"reason": why.get(c.id, "no record")} for c in cells if c.id not in there]
    return pd.DataFrame(rows, columns=[*SETTINGS, "reason"])


def sample(rows: Frame, measure: tuple[str, str] = HARM, against: bool = True) -> Sample | str:
    """One task's `rows` as arm seeds x examples beside their controls, or the reason that it is undefined.

    Without `against` the control is left out. Several adaptation seeds of an arm seed are pooled: the arm seed is the
    unit of replication.
    """
    unpaired = rows["control_correct"].isna()
    bad = unpaired | (rows["reason"] != "") if measure == HARM else unpaired
    if bad.any():
        first = rows[bad].iloc[0]
        return f"backbone seed {first['arm_seed']}: {first['reason']}"
    ids = rows["examples"].iloc[0]
    if not all(np.array_equal(ids, other) for other in rows["examples"]):
        return "its backbone seeds were predicted on other examples"
    seeds = rows["arm_seed"].to_numpy()
    names = (*measure, *(f"control_{name}" for name in measure if against))
    arrays = {name: rows[name].to_numpy() for name in names}
    masks = [seeds == seed for seed in np.unique(seeds)]
    stacked = [np.stack([sum(column[mask]) for mask in masks]) for column in arrays.values()]
    return Sample(*stacked, people=rows["people"].iloc[0])


def difference(tasks: Iterable[Frame], measure: tuple[str, str] = HARM, against: bool = True) -> Interval:
    """Mean over tasks (a frame of rows each) of injected less control; NaN, with a reason, if any is.

    Without `against` nothing is subtracted.
    """
    samples = []
    for rows in tasks:
        one = sample(rows, measure, against)
        if isinstance(one, str):
            seeds, n = rows["arm_seed"].nunique(), int(rows["n"].max())
            return undefined(f"{rows['task'].iloc[0]}: {one}", seeds, n)
        samples.append(one)
    key = _content(samples)
    if key not in _KNOWN:
        _KNOWN[key] = difference_interval(samples, resamples=RESAMPLES, level=LEVEL)
    return _KNOWN[key]


def undefined(reason: str = "", seeds: int = 0, examples: int = 0) -> Interval:
    """No estimate, and why."""
    nan = float("nan")
    return Interval(nan, nan, nan, seeds, examples, reason)


def _content(samples: Sequence[Sample]) -> bytes:
    digest = hashlib.sha256()
    for one in samples:
        for array in one.rows():
            digest.update(f"{array.shape}".encode() + array.tobytes())
        digest.update("\0".join(map(str, one.people if one.people is not None else ())).encode())
    return digest.digest()


def summary(interval: Interval) -> dict[str, Any]:
    """An interval as columns; `seeds` is its number of clusters."""
    names = {"value": "value", "low": "low", "high": "high", "p": "p", "seeds": "clusters"}
    found = {column: getattr(interval, name) for column, name in names.items()}
    return found | {"examples": interval.examples, "reason": interval.reason}


def chosen(effects: Frame, kind: str, dose: float, condition: str | None = None) -> Frame:
    """The rows of one arm kind at one dose, under one condition or all."""
    rows = effects[(effects["kind"] == kind) & (effects["dose"] == dose)]
    return rows if condition is None else rows[rows["condition"] == condition]


def inherited(effects: Frame, *, kind: str = "injected", dose: float = 1.0, condition: str | None = None) -> Frame:
    """Harm less that of the clean control: a row per adaptation and task, intervals over backbone seeds.

    `harm` and `control_harm` are the raw means over seeds; `holm` is p after Holm's correction over the tasks
    of one adaptation; `examples` counts test examples. NaN with a `reason` where any seed is undefined.
    """
    return _by_task(chosen(effects, kind, dose, condition), HARM, ["harm", "control_harm"])


def clean_cost(effects: Frame, *, kind: str = "injected", dose: float = 1.0) -> Frame:
    """Accuracy on clean inputs less that of the clean control: as `inherited`."""
    return _by_task(chosen(effects, kind, dose), ACCURACY, ["accuracy_clean"])


def _by_task(rows: Frame, measure: tuple[str, str], means: list[str]) -> Frame:
    out = []
    for key, part in rows.groupby([*GROUP, "task"], sort=False):
        first = part.iloc[0]
        named = dict(zip([*GROUP, "task"], key, strict=True))
        named |= {"family": first["family"], "kind": first["kind"], "dose": first["dose"]}
        raw = {name: part[name].astype(float).mean(skipna=False) for name in means}
        found = summary(difference([part], measure))
        out.append(named | raw | found | {"reason": found["reason"].removeprefix(f"{first['task']}: ")})
    shape = [*GROUP, "task", "family", "kind", "dose", *means, *summary(undefined())]
    frame = pd.DataFrame(out, columns=shape)
    frame.insert(shape.index("p") + 1, "holm", frame.groupby(GROUP)["p"].transform(holm))
    return frame
