"""What numbers decide: verdicts by fixed rules, and whether they bear out a hypothesis."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from homog.wording import counted

MEANINGFUL = 0.05  # inherited harm below this is called none
RULE = (
    f"inherited: the 95 % interval of the mean inherited harm lies above 0, the mean is at least {MEANINGFUL}, the "
    "interval lies above that of the sham (where there is one that plants nothing), and every task is above 0 after "
    "Holm's correction; partly inherited: the same, but not in every task; not inherited: the interval lies below "
    f"{MEANINGFUL} and above -{MEANINGFUL}; benefit inherited, benefit partly inherited: the mirror image below 0; "
    "undecided: anything else, and whenever an injected backbone failed its check upstream."
)
MET = {
    "+": ("inherited", "partly inherited"),
    "-": ("benefit inherited", "benefit partly inherited"),
    "0": ("not inherited",),
}


def verdict(row: Any) -> tuple[str, str]:
    """(verdict by RULE, what stood in the way of a decision) of a row of `means.by_adaptation`."""
    if math.isnan(row["value"]):
        return "undecided", ""
    if row["unverified"]:
        return "undecided", f"{row['unverified']} of {counted(row['arms'], 'injected backbone')} failed upstream"
    if row["low"] > -MEANINGFUL and row["high"] < MEANINGFUL:
        return "not inherited", ""
    benefit = row["value"] < 0
    sign, near, sham = (-1, row["high"], "sham_low") if benefit else (1, row["low"], "sham_high")
    if sign * near <= 0 or abs(row["value"]) < MEANINGFUL:
        edge = f"{'-' if benefit else ''}{MEANINGFUL}"
        return "undecided", f"the interval holds both less and more than {edge}"
    alike = sign * row[sham] >= sign * near
    if alike and row["defect_kind"] != "engineered":
        return "undecided", "the sham, which plants nothing, does as much"
    why = "the sham, noise of the same size, does as much" if alike else ""
    whole = row["benefited_tasks" if benefit else "inherited_tasks"] == row["tested_tasks"]
    return ("benefit " if benefit else "") + ("inherited" if whole else "partly inherited"), why


def signs(hypothesis: Any, exposures: Mapping[str, Any]) -> dict[str, str]:
    """Condition -> the sign of the inherited harm that the hypothesis expects there."""
    other = set(hypothesis.improvements)
    return {name: "-" if defect.name in other else hypothesis.sign for name, defect in exposures.items()}


def borne_out(sign: str, row: Any) -> str:
    """'met', 'partly met', 'not met' or 'undecided': the expected sign against the verdict on a row."""
    word, _ = verdict(row)
    if word == "undecided" or sign not in MET:
        return "undecided"
    return ("partly met" if "partly" in word else "met") if word in MET[sign] else "not met"


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
