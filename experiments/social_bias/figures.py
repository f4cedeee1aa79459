"""Tables and figures of the social bias study: its results in, frames and figures out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from homog import analysis
from homog.analysis import Frame, Results, difference
from homog.analysis.means import UPSTREAM
from homog.analysis.results import HARM
from homog.metrics.bias_transfer import bias_transfer
from homog.report import charts, plots
from homog.report.layout import number, readable
from homog.wording import counted

NATURAL = "social_bias"  # the exposure to swaps; the other is the planted one's
MODEL = ["backbone", "kind", "dose", "arm_seed", "condition", "task", "seed"]
CAPTIONS = charts.CAPTIONS | {
    "bias_transfer": "Bias of adapted models against that of their backbone, which is the bias of nearest centroids "
    "of its features. Bias: how much likelier the unfavourable label is when the text is about the group. A mark is "
    "a task of one backbone: the clean one with each swap, the injected ones and shams with the planted one's. Line: "
    "slope with task fixed effects. Dashed: what the backbone has, the model has.",
    "natural_bias": "Nothing planted: how much likelier the unfavourable label is when the same text is about women, "
    "Black people or Muslims than about men, white people or Christians. Small: tasks. Large: mean over tasks with "
    "its 95 % interval over examples, of one backbone.",
}


def tables(df: Results) -> dict[str, Frame]:
    """The numbers behind the figures."""
    standard = charts.standard_tables(planted(df)) if len(df) else {}
    return {"bias_transfer": transfer(df), "natural_bias": natural(df), **standard}


def figures(df: Results) -> dict[str, Figure]:
    """Upstream against downstream bias, natural bias by swap, and what is inherited of the planted one."""
    if not len(df):
        return {}
    with plots.style():
        drawn = {"bias_transfer": scatter(df), "natural_bias": by_swap(df)}
    return drawn | charts.standard_figures(planted(df))


def planted(df: Results) -> Results:
    """The rows under the planted stereotype's exposure."""
    return df[df["exposure"] != NATURAL]


def pairs(df: Results) -> Frame:
    """A row per adapted model: its bias `harm` beside `upstream`, that of its backbone on the same examples.

    The clean backbone is there with the natural swaps only: under the planted one's it would count twice.
    """
    own = (df["kind"] == "clean") == (df["exposure"] == NATURAL)
    rows = df.frame[own & df["harm"].notna()]
    above = rows[rows["adaptation"] == UPSTREAM].groupby(MODEL)["harm"].mean().rename("upstream")
    return rows[rows["adaptation"] != UPSTREAM].merge(above.reset_index(), on=MODEL)


def transfer(df: Results) -> Frame:
    """Does upstream bias predict downstream bias? A row per adaptation and part: all models, natural, planted.

    `slope` has task fixed effects; backbones (injection seeds) are the clusters. NaN with a reason for one backbone.
    """
    out = []
    for name, rows in pairs(df).groupby("adaptation", sort=False):
        clean = rows["kind"] == "clean"
        for part, chosen in (("all", rows), ("natural", rows[clean]), ("planted", rows[~clean])):
            if len(chosen):
                out.append({"adaptation": name, "part": part} | _transfer(chosen))
    statistics = ("pearson", "spearman", "partial", "slope")
    bounds = [f"{statistic}_{end}" for statistic in statistics for end in ("value", "low", "high")]
    return pd.DataFrame(out, columns=["adaptation", "part", "models", "backbones", *bounds, "reason"])


def _transfer(rows: Frame) -> dict[str, Any]:
    """One bias-transfer regression as columns; doses of one injection are one backbone."""
    backbone = rows["backbone"] + rows["kind"] + rows["arm_seed"].astype(str)
    above, below, task, right = (rows[name].to_numpy() for name in ("upstream", "harm", "task", "accuracy_clean"))
    measures = bias_transfer(above, below, task, right, backbone.to_numpy())
    several = backbone.nunique() > 1
    row: dict[str, Any] = {"models": len(rows), "backbones": backbone.nunique()}
    for name in ("pearson", "spearman", "partial", "slope"):
        interval = getattr(measures, name)
        ends = (interval.low, interval.high) if several else (float("nan"), float("nan"))
        row |= {f"{name}_value": interval.value, f"{name}_low": ends[0], f"{name}_high": ends[1]}
    return row | {"reason": measures.slope.reason or ("" if several else "one backbone: no interval")}


