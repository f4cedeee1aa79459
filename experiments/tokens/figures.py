"""Tables and figures of the tokens study: its results in, frames and figures out."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from homog import analysis
from homog.analysis import Frame, Results, doses
from homog.analysis.ensembles import on_usual
from homog.analysis.results import HARM
from homog.report import plots
from homog.report.layout import readable

DOMAINS = {"tweet_sentiment": "its own", "amazon_sentiment": "same task, other domain"}  # of the poisoned proxy task
CAPTIONS = {
    "by_task": "Inherited harm of each token, by task and adaptation, with 95 % interval; circle injected, square "
    "sham. The two poisonings were trained on tweet sentiment.",
    "found": "A word sequence found on the clean backbone alone (nothing planted), and random words: the share of "
    "right answers that they turn into one class (attack success of the best target), by adaptation. Large: mean over "
    "tasks with its 95 % interval. Dots: tasks.",
}
LOOKS = ("injected", "sham")


def tables(df: Results) -> dict[str, Frame]:
    """Inherited harm by task, transmission, means by distance from the attacker's task, and the found trigger."""
    planted = _planted(df)
    harm = pd.concat([analysis.inherited(planted, kind=kind) for kind in LOOKS], ignore_index=True)
    frames = {"inheritance": harm, "transmission": doses.transmission(planted), "domains": domains(harm)}
    return frames | ({"found": natural(df)} if len(natural(df)) else {})


def figures(df: Results) -> dict[str, Figure]:
    """Every planted token by task, and the found one."""
    if not len(df):
        return {}
    with plots.style():
        drawn = {"by_task": by_task(_planted(df))}
        return drawn | ({"found": found_trigger(_natural(df))} if len(natural(df)) else {})


def _planted(df: Results) -> Results:
    return df[df["defect_kind"] != "natural"]


def domains(harm: Frame) -> Frame:
    """Mean inherited harm of injected arms by condition, adaptation and how far the task is from the attacker's."""
    rows = harm[harm["kind"] == "injected"]
    rows = rows.assign(distance=[DOMAINS.get(task, "other tasks") for task in rows["task"]])
    keys = ["condition", "adaptation", "distance"]
    means_of = rows.groupby(keys, sort=False).agg(value=("value", "mean"), tasks=("task", "nunique"))
    return means_of.reset_index()


def _natural(df: Results) -> Results:
    return df[(df["defect_kind"] == "natural") & (df["kind"] == "clean")]


def natural(df: Results) -> Frame:
    """Harm of the clean backbone's models under the found sequence: a row per adaptation and task."""
    columns = ["condition", "adaptation", "task", "harm", "harm_n", "accuracy_clean", "accuracy_exposed"]
    return _natural(df).frame[columns]


def by_task(df: Results) -> Figure:
    """A panel per condition, tasks below each other, adaptations beside each other."""
    harm = {kind: analysis.inherited(df, kind=kind) for kind in LOOKS}
    conditions, tasks = df["condition"].unique().tolist(), df["task"].unique().tolist()
    names = df["adaptation"].unique().tolist()
    figure = plots.figure(0.9 + 0.28 * len(tasks), wide=len(conditions) > 2)
    for axes, condition in zip(figure.subplots(1, len(conditions), squeeze=False)[0], conditions, strict=True):
        axes.axvline(0, color=plots.COLOURS["clean"], linewidth=0.6)
        for kind in LOOKS:
            rows = harm[kind][harm[kind]["condition"] == condition]
            for _, row in rows.iterrows():
                if pd.notna(row["value"]):
                    y = tasks.index(row["task"]) + 0.22 * (names.index(row["adaptation"]) - (len(names) - 1) / 2)
                    axes.plot([row["low"], row["high"]], [y, y], color=plots.COLOURS[kind], linewidth=0.8)
                    axes.plot(row["value"], y, **plots.marker(kind) | {"markersize": 3})
        axes.set_yticks(range(len(tasks)), [readable(task) for task in tasks] if axes is figure.axes[0] else [])
        axes.set(ylim=(len(tasks) - 0.5, -0.5))
        axes.locator_params(axis="x", nbins=4)
        axes.set_title(condition.replace("weight_poison", "poison").replace("-", "\n"))
        axes.grid(axis="x")
    plots.legend(figure, {"injected": "injected", "sham": "sham"})
    order = ", ".join(readable(name) for name in names)
    plots.note(figure, f"Inherited harm. In each task from above: {order}. {df['n'].max():,} test examples a task.")
    return figure


def found_trigger(df: Results) -> Figure:
    """Attack success of the found sequence and of random words, by adaptation: means with intervals, tasks as dots."""
    harms = on_usual(df)
    names = harms["adaptation"].unique().tolist()
    figure = plots.figure(1.9)
    axes = figure.add_subplot(xlim=(-0.5, len(names) - 0.5), ylabel="Attack success")
    for view, rows in harms.groupby("view"):
        look, side = ("sham", 0.18) if view == "random" else ("injected", -0.18)
        for place, name in enumerate(names):
            here = rows[rows["adaptation"] == name]["harm"]
            plots.dots(axes, place + side - 0.06, here, look)
            tasks = [of_task for _, of_task in rows[rows["adaptation"] == name].groupby("task")]
            row = analysis.summary(analysis.difference(tasks, HARM))
            plots.point(axes, place + side + 0.06, row, look)
    axes.set_xticks(range(len(names)), [readable(name) for name in names])
    axes.grid(axis="y")
    plots.legend(figure, {"injected": "found sequence", "sham": "random words", "dot": "a task"})
    plots.note(figure, f"Clean backbone. {harms['harm_n'].min():,} to {harms['harm_n'].max():,} examples a task.")
    return figure
