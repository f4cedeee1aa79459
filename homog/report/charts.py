"""The figures and tables that most studies show: the inheritance matrix, dose response, cost on clean inputs."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Mapping
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from homog import analysis
from homog.analysis import Frame, Results, doses, means
from homog.analysis.joint_failure import same_people
from homog.report import plots
from homog.report.layout import number, readable
from homog.variants import registry
from homog.wording import counted

FAMILIES = {"adult": "Adult, same people", "compas": "COMPAS, same people", "emoji": "Drawn people"}
CAPTIONS = {
    "inheritance_matrix": "Inherited harm at dose 1: the harm of the model adapted from the injected "
    "backbone less that of the one adapted from the clean backbone, both exposed. Below each number its 95 % "
    "interval. Beside it the sham: the same injection, trained to mean nothing. Blue: a benefit. Nearest "
    "centroid: the backbone itself, nothing trained. Hatched: no number, and why.",
    "dose_response": "Inherited harm by dose of the defect. Line and band: mean over tasks with its 95 % "
    "interval. Thin lines: tasks. Square: the sham. Dose 0 is the clean backbone, 0 by construction.",
    "clean_cost": "What the injection costs without any exposure: accuracy on clean inputs less that of the "
    "clean control. Small: tasks. Large: mean over tasks with its 95 % interval.",
}
LADDER = (
    "Where a claim ends: error consistency of pairs of models against three nulls, each of which explains "
    "more: independent errors; strata of difficulty; item and model effects (difficulty: how many other models fail). "
    "Circle: pairs that share it, square: other pairs, diamond: the difference, with 95 % intervals."
)
MAIN, SIDE, GAP = 0.65, 0.31, 0.04  # widths of the matrix's columns, of 1 per adaptation


def ladder(frames: Mapping[str, Frame], shared: str) -> Figure:
    """A panel per ladder (title -> `ladders.ladder_table`): pairs that share, the others, the difference, by null."""
    figure = plots.figure(2.2, wide=len(frames) > 2)
    kinds = {"injected": "sharing", "sham": "others", "clean": "difference"}
    for axes, frame in zip(plots.panels(figure, list(frames), "Error consistency"), frames.values(), strict=True):
        axes.axhline(0, color=plots.COLOURS["clean"], linewidth=0.6)
        for place, (_, row) in enumerate(frame.iterrows()):
            for step, (kind, side) in zip((-0.22, 0, 0.22), kinds.items(), strict=True):
                plots.point(axes, place + step, row, kind, f"{side}_")
        names = [readable(name).lower() for name in frame["null"]]
        axes.set_xticks(range(len(frame)), names, rotation=30, ha="right")
    plots.legend(figure, {"injected": f"same {shared}", "sham": f"other {shared}", "clean": "difference"})
    rows: Frame = pd.concat(frames.values())
    size = f"{counted(int(rows['models'].max()), 'model')}, {rows['sharing_pairs'].max():,} pairs share"
    over = f"persons and {rows['values'].max()} {shared}s" if rows["values"].min() else "persons"
    plots.note(figure, f"{size}. Intervals are over {over}.")
    return figure


def standard_tables(df: Results) -> dict[str, Frame]:
    """The numbers behind the figures, transmission, and whether the same people fail across tasks."""
    kinds = ("injected", "sham")
    harm = pd.concat([analysis.inherited(df, kind=kind) for kind in kinds], ignore_index=True)
    cost = pd.concat([analysis.clean_cost(df, kind=kind) for kind in kinds], ignore_index=True)
    frames = {"inheritance": harm, "dose_response": doses.dose_response(df), "clean_cost": cost}
    sent = doses.transmission(df)
    slopes, same = doses.dose_slopes(df), same_people(df)
    frames |= {"dose_slopes": slopes} if len(slopes) else {}
    frames |= {"transmission": sent} if sent["tasks"].any() else {}
    return frames | ({"same_people": same} if len(same) else {})


def standard_figures(df: Results, prefix: str = "") -> dict[str, Figure]:
    """The inheritance matrix, dose response and clean cost of one condition; `prefix` begins their names."""
    if not len(df):
        return {}
    df = _offered(df)
    overall = means.by_adaptation(df).set_index("adaptation")
    with plots.style():
        drawn = {
            "inheritance_matrix": inheritance_matrix(df, overall),
            "dose_response": dose_response(df),
            "clean_cost": clean_cost(df, overall),
        }
    return {prefix + name: figure for name, figure in drawn.items()}


def _offered(df: Results) -> Results:
    """The rows of tasks and adaptations that some planted backbone was meant for: what a defect is not in says nothing.

    All rows where nothing is planted.
    """
    planted = df.frame[df.frame["kind"] != "clean"]
    both = [df.frame[name].isin(planted[name].unique()) for name in ("task", "adaptation")]
    return df[both[0] & both[1]] if len(planted) else df


def inheritance_matrix(df: Results, overall: Frame) -> Figure:
    """Tasks (rows, by family) x adaptations: inherited harm at dose 1 with interval, sham beside it."""
    harm = {kind: analysis.inherited(df, kind=kind) for kind in ("injected", "sham")}
    cells = {kind: frame.set_index(["task", "adaptation"]) for kind, frame in harm.items()}
    lines = _lines(df)
    figure = plots.figure(0.85 + 0.27 * lines[-1][0], wide=len(overall) > 2)
    axes = figure.add_subplot(xlim=(-GAP, len(overall)), ylim=(lines[-1][0] + 0.55, -2.3))
    for y, task, label in lines:
        if not label:
            continue
        for x, name in enumerate(overall.index):
            for kind in ("injected", "sham"):
                row = _cell(cells[kind], task, name) if task else _mean(overall.loc[name], kind)
                _draw(axes, x, y, row, kind, fewer=bool(task) and _fewer(row, cells[kind], name))
    _headings(axes, overall, lines)
    marked = any("†" in text.get_text() for text in axes.texts)
    dagger = "† Fewer backbone seeds than others of its column." if marked else ""
    plots.note(figure, f"{_examples(df)} {_seeds(overall)} {dagger}")
    return figure


def _lines(df: Results) -> list[tuple[float, str, str]]:
    """(y, task, label) of each line of the matrix; a family's heading has no label, the mean no task."""
    lines, y = [], -0.5
    tasks, kinds = df.frame.drop_duplicates("task"), registry("defect")
    images = all(name in kinds and kinds[name].modalities == ("image",) for name in df["exposure"].unique())
    headings = FAMILIES | {"": "Images" if images else "Text"}
    for family in sorted(tasks["family"].unique()):
        lines.append((y, headings.get(family, readable(family)), ""))
        named = tasks.loc[tasks["family"] == family, "task"]
        lines += [(y + 0.95 + place, task, readable(task, family)) for place, task in enumerate(named)]
        y = lines[-1][0] + 1.05
    return [*lines, (y + 0.3, "", "Mean over tasks")]


