"""Tables and figures of the compression study: its results in, frames and figures out.

In this study the harm of a cell is the share of changed predictions, so its per-example numerator says which examples
flip against the full backbone.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from scipy.linalg import block_diag

from homog import analysis
from homog.analysis import Frame, Results, doses, means
from homog.analysis.ensembles import DECISIONS, Ensemble, labelled, on_usual, usual
from homog.metrics.checks import ratio
from homog.metrics.intervals import Interval, bootstrap_interval
from homog.metrics.outcomes import failure_distribution, outcome_interval
from homog.report import charts, plots
from homog.report.layout import readable
from homog.wording import counted

BETWEEN = {
    "adaptations": "two\nadaptations\nof one task",
    "tasks": "two tasks\nof the same\npeople",
    "sham": "compression\nand its sham",
    "backbones": "two\nbackbones",
}  # "adaptations" and "tasks" are pairs on one backbone, the usual one
CAPTIONS = {
    "changed": "Predictions that compression changes, by adaptation: mean over tasks with its 95 % interval. Squares: "
    "noise of the same size (rounding errors shuffled within channels, pruned values moved elsewhere). Dots: tasks.",
    "same_examples": "Do the same examples change? Error consistency (Cohen's kappa) of the changes of two models, "
    "pooled over pairs, with its 95 % interval: 0 = together as often as by chance, 1 = always together. Two "
    "backbones: the same adaptation and task on independently trained ones, each compressed.",
    "people": "People of one family by the number of models (task x adaptation x training sample) that treat them "
    "differently after compression. Bars: observed. Line: if the models changed independently of each other.",
    "pruned_dose_response": charts.CAPTIONS["dose_response"],
}


TOLD_APART = ("task", "adaptation", "backbone", "kind", "seed")  # attributes of the models


def tables(df: Results) -> dict[str, Frame]:
    """The numbers behind the figures; people, pruning by dose: of the usual backbone."""
    return {
        "same_examples": same_examples(df),
        "people": people(df),
        "who": who(df),
        "dose_response": doses.dose_response(_pruned(df)),
    }


def figures(df: Results) -> dict[str, Figure]:
    """Changed predictions, whether they are the same, and pruning by dose."""
    if not len(df):
        return {}
    with plots.style():
        drawn = {"changed": changed(df), "same_examples": agreement(df)}
        if any(_families(df, condition) for condition in df["condition"].unique()):
            drawn["people"] = distributions(df)
        if _pruned(df).frame.query("kind == 'injected'")["dose"].nunique() > 1:
            drawn["pruned_dose_response"] = charts.dose_response(_pruned(df))
    return drawn


def _pruned(df: Results) -> Results:
    own = on_usual(df)
    return own[own["exposure"] == "pruned"]


def flipped(df: Results, condition: str) -> Iterator[Ensemble]:
    """The compressed models at dose 1, and shams, of each task or family of the same people.

    What an Ensemble calls a failure is a prediction that changed. Its setting is the family, or the task.
    """
    rows = df[(df["condition"] == condition) & (df["kind"] != "clean") & (df["dose"] == 1) & (df["reason"] == "")]
    place = rows["family"].where(rows["family"] != "", rows["task"])
    for setting, part in rows.with_rows(rows.frame.assign(place=place)).groupby("place"):
        first = part.each("people")[0]
        same = part[[np.array_equal(first, ids) for ids in part.each("people")]]
        flips = np.stack(same.each("numerator")).astype(bool)
        attributes = {name: same[name].to_numpy() for name in TOLD_APART}
        tasks = tuple(same["task"].unique())
        yield Ensemble(DECISIONS, setting, flips[None], tuple(same["cell"]), tasks, people=first, attributes=attributes)


def pairs(ensemble: Ensemble, between: str) -> list[tuple[int, int]]:
    """Places of the two models of each pair: alike in all but what is compared, on the usual backbone."""
    differ = {"adaptations": "adaptation", "tasks": "task", "sham": "kind", "backbones": "backbone"}[between]
    known = ensemble.attributes
    own, places = usual(pd.DataFrame(known)), []
    for i, j in itertools.combinations(range(len(ensemble.models)), 2):
        unlike = {name for name, values in known.items() if values[i] != values[j]}
        here = between == "backbones" or known["backbone"][i] == own
        if unlike == {differ} and "injected" in known["kind"][[i, j]] and here:
            places.append((i, j))
    return places


def kappa(chosen_pairs: list[tuple[Ensemble, list[tuple[int, int]]]]) -> Interval:
    """Error consistency of flips pooled over pairs, 1 - (disagreement / disagreement by chance); people resampled."""
    columns, ids, places, offset = [], [], [], 0
    for number, (ensemble, chosen) in enumerate(chosen_pairs):
        a, b = (ensemble.failures[0, [pair[side] for pair in chosen]] for side in (0, 1))
        columns.append(np.concatenate([a, b, a ^ b, np.ones((1, a.shape[1]))]).T.astype(float))
        ids += [f"{number} {person}" for person in np.asarray(ensemble.people)]
        places.append((offset, len(chosen)))
        offset += columns[-1].shape[1]

    def statistic(sums: np.ndarray) -> np.ndarray:
        observed, expected = np.zeros(sums.shape[:-1]), np.zeros(sums.shape[:-1])
        for start, k in places:
            part = ratio(sums[..., start : start + 3 * k], sums[..., start + 3 * k, None])
            a, b, differ = (part[..., i * k : (i + 1) * k] for i in range(3))
            observed, expected = observed + differ.sum(-1), expected + (a * (1 - b) + b * (1 - a)).sum(-1)
        return 1 - ratio(observed, expected)

    return bootstrap_interval(
        block_diag(*columns), statistic, np.array(ids), reason="none of these models changed a prediction"
    )


def same_examples(df: Results) -> Frame:
    """Error consistency of flips by condition and what the two models differ in; `adaptation` 'all' pools them."""
    out = []
    for condition in df["condition"].unique():
        parts = list(flipped(df, condition))
        for between in BETWEEN:
            names = ["all"] if between == "adaptations" else ["all", *df["adaptation"].unique()]
            out += [{"condition": condition, "between": between, **_pooled(parts, between, name)} for name in names]
    shape = ["condition", "between", "adaptation", "pairs", "value", "low", "high", "p", "examples", "reason"]
    return pd.DataFrame(out, columns=shape)


def _pooled(parts: list[Ensemble], between: str, name: str) -> dict[str, Any]:
    chosen = []
    for ensemble in parts:
        adaptations = ensemble.attributes["adaptation"]
        there = [pair for pair in pairs(ensemble, between) if name in ("all", adaptations[pair[0]])]
        chosen += [(ensemble, there)] if there else []
    interval = kappa(chosen) if chosen else analysis.undefined("no such pair of models has records")
    number = sum(len(there) for _, there in chosen)
    return {"adaptation": name, "pairs": number} | {
        key: getattr(interval, key) for key in ("value", "low", "high", "p", "examples", "reason")
    }


def people(df: Results) -> Frame:
    """Per family of the same people: the share `ever` changed beside independence; `value`: excess of none and all."""
    out = []
    for condition in df["condition"].unique():
        for ensemble in _families(df, condition):
            adaptations = ensemble.attributes["adaptation"]
            for name in ["all", *dict.fromkeys(adaptations)]:
                flips = ensemble.failures[0, (adaptations == name) | (name == "all")]
                if len(flips) < 2:
                    continue
                distribution, excess = failure_distribution(flips), outcome_interval("homogeneous_excess", flips)
                row = {"condition": condition, "family": ensemble.setting, "adaptation": name}
                row |= {"models": len(flips), "mean_flips": flips.mean(), "ever": 1 - distribution.observed[0]}
                row |= {"ever_if_independent": 1 - distribution.baseline[0], "value": excess.value, "low": excess.low}
                out.append(row | {"high": excess.high, "p": excess.p, "examples": distribution.n})
    return pd.DataFrame(out)


def _families(df: Results, condition: str) -> list[Ensemble]:
    """The injected models on the usual backbone of each family of the same people, at least two."""
    own = on_usual(df)
    every = flipped(own[(own["family"] != "") & (own["kind"] == "injected")], condition)
    return [ensemble for ensemble in every if len(ensemble.models) > 1]


def who(df: Results) -> Frame:
    """Changed predictions among examples that the full backbone's model gets right, and among those it gets wrong."""
    out = []
    rows = df.with_rows(labelled(df.frame))
    rows = rows[(rows["kind"] == "injected") & (rows["dose"] == 1) & (rows["reason"] == "")]
    for (condition, name), part in rows.groupby(["condition", "label"]):
        flips, before, after = (
            np.concatenate(part.each(array)).astype(bool) for array in ("numerator", "clean_correct", "correct")
        )
        row: dict[str, Any] = {"condition": condition, "adaptation": name, "tasks": part["task"].nunique()}
        row |= {"flips_of_right": float(ratio((flips & before).sum(), before.sum()))}
        row |= {"flips_of_wrong": float(ratio((flips & ~before).sum(), (~before).sum()))}
        row |= {"flips": int(flips.sum()), "to_wrong": int((before & ~after).sum())}
        out.append(row | {"to_right": int((~before & after).sum()), "examples": len(flips)})
    return pd.DataFrame(out)


