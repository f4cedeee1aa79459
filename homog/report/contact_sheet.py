"""What models drew, to be looked at: a line of images for each adaptation, arm and condition."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from matplotlib.figure import Figure

from homog.analysis import Results
from homog.inputs.images import unstripped
from homog.records import CLEAN
from homog.report import plots
from homog.wording import counted

KINDS = ("clean", "injected", "sham")
LINE = 0.24  # inches
CAPTION = (
    "What models drew: the first images of the test, a line for each adaptation, backbone (clean, injected, sham) and "
    "condition. The judge's predictions are of such images."
)


def contact_sheets(df: Results) -> dict[str, Figure]:
    """A sheet of each condition whose models drew something; none where `df` has no models that draw."""
    if not len(df) or "variant" not in df:
        return {}
    with plots.style():
        sheets = {str(condition): contact_sheet(rows) for condition, rows in df.groupby("condition")}
    return {f"contact_sheet_{condition}": sheet for condition, sheet in sheets.items() if sheet is not None}


def contact_sheet(df: Results) -> Figure | None:
    """The first images of one task and seed, under the exposure of `df` and without it; None where none were kept."""
    lines = list(_lines(df))
    if not lines:
        return None
    figure = plots.figure(0.5 + LINE * len(lines))
    grid = figure.subplots(len(lines), 1, squeeze=False)[:, 0]
    for axes, (label, image) in zip(grid, lines, strict=True):
        axes.imshow(image, interpolation="nearest", aspect="equal")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        axes.set_ylabel(label, rotation=0, ha="right", va="center")
    images = counted(lines[0][1].shape[1] // lines[0][1].shape[0], "image")
    task, seed = df.frame["task"].iloc[0], df.frame["seed"].min()
    plots.note(figure, f"Task {task}, seed {seed}: the first {images} of the test, the same captions in each column.")
    return figure


def _lines(df: Results) -> Iterator[tuple[str, Any]]:
    """(what it is, its images) of each adaptation, arm and condition of the first task and seed."""
    task, seed = df.frame["task"].iloc[0], df.frame["seed"].min()
    first = df[(df.frame["task"] == task) & (df.frame["seed"] == seed) & df.frame["dose"].isin([0, 1])]
    first = first[first.frame["arm_seed"] == first.frame["arm_seed"].min()]
    for adaptation, rows in first.groupby("variant"):
        seen = set()
        for kind in KINDS:
            of_kind = rows[rows.frame["kind"] == kind]
            for said, condition in zip(of_kind.each("provenance"), of_kind.frame["condition"], strict=True):
                for name, what in ((CLEAN, "plain"), (condition, "exposed")):
                    kept = (said or {}).get("samples", {}).get(name)
                    if kept and (kind, what) not in seen:
                        seen.add((kind, what))
                        yield f"{adaptation} {kind} {what}", unstripped(kept)