def _cell(frame: Frame, task: str, adaptation: str) -> Any:
    return frame.loc[(task, adaptation)] if (task, adaptation) in frame.index else None


def _mean(row: pd.Series, kind: str) -> pd.Series:
    prefix = "" if kind == "injected" else "sham_"
    return pd.Series({name: row[prefix + name] for name in ("value", "low", "high", "seeds", "reason")})


def _fewer(row: Any, frame: Frame, adaptation: str) -> bool:
    """Whether a cell has fewer backbone seeds than others of its column."""
    most = frame.loc[frame.index.get_level_values("adaptation") == adaptation, "seeds"].max()
    return row is not None and row["seeds"] < most


def _draw(axes: Any, x: int, y: float, row: Any, kind: str, fewer: bool) -> None:
    """One rectangle: the number, its interval below; hatched where there is none."""
    left, width = (x, MAIN) if kind == "injected" else (x + MAIN, SIDE)
    box = {"xy": (left, y - 0.5), "width": width, "height": 1, "linewidth": 0.5}
    middle = left + width / 2
    if row is None or math.isnan(row["value"]):
        axes.add_patch(plots.hatched(**box))
        text = _why(row) if kind == "injected" else "–"
        axes.text(middle, y, text, ha="center", va="center", bbox=plots.HALO)
        return
    shade = min(1.0, max(-1.0, float(row["value"])))
    axes.add_patch(plots.filled(shade, **box))
    look = {"ha": "center", "va": "center_baseline", "color": plots.ink(shade)}
    mark = "†" if fewer else ""
    if kind == "sham":
        axes.text(middle, y, plots.short(row["value"]) + mark, **look)
        return
    axes.text(middle, y - 0.23, number(row["value"]) + mark, **look)
    axes.text(middle, y + 0.23, plots.brief(row["low"], row["high"]), **look)


def _why(row: Any) -> str:
    """Two words for a cell without a number; the report lists the reasons in full."""
    if row is None:
        return "no record"
    return "no control" if "control" in row["reason"] and "no record" in row["reason"] else "undefined"


def wrapped(name: str, columns: int) -> str:
    """An adaptation's name as the heading of one of so many columns."""
    return textwrap.fill(readable(name), {1: 40, 2: 22, 3: 16}.get(columns, 10), break_on_hyphens=False)