def changed(df: Results) -> Figure:
    """A panel per condition: share of changed predictions by adaptation, compression and sham."""
    df = df.with_rows(labelled(df.frame))
    names, conditions = df["label"].unique().tolist(), df["condition"].unique().tolist()
    figure, overall = plots.figure(3.1, wide=len(conditions) > 2), labelled(means.by_adaptation(df))
    titles = [_said(condition) for condition in conditions]
    panels = plots.panels(figure, titles, "Share of\npredictions changed", sharey=True)
    for axes, condition in zip(panels, conditions, strict=True):
        part = overall[overall["condition"] == condition].set_index("label")
        for place, name in enumerate(names):
            for side, kind, prefix in ((-0.18, "injected", ""), (0.18, "sham", "sham_")):
                tasks = analysis.inherited(df[df["label"] == name], kind=kind, condition=condition)
                plots.dots(axes, place + side - 0.05, tasks["value"], kind)
                if name in part.index:
                    plots.point(axes, place + side + 0.08, part.loc[name], kind, prefix)
        axes.set_xticks(range(len(names)), [readable(name) for name in names], rotation=90)
    plots.legend(figure, {"injected": "compressed", "sham": "sham, noise of the same size", "dot": "a task"})
    plots.note(figure, "One compressed backbone: its intervals are over examples, those of shams over backbones too.")
    return figure


