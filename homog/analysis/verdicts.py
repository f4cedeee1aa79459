"""What numbers decide: verdicts by fixed rules, and whether they bear out a hypothesis."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from homog.wording import counted

MEANINGFUL = 0.05  # harm below this is called none
MARGIN = 0.1  # transmission below this is called none
UNDECIDED, BOTH_SIGNS, ONLY_IN_MEAN = "undecided", "harm and benefit inherited", "inherited in the mean only"
NOTHING_THERE, NOT_INHERITED, AS_NOISE = "nothing to inherit", "not inherited", "as noise of the same size"
NO_SHAM = {False: "above the control, no sham", True: "below the control, no sham"}
RULE = (
    "in this order. Undecided: an injected backbone failed its check upstream. Harm and benefit inherited: after "
    "Holm's correction some learned tasks lie above 0 and others below. Nothing to inherit: in the backbone itself "
    f"(nearest centroid) the 95 % interval of the harm lies between -{MEANINGFUL} and {MEANINGFUL}. Not inherited: the "
    f"interval of the mean inherited harm lies within {100 * MARGIN:g} % of the harm in the backbone itself, or within "
    f"{MEANINGFUL} where that is not known. Inherited: the interval lies above 0, the mean is at least {MEANINGFUL}, "
    "harm less the sham's is above 0 too, and every learned task is above 0 after Holm's correction over tasks and "
    "adaptations; partly inherited: not every task; inherited in the mean only: no task. Above the control, no sham: "
    "the same, but nothing rules out the procedure itself. As noise of the same size: the same, but an engineered "
    "change does no more than its sham. Benefit inherited: the mirror image below 0. Undecided: anything else."
)
MET = {
    "+": {"inherited": "met", "partly inherited": "partly met", ONLY_IN_MEAN: "partly met", AS_NOISE: "partly met"},
    "-": {
        "benefit inherited": "met",
        "benefit partly inherited": "partly met",
        f"benefit {ONLY_IN_MEAN}": "partly met",
    },
    "0": {NOT_INHERITED: "met"},
}
OPEN = (UNDECIDED, NOTHING_THERE, *NO_SHAM.values())  # words that neither bear out a hypothesis nor speak against it


def verdict(row: Any) -> tuple[str, str]:
    """(verdict by RULE, what stood in the way of a decision) of a row of `means.by_adaptation`."""
    if math.isnan(row["value"]):
        return UNDECIDED, ""
    if row["unverified"]:
        return UNDECIDED, f"{row['unverified']} of {counted(row['arms'], 'injected backbone')} failed upstream"
    if row["inherited_tasks"] and row["benefited_tasks"]:
        return BOTH_SIGNS, f"the mean hides both; root mean square over tasks {row['rms']:.2f}"
    if math.isnan(row["low"]):
        return UNDECIDED, row["reason"] or "there is no interval"
    there, margin = row["upstream_value"], MEANINGFUL
    if max(abs(row["upstream_low"]), abs(row["upstream_high"])) < MEANINGFUL:
        return NOTHING_THERE, f"harm in the backbone itself {there:.2f}"
    if not math.isnan(there):
        margin = MARGIN * abs(there)
    if row["low"] > -margin and row["high"] < margin:
        return NOT_INHERITED, ""
    return _direction(row)


def _direction(row: Any) -> tuple[str, str]:
    """Whether harm or benefit is inherited, of a row that is not told to be near 0."""
    benefit = row["value"] < 0
    sign, near = (-1, row["high"]) if benefit else (1, row["low"])
    if sign * near <= 0 or abs(row["value"]) < MEANINGFUL:
        edge = f"{'-' if benefit else ''}{MEANINGFUL}"
        return UNDECIDED, f"the interval holds both less and more than {edge}"
    if math.isnan(row["sham_value"]):
        return NO_SHAM[benefit], ""
    beyond = row["beyond_high" if benefit else "beyond_low"]
    if not math.isnan(beyond) and sign * beyond <= 0:
        if row["defect_kind"] == "engineered":
            return AS_NOISE, ""
        return UNDECIDED, "the sham, which plants nothing, does as much"
    told = row["benefited_tasks" if benefit else "inherited_tasks"]
    word = "inherited" if told == row["tested_tasks"] else "partly inherited" if told else ONLY_IN_MEAN
    return f"benefit {word}" if benefit else word, ""


def signs(hypothesis: Any, exposures: Mapping[str, Any]) -> dict[str, str]:
    """Condition -> the sign of the inherited harm that the hypothesis expects there."""
    improved = set(hypothesis.improvements)
    return {name: "-" if defect.name in improved else hypothesis.sign for name, defect in exposures.items()}


def borne_out(sign: str, row: Any) -> str:
    """'met', 'partly met', 'not met' or 'undecided': the expected sign against the verdict on a row."""
    word, _ = verdict(row)
    if word in OPEN or sign not in MET:
        return word if word == NOTHING_THERE else UNDECIDED
    if word == BOTH_SIGNS:
        return "not met" if sign == "0" else "partly met"
    return MET[sign].get(word, "not met")


def direction(value: float, low: float, high: float, meaningful: float) -> str:
    """'+' or '-': told from 0 and at least `meaningful`; '0': the interval is nearer to 0 than that; '?': else."""
    if low > 0 and value >= meaningful:
        return "+"
    if high < 0 and value <= -meaningful:
        return "-"
    return "0" if max(abs(low), abs(high)) < meaningful else "?"


def met_by(count: int, of: int) -> str:
    """What becomes of a hypothesis that `count` of its comparisons bear out."""
    return "met" if of and count == of else "met in part" if count else "not met"