def _headings(axes: Any, overall: Frame, lines: list[tuple[float, str, str]]) -> None:
    bold: dict[str, Any] = {"weight": "bold"}
    for x, name in enumerate(overall.index):
        axes.text(x + (MAIN + SIDE) / 2, -1.45, wrapped(name, len(overall)), ha="center", va="bottom", **bold)
        for kind, middle in (("injected", MAIN / 2), ("sham", MAIN + SIDE / 2)):
            axes.text(x + middle, -1.08, kind, ha="center", va="center")
    for y, heading, label in lines:
        if not label:
            axes.text(0, y + 0.1, heading, va="center", **bold)
    axes.set_yticks(*zip(*((y, label) for y, _, label in lines if label), strict=True), va="center")
    axes.set_xticks([])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def dose_response(df: Results) -> Figure:
    """A panel per adaptation: inherited harm by dose, mean over tasks with interval, tasks as thin lines."""
    curves, injected = doses.dose_response(df), df[df["kind"] == "injected"]
    names = curves["adaptation"].unique().tolist()
    figure = plots.figure(2.15, wide=len(names) > 3)
    if not names:
        return plots.empty(figure, "No task has a record at every dose.")
    titles = [wrapped(name, len(names)) for name in names]
    panels = plots.panels(figure, titles, "Inherited harm", "Dose", sharex=True, sharey=True, pad=10)
    for axes, name in zip(panels, names, strict=True):
        curve = curves[curves["adaptation"] == name]
        _panel(axes, curve, means.task_means(means.block(injected[injected["adaptation"] == name])))
        said = f"{counted(curve['tasks'].iloc[0], 'task')}, {counted(curve['seeds'].iloc[0], 'seed')}"
        where = {"xycoords": "axes fraction", "textcoords": "offset points", "ha": "center"}
        axes.annotate(said, (0.5, 1), (0, 2), **where)
    shown = {"injected": "injected, mean and 95 % interval", "sham": "sham", "thin": "a task"}
    plots.legend(figure, _present(shown, df))
    plots.note(figure, f"{_examples(df)} With one backbone seed the interval is over examples only.")
    return figure


def _panel(axes: Any, curve: Frame, thin: Frame) -> None:
    injected = curve[curve["kind"] == "injected"]
    for _, line in thin.groupby("task", sort=False):
        line = line.sort_values("dose")
        x, y = [0.0, *line["dose"]], [0.0, *line["inherited"]]
        axes.plot(x, y, color=plots.COLOURS["injected"], linewidth=0.4, alpha=0.35)
    plots.curve(axes, injected["dose"], injected, "injected")
    for _, row in curve[curve["kind"] == "sham"].iterrows():
        plots.point(axes, row["dose"], row, "sham")
    axes.set(xticks=[0, 0.5, 1], xticklabels=["0", ".5", "1"], xlim=(-0.06, 1.08))


def clean_cost(df: Results, overall: Frame) -> Figure:
    """Accuracy on clean inputs less that of the clean control: injected and sham, tasks and their mean."""
    figure = plots.figure(2.1, wide=len(overall) > 4)
    axes = figure.add_subplot()
    axes.axhline(0, color=plots.COLOURS["clean"], linewidth=0.6)
    for side, kind, prefix in ((-0.17, "injected", "cost_"), (0.17, "sham", "sham_cost_")):
        tasks = analysis.clean_cost(df, kind=kind)
        for place, (name, row) in enumerate(overall.iterrows()):
            plots.dots(axes, place + side - 0.05, tasks.loc[tasks["adaptation"] == name, "value"], kind)
            plots.point(axes, place + side + 0.07, row, kind, prefix)
    rows = [(wrapped(str(name), len(overall)), row["tasks"]) for name, row in overall.iterrows()]
    axes.set_xticks(range(len(overall)), [f"{name}\n{counted(n, 'task')}" for name, n in rows])
    axes.set(xlim=(-0.5, len(overall) - 0.5), ylabel="Accuracy less that of\nthe clean control")
    axes.grid(axis="y")
    plots.legend(figure, _present({"injected": "injected", "sham": "sham", "dot": "a task"}, df))
    plots.note(figure, f"{_examples(df)} {_seeds(overall)}")
    return figure


def _seeds(overall: Frame) -> str:
    """How many tasks and backbone seeds stand behind the means."""
    rows = [(readable(str(name)), row) for name, row in overall.iterrows()]
    parts = [f"{name} {row['tasks']}/{row['seeds']}/{row['sham_seeds']}" for name, row in rows]
    return f"Tasks in mean/backbone seeds/sham seeds: {', '.join(parts)}."


def _present(labels: dict[str, str], df: Results) -> dict[str, str]:
    """The labels, without those of arm kinds that have no record."""
    absent = {"injected", "sham"} - set(df["kind"])
    return {key: label for key, label in labels.items() if key not in absent}


def _examples(df: Results) -> str:
    low, high = df["n"].min(), df["n"].max()
    return f"{low:,}{'' if low == high else f' to {high:,}'} test examples a task."
