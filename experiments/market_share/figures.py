"""Tables and figures of the market_share study: the models' frame in, frames and figures out.

Every deployer keeps its task and its training data; before it moves it uses hand-made features, after it the backbone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from homog.analysis import LEVEL, RESAMPLES, Frame, apart, deployers, summary
from homog.metrics.intervals import Sample, difference_interval
from homog.metrics.market import market_share_curve
from homog.report import plots
from homog.report.answers import Answer, Said, direction, met_by
from homog.report.layout import bracket, readable

FRAME = "models"
BEFORE = "handcrafted"
MEANINGFUL = 0.02
MEASURES = {
    "systemic_failure": "Failed by all",
    "homogenization": "Homogenization H",
    "exclusion": "Rejected by all",
}
KINDS = {"clean": "clean backbone", "injected": "backbone blind to the group", "sham": "sham"}
RULE = (
    "grows: the share of people whom all deployers fail (reject) is larger when all of them have moved onto the "
    "backbone than when none has, the 95 % interval of the difference above 0 and the difference at least "
    f"{MEANINGFUL}; shrinks: the mirror image; does not change: the interval lies within {MEANINGFUL} of 0; undecided: "
    "anything else."
)
LEGEND = (
    "All deployers moved less none moved, paired on the same people, mean over tasks: failed by all, rejected by all "
    "(given the label that a person would rather not get), and log H (what error rates alone explain taken out, over "
    "tasks where both are defined)."
)
STATISTICS = (
    "Intervals are 95 % percentile intervals of a bootstrap over people; deployers, their data and the backbone are "
    "fixed. Between the ends of a curve, who has moved is averaged over all choices."
)
CAPTIONS = {
    "curves": "The market as deployers move onto the shared backbone, adapted by linear probe: mean over tasks. "
    "Everybody is written as a member of the group. Bands: 95 % intervals, people resampled.",
    "curves_clean": "The same with every text as it is.",
}


def tables(df: Frame) -> dict[str, Frame]:
    """The curves, and both of their ends compared."""
    found = curves(df)
    return {"moved": moved(df), "curves": found, "errors": errors(df)}


def figures(df: Frame) -> dict[str, Figure]:
    """The market by the share of deployers on the backbone, for the group and for texts as they are."""
    found = curves(df)
    if found.empty:
        return {}
    group = next((name for name in found["condition"].unique() if name != "clean"), "clean")
    with plots.style():
        return {"curves": curve(found, group), "curves_clean": curve(found, "clean")}


def said(df: Frame) -> Said:
    """The answer per backbone, adaptation and condition."""
    frame = moved(df)
    answers, shown = [], []
    for _, row in frame.iterrows():
        name = f"{KINDS[row['kind']]}, {readable(row['adaptation'])}, {readable(row['condition'])}"
        words = {what: verdict(row, f"{what}_") for what in ("failed", "rejected")}
        detail = "; ".join(f"{what} by all {bracket(row, f'{what}_')}" for what in words)
        answers.append(Answer(name, f"failure {words['failed']}, rejection {words['rejected']}", detail))
        cells = {"Failed by all": bracket(row, "failed_"), "Rejected by all": bracket(row, "rejected_")}
        cells |= {"log H": f"{row['log_h']:.2f} ({row['log_h_tasks']} of {row['tasks']})", "n": f"{row['people']:,}"}
        shown.append({"Market": name, "Answer": answers[-1].verdict} | cells)
    met = sum("failure grows" in one.verdict for one in answers)
    outcome = f"{met_by(met, len(answers))}: systemic failure grows in {met} of {len(answers)}"
    expected = "more people failed and rejected by all deployers"
    return Said(answers, frame, pd.DataFrame(shown), outcome, expected, LEGEND, RULE, STATISTICS)


def verdict(row: Any, prefix: str) -> str:
    """By RULE."""
    words = {"+": "grows", "-": "shrinks", "0": "does not change", "?": "undecided"}
    value, low, high = (row[f"{prefix}{name}"] for name in ("value", "low", "high"))
    return words[direction(value, low, high, MEANINGFUL)]


def markets(df: Frame) -> list[tuple[dict[str, Any], dict[str, tuple[Frame, Frame]]]]:
    """(kind, adaptation and condition, task -> deployers on the shared backbone and the same before they moved).

    The first of several injected backbones stands for its kind: deployers share ONE backbone, or alternate between two.
    """
    df = apart.told_apart(df)
    before = {
        (condition, task): rows.sort_values("seed")
        for (condition, task), rows in df[(df["adaptation"] == BEFORE) & (df["kind"] == "clean")].groupby(
            ["condition", "task"], sort=False
        )
    }
    found = []
    there = df[(df["adaptation"] != BEFORE) & (df["arm_seed"] == df.groupby("kind")["arm_seed"].transform("min"))]
    for key, part in there.groupby(["kind", "adaptation", "condition"], sort=False):
        tasks = {}
        for task, rows in part.groupby("task", sort=False):
            other = before.get((key[2], task))
            if other is not None and sorted(rows["seed"]) == other["seed"].tolist() and len(rows) > 1:
                tasks[task] = (rows.sort_values("seed"), other)
        if tasks:
            found.append((dict(zip(("kind", "adaptation", "condition"), key, strict=True)), tasks))
    return found


def _stack(rows: Frame, column: str) -> np.ndarray:
    return np.stack(rows[column].tolist())


def curves(df: Frame) -> Frame:
    """A row per market, task and number of deployers that have moved: the three measures with intervals."""
    out = []
    for names, tasks in markets(df):
        for task, (after, before) in tasks.items():
            sides = [_stack(rows, "failed") for rows in (after, before)]
            rejected = [_stack(rows, "rejected") for rows in (after, before)]
            shares = np.arange(len(after) + 1) / len(after)
            people = after["people"].iloc[0]
            both = (rejected[0], rejected[1])
            for point in market_share_curve(sides[0], sides[1], shares, people, rejected=both):
                row = names | {"task": task, "share": point.share, "deployers": len(after), "people": len(people)}
                for name in MEASURES:
                    one = getattr(point, name)
                    row |= {f"{name}_value": one.value, f"{name}_low": one.low, f"{name}_high": one.high}
                out.append(row)
    return pd.DataFrame(out)


def moved(df: Frame) -> Frame:
    """A row per market: all deployers moved less none moved, mean over tasks, paired on the same people."""
    out = []
    for names, tasks in markets(df):
        row = names | {"tasks": len(tasks), "people": sum(len(a["people"].iloc[0]) for a, _ in tasks.values())}
        for what, column in (("failed", "failed"), ("rejected", "rejected")):
            samples = [_all(after, before, column) for after, before in tasks.values()]
            found = summary(difference_interval(samples, resamples=RESAMPLES, level=LEVEL))
            row |= {f"{what}_{name}": found[name] for name in ("value", "low", "high", "p")}
        pairs = [(_stack(after, "failed"), _stack(before, "failed")) for after, before in tasks.values()]
        row |= dict(zip(("log_h", "log_h_tasks"), deployers.log_h(pairs), strict=True))
        out.append(row)
    return pd.DataFrame(out)


def _all(after: Frame, before: Frame, column: str) -> Sample:
    """Whether every deployer fails (rejects) a person, after and before the move."""
    every = [np.all(_stack(rows, column), axis=0, keepdims=True).astype(float) for rows in (after, before)]
    ones = np.ones_like(every[0])
    return Sample(every[0], ones, every[1], ones, people=after["people"].iloc[0])


def errors(df: Frame) -> Frame:
    """Mean error and share of rejections of one deployer, by market and task."""
    df = apart.told_apart(df)
    rows = df.assign(error=df["failed"].map(np.mean), rejections=df["rejected"].map(np.mean))
    keys = ["kind", "adaptation", "condition", "task"]
    return rows.groupby(keys, sort=False)[["error", "rejections"]].mean().reset_index()


def curve(found: Frame, condition: str) -> Figure:
    """The three measures by the share of deployers on the backbone, a line per kind of backbone; means over tasks."""
    here = found[(found["condition"] == condition) & (found["adaptation"] == "linear_probe")]
    figure = plots.figure(2.2)
    for axes, (name, title) in zip(figure.subplots(1, len(MEASURES)), MEASURES.items(), strict=True):
        for kind in (kind for kind in KINDS if (here["kind"] == kind).any()):
            names = [f"{name}_{part}" for part in ("value", "low", "high")]
            rows = here[here["kind"] == kind].groupby("share")[names].mean()
            rows.columns = ["value", "low", "high"]
            plots.curve(axes, rows.index, rows, kind)
        axes.set_title(title, fontsize=plots.SMALL, weight="bold")
        axes.set_xlim(0, 1)
        axes.set_xticks([0, 0.5, 1])
        axes.grid(axis="y")
    figure.axes[1].set_xlabel("Share of deployers on the shared backbone")
    plots.legend(figure, {kind: text for kind, text in KINDS.items() if (here["kind"] == kind).any()})
    tasks, deployers = here["task"].nunique(), here["deployers"].max()
    plots.note(figure, f"{deployers} deployers, {here['people'].max():,} people, mean over {tasks} tasks.")
    return figure
