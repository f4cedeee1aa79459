"""Tables and figures of the vision_bias study: its results in, frames and figures out."""

from __future__ import annotations

from matplotlib.figure import Figure

from homog.analysis import Frame, Results
from homog.analysis.natural import natural
from homog.report import standard

CAPTIONS = {name: text for name, text in standard.CAPTIONS.items() if name != "dose_response"}


def tables(df: Results) -> dict[str, Frame]:
    """The numbers behind the figures, and transmission."""
    return standard.tables(_planted(df)) if len(df) else {}


def beside(df: Results) -> dict[str, Frame]:
    """What a perturbation does to clean models, those of other backbones and of none among them."""
    return {"perturbation": natural(df)} if len(df) else {}


def figures(df: Results) -> dict[str, Figure]:
    """The inheritance matrix and the cost on clean inputs of each planted defect; one dose draws no response."""
    drawn = standard.figures(_planted(df)) if len(df) else {}
    return {name: figure for name, figure in drawn.items() if not name.endswith("dose_response")}


def _planted(df: Results) -> Results:
    return df[df["defect_kind"] != "natural"]
