"""What an audit found, in sentences and in tables that can be read."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import pandas as pd

from homog.analysis import Frame
from homog.analysis.across_decisions import PAIRS
from homog.analysis.ensembles import Ensemble
from homog.audit.choices import counted
from homog.audit.tables import Audit, Section
from homog.report.answers import Finding
from homog.report.layout import number, readable

TOGETHER, APART, OPEN = "the same examples fail", "different examples fail", "undecided"
NOTHING = "failures are shared as in the control"
ALPHA = 0.05
ALIKE = 1.1  # an interval of H within this factor of the control is no effect worth a name
SAME_PEOPLE, OTHER_PEOPLE = "the same people are failed", "different people are failed"
HOW = (
    "Everything holds for these models; what is drawn are examples (persons, where they are named). Intervals are 95 "
    "% percentile intervals of a bootstrap over persons, the same draws for all numbers of a task; a rate of 0 or 1 "
    "has the exact limit. Independent: what the same error rates give if models fail independently of each other "
    "(Poisson-binomial). H: how often every model fails, over that (Bommasani et al. 2022); it grows with the number "
    "of models by construction, log H per model and normalized H do not. Hard examples alone make H exceed 1: only a "
    "control that meets the same examples can say whether it is the sharing, and only the sharing that the control "
    "lacks; as in the control: the interval lies within 10 %. Error consistency and CAPA: 0 = agreement as the "
    "accuracies imply, 1 = the most. The verdict on a task is that of the interval of the interrater kappa of "
    "correctness. Regressions over pairs: low, high and p use errors that let all pairs of one model covary; plain "
    "errors, which take pairs as independent, stand beside them. With fewer than about 30 models the former are often"
    " too small: believe an effect that both show. Groups: p is Fisher's exact test against everybody else, Holm's "
    "correction is for the number of groups."
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
    h = " ".join(f"{said} {spread(rows.loc[name])}{end}" for name, said, end in H_FORMS)
    people = "" if rate["people"] == rate["examples"] else f" of {rate['people']:,} people"
    detail = (
        f"all {len(ensemble.models)} models fail {percent(rate['value'])} {percents(rate)} of {rate['examples']:,} "
        f"examples{people}, {percent(rate['independent'])} if they were independent; {h}"
    )
    verdict = _verdict(kappa["low"], kappa["high"], (TOGETHER, APART, OPEN))
    kappas = f"interrater kappa {spread(kappa)}"
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
        f"two decisions by one model fail the same person {spread(pairs)} times as often as their error rates imply; "
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
    limits = f"[{significant(low)}, {significant(high)}]"
    detail = f"H is {significant(times)} times {limits} that of the control: {row['control']}"
    verdict = _verdict(row["low"], row["high"], words) if row["holm"] < ALPHA else OPEN
    if verdict == OPEN and low > 1 / ALIKE and high < ALIKE:
        verdict = NOTHING
    return Finding(name, verdict, f"{detail} (p {text(row['holm'], 'holm')} after Holm)")


def spread(row: Any) -> str:
    """'0.33 [0.21, 0.45]'."""
    if math.isnan(row["value"]):
        return "n/a"
    if math.isnan(row["low"]):
        return f"{significant(row['value'])} (no interval)"
    return f"{significant(row['value'])} [{significant(row['low'])}, {significant(row['high'])}]"


def percent(value: float) -> str:
    """'3.2 %', '0.04 %', '<0.01 %'."""
    if math.isnan(value):
        return "n/a"
    shown = 100 * value
    if 0 < shown < 0.01:
        return "<0.01 %"
    return f"{number(shown, 0 if shown >= 99.95 or shown == 0 else 1 if shown >= 1 else 2)} %"


def percents(row: Any) -> str:
    """'[2.1 %, 4.5 %]'."""
    return f"[{percent(row['low'])}, {percent(row['high'])}]"


def significant(value: float) -> str:
    """Three digits: '0.00123', '12.3', '1,230'; 'n/a' for NaN."""
    if value is None or math.isnan(value):
        return "n/a"
    if math.isinf(value):
        return "∞" if value > 0 else "\N{MINUS SIGN}∞"
    size = abs(value)
    if size >= 1e6:
        return f"{value:.1e}".replace("e+0", "e").replace("e+", "e").replace("-", "\N{MINUS SIGN}")
    if size >= 100 or value == int(value):
        return f"{value:,.0f}".replace("-", "\N{MINUS SIGN}")
    if size < 1e-4:
        return f"{value:.1e}".replace("e-0", "e-").replace("-", "\N{MINUS SIGN}")
    return number(value, 2 - math.floor(math.log10(size)) if size < 1 else 2 if size < 10 else 1)


def shown(frame: Frame, most: int | None = None) -> Frame:
    """At most `most` rows as strings: intervals in one column, empty ones left out."""
    frame = frame.head(most) if most else frame
    frame = frame.drop(columns=[name for name in frame if _silent(frame, name)])
    columns = {}
    for name in frame:
        end = next((part for part in ("low", "high") if name == part or name.endswith(f"_{part}")), None)
        if end and (name == end or name.removesuffix(f"_{end}") in frame):
            continue
        limits = ("low", "high") if name == "value" else (f"{name}_low", f"{name}_high")
        if limits[0] in frame:
            texts = [
                spread(dict(zip(("value", "low", "high"), row, strict=True))) for row in _rows(frame, (name, *limits))
            ]
        else:
            texts = [text(value, str(name)) for value in frame[name]]
        columns[HEADINGS.get(str(name)) or readable(str(name))] = texts
    return pd.DataFrame(columns)


def _rows(frame: Frame, names: Iterable[str]) -> Iterable[tuple]:
    return zip(*(frame[name] for name in names), strict=True)


def _silent(frame: Frame, name: str) -> bool:
    """A reason that is never given, or what is for machines."""
    return name == "detail" or name in ("reason", "excluded") and not frame[name].astype(bool).any()


HEADINGS = {
    "value": "Value [95 % interval]",
    "value_of_group": "Group",
    "group": "By",
    "p": "p",
    "holm": "p (Holm)",
    "p_plain": "p (plain)",
    "homogenization": "H",
}


def text(value: Any, column: str) -> str:
    """One value of a table."""
    if isinstance(value, bool) or type(value).__name__ == "bool":
        return "yes" if value else "no"
    if isinstance(value, float):
        if column in ("p", "holm", "p_plain"):
            return "n/a" if math.isnan(value) else "<0.001" if value < 0.001 else f"{value:.3f}"
        return significant(value)
    if isinstance(value, int) or type(value).__name__.startswith("int"):
        return f"{value:,}"
    return readable(value) if column in ("measure", "term", "outcome") else str(value)
