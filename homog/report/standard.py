"""The tables and figures of a study that has no figures.py of its own, and of runs that belong to no study."""

from __future__ import annotations

from matplotlib.figure import Figure

from homog.analysis import Frame, Results
from homog.analysis.results import usual_rows
from homog.report import charts

CAPTIONS = dict(charts.CAPTIONS)


def tables(df: Results) -> dict[str, Frame]:
    """The numbers behind the figures, and transmission."""
    return charts.standard_tables(usual_rows(df)) if len(df) else {}


def figures(df: Results) -> dict[str, Figure]:
    """The standard figures of each condition that is planted; its name begins theirs where it is not the only one."""
    planted = df[df["kind"] == "injected"] if len(df) else df
    conditions = list(dict.fromkeys(planted["condition"]))
    drawn = {}
    for condition in conditions:
        prefix = f"{condition.replace('-', '_')}_" if len(conditions) > 1 else ""
        drawn |= charts.standard_figures(usual_rows(df[df["condition"] == condition]), prefix)
    return drawn
