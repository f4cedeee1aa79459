"""All studies side by side: what of each defect reached the adapted models, by adaptation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from homog.analysis import GROUP, Frame, ensembles, means
from homog.analysis.verdicts import verdict
from homog.report import plots
from homog.report.layout import readable

PALETTE = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000", "#F0E442")  # Okabe and Ito
PLACE = ["backbone", "condition"]  # a line of the figure
LINE = 0.28  # inches
FAR = 3  # where the axis of transmission ends at the latest, so that wide intervals do not hide the others
RATES = ["tested_tasks", "inherited_tasks", "benefited_tasks"]
SHAPE = ["study", *GROUP, "answer", "tasks", "value", "low", "high", "seeds", "examples", "reason", *RATES, "share"]
CAPTION = (
    "Left: transmission, harm caused in adapted models per unit of harm caused in the backbone itself (dashed: all of"
    " it arrives), mean over tasks with 95 % interval. Right: the share of tasks whose inherited harm (for an "
    "improvement: benefit) is told from 0 after Holm's correction. A defect without a mark on the left did no harm "
    "upstream that can be told from 0. Defects that are measured and not planted have no transmission: see their "
    "study."
)


def tables(results: Path, studies: Iterable[str]) -> dict[str, tuple[Frame, Frame]]:
    """Study name -> (means by adaptation, transmission), from the tables of the reports that there are.

    So the summary is that of the reports beside it, whenever their records were computed.
    """
    read = {}
    for study in studies:
        paths = [results / study / "tables" / f"{name}.csv" for name in ("summary", "transmission")]
        if all(path.is_file() for path in paths):
            frames = [pd.read_csv(path) for path in paths]
            if {*RATES, "upstream_value"} <= set(frames[0]):  # else its answer is about something else, or an old one
                words = [{name: object for name in frame if _words(name)} for frame in frames]
                read[study] = tuple(
                    frame.astype(kinds).fillna(dict.fromkeys(kinds, ""))
                    for frame, kinds in zip(frames, words, strict=True)
                )
    return read


def _words(column: Any) -> bool:
    return str(column).endswith("reason") or column in ("names", "unlearned", "left_out")


def summary(tables: Mapping[str, tuple[Frame, Frame]]) -> Frame:
    """A row per study, condition and adaptation with injected arms, from study name -> its two tables (`tables`).

    `value`, `low`, `high`: transmission, NaN with a `reason`; `share`: of `tested_tasks`, those that inherited harm or,
    where the mean is below 0, benefit. The backbone itself has no row, nor has a study that does not look at it. Of
    studies with the same condition that with most examples counts, of equals the first.
    """
    rows = [row for name, (overall, sent) in tables.items() for row in _rows(name, overall, sent)]
    frame = pd.DataFrame(rows, columns=SHAPE)
    most: Frame = frame.groupby(["study", *PLACE], sort=False, as_index=False)["examples"].sum()
    largest = most.sort_values("examples", ascending=False, kind="stable").drop_duplicates(PLACE)
    return frame.merge(largest[["study", *PLACE]]).reset_index(drop=True)


def _rows(study: str, overall: Frame, transmission: Frame) -> list[dict[str, Any]]:
    itself = set(overall.loc[overall["adaptation"] == means.UPSTREAM, GROUP[:2]].itertuples(index=False, name=None))
    by_place, rows = overall.set_index(GROUP), []
    for _, sent in transmission.iterrows():
        place = tuple(sent[name] for name in GROUP)
        if place[:2] not in itself or place not in by_place.index:
            continue
        whole = by_place.loc[place]
        counted = whole["benefited_tasks" if whole["value"] < 0 else "inherited_tasks"]
        share = counted / whole["tested_tasks"] if whole["tested_tasks"] else np.nan
        rates = {name: whole[name] for name in RATES}
        rows.append({**sent, **rates, "study": study, "answer": verdict(whole)[0], "share": share})
    return rows


def figure(frame: Frame) -> Figure:
    """Transmission (left), share of tasks that inherited (right): a line per condition, a colour per adaptation.

    A line names its backbone where that is not the usual one. Of an adaptation with settings its name alone counts.
    """
    usual = ensembles.usual(frame)
    named = frame["condition"].where(frame["backbone"] == usual, frame["condition"] + " backbone=" + frame["backbone"])
    frame = frame.assign(line=named, kind=frame["adaptation"].str.split().str[0])
    lines, kinds = (frame[name].unique().tolist() for name in ("line", "kind"))
    colours = dict(zip(kinds, PALETTE, strict=False))
    with plots.style():
        drawing = plots.figure(1.1 + LINE * len(lines), wide=True)
        left, right = drawing.subplots(1, 2, sharey=True, width_ratios=[1.6, 1])
        for _, row in frame.iterrows():
            step = (kinds.index(row["kind"]) + 0.5) / len(kinds) - 0.5
            y, colour = lines.index(row["line"]) + 0.75 * step, colours[row["kind"]]
            left.plot([row["low"], row["high"]], [y, y], color=colour, linewidth=1.0, solid_capstyle="butt")
            left.plot(row["value"], y, "o", color=colour, markersize=3)
            right.plot(row["share"], y, "o", color=colour, markersize=3)
        left.axvline(0, color=plots.COLOURS["clean"], linewidth=0.5)
        left.axvline(1, color=plots.COLOURS["clean"], linewidth=0.5, linestyle=(0, (3, 2)))
        left.set_yticks(range(len(lines)), [readable(name.replace("-", "_")) for name in lines])
        left.set(xlabel="Transmission", ylim=(len(lines) - 0.4, -0.6))
        cut = "" if left.get_xlim()[1] < FAR else f" Intervals go on beyond {FAR} where they reach it."
        left.set_xlim(right=min(FAR, left.get_xlim()[1]))
        right.set(xlabel="Share of tasks\nthat inherited", xlim=(-0.06, 1.06), xticks=[0, 0.5, 1])
        for axes in (left, right):
            axes.grid(axis="x")
            axes.set_axisbelow(True)
            axes.tick_params(axis="y", length=0)
        handles = [Line2D([], [], color=c, marker="o", markersize=3, label=readable(a)) for a, c in colours.items()]
        drawing.legend(handles=handles, loc="outside upper center", ncols=min(3, len(handles)), handlelength=1.2)
        plots.note(drawing, f"{_span(frame['tasks'])} tasks, {_span(frame['seeds'])} backbone seeds a line.{cut}")
    return drawing


def _span(numbers: Any) -> str:
    low, high = int(numbers.min()), int(numbers.max())
    return f"{low}" if low == high else f"{low} to {high}"
