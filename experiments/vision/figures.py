"""Tables and figures of the vision study: its results in, frames and figures out."""

from __future__ import annotations

from matplotlib.figure import Figure

from homog.analysis import Frame, Results
from homog.analysis.natural import natural
from homog.analysis.results import usual_rows
from homog.report import charts

CAPTIONS = {name: charts.CAPTIONS[name] for name in ("inheritance_matrix", "clean_cost")}


def tables(df: Results) -> dict[str, Frame]:
    """The numbers behind the figures, and transmission."""
    if not len(df):
        return {}
    return charts.standard_tables(_planted(df))


def beside(df: Results) -> dict[str, Frame]:
    """What a change of tone does to clean models, those of other backbones and of none among them."""
    return {"tone": natural(df).drop(columns="condition")} if len(df) else {}


def figures(df: Results) -> dict[str, Figure]:
    """The inheritance matrix and the cost on clean inputs."""
    drawn = charts.standard_figures(_planted(df)) if len(df) else {}
    return {name: figure for name, figure in drawn.items() if name in CAPTIONS}


def _planted(df: Results) -> Results:
    return usual_rows(df[df["defect_kind"] != "natural"])
