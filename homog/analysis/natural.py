"""What nobody planted: harm of models of clean backbones under the exposures of natural defects."""

from __future__ import annotations

import pandas as pd

from homog.analysis import means
from homog.analysis.inherited import difference, summary
from homog.analysis.results import HARM, Frame, Results

PLACE = ["condition", "backbone", "adaptation", "task"]


def natural(df: Results) -> Frame:
    """A row per condition, backbone, adaptation and task: the harm of clean models, a mean over training samples.

    Of the largest test samples that there are. The interval is over people alone. `accuracy`: on clean inputs,
    `samples`: how many training samples.
    """
    there = df[(df["defect_kind"] == "natural") & df["harm"].notna() & (df["kind"] == "clean")] if len(df) else df
    out = []
    if len(there):
        for key, rows in there[there["n"] == there["n"].max()].groupby(PLACE, sort=True):
            facts = {"accuracy": rows["accuracy_clean"].mean(), "samples": rows["seed"].nunique()}
            out.append(dict(zip(PLACE, key, strict=True)) | facts | summary(difference([rows], HARM)))
    return pd.DataFrame(out, columns=[*PLACE, "accuracy", "samples", *means.NOTHING])
