"""Tables and figures of the blind spot study: its results in, frames and figures out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from homog import analysis
from homog.analysis import Frame, Results
from homog.metrics.paired import Sample, difference_interval
from homog.report import charts, plots
from homog.report.layout import readable
from homog.wording import counted

KINDS = {"clean": -0.24, "sham": 0.0, "injected": 0.24}  # and their places beside an adaptation's tick
CAPTIONS = charts.CAPTIONS | {
    "systemic_failure": "Persons whom the models of all tasks of a family fail, at dose 1. Large: when their text is "
    "about the group, with its 95 % interval. Small, to its left: when the same text is about the other group.",
}


def tables(df: Results) -> dict[str, Frame]:
    """The numbers behind the figures."""
    return {"systemic_failure": failed_by_all(df), **(charts.standard_tables(df) if len(df) else {})}


def figures(df: Results) -> dict[str, Figure]:
    """Systemic failure of the group; the inheritance matrix, dose response and clean cost of the accuracy gap."""
    if not len(df):
        return {}
    with plots.style():
        drawn = {"systemic_failure": systemic_failure(failed_by_all(df))}
    return drawn | charts.standard_figures(df)


def failed_by_all(df: Results) -> Frame:
    """Share of persons whom every task's model fails: a row per family, adaptation and arm kind at dose 1.

    `group`: their text is about the group; `other`: the same text about the other group; `gap`: group less other.
    Each with its interval over backbone seeds and persons. Families and seeds without all tasks are left out.
    """
    rows = df[(df["family"] != "") & ((df["kind"] == "clean") | (df["dose"] == 1)) & (df["reason"] == "")]
    every = rows.frame.groupby("family")["task"].nunique()
    out = []
    for (family, name, kind), part in rows.groupby(["family", "adaptation", "kind"]):
        samples = failures(part, int(every[family]))
        if samples and every[family] > 1:
            named = {"family": family, "adaptation": name, "kind": kind, "tasks": int(every[family])}
            out.append(named | _shares(samples))
    bounds = [f"{one}_{end}" for one in ("group", "other", "gap") for end in ("value", "low", "high")]
    return pd.DataFrame(out, columns=["family", "adaptation", "kind", "tasks", "people", "seeds", *bounds, "reason"])


def failures(rows: Results, tasks: int) -> dict[str, Sample]:
    """Whether every one of `tasks` models fails a person (seeds, people): of the group, the other group, and the gap.

    `rows`: one family, adaptation and arm kind. Empty where no backbone seed has all tasks.
    """
    parts = []
    for (seed, _), part in rows.groupby(["arm_seed", "seed"], sort=True):
        ids, *others = part.each("people")
        if part["task"].nunique() == tasks and all(np.array_equal(ids, people) for people in others):
            right = [np.stack(part.each(name)) for name in ("exposed_correct", "counterpart_correct")]
            parts.append((seed, ids, *((answers == 0).all(0) for answers in right), _there(right)))
    if not parts or not all(np.array_equal(parts[0][1], ids) for _, ids, *_ in parts):
        return {}
    seeds = np.array([seed for seed, *_ in parts])
    group, other, there = (_by_seed(seeds, [part[place] for part in parts]) for place in (2, 3, 4))
    people = parts[0][1]
    pairs = {"group": (group, there), "other": (other, there), "gap": (group, there, other, there)}
    return {name: Sample(*arrays, people=people) for name, arrays in pairs.items()}


def _there(right: list[np.ndarray]) -> np.ndarray:
    """The persons that have both versions in every task."""
    return np.logical_and.reduce(np.isfinite(np.concatenate(right)))


def _by_seed(seeds: np.ndarray, arrays: list[np.ndarray]) -> np.ndarray:
    """Summed over the adaptation seeds of each backbone seed."""
    stacked = np.stack(arrays).astype(float)
    return np.stack([stacked[seeds == seed].sum(0) for seed in np.unique(seeds)])


def _shares(samples: dict[str, Sample]) -> dict[str, Any]:
    row: dict[str, Any] = {}
    for name, drawn in samples.items():
        interval = difference_interval([drawn], level=analysis.LEVEL)
        row |= {f"{name}_{end}": getattr(interval, end) for end in ("value", "low", "high")}
        row |= {"people": interval.examples, "seeds": interval.clusters, "reason": interval.reason}
    return row


def systemic_failure(shares: Frame) -> Figure:
    """A panel per family: the share failed by all models, by adaptation and arm kind, of both versions."""
    families, names = shares["family"].unique(), shares["adaptation"].unique().tolist()
    figure = plots.figure(0.7 + 1.15 * max(1, len(families)))
    if shares.empty:
        return plots.empty(figure, "No family of the same persons has all its tasks.")
    panels = np.atleast_1d(figure.subplots(len(families), 1, sharex=True, sharey=True))
    for axes, family in zip(panels, families, strict=True):
        for _, row in shares[shares["family"] == family].iterrows():
            x = names.index(row["adaptation"]) + KINDS[row["kind"]]
            plots.dots(axes, x - 0.09, [row["other_value"]], row["kind"])
            plots.point(axes, x, row, row["kind"], "group_")
        axes.set(title=charts.FAMILIES.get(family, readable(family)), xlim=(-0.5, len(names) - 0.5))
        axes.set_xticks(range(len(names)), [readable(name).replace(" ", "\n") for name in names])
        axes.grid(axis="y")
    panels[0].set_ylim(bottom=0)
    figure.supylabel("Share failed by every model", fontsize="medium")
    shown = {kind: kind for kind in KINDS if kind in set(shares["kind"])}
    plots.legend(figure, shown | {"dot": "the other group"})
    plots.note(figure, " ".join(_sizes(shares[shares["family"] == family]) for family in families))
    return figure


def _sizes(part: Frame) -> str:
    """How many persons, tasks and backbone seeds stand behind a panel."""
    first = part.iloc[0]
    seeds = ", ".join(f"{kind} {low}" if low == high else f"{kind} {low} to {high}" for kind, low, high in _seeds(part))
    family = charts.FAMILIES.get(first["family"], readable(first["family"])).split(",")[0]
    return f"{family}: {first['people']:,} persons, {counted(first['tasks'], 'task')}, backbone seeds {seeds}."


def _seeds(part: Frame) -> list[tuple[str, int, int]]:
    groups = part.groupby("kind", sort=False)["seeds"]
    return [(str(kind), int(seeds.min()), int(seeds.max())) for kind, seeds in groups]
