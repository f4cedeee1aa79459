"""What an audit found, in sentences."""

from __future__ import annotations

import math
from typing import Any

from homog.analysis.across_decisions import PAIRS
from homog.analysis.ensembles import Ensemble
from homog.audit.tables import Audit, Section
from homog.report.layout import bracket, cell, interval, percent, percents, readable
from homog.report.pages import Finding
from homog.wording import counted

TOGETHER, APART, OPEN = "the same examples fail", "different examples fail", "undecided"
NOTHING = "failures are shared as in the control"
ALPHA = 0.05
ALIKE = 1.1  # an interval of H within this factor of the control is no effect worth a name
SAME_PEOPLE, OTHER_PEOPLE = "the same people are failed", "different people are failed"
HOW = (
    "Everything holds for these models; what is drawn are examples (persons, where they are named). Intervals are 95 "
    "% percentile intervals of a bootstrap over persons, the same draws for all numbers of a task; a rate of 0 or 1 "
    "has the exact limit, and so has joint failure where fewer than 5 examples are failed by all. Independent: what "
    "the same error rates give if models fail independently of each other (Poisson-binomial); its p is exact, given "
    "how often each model fails. H: how often every model fails, over that (Bommasani et al. 2022); it grows with the "
    "number of models by construction, log H per model and normalized H do not. Hard examples alone make H exceed 1: "
    "only a control that meets the same examples can say whether it is the sharing, and only the sharing that the "
    "control lacks; as in the control: the interval lies within 10 %. Error consistency and CAPA: 0 = agreement as "
    "the accuracies imply, 1 = the most. The verdict on a task is that of the interval of the interrater kappa of "
    "correctness. Regressions over pairs: interval and p of sharing an attribute are those of dealing it to other "
    "models at random, since models and not pairs are what there is much or little of; where a design has too few "
    "deals it cannot answer, and says so. Those of accuracies use errors that let all pairs of one model covary. "
    "Plain errors, which take pairs as independent, stand beside them. Groups: p is Fisher's exact test against "
    "everybody else, Holm's correction is for the number of groups."
)


def findings(audit: Audit) -> list[Finding]:
    """Do the same examples fail everywhere, and is it the sharing?"""
    listed = [_of_family(family, audit) for family in audit.families]
    listed += [_of_section(section) for section in audit.sections if section.distribution.n]
    rows = audit.tables["sharing"]
    return listed + [_of_sharing(row) for _, row in rows[~rows["detail"].to_numpy(dtype=bool)].iterrows()]


def _verdict(low: float, high: float, words: tuple[str, str, str]) -> str:
    return words[0] if low > 0 else words[1] if high < 0 else words[2]


def _of_section(section: Section) -> Finding:
    rows = section.tables["measures"].set_index("measure")
    kappa = section.tables["diversity"].set_index("measure").loc["interrater_kappa"]
    rate, ensemble = rows.loc["systemic_failure"], section.ensemble
    h = " ".join(f"{said} {bracket(rows.loc[name])}{end}" for name, said, end in H_FORMS)
    people = "" if rate["people"] == rate["examples"] else f" of {rate['people']:,} people"
    detail = (
        f"all {len(ensemble.models)} models fail {percents(rate)} of {rate['examples']:,} "
        f"examples{people}, {percent(rate['independent'])} if they were independent; {h}"
    )
    verdict = _verdict(kappa["low"], kappa["high"], (TOGETHER, APART, OPEN))
    kappas = f"interrater kappa {bracket(kappa)}"
    return Finding(readable(ensemble.setting) if ensemble.setting else "All models", verdict, f"{detail}; {kappas}")


H_FORMS = (
    ("homogenization", "H", ","),
    ("normalized_homogenization", "normalized H", ","),
    ("log_homogenization_per_model", "log H per model", ","),
    ("homogeneous_excess", "excess of all right or all wrong", ""),
)


def _of_family(family: Ensemble, audit: Audit) -> Finding:
    rows = audit.tables["across_tasks"]
    mine = rows[rows["family"] == family.setting] if "family" in rows else rows
    pairs = mine[mine["measure"] == PAIRS].iloc[0]
    fails = mine[mine["measure"] == "systemic_failure"]
    verdict = _verdict(pairs["low"] - 1, pairs["high"] - 1, (SAME_PEOPLE, OTHER_PEOPLE, OPEN))
    people = f"{percent(fails['value'].mean())} of {family.n:,} people"
    detail = (
        f"two decisions by one model fail the same person {bracket(pairs)} times as often as their error rates imply; "
        f"in all {len(family.tasks)} tasks a model fails {people}, "
        f"{percent(fails['independent'].mean())} if tasks were independent (means of {counted(len(fails), 'model')})"
    )
    return Finding(", ".join(readable(task) for task in family.tasks), verdict, detail)


def _of_sharing(row: Any) -> Finding:
    about = f" ({readable(row['tasks'])})" if row.get("tasks") else ""
    name = f"Sharing {row['shared']}{about}"
    if math.isnan(row["value"]):
        return Finding(name, "undefined", f"{row['reason']}; control: {row['control']}")
    words = ("more failures are shared", "fewer failures are shared", OPEN)
    times, low, high = (math.exp(row[part]) for part in ("value", "low", "high"))
    detail = f"H is {interval(times, low, high)} times that of the control: {row['control']}"
    verdict = _verdict(row["low"], row["high"], words) if row["holm"] < ALPHA else OPEN
    if verdict == OPEN and low > 1 / ALIKE and high < ALIKE:
        verdict = NOTHING
    return Finding(name, verdict, f"{detail} (p {cell(row['holm'], 'holm')} after Holm)")
