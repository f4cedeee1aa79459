"""Tables and figures of the inheritance study: effects frame in, frames and figures out."""

from __future__ import annotations

from matplotlib.figure import Figure

from homog import charts
from homog.analysis import Frame

CAPTIONS = charts.CAPTIONS


def tables(df: Frame) -> dict[str, Frame]:
    """The numbers behind the figures."""
    return charts.standard_tables(df)


def figures(df: Frame) -> dict[str, Figure]:
    """The inheritance matrix, dose response and clean cost of the single trigger."""
    return charts.standard_figures(df[df["condition"] == df["condition"].iloc[0]] if len(df) else df)
