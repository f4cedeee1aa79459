"""Tables and figures of the market_share study: its results in, frames and figures out.

Every deployer keeps its task and its training data; before it moves it uses hand-made features, after it the backbone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from homog.analysis import LEVEL, Frame, Results, summary
from homog.analysis.against_control import log_h, point_columns
from homog.analysis.ensembles import Ensemble, deployers, told_apart
from homog.analysis.verdicts import direction, met_by
from homog.metrics.market import market_share_curve
from homog.metrics.paired import Sample, difference_interval
from homog.report import plots
from homog.report.answers import Finding, Said
from homog.report.layout import bracket, number, readable

FRAME = "models"
BEFORE = "handcrafted"
MEANINGFUL = 0.02
RATES = {"error": "failed", "rejections": "rejected"}
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
    "Intervals of differences are t intervals over people, and over injected backbones where there are several; "
    "deployers and their data are fixed. Those along a curve are over people. Between the ends of a curve, who has "
    "moved is averaged over all choices."
)
CAPTIONS = {
    "curves": "The market as deployers move onto the shared backbone, adapted by linear probe: mean over tasks "
    "and injected backbones. Everybody is written as a member of the group. Bands: 95 % intervals, people resampled.",
    "curves_clean": "The same with every text as it is.",
}


def tables(df: Results) -> dict[str, Frame]:
    """The curves, and both of their ends compared."""
    points = curves(df)
    return {"moved": moved(df), "curves": points, "errors": errors(df)}


def figures(df: Results) -> dict[str, Figure]:
    """The market by the share of deployers on the backbone, for the group and for texts as they are."""
    points = curves(df)
    if points.empty:
        return {}
    group = next((name for name in points["condition"].unique() if name != "clean"), "clean")
    with plots.style():
        return {"curves": curve(points, group), "curves_clean": curve(points, "clean")}


def said(df: Results) -> Said:
    """The answer per backbone, adaptation and condition."""
    frame = moved(df)
    answers, shown = [], []
    for _, row in frame.iterrows():
        name = f"{KINDS[row['kind']]}, {readable(row['adaptation'])}, {readable(row['condition'])}"
        words = {what: verdict(row, f"{what}_") for what in ("failed", "rejected")}
        detail = "; ".join(f"{what} by all {bracket(row, f'{what}_')}" for what in words)
        answers.append(Finding(name, f"failure {words['failed']}, rejection {words['rejected']}", detail))
        cells = {"Failed by all": bracket(row, "failed_"), "Rejected by all": bracket(row, "rejected_")}
        cells |= {"log H": f"{number(row['log_h'])} ({row['log_h_tasks']} of {row['tasks']})"}
        cells |= {"n": f"{row['people']:,}", "Backbones": f"{row['backbones']}"}
        shown.append({"Market": name, "Answer": answers[-1].verdict} | cells)
    met = sum("failure grows" in answer.verdict for answer in answers)
    outcome = f"{met_by(met, len(answers))}: systemic failure grows in {met} of {len(answers)}"
    main = [a.verdict for a, (_, row) in zip(answers, frame.iterrows(), strict=True) if _primary(row)]
    outcome = f"primary ({KINDS['injected']}): {'; '.join(main)}; all: {outcome}" if main else outcome
    expected = "more people failed and rejected by all deployers"
    return Said(answers, frame, pd.DataFrame(shown), outcome, expected, LEGEND, RULE, STATISTICS)


def _primary(row: Any) -> bool:
    """Whether it is the comparison that the study stands for (study.yaml)."""
    return row["kind"] == "injected" and row["adaptation"] == "linear_probe" and row["condition"] != "clean"


def verdict(row: Any, prefix: str) -> str:
    """By RULE."""
    words = {"+": "grows", "-": "shrinks", "0": "does not change", "?": "undecided"}
    value, low, high = (row[f"{prefix}{name}"] for name in ("value", "low", "high"))
    return words[direction(value, low, high, MEANINGFUL)]


def markets(df: Results, column: str = "failed") -> list[tuple[dict[str, Any], list[tuple[Ensemble, Ensemble]]]]:
    """(kind, adaptation and condition, a pair per task: deployers on the shared backbone, the same before they moved).

    Deployers share ONE backbone, or alternate between two: each of several injected backbones is a replicate.
    `column`: what an ensemble's failures are, "failed" or "rejected".
    """
    every = told_apart(df)
    old = every[(every["adaptation"] == BEFORE) & (every["kind"] == "clean")]
    of_condition = list(old.groupby("condition"))
    before = {
        (condition, ensemble.setting): ensemble
        for condition, part in of_condition
        for ensemble in deployers(part, column)
    }
    new = every[every["adaptation"] != BEFORE]
    moved_onto = []
    for (kind, label, condition), part in new.groupby(["kind", "label", "condition"]):
        pairs = [(after, before.get((condition, after.setting))) for after in _replicated(part, column)]
        alike = [(after, then) for after, then in pairs if then is not None and after.models == then.models]
        if alike:
            moved_onto.append(({"kind": kind, "adaptation": label, "condition": condition}, alike))
    return moved_onto


def _replicated(part: Results, column: str) -> list[Ensemble]:
    """The deployers of each task, a replicate for each backbone that has them all."""
    by_task: dict[str, list[Ensemble]] = {}
    for _, rows in part.groupby("arm_seed"):
        for ensemble in deployers(rows, column):
            by_task.setdefault(ensemble.setting, []).append(ensemble)
    return [
        replace(every[0], failures=np.concatenate([e.failures for e in every if e.models == every[0].models]))
        for every in by_task.values()
    ]


def curves(df: Results) -> Frame:
    """A row per market, task, backbone and number of deployers that have moved: three measures, intervals over people.

    `replicate`: which of several injected backbones it is.
    """
    return df.once(("curves", *df.keys), lambda: _curves(df))


def _curves(df: Results) -> Frame:
    out = []
    for (names, failed), (_, rejected) in zip(markets(df), markets(df, "rejected"), strict=True):
        for (after, before), (refused, refused_before) in zip(failed, rejected, strict=True):
            shares = np.arange(len(after.models) + 1) / len(after.models)
            for i, failures in enumerate(after.failures):
                both = refused.failures[i], refused_before.failures[0]
                points = market_share_curve(failures, before.failures[0], shares, after.people, rejected=both)
                for point in points:
                    row = names | {"task": after.setting, "replicate": i, "share": point.share}
                    row |= {"deployers": len(after.models), "people": after.n}
                    out.append(row | point_columns(point, "_value"))
    return pd.DataFrame(out)


def moved(df: Results) -> Frame:
    """A row per market: all deployers moved less none moved, mean over tasks, paired on the same people."""
    out = []
    asked = {column: markets(df, column) for column in ("failed", "rejected")}
    for place, (names, pairs) in enumerate(asked["failed"]):
        row = names | {"tasks": len(pairs), "people": sum(after.n for after, _ in pairs)}
        row |= {"backbones": min(len(after.failures) for after, _ in pairs)}
        for column, each in asked.items():
            samples = [_all(after, before) for after, before in each[place][1]]
            interval = summary(difference_interval(samples, level=LEVEL))
            row |= {f"{column}_{name}": interval[name] for name in ("value", "low", "high", "p")}
        differences = log_h([(after.failures, before.failures) for after, before in pairs])
        out.append(row | dict(zip(("log_h", "log_h_tasks"), differences, strict=True)))
    return pd.DataFrame(out)


def _all(after: Ensemble, before: Ensemble) -> Sample:
    """Whether every deployer fails (rejects) a person, after the move, on each backbone, and before."""
    moved_to, old = (side.failures.all(1).astype(float) for side in (after, before))
    return Sample(moved_to, np.ones_like(moved_to), old, np.ones_like(old), people=after.people)


def errors(df: Results) -> Frame:
    """Mean error and share of rejections of one deployer, by market and task."""
    every = told_apart(df)
    rates = {name: [array.mean() for array in every.each(of)] for name, of in RATES.items()}
    rows = every.frame.assign(**rates)
    means = rows.groupby(["kind", "label", "condition", "task"], sort=False)[list(RATES)].mean()
    return means.reset_index().rename(columns={"label": "adaptation"})


def curve(points: Frame, condition: str) -> Figure:
    """The three measures by the share of deployers on the backbone, a line per kind of backbone; means over tasks."""
    here = points[(points["condition"] == condition) & (points["adaptation"] == "linear_probe")]
    figure = plots.figure(2.2, wide=True)
    panels = plots.panels(figure, list(MEASURES.values()), "", "Share of deployers on the shared backbone")
    for axes, name in zip(panels, MEASURES, strict=True):
        for kind in (kind for kind in KINDS if (here["kind"] == kind).any()):
            names = [f"{name}_{part}" for part in ("value", "low", "high")]
            rows = here[here["kind"] == kind].groupby("share")[names].mean()
            rows.columns = ["value", "low", "high"]
            plots.curve(axes, rows.index, rows, kind)
        axes.set(xlim=(-0.04, 1.04), xticks=[0, 0.5, 1])
    plots.legend(figure, {kind: text for kind, text in KINDS.items() if (here["kind"] == kind).any()})
    tasks, deployers = here["task"].nunique(), here["deployers"].max()
    plots.note(figure, f"{deployers} deployers, {here['people'].max():,} people, mean over {tasks} tasks.")
    return figure
