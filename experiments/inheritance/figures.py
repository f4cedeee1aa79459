"""Tables and figures of the inheritance study: its results in, frames and figures out."""

from __future__ import annotations

from typing import Any

from matplotlib.figure import Figure

from homog.analysis import Frame, Results, means
from homog.analysis.results import usual_rows
from homog.report import charts, plots
from homog.wording import counted

CAPTIONS = charts.CAPTIONS | {
    "by_size": "Inherited harm by the number of training examples, from the smallest to all that the tasks have: mean "
    "over the tasks that have every size, with its 95 % interval. Squares: the sham. Dotted: accuracy of the clean "
    "control on the same tasks.",
}


def tables(df: Results) -> dict[str, Frame]:
    """The numbers behind the figures, harm by training size, and what it varies with."""
    sizes = {"by_size": means.by_size(df), "components": means.components(usual_rows(df))}
    return charts.standard_tables(usual_rows(df)) | {name: frame for name, frame in sizes.items() if len(frame)}


def figures(df: Results) -> dict[str, Figure]:
    """The inheritance matrix, dose response and clean cost at the usual size; harm by training size."""
    drawn, curve = charts.standard_figures(usual_rows(df)), means.by_size(df)
    with plots.style():
        return drawn | ({"by_size": by_size(curve)} if len(curve) else {})


def by_size(curve: Frame) -> Figure:
    """A panel per adaptation: inherited harm of injected backbones and shams by size, and the clean accuracy."""
    names = curve["adaptation"].unique().tolist()
    figure = plots.figure(2.2, wide=len(names) > 2)
    sizes = sorted(curve["train"].unique())
    titles = [charts.wrapped(name, len(names)) for name in names]
    panels = plots.panels(figure, titles, "Inherited harm", "Training examples", sharex=True, sharey=True)
    for axes, name in zip(panels, names, strict=True):
        rows = curve[curve["adaptation"] == name]
        for kind, part in rows.groupby("kind", sort=False):
            places = [sizes.index(size) for size in part["train"]]
            for place, (_, row) in zip(places, part.iterrows(), strict=True):
                plots.point(axes, place, row, str(kind))
            axes.plot(places, part["value"], color=plots.COLOURS[str(kind)], linewidth=0.6)
        own = rows[rows["kind"] == "injected"]
        axes.plot([sizes.index(size) for size in own["train"]], own["accuracy"], ":", color=plots.COLOURS["clean"])
        axes.set_xticks(range(len(sizes)), [_size(size, curve) for size in sizes], rotation=90)
    plots.legend(figure, {"injected": "injected", "sham": "sham"})
    tasks, seeds = curve["tasks"].max(), curve["seeds"].max()
    plots.note(figure, f"Up to {counted(tasks, 'task')}, {counted(seeds, 'backbone seed')}. Dotted: clean accuracy.")
    return figure


def _size(size: int, curve: Frame) -> str:
    """How many examples the tasks had: the number asked for, or 'all (1,619)' where they have fewer."""
    had: Any = curve.loc[curve["train"] == size, "n_train"].mean()
    return f"{size:,}" if had >= size else f"all ({had:,.0f})"
