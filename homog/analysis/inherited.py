"""Harm less that of the control, by task: intervals over backbone seeds and examples."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from homog.analysis.results import AGAINST_CLEAN, COST, GROUP, Frame, Results
from homog.metrics.binomial import beats_majority
from homog.metrics.intervals import Interval, holm
from homog.metrics.paired import Sample, difference_interval

LEVEL = 0.95
FEW = 20  # eligible examples below which a cell is marked


def sample(rows: Results, measure: tuple[str, ...] = AGAINST_CLEAN) -> Sample | str:
    """One task's `rows` as arm seeds x examples beside what `measure` compares them with, or why it is undefined.

    `measure`: the arrays of numerator and denominator, and of those that are subtracted (AGAINST_CLEAN, AGAINST_SHAM,
    COST; HARM: nothing is). Training samples (adaptation seeds) that every backbone has are crossed with the backbones;
    where each backbone has one of its own, the pair is what is replicated; else those of a backbone are pooled.
    """
    bad = ~rows["paired"].astype(bool)
    bad = bad if measure == COST else bad | (rows["reason"] != "")
    if bad.any():
        first = rows.frame[bad].iloc[0]
        return f"backbone seed {first['arm_seed']}: {first['reason']}"
    ids = rows.each("examples")
    if not all(others is ids[0] or np.array_equal(ids[0], others) for others in ids):
        return "its backbone seeds were predicted on other examples"
    arrays = [rows.each(name) for name in measure]
    if any(array is None for column in arrays for array in column):
        return "a backbone seed has no sham"
    drawn = rows.frame[["arm_seed", "seed"]].reset_index(drop=True)
    backbones, samples = (drawn[name].nunique() for name in drawn)
    if len(drawn.drop_duplicates()) == len(drawn) == backbones * samples:
        places, crossed = [[place] for place in drawn.sort_values(["arm_seed", "seed"]).index], samples
    else:
        places, crossed = [list(part) for part in drawn.groupby("arm_seed").groups.values()], 1
    stacked = [np.stack([sum(column[place] for place in at) for at in places]) for column in arrays]
    return Sample(*stacked, people=rows.each("people")[0], crossed=crossed)


def difference(tasks: Iterable[Results], measure: tuple[str, ...] = AGAINST_CLEAN) -> Interval:
    """Mean over tasks (the rows of each) of what `measure` compares (see `sample`); NaN, with a reason, if any is."""
    tasks = list(tasks)
    key = (measure, *(tuple(rows.keys) for rows in tasks))
    return tasks[0].once(key, lambda: _difference(tasks, measure))


def _difference(tasks: Sequence[Results], measure: tuple[str, ...]) -> Interval:
    samples = []
    for rows in tasks:
        drawn_from = sample(rows, measure)
        if isinstance(drawn_from, str):
            seeds, n = rows["arm_seed"].nunique(), int(rows["n"].max())
            return undefined(f"{rows['task'].iloc[0]}: {drawn_from}", seeds, n)
        samples.append(drawn_from)
    return difference_interval(samples, level=LEVEL)


def undefined(reason: str = "", seeds: int = 0, examples: int = 0) -> Interval:
    """No estimate, and why."""
    nan = float("nan")
    return Interval(nan, nan, nan, seeds, examples, reason)


def summary(interval: Interval) -> dict[str, Any]:
    """An interval as columns; `seeds` is its number of clusters."""
    names = {name: name for name in ("value", "low", "high", "p", "mde")}
    names |= {"standard_error": "error", "seeds": "clusters"}
    columns = {column: getattr(interval, name) for column, name in names.items()}
    return columns | {"examples": interval.examples, "reason": interval.reason}


def chosen(results: Results, kind: str, dose: float, condition: str | None = None) -> Results:
    """The rows of one arm kind at one dose, under one condition or all."""
    rows = results[(results["kind"] == kind) & (results["dose"] == dose)]
    return rows if condition is None else rows[rows["condition"] == condition]


def inherited(results: Results, *, kind: str = "injected", dose: float = 1.0, condition: str | None = None) -> Frame:
    """Harm less that of the clean control: a row per adaptation and task, intervals over backbone seeds.

    `harm` and `control_harm` are the raw means over seeds; `holm` is p after Holm's correction over all adaptations and
    tasks of a backbone and condition; `examples` counts test examples, `eligible` those that the harm counts at the
    seed with fewest, which are `few` below FEW. `learned`: whether the clean control beats the most frequent label
    (exact test). `mde`: the smallest difference that would be found with 80 % power. NaN with a `reason` where any seed
    is undefined.
    """
    rows = chosen(results, kind, dose, condition)
    frame = _by_task(rows, AGAINST_CLEAN, ["harm", "control_harm"])
    least, knows = rows.frame.groupby([*GROUP, "task"], sort=False)["harm_n"].min(), learned(results)
    places = [tuple(row) for row in frame[[*GROUP, "task"]].itertuples(index=False)]
    frame["eligible"] = [least.get(place, np.nan) for place in places]
    frame["few"] = frame["eligible"] < FEW
    frame["learned"] = [knows.get((place[0], *place[2:]), True) for place in places]
    return frame


def learned(results: Results) -> dict[tuple[str, str, str], bool]:
    """(backbone, adaptation, task) -> whether the clean control is right more often than the most frequent label is.

    Exact binomial test, one-sided, at 5 %. Of several training samples the mean accuracy counts, on one test set.
    """
    clean = results.frame[results["kind"] == "clean"]
    means = clean.groupby(["backbone", "adaptation", "task"])[["accuracy_clean", "majority", "n"]].mean()
    known = zip(means.index, means.to_numpy().tolist(), strict=True)
    return {place: is_learned(*numbers) for place, numbers in known}


def is_learned(accuracy: float, majority: float, n: float) -> bool:
    """Whether an accuracy on n examples is told from the share of the most frequent label (exact test, one-sided)."""
    return bool(beats_majority(accuracy, majority, int(n)) < 1 - LEVEL)


def clean_cost(results: Results, *, kind: str = "injected", dose: float = 1.0) -> Frame:
    """Accuracy on clean inputs less that of the clean control: as `inherited`."""
    return _by_task(chosen(results, kind, dose), COST, ["accuracy_clean"])


def _by_task(results: Results, measure: tuple[str, ...], means: list[str]) -> Frame:
    out = []
    for key, part in results.groupby([*GROUP, "task"]):
        first = part.frame.iloc[0]
        named = dict(zip([*GROUP, "task"], key, strict=True))
        named |= {"family": first["family"], "kind": first["kind"], "dose": first["dose"]}
        raw = {name: part[name].astype(float).mean(skipna=False) for name in means}
        mean = summary(difference([part], measure))
        out.append(named | raw | mean | {"reason": mean["reason"].removeprefix(f"{first['task']}: ")})
    shape = [*GROUP, "task", "family", "kind", "dose", *means, *summary(undefined())]
    frame = pd.DataFrame(out, columns=shape)
    frame.insert(shape.index("p") + 1, "holm", frame.groupby(GROUP[:2])["p"].transform(holm))
    return frame
