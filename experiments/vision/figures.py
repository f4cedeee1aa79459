"""Tables and figures of the vision study: its results in, frames and figures out."""

from __future__ import annotations

import pandas as pd
from matplotlib.figure import Figure

from homog.analysis import Frame, Results, means
from homog.analysis.inherited import difference, summary
from homog.analysis.results import HARM, usual_rows
from homog.report import charts

CAPTIONS = {name: charts.CAPTIONS[name] for name in ("inheritance_matrix", "clean_cost")}


def tables(df: Results) -> dict[str, Frame]:
    """The numbers behind the figures, and transmission."""
    if not len(df):
        return {}
    return charts.standard_tables(_planted(df))


def beside(df: Results) -> dict[str, Frame]:
    """What a change of tone does to clean models, those of other backbones and of none among them."""
    return {"tone": tone(df)} if len(df) else {}


def figures(df: Results) -> dict[str, Figure]:
    """The inheritance matrix and the cost on clean inputs."""
    drawn = charts.standard_figures(_planted(df)) if len(df) else {}
    return {name: figure for name, figure in drawn.items() if name in CAPTIONS}


def _planted(df: Results) -> Results:
    return usual_rows(df[df["defect_kind"] != "natural"])


def tone(df: Results) -> Frame:
    """The share of pairs that clean models tell otherwise in another tone: a row per backbone, adaptation and task.

    Means over training samples, with an interval over people alone. `accuracy` on clean inputs.
    """
    natural = df[(df["defect_kind"] == "natural") & df["harm"].notna() & (df["kind"] == "clean")]
    out = []
    for key, rows in natural[natural["n"] == natural["n"].max()].groupby(["backbone", "adaptation", "task"]):
        facts = {"accuracy": rows["accuracy_clean"].mean(), "samples": rows["seed"].nunique()}
        row = dict(zip(("backbone", "adaptation", "task"), key, strict=True)) | facts
        out.append(row | summary(difference([rows], HARM)))
    shape = ["backbone", "adaptation", "task", "accuracy", "samples", *means.NOTHING]
    return pd.DataFrame(out, columns=shape)
