"""Tables and figures of the data_sharing study: its results in, frames and figures out."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from homog.analysis import Frame, Results
from homog.analysis.ensembles import decisions, told_apart
from homog.analysis.joint_failure import outcome_table
from homog.analysis.levels import ALL, LEVELS, levels
from homog.analysis.verdicts import met_by
from homog.analysis.widths import widths
from homog.config import DISJOINT
from homog.report import plots
from homog.report.answers import Finding, Said
from homog.report.layout import bracket, readable

GROUPS = ("race", "sex", "age")
SIZES = (50, 100, 200, 400, 800, 1600)
MAIN = "race"  # what Bommasani et al. group census data by
LOOKS = {"persons": "injected", "groups": "sham"}
RULE = (
    "homogenizes persons: log H of persons is higher with shared than with disjoint data, the 95 % interval of the "
    "difference above 0; more than groups: so is that of what persons rise more than groups; diversifies, less: the "
    "mirror image; undecided: anything else."
)
LEGEND = (
    "H: how much more often all four decisions fail the same person (or the same group) than their error rates imply. "
    "Shown is log H with shared training data less log H with disjoint data: 0.1 is ten percent more. Mean over "
    "families of people and training samples."
)
STATISTICS = (
    "Intervals are 95 % percentile intervals of a bootstrap over people; models and their training samples are fixed, "
    "so they say how sure the number is for these models. Families are resampled apart."
)
CAPTIONS = {
    "levels": "What sharing training data adds to log H, by learner: of persons, and of groups (race). 0 = nothing. "
    "Bars: 95 % intervals over people."
}


def tables(df: Results) -> dict[str, Frame]:
    """What sharing data adds, of persons and of groups; the ensembles of which it is made; widths by sample size."""
    disjoint = df[df["data"] == DISJOINT]
    every = {"levels": of_levels(df), "outcomes": outcome_table(decisions(told_apart(df)))}
    return every | {"widths": widths(disjoint, SIZES)}


def figures(df: Results) -> dict[str, Figure]:
    """What sharing adds to log H of persons and of groups, a pair of marks per learner."""
    main = _main(of_levels(df))
    if main.empty:
        return {}
    with plots.style():
        drawing = plots.figure(2.4)
        (axes,) = plots.panels(drawing, [""], "log H, shared less disjoint data")
        axes.axhline(0, color=plots.COLOURS["clean"], linewidth=0.6)
        for place, (_, row) in enumerate(main.iterrows()):
            for step, (level, kind) in zip((-0.12, 0.12), LOOKS.items(), strict=True):
                plots.point(axes, place + step, row, kind, f"{level}_")
        axes.set_xticks(range(len(main)), [learner(name) for name in main["adaptation"]])
        plots.legend(drawing, {"injected": "persons", "sham": f"groups ({MAIN})"})
        people, seeds = int(main["examples"].max()), int(main["replicates"].min())
        plots.note(drawing, f"{people:,} people, {seeds} samples of training data each.")
    return {"levels": drawing}


def said(df: Results) -> Said:
    """The answer per learner, over all families."""
    main = _main(of_levels(df))
    answers, shown = [], []
    for _, row in main.iterrows():
        name = learner(row["adaptation"])
        detail = ", ".join(f"{level} {bracket(row, f'{level}_')}" for level in LEVELS)
        answers.append(Finding(name, verdict(row), detail))
        cells = {readable(level): bracket(row, f"{level}_") for level in LEVELS}
        shown.append({"Learner": name, "Answer": verdict(row)} | cells | {"n": f"{row['examples']:,}"})
    met = sum(answer.verdict == "homogenizes persons, more than groups" for answer in answers)
    outcome = f"{met_by(met, len(answers))}: so with {met} of {len(answers)} learners"
    expected = "log H of persons rises, and more than that of groups"
    return Said(answers, main, pd.DataFrame(shown), outcome, expected, LEGEND, RULE, STATISTICS)


def verdict(row: Any) -> str:
    """By RULE."""
    side = _side(row, "persons_")
    if side == "undecided":
        return side
    words = "homogenizes persons" if side == "+" else "diversifies persons"
    more = {"+": "more than groups", "-": "less than groups", "undecided": "against groups undecided"}
    return f"{words}, {more[_side(row, 'difference_')]}"


def _side(row: Any, prefix: str) -> str:
    low, high = row[f"{prefix}low"], row[f"{prefix}high"]
    return "+" if low > 0 else "-" if high < 0 else "undecided"


def learner(label: str) -> str:
    """The learner of an adaptation, for a reader."""
    names = {"svm": "SVM", "mlp": "MLP", "knn": "Nearest neighbours", "boosting": "Boosting"}
    name = label.rpartition("learner=")[2] if "learner=" in label else "logistic"
    return names.get(name, "Logistic regression")


def of_levels(df: Results) -> Frame:
    """`levels` for every kind of group."""
    return df.once(("levels", *df.keys), lambda: _of_levels(df))


def _of_levels(df: Results) -> Frame:
    every = decisions(told_apart(df))
    return pd.concat([levels(every, group) for group in GROUPS], ignore_index=True)


def _main(frame: Frame) -> Frame:
    """The rows of the answer: over all families where there are several."""
    if frame.empty:
        return frame
    chosen = frame[frame["group"] == MAIN]
    over_all = chosen[chosen["people"] == ALL]
    return over_all if len(over_all) else chosen