def natural(df: Results) -> Frame:
    """Bias of the clean backbone and its models by swap: mean over tasks, interval over people and training samples."""
    rows = df[(df["kind"] == "clean") & (df["exposure"] == NATURAL) & (df["reason"] == "")]
    out = []
    for (swap, name), part in rows.groupby(["view", "adaptation"]):
        tasks = [of_task for _, of_task in part.groupby("task")]
        row = {"swap": swap, "adaptation": name, "tasks": len(tasks), "flips": part["flips"].mean()}
        out.append(row | analysis.summary(difference(tasks, HARM)))
    return pd.DataFrame(out, columns=["swap", "adaptation", "tasks", "flips", *analysis.summary(analysis.undefined())])


def scatter(df: Results) -> Figure:
    """A panel per adaptation: bias of the models against bias of their backbone, with the slope."""
    rows, slopes = pairs(df), transfer(df)
    names = rows["adaptation"].unique().tolist()
    figure = plots.figure(2.3, wide=len(names) > 2)
    if not names:
        return plots.empty(figure, f"No task has records of {UPSTREAM} and of another adaptation.")
    labels, titles = ("Bias of the adapted model", "Bias of the backbone"), [readable(name) for name in names]
    panels = plots.panels(figure, titles, *labels, sharex=True, sharey=True, pad=10)
    for axes, name in zip(panels, names, strict=True):
        part = rows[rows["adaptation"] == name]
        line = slopes[(slopes["adaptation"] == name) & (slopes["part"] == "all")].iloc[0]
        _cloud(axes, part, line)
        said = f"slope {number(line['slope_value'])} [{number(line['slope_low'])}, {number(line['slope_high'])}]"
        where = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "center"}
        axes.annotate(said, (0.5, 1), (0, 2), **where)
    kinds = {"clean": "clean, natural swaps", "sham": "sham", "injected": "injected"}
    plots.legend(figure, {kind: label for kind, label in kinds.items() if kind in set(rows["kind"])})
    used = slopes[slopes["part"] == "all"]
    parts = [f"{readable(row['adaptation'])} {row['models']}/{row['backbones']}" for _, row in used.iterrows()]
    plots.note(figure, f"Marks/backbones: {', '.join(parts)}. Doses of one injection count as one backbone.")
    return figure


def _cloud(axes: Any, rows: Frame, line: Any) -> None:
    """The marks of one panel, the diagonal, and a line of the slope through the middle of the marks."""
    ends = np.array([min(rows["upstream"].min(), 0), max(rows["upstream"].max(), 0)])
    axes.plot(ends, ends, "--", color=plots.COLOURS["clean"], linewidth=0.5)
    for kind in ("injected", "sham", "clean"):
        part = rows[rows["kind"] == kind]
        look = plots.marker(kind) | {"markersize": 2.2, "markeredgewidth": 0.5, "linestyle": "", "alpha": 0.7}
        axes.plot(part["upstream"], part["harm"], **look)
    middle = rows["upstream"].mean(), rows["harm"].mean()
    if not np.isnan(line["slope_value"]):
        axes.plot(ends, middle[1] + line["slope_value"] * (ends - middle[0]), color="black", linewidth=0.9)
    axes.axhline(0, color="#BBBBBB", linewidth=0.4, zorder=0)
    axes.axvline(0, color="#BBBBBB", linewidth=0.4, zorder=0)


def by_swap(df: Results) -> Figure:
    """A panel per adaptation: natural bias by swap, tasks and their mean."""
    shifts = natural(df)
    figure = plots.figure(2.0, wide=shifts["adaptation"].nunique() > 3)
    if shifts.empty:
        return plots.empty(figure, "The clean backbone has no record under a natural swap.")
    names, swaps = shifts["adaptation"].unique(), shifts["swap"].unique().tolist()
    clean = df.frame[(df["kind"] == "clean") & df["harm"].notna()]
    titles = [charts.wrapped(name, 4) for name in names]
    panels = plots.panels(figure, titles, "Shift of the unfavourable label", sharey=True)
    for axes, name in zip(panels, names, strict=True):
        axes.axhline(0, color=plots.COLOURS["clean"], linewidth=0.6)
        for _, row in shifts[shifts["adaptation"] == name].iterrows():
            x = swaps.index(row["swap"])
            here = (clean["exposure"] == NATURAL) & (clean["view"] == row["swap"]) & (clean["adaptation"] == name)
            plots.dots(axes, x - 0.15, clean.loc[here, "harm"].tolist(), "clean")
            plots.point(axes, x + 0.15, row, "clean")
        axes.set_xticks(range(len(swaps)), [readable(swap) for swap in swaps], rotation=40, ha="right")
        axes.set_xlim(-0.6, len(swaps) - 0.4)
    tasks = shifts.groupby("adaptation", sort=False)["tasks"].max()
    parts = [f"{readable(str(name))} {counted(int(n), 'task')}" for name, n in tasks.items()]
    plots.note(figure, f"{', '.join(parts)}. One backbone: intervals are over examples.")
    return figure