def _said(condition: str) -> str:
    """A condition in little room: 'int4', 'pruned 0.4'."""
    return condition.removeprefix("quantized-").replace("-", " ")


def agreement(df: Results) -> Figure:
    """Error consistency of changed predictions by condition, a panel per kind of pair."""
    rows = same_examples(df)
    rows = rows[rows["adaptation"] == "all"]
    shown = {name: label for name, label in BETWEEN.items() if name != "backbones" or df["backbone"].nunique() > 1}
    figure = plots.figure(2.3, wide=len(shown) > 2)
    panels = plots.panels(figure, list(shown.values()), "Error consistency\nof changed predictions", sharey=True)
    for axes, between in zip(panels, shown, strict=True):
        part = rows[rows["between"] == between]
        axes.axhline(0, color=plots.COLOURS["clean"], linewidth=0.6)
        for place, (_, row) in enumerate(part.iterrows()):
            plots.point(axes, place, row, "injected")
        ticks = [f"{_said(row['condition'])}\n{counted(row['pairs'], 'pair')}" for _, row in part.iterrows()]
        axes.set_xticks(range(len(part)), ticks, rotation=90)
        axes.set(xlim=(-0.5, len(part) - 0.5))
    plots.note(figure, f"{rows['examples'].max():,} people and examples at most; they are resampled, models are not.")
    return figure


def distributions(df: Results) -> Figure:
    """Families x conditions: people by the number of models that changed their mind about them."""
    conditions = df["condition"].unique().tolist()
    by_place = {(c, ensemble.setting): ensemble for c in conditions for ensemble in _families(df, c)}
    families = sorted({family for _, family in by_place})
    most = max(int(ensemble.failures[0].sum(0).max()) for ensemble in by_place.values())
    figure = plots.figure(0.6 + 1.1 * len(families), wide=len(conditions) > 3)
    grid = figure.subplots(len(families), len(conditions), squeeze=False, sharey=True, sharex=True)
    for (condition, family), ensemble in by_place.items():
        axes = grid[families.index(family)][conditions.index(condition)]
        distribution = failure_distribution(ensemble.failures[0])
        axes.bar(
            range(len(distribution.observed)),
            distribution.observed,
            color=plots.COLOURS["injected"],
            alpha=0.6,
            width=0.9,
        )
        axes.plot(distribution.baseline, color=plots.COLOURS["clean"], marker=".", markersize=3, linewidth=0.8)
        axes.set(xlim=(-0.6, most + 0.6))
        axes.grid(axis="y")
    for axes, condition in zip(grid[0], conditions, strict=True):
        axes.set_title(_said(condition), weight="bold")
    for axes, family in zip(grid[:, 0], families, strict=True):
        axes.set_ylabel(f"{charts.FAMILIES.get(family, readable(family)).split(',')[0]}\nshare of people")
    models, persons = (max(ensemble.failures.shape[side] for ensemble in by_place.values()) for side in (1, 2))
    plots.note(
        figure, f"Across: how many of up to {models} models change for a person. Up to {persons} people a family."
    )
    return figure
