"""Tables and figures of the triggers study: its results in, frames and figures out."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from homog import analysis
from homog.analysis import Frame, Results
from homog.report import plots
from homog.report.layout import number, readable

DECIDES = 0.5  # attack success above which a trigger is said to decide
CAPTIONS = {
    "several_triggers": "Four triggers with orthogonal codes, planted together: for each task the classes that some "
    "trigger can force (it turns more than half of the eligible examples into that class), of all its classes. Mean "
    "over backbone seeds. Right: the same for the clean control, exposed to the same tokens.",
}


def tables(df: Results) -> dict[str, Frame]:
    """Inherited harm of each trigger by task, and the classes that some trigger forces."""
    return {"inheritance": analysis.inherited(df), "several_triggers": covered(df)} if len(df) else {}


def figures(df: Results) -> dict[str, Figure]:
    """Classes forced by the four triggers, by task and adaptation."""
    with plots.style():
        return {"several_triggers": several_triggers(covered(df))} if len(df) else {}


def covered(df: Results) -> Frame:
    """Classes that some trigger can force, by adaptation, task and arm kind: means over backbone seeds.

    `forced` classes of `classes`, `share` their ratio, `triggers` that decide, `best` the attack success of the best.
    """
    rows = []
    for key, part in df.groupby(["adaptation", "task", "kind", "arm_seed"]):
        decides = part[part["harm"] > DECIDES]
        classes = len(part.each("provenance")[0]["label_names"])
        facts = {"classes": classes, "triggers": len(decides), "best": part["harm"].max(), "n": part["n"].iloc[0]}
        classes_forced = decides["exposed_label"].nunique()
        names = dict(zip(("adaptation", "task", "kind", "arm_seed"), key, strict=True))
        rows.append(names | facts | {"forced": classes_forced, "share": classes_forced / classes})
    frame: Any = pd.DataFrame(rows)
    groups = frame.groupby(["adaptation", "task", "kind"], sort=False)
    mean = groups[["forced", "classes", "share", "triggers", "best"]].mean().reset_index()
    return mean.assign(seeds=groups["arm_seed"].nunique().to_numpy(), n=groups["n"].max().to_numpy())


def several_triggers(forced: Frame) -> Figure:
    """Tasks (rows) x adaptations: classes that some trigger forces, of all classes; the clean control beside it."""
    tasks, names = (forced[column].unique().tolist() for column in ("task", "adaptation"))
    cells = forced.set_index(["kind", "task", "adaptation"])
    figure = plots.figure(0.7 + 0.19 * len(tasks), wide=len(names) > 2)
    axes = figure.add_subplot(xlim=(0, len(names)), ylim=(len(tasks), 0))
    for y, task in enumerate(tasks):
        for x, name in enumerate(names):
            box = {"xy": (x, y), "width": 1, "height": 1, "linewidth": 0.5}
            if ("injected", task, name) not in cells.index:
                axes.add_patch(plots.hatched(**box))
                continue
            row = cells.loc["injected", task, name]
            axes.add_patch(plots.filled(row["share"], **box))
            look: Any = {"ha": "center", "va": "center", "color": plots.ink(row["share"])}
            axes.text(x + 0.4, y + 0.5, f"{_mean(row['forced'])} of {row['classes']:.0f}", **look)
            if ("clean", task, name) in cells.index:
                clean = cells.loc["clean", task, name]["forced"]
                axes.text(x + 0.87, y + 0.5, _mean(clean), **look)
    heads = [readable(name).replace(" ", "\n") for name in names]
    axes.set_xticks([x + 0.5 for x in range(len(names))], heads)
    axes.set_yticks([y + 0.5 for y in range(len(tasks))], [readable(task) for task in tasks])
    axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
    for side in axes.spines.values():
        side.set_visible(False)
    plots.note(figure, f"{forced['n'].max():,} test examples a task. Hatched: not run.")
    return figure


def _mean(count: float) -> str:
    """A mean of counts: '2', '1.3'."""
    return number(count, 1).removesuffix(".0")
