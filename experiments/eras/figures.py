"""Tables and figures of the eras study: the models' frame in, frames and figures out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from homog.analysis import Frame, apart, deployers
from homog.analysis.apart import ALTERNATING
from homog.analysis.deployers import DECISIONS, DEPLOYERS, KEY, MIXED, Panel
from homog.report import plots
from homog.report.answers import Answer, Said, direction, met_by
from homog.report.layout import bracket, readable

ERAS = {"handcrafted": "era 1", "from_scratch": "era 2"}  # every other adaptation: era 3, the shared backbone
INVERTED = "bitfit_inverted"  # not as meant: in no mixture
MEANINGFUL = 0.05
LOOKS = {"disjoint": "sham", "shared": "injected"}
TITLES = {DECISIONS: "Four decisions", DEPLOYERS: "Four deployers"}
RULE = (
    "homogenizes: bounded H is above that of the control (hand-made features, or models of which every other one has "
    "another backbone) on the same people and with the same sharing of data, its 95 % interval above 0 and the "
    f"difference at least {MEANINGFUL}; diversifies: the mirror image; no "
    f"effect: the interval lies within {MEANINGFUL} of 0; undecided: anything else."
)
LEGEND = (
    "H in its bounded form: 0 = models fail independently of each other, 1 = every failure of the best model is "
    "shared by all. Difference: less that of hand-made features (era 1), or of models that alternate between two "
    "backbones. Means over tasks or families, paired on the same people. Shared data with a deterministic learner "
    "gives one and the same model (H = 1)."
)
STATISTICS = (
    "Intervals are 95 % percentile intervals of a bootstrap over people; models, seeds and the backbone are fixed, so "
    "they say how sure the number is for these models, not for other backbones."
)
CAPTIONS = {
    "homogenization": "How often all models fail the same people: bounded H (0 = independent, 1 = every failure of "
    "the best model is shared). Large: mean over tasks or families with its 95 % interval. Dots: a family or a task. "
    "Square: every model has training data of its own; circle: the models share it.",
    "agreement": "Error consistency of pairs of models (0 = wrong on the same people as often as by chance, 1 = "
    "always), against their mean error. Large: mean over tasks or families.",
}


def tables(df: Frame) -> dict[str, Frame]:
    """Every panel of models, what sharing a backbone adds, and what sharing data adds."""
    panels = _panels(df)
    return {"outcomes": deployers.outcomes(panels), "sharing": sharing(panels), "data": data(panels)}


def figures(df: Frame) -> dict[str, Figure]:
    """Bounded H by adaptation, and pairwise agreement by accuracy."""
    panels = _panels(df)
    if not panels:
        return {}
    with plots.style():
        return {"homogenization": homogenization(panels), "agreement": agreement(panels)}


def said(df: Frame) -> Said:
    """The answer per kind of panel and adaptation that shares the backbone, against each control but era 2."""
    frame = sharing(_panels(df))
    answers, shown, seen = [], [], []
    for _, row in frame.iterrows():
        base, two = row["control"], row["control"].endswith(ALTERNATING)
        if row["adaptation"] in ERAS or row["adaptation"].endswith(ALTERNATING) or not (two or base == "handcrafted"):
            continue
        word, against = verdict(row), "two backbones" if two else "era 1"
        name = f"{_named(row['adaptation'])}, {row['kind']}, {row['data']} data"
        detail = f"bounded H {bracket(row)} above {against} ({row['settings']} settings)"
        answers.append(Answer(f"{name}, against {against}", word, detail))
        cells = {"Models": name, "Against": against, "Answer": word, "Difference": bracket(row)}
        shown.append(cells | {"n": f"{row['examples']:,}"})
        seen += [] if two else [word]
    met = sum(word == "homogenizes" for word in seen)
    outcome = f"{met_by(met, len(seen))}: {met} of {len(seen)} homogenize"
    expected = "bounded H above that of hand-made features"
    return Said(answers, frame, pd.DataFrame(shown), outcome, expected, LEGEND, RULE, STATISTICS)


def _named(adaptation: str) -> str:
    """An adaptation for a reader, with the backbone where it is not the usual one."""
    return readable(adaptation.replace(ALTERNATING, "backbone=two backbones"))


def verdict(row: Any) -> str:
    """By RULE."""
    words = {"+": "homogenizes", "-": "diversifies", "0": "no effect", "?": "undecided"}
    return words[direction(row["value"], row["low"], row["high"], MEANINGFUL)]


def sharing(panels: list[Panel]) -> Frame:
    """`deployers.sharing` of every adaptation against each `control`.

    Those are both earlier eras, alternating backbones, and deployers that adapt one backbone in ways of their own.
    """
    found = []
    for name in ERAS:
        control = [one for one in panels if one.adaptation == name]
        frame = deployers.sharing([one for one in panels if one.adaptation != name], control)
        found.append(frame.assign(control=name))
    names = _names(panels)
    own = [name for name in names if " " not in name and name not in (*ERAS, INVERTED, MIXED)]  # what is mixed
    for control in [name for name in names if name.endswith((ALTERNATING, MIXED))]:
        other = [name for name in names if name != control and name.split(" ")[0] == control.split(" ")[0]]
        same = [one for one in panels if one.adaptation in (own if control == MIXED else other)]
        frame = deployers.sharing(same, [one for one in panels if one.adaptation == control])
        found.append(frame.assign(control=control))
    return pd.concat(found, ignore_index=True).rename(columns={"panel": "kind"})


def data(panels: list[Panel]) -> Frame:
    """What sharing training data adds to bounded H, a row per kind, backbone and adaptation."""
    shared = [one for one in panels if one.data == "shared"]
    other = [_relabelled(one) for one in panels if one.data == "disjoint"]
    found = [pd.DataFrame(columns=["panel"])]
    for name in _names(panels):
        parts = ([one for one in side if one.adaptation == name] for side in (shared, other))
        found.append(deployers.sharing(*parts))
    found = [one for one in found if len(one)] or found
    return pd.concat(found, ignore_index=True).drop(columns="data", errors="ignore").rename(columns={"panel": "kind"})


def _relabelled(panel: Panel) -> Panel:
    return replace(panel, data="shared")


def _panels(df: Frame) -> list[Panel]:
    every = apart.told_apart(df)
    own = apart.on_usual(df)
    mixed = deployers.mixed(own[~own["adaptation"].isin([*ERAS, INVERTED])])
    return [*deployers.decisions(every), *deployers.deployers(every), *mixed]


def _names(panels: list[Panel]) -> list[str]:
    names = list(dict.fromkeys(one.adaptation for one in panels))
    return sorted(names, key=lambda name: (ERAS.get(name, "era 3"), names.index(name)))


def homogenization(panels: list[Panel]) -> Figure:
    """Bounded H by adaptation, a panel for decisions and one for deployers."""
    figure = plots.figure(2.9)
    kinds = [kind for kind in TITLES if any(one.kind == kind for one in panels)]
    for axes, kind in zip(figure.subplots(1, len(kinds), squeeze=False)[0], kinds, strict=True):
        axes.axhline(0, color=plots.COLOURS["clean"], linewidth=0.6)
        names = _names([one for one in panels if one.kind == kind])
        for place, name in enumerate(names):
            for side, sharing_ in ((-0.18, "disjoint"), (0.18, "shared")):
                here = [one for one in panels if (one.kind, one.adaptation, one.data) == (kind, name, sharing_)]
                if here:
                    each = deployers.outcomes(here)
                    plots.dots(axes, place + side - 0.05, each["value"], LOOKS[sharing_])
                    row = pd.Series(deployers.summary(deployers.mean_bounded(here)))
                    plots.point(axes, place + side + 0.08, row, LOOKS[sharing_])
        axes.set_xticks(
            range(len(names)), [_tick(name) for name in names], rotation=60, ha="right", fontsize=plots.SMALL
        )
        axes.set_title(TITLES[kind], weight="bold", fontsize=plots.SMALL)
        axes.grid(axis="y")
    figure.axes[0].set_ylabel("Bounded H")
    plots.legend(figure, {"sham": "own training data", "injected": "shared training data", "dot": "a family or task"})
    plots.note(figure, f"{max(len(one.people) for one in panels):,} people each.")
    return figure


def _tick(name: str) -> str:
    return _named(name) + (f" ({ERAS[name]})" if name in ERAS else "")


def agreement(panels: list[Panel]) -> Figure:
    """Error consistency against mean error: a mark per adaptation and sharing of data, settings averaged."""
    found, names = deployers.outcomes(panels), _names(panels)
    figure = plots.figure(2.6)
    kinds = [kind for kind in TITLES if (found["panel"] == kind).any()]
    for axes, kind in zip(figure.subplots(1, len(kinds), squeeze=False)[0], kinds, strict=True):
        means = found[found["panel"] == kind].groupby([*KEY[2:]], sort=False)[["error", "error_consistency"]].mean()
        for (_, name, sharing_), row in means.iterrows():
            axes.plot(row["error"], row["error_consistency"], **plots.marker(LOOKS[sharing_]))
            axes.annotate(
                str(1 + names.index(name)), row, xytext=(3, 2), textcoords="offset points", fontsize=plots.SMALL
            )
        axes.set_title(TITLES[kind], weight="bold", fontsize=plots.SMALL)
        axes.set_xlabel("Mean error")
        axes.grid(axis="y")
    figure.axes[0].set_ylabel("Error consistency")
    plots.legend(figure, {"sham": "own training data", "injected": "shared training data"})
    plots.note(figure, ", ".join(f"{1 + i} {_named(name)}" for i, name in enumerate(names)))
    return figure
