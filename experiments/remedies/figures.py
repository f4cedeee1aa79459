"""Tables and figures of studies of remedies, of texts and of images: their results in, frames and figures out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from homog import analysis
from homog.analysis import Frame, Results, means
from homog.analysis.inherited import LEVEL
from homog.analysis.results import SIZE
from homog.analysis.verdicts import MEANINGFUL, met_by
from homog.metrics.intervals import half_width
from homog.report import answers, plots
from homog.report.answers import Finding, Said
from homog.report.layout import bracket, number, readable
from homog.wording import counted, ranged

DEBIASED = "_debiased"  # ends the name of a task with debiased training data, after that of the task as it is
SETTINGS = ("weight_decay", "C")  # of an adaptation, where they are a remedy
NOTHING = "nothing"
PRUNED = "defect.pruned"
KEY = ["adaptation", SIZE]
RULE = (
    "helps: the 95 % interval of the change against doing nothing lies below 0 and the change is at least "
    f"{MEANINGFUL}; rids of it: it helps, and the interval of what is left reaches 0 or ends below {MEANINGFUL}; "
    f"no help: the interval of the change lies within {MEANINGFUL} of 0; makes it worse: the mirror image of helps; "
    "undecided: anything else, and remedies after which the injected backbone fails the check upstream."
)
LEGEND = (
    "Inherited harm with its 95 % interval, mean over the tasks named, which are the same for all remedies of an "
    "adaptation. Change: less that where nothing is done, by backbone, with a t interval over backbones. Accuracy: of "
    "the injected models on clean inputs, and of the clean control in the same task."
)
CAPTIONS = {
    "remedies": "Inherited harm after each remedy: mean over tasks with its 95 % interval; dots are tasks. Pruned: the "
    "share of each weight matrix of the injected backbone set to zero before it is adapted. Debiased: the token (the "
    "square) in half of the training examples of every class. C: the inverse of a probe's penalty. Numbers at the "
    "right: accuracy on clean inputs.",
}


def tables(df: Results) -> dict[str, Frame]:
    """What each remedy leaves, and every task."""
    return {"remedies": remedies(df), "inheritance": by_task(df)} if len(df) else {}


def figures(df: Results) -> dict[str, Figure]:
    """A panel per adaptation, a column per remedy."""
    frame = remedies(df)
    with plots.style():
        return {"remedies": drawn(frame, by_task(df))} if len(frame) else {}


def treated(df: Results) -> Iterator[tuple[dict[str, Any], Results]]:
    """({adaptation, train, remedy}, the injected rows so treated), tasks by the name of the task as it is."""
    injected = df[(df["kind"] == "injected") & (df["dose"] == 1)]
    frame = injected.frame
    pruned = frame[PRUNED].fillna(0.0) if PRUNED in frame else pd.Series(0.0, frame.index)
    split = [_split(label) for label in frame["adaptation"]]
    cleaned = frame["task"].str.endswith(DEBIASED)
    cures = [
        (f"pruned {share:g}" if share else "", *turned, "debiased data" if debiased else "")
        for share, (_, turned), debiased in zip(pruned, split, cleaned, strict=True)
    ]
    own = {"adaptation": [name for name, _ in split], "task": frame["task"].str.removesuffix(DEBIASED)}
    named = injected.with_rows(frame.assign(remedy=[", ".join(filter(None, cure)) or NOTHING for cure in cures], **own))
    for key, rows in named.groupby([*KEY, "remedy"]):
        yield dict(zip([*KEY, "remedy"], key, strict=True)), rows


def _split(label: str) -> tuple[str, list[str]]:
    """(an adaptation without the SETTINGS that are named in its label, these as remedies)."""
    rest, turned = [], []
    for word in label.split(" "):
        name, _, value = word.partition("=")
        if name in SETTINGS:
            turned.append(f"{name.replace('_', ' ')} {float(value):g}")
        else:
            rest.append(word)
    return " ".join(rest), turned


def by_task(df: Results) -> Frame:
    """Inherited harm by adaptation, size, remedy and task."""
    parts = [analysis.inherited(rows).drop(columns="learned").assign(**key) for key, rows in treated(df)]
    return pd.concat(parts, ignore_index=True)


def remedies(df: Results) -> Frame:
    """A row per adaptation, size and remedy: inherited harm, its change against doing nothing, accuracies.

    Means over the tasks that have every remedy; `change_low` and `change_high` are limits of a t interval over
    backbones, NaN with fewer than 3. `answer` by RULE, '' where nothing is done.
    """
    parts = [(key, means.block(rows)) for key, rows in treated(df)]
    out = []
    for key, rows in parts:
        alike = {other["remedy"]: part for other, part in parts if all(other[name] == key[name] for name in KEY)}
        tasks = [task for task in rows["task"].unique() if all(task in set(part["task"]) for part in alike.values())]
        if not tasks or NOTHING not in alike:
            continue
        mine, clean = rows[rows["task"].isin(tasks)], df["cell"].isin(set(rows["control"]))
        row = key | {"tasks": len(tasks), "accuracy": mine["accuracy_clean"].mean()}
        row |= {
            "control_accuracy": df.frame.loc[clean, "accuracy_clean"].mean(),
            "verified": bool(mine["verified"].all()),
        }
        row |= means.over_tasks(mine, tasks) | changed(mine, alike[NOTHING][alike[NOTHING]["task"].isin(tasks)])
        out.append(row | {"answer": verdict(row) if key["remedy"] != NOTHING else "", "names": ", ".join(tasks)})
    shape = [*KEY, "remedy", "tasks", *means.NOTHING, "change_value", "change_low", "change_high"]
    frame = pd.DataFrame(out, columns=[*shape, "accuracy", "control_accuracy", "verified", "answer", "names"])
    return frame.sort_values(KEY, kind="stable", ignore_index=True)


def changed(rows: Results, untreated: Results) -> dict[str, float]:
    """Inherited harm less that of the untreated models of the same backbone, mean over tasks and backbones."""
    sides = [part.frame.groupby("arm_seed")["inherited"].mean() for part in (rows, untreated)]
    away = (sides[0] - sides[1]).dropna().to_numpy()
    value, half = float(away.mean()) if len(away) else float("nan"), half_width(away, LEVEL)
    return {"change_value": value, "change_low": value - half, "change_high": value + half}


def verdict(row: dict[str, Any]) -> str:
    """By RULE."""
    if not row["verified"]:
        return "undecided"
    value, low, high = row["change_value"], row["change_low"], row["change_high"]
    if high < 0 and value <= -MEANINGFUL:
        return "rids of it" if row["low"] <= 0 or row["high"] < MEANINGFUL else "helps"
    if low > 0 and value >= MEANINGFUL:
        return "makes it worse"
    return "no help" if low > -MEANINGFUL and high < MEANINGFUL else "undecided"


def said(df: Results) -> Said:
    """The answer per adaptation and remedy."""
    frame, found, shown = remedies(df), [], []
    for _, row in frame.iterrows():
        name = f"{readable(row['adaptation'])}, {row[SIZE]:,} examples, {row['remedy']}"
        size = f"{counted(row['tasks'], 'task')}, {counted(row['seeds'], 'backbone')}, n {row['examples']:,}"
        if row["answer"]:
            what = f"inherited harm {bracket(row)}, change {bracket(row, 'change_')} ({size})"
            found.append(Finding(name, row["answer"], what))
        cells = {"Models": name, "Inherited harm": bracket(row), "Change": bracket(row, "change_")}
        cells |= {"Accuracy (control)": f"{number(row['accuracy'])} ({number(row['control_accuracy'])})"}
        shown.append(cells | {"Answer": row["answer"] or "–", "n": f"{row['examples']:,}"})
    probes = frame[(frame["adaptation"] == "linear_probe") & (frame["answer"] != "")]
    decided = probes.loc[probes["answer"] != "undecided", "answer"]
    kept = int((decided != "rids of it").sum())
    outcome = met_by(kept, len(probes)) if len(decided) or not len(probes) else "undecided"
    outcome += f": {kept} of {len(probes)} leave it in a probe"
    table, expected = pd.DataFrame(shown), "no remedy rids a linear probe of it"
    return Said(found, frame, table, outcome, expected, LEGEND, RULE, answers.STATISTICS)


def drawn(frame: Frame, tasks: Frame) -> Figure:
    """A panel per adaptation and size, a line per remedy."""
    groups = list(frame.groupby(KEY, sort=False))
    names = sorted(set(frame["remedy"]), key=lambda name: (name != NOTHING, "debiased" in name, name))
    figure = plots.figure(1.1 + 0.2 * len(names), wide=True)
    titles = [f"{readable(adaptation)}, {size:,}" for (adaptation, size), _ in groups]
    every = plots.panels(figure, titles, "", "Inherited harm", sharey=True)
    for axes, (key, rows) in zip(every, groups, strict=True):
        axes.axvline(0, color=plots.COLOURS["clean"], linewidth=0.6)
        for _, row in rows.iterrows():
            line = names.index(row["remedy"])
            own = tasks[(tasks[KEY] == list(key)).all(axis=1) & (tasks["remedy"] == row["remedy"])]["value"]
            axes.plot(own, [line + 0.3] * len(own), ".", color=plots.COLOURS["clean"], markersize=4)
            axes.plot([row["low"], row["high"]], [line, line], color=plots.COLOURS["injected"], linewidth=1.0)
            axes.plot(row["value"], line, **plots.marker("injected"))
            look = {"transform": axes.get_yaxis_transform(), "ha": "left", "va": "center"}
            axes.text(1.02, line, plots.short(row["accuracy"]), **look)
        axes.set_yticks(range(len(names)), names)
        axes.set(ylim=(len(names) - 0.5, -0.5), xlim=(-0.15, 1.05))
        axes.grid(axis="x")
    plots.legend(figure, {"injected": "mean, 95 % interval", "dot": "a task"})
    sizes = ", ".join(ranged(frame[name], what) for name, what in (("tasks", "task"), ("seeds", "backbone")))
    plots.note(figure, f"{sizes}. At the right: accuracy on clean inputs.")
    return figure
