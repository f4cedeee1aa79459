"""Tables and figures of studies of eras, of texts and of images: their results in, frames and figures out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from homog.analysis import Frame, Results, ensembles, summary
from homog.analysis.against_control import bounded_sharing, sharing_data, stacked
from homog.analysis.deployed import backbone_ladders, deployed
from homog.analysis.ensembles import DECISIONS, DEPLOYERS, MIXED, Ensemble, told_apart
from homog.analysis.improvement import improvement
from homog.analysis.joint_failure import mean_bounded, outcome_table
from homog.analysis.ladders import agreement_of_measures, pairs_of, variance
from homog.analysis.verdicts import direction, met_by
from homog.report import charts, plots
from homog.report.answers import Finding, Said
from homog.report.layout import bracket, readable
from homog.wording import counted

ERAS = {"handcrafted": "era 1", "from_scratch": "era 2"}  # every other adaptation: era 3, the shared backbone
INVERTED = "bitfit_inverted"  # not as meant: in no mixture
MEANINGFUL = 0.05
LOOKS = {"disjoint": "sham", "shared": "injected"}
TITLES = {DECISIONS: "Decisions about a person", DEPLOYERS: "Deployers of a decision"}
RULE = (
    "homogenizes: bounded H is above that of the control (hand-made features, or models of which every other one has "
    "another backbone) on the same people and with the same sharing of data, its 95 % interval above 0 and the "
    f"difference at least {MEANINGFUL}; diversifies: the mirror image; no "
    f"effect: the interval lies within {MEANINGFUL} of 0; undecided: anything else. Pairs on one backbone against "
    "pairs on two: holds on every rung: the interval of the difference lies above 0 against every null of the ladder; "
    "else where it ends."
)
LEGEND = (
    "H in its bounded form: 0 = models fail independently of each other, 1 = every failure of the best model is "
    "shared by all. Difference: less that of hand-made features (era 1), or of models that alternate between two "
    "backbones. Means over tasks or families, paired on the same people. Shared data with a deterministic learner "
    "gives one and the same model (H = 1)."
)
STATISTICS = (
    "Intervals of bounded H are 95 % percentile intervals of a bootstrap over people; models, seeds and the backbone "
    "are fixed, so they say how sure the number is for these models, not for other backbones. Those of the ladder are "
    "t intervals over people and backbones."
)
CAPTIONS = {
    "homogenization": "How often all models fail the same people: bounded H (0 = independent, 1 = every failure of "
    "the best model is shared). Large: mean over tasks or families with its 95 % interval. Dots: a family or a task. "
    "Square: every model has training data of its own; circle: the models share it.",
    "agreement": "Error consistency of pairs of models (0 = wrong on the same people as often as by chance, 1 = "
    "always), against their mean error. Large: mean over tasks or families.",
    "ladder": charts.LADDER + " Linear probes, deployers with training data of their own.",
}
ALL, ALIKE = "all", "alike but for their seed"
HOLDS, NOWHERE = "holds on every rung", "no difference"


def tables(df: Results) -> dict[str, Frame]:
    """Every ensemble of models, what sharing a backbone adds, and what sharing data adds."""
    every, pairs = of_models(df), pairs_of(deployed(df, ERAS))
    tables = {"outcomes": outcome_table(every), "sharing": sharing(every), "data": sharing_data(every, _labels(every))}
    measured = {"ladder": ladders(df), "improvement": improvement(df, "handcrafted", "linear_probe")}
    tables |= {name: frame for name, frame in measured.items() if len(frame)}
    if len(pairs):
        tables |= {"variance": variance(pairs), "measures": agreement_of_measures(pairs)}
    return tables


def figures(df: Results) -> dict[str, Figure]:
    """Bounded H by adaptation, and pairwise agreement by accuracy."""
    every = of_models(df)
    if not every:
        return {}
    climbed = ladders(df)[ladders(df)["of"] == ALL].groupby("task", sort=False)
    climbed = {readable(str(task)): rows for task, rows in climbed}
    with plots.style():
        drawn = {"homogenization": homogenization(every), "agreement": agreement(every)}
        return drawn | ({"ladder": charts.ladder(climbed, "backbone")} if climbed else {})


def said(df: Results) -> Said:
    """The answer per kind of ensemble and adaptation that shares the backbone, against each control but era 2."""
    every = of_models(df)
    frame, turns = sharing(every), {ensemble.about["label"] for ensemble in every if ensemble.about["alternating"]}
    answers, shown, seen = [], [], []
    for (task, of), rows in ladders(df).groupby(["task", "of"], sort=False):
        first, last = rows.iloc[0], rows.iloc[-1]
        name = f"Linear probes, {readable(str(task))}, one of {counted(int(first['values']) or 2, 'backbone')} ({of})"
        ends = [bracket(row, "difference_") for row in (first, last)]
        detail = f"error consistency above that of pairs on two backbones by {ends[0]} (independent errors, "
        detail += f"{first['sharing_pairs']} pairs), by {ends[1]} beyond item and model effects"
        answers.append(Finding(name, climbs(rows), detail))
        cells = {"Models": name, "Against": "other backbones", "Answer": climbs(rows), "Difference": ends[1]}
        shown.append(cells | {"n": f"{first['examples']:,}"})
    for _, row in frame.iterrows():
        two = row["control"] in turns
        if row["adaptation"] in {*ERAS, *turns} or not (two or row["control"] == "handcrafted"):
            continue
        word, against = verdict(row), "two backbones" if two else "era 1"
        name = f"{_named(row['adaptation'])}, {row['kind']}, {row['data']} data"
        detail = f"bounded H {bracket(row)} above {against} ({row['settings']} settings)"
        answers.append(Finding(f"{name}, against {against}", word, detail))
        cells = {"Models": name, "Against": against, "Answer": word, "Difference": bracket(row)}
        shown.append(cells | {"n": f"{row['examples']:,}"})
        seen += [] if two else [word]
    met = sum(word == "homogenizes" for word in seen)
    outcome = f"{met_by(met, len(seen))}: {met} of {len(seen)} homogenize"
    expected = "bounded H above that of hand-made features"
    return Said(answers, frame, pd.DataFrame(shown), outcome, expected, LEGEND, RULE, STATISTICS)


def _named(label: str) -> str:
    """An adaptation for a reader, with the backbone where it is not the usual one."""
    return readable(label.replace("backbone=alternating", "backbone=two backbones"))


def verdict(row: Any) -> str:
    """By RULE."""
    words = {"+": "homogenizes", "-": "diversifies", "0": "no effect", "?": "undecided"}
    return words[direction(row["value"], row["low"], row["high"], MEANINGFUL)]


def climbs(rows: Frame) -> str:
    """How far up the ladder the difference between pairs on one backbone and others is told from 0."""
    held = [row["null"] for _, row in rows.iterrows() if row["difference_low"] > 0]
    if len(held) == len(rows):
        return HOLDS
    return f"ends at {readable(rows['null'].iloc[len(held)]).lower()}" if held else NOWHERE


def ladders(df: Results) -> Frame:
    """Pairs of probes on one backbone against pairs on two: of all backbones, and of those alike but for their seed."""
    alike = sorted(set(df["backbone"]) - _of_people(df))
    chosen = {ALL: None, ALIKE: alike} if len(alike) > 2 else {ALL: None}
    return df.once(("ladders", *df.keys), lambda: backbone_ladders(df, "linear_probe", chosen))


def _of_people(df: Results) -> set[str]:
    """The backbones whose models decide about people: the others are there to be compared in pairs alone."""
    return set(df.frame.loc[df["family"] != "", "backbone"])


def of_models(df: Results) -> list[Ensemble]:
    """The decisions and the deployers of each adaptation, and deployers with adaptations of their own.

    Of the backbones that decide about people: others are there to be compared in pairs alone.
    """
    return df.once(("of_models", *df.keys), lambda: _of_models(df))


def _of_models(df: Results) -> list[Ensemble]:
    people = _of_people(df)
    every = told_apart(df[df["backbone"].isin(people)] if people else df)
    usual = every[(every["label"] == every["adaptation"]) & ~every["adaptation"].isin([*ERAS, INVERTED])]
    return [*ensembles.decisions(every), *ensembles.deployers(every), *ensembles.mixed(usual)]


def sharing(every: list[Ensemble]) -> Frame:
    """`bounded_sharing` of every adaptation against each `control`.

    Those are both earlier eras, alternating backbones, and deployers that adapt one backbone in ways of their own.
    """
    controls = {ensemble.about["label"]: ensemble.about for ensemble in every if ensemble.about["alternating"]}
    controls |= {MIXED: {}} if any(ensemble.about["adaptation"] == MIXED for ensemble in every) else {}
    shared = {name: [ensemble for ensemble in every if ensemble.about["label"] != name] for name in ERAS}
    for control, about in sorted(controls.items(), key=lambda item: _labels(every).index(item[0])):
        same = _mixable(every) if control == MIXED else _of_adaptation(every, about["adaptation"])
        shared[control] = [ensemble for ensemble in same if ensemble.about["label"] != control]
    parts = [
        bounded_sharing(those, [ensemble for ensemble in every if ensemble.about["label"] == control]).assign(
            control=control
        )
        for control, those in shared.items()
    ]
    return stacked(parts).rename(columns={"panel": "kind"})


def _of_adaptation(every: list[Ensemble], adaptation: str) -> list[Ensemble]:
    return [ensemble for ensemble in every if ensemble.about["adaptation"] == adaptation]


def _mixable(every: list[Ensemble]) -> list[Ensemble]:
    """Those whose adaptations are mixed."""
    apart = (*ERAS, INVERTED, MIXED)
    return [ensemble for ensemble in every if ensemble.about["label"] == ensemble.about["adaptation"] not in apart]


def _labels(every: list[Ensemble]) -> list[str]:
    """Every label once, in the order of the eras."""
    names = list(dict.fromkeys(ensemble.about["label"] for ensemble in every))
    return sorted(names, key=lambda name: (ERAS.get(name, "era 3"), names.index(name)))


def homogenization(every: list[Ensemble]) -> Figure:
    """Bounded H by adaptation, a panel for decisions and one for deployers."""
    figure = plots.figure(2.9, wide=True)
    kinds = [kind for kind in TITLES if any(ensemble.kind == kind for ensemble in every)]
    for axes, kind in zip(plots.panels(figure, [TITLES[kind] for kind in kinds], "Bounded H"), kinds, strict=True):
        axes.axhline(0, color=plots.COLOURS["clean"], linewidth=0.6)
        names = _labels([ensemble for ensemble in every if ensemble.kind == kind])
        for place, name in enumerate(names):
            for side, sharing_ in ((-0.18, "disjoint"), (0.18, "shared")):
                wanted = (kind, name, sharing_)
                here = [
                    ensemble
                    for ensemble in every
                    if (ensemble.kind, ensemble.about["label"], ensemble.about["data"]) == wanted
                ]
                if here:
                    each = outcome_table(here)
                    plots.dots(axes, place + side - 0.05, each["value"], LOOKS[sharing_])
                    row = pd.Series(summary(mean_bounded(here)))
                    plots.point(axes, place + side + 0.08, row, LOOKS[sharing_])
        axes.set_xticks(range(len(names)), [_tick(name, names) for name in names], rotation=60, ha="right")
    plots.legend(figure, {"sham": "own training data", "injected": "shared training data", "dot": "a family or task"})
    largest = max((ensemble.size for ensemble in every), key=lambda size: size["examples"])
    of = f", of {counted(largest['people'], 'person')}" if largest["people"] < largest["examples"] else ""
    plots.note(figure, f"{counted(largest['examples'], 'example')} each{of}.")
    return figure


def _tick(name: str, names: Sequence[str]) -> str:
    """Without its settings, where no other is then called so."""
    short = _short(name)
    alone = [_short(other) for other in names].count(short) == 1
    return _named(short if alone else name) + (f" ({ERAS[name]})" if name in ERAS else "")


def _short(name: str) -> str:
    return " ".join(word for word in name.split(" ") if "=" not in word or word.startswith("backbone="))


def agreement(every: list[Ensemble]) -> Figure:
    """Error consistency against mean error: a mark per adaptation and sharing of data, settings averaged."""
    outcomes, names = outcome_table(every), _labels(every)
    figure = plots.figure(2.6, wide=True)
    kinds = [kind for kind in TITLES if (outcomes["panel"] == kind).any()]
    panels, told = plots.panels(figure, [TITLES[kind] for kind in kinds], "Error consistency"), {}
    for axes, kind in zip(panels, kinds, strict=True):
        groups = outcomes[outcomes["panel"] == kind].groupby(["backbone", "adaptation", "data"], sort=False)
        means = groups[["error", "error_consistency"]].mean()
        for (_, _, sharing_), row in means.iterrows():
            axes.plot(row["error"], row["error_consistency"], **plots.marker(LOOKS[sharing_]))
        axes.set_xlabel("Mean error")
        told[axes] = [str(1 + names.index(name)) for _, name, _ in means.index], means.to_numpy()
    plots.legend(figure, {"sham": "own training data", "injected": "shared training data"})
    plots.note(figure, ", ".join(f"{1 + i} {_tick(name, names)}" for i, name in enumerate(names)))
    figure.draw_without_rendering()
    for axes, (numbers, places) in told.items():
        plots.beside(axes, numbers, places)
    return figure
