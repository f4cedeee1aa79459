"""What the numbers say: a verdict and a sentence per adaptation, and whether the hypothesis was met."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from homog.analysis import Frame
from homog.analysis.verdicts import RULE, borne_out, signs, verdict
from homog.report.layout import bracket, number, readable
from homog.report.pages import Finding
from homog.wording import counted, joined

FEW = 6  # answers that a report lists one by one

STATISTICS = (
    "Inherited harm is the harm of a model adapted from the injected backbone less that of the model adapted "
    "from the clean backbone with the same adaptation, task, seed and size, both exposed in the same way on "
    "the same examples. Intervals are 95 % t intervals with Satterthwaite's degrees of freedom: their variance is that "
    "between backbones (injection seeds), with the training samples that each was adapted with, and that between test "
    "examples; examples of one person count as one. The unit of replication is the backbone, not the task or the "
    "example. With two backbones there is no interval; with one it is over examples alone and holds for that "
    "backbone. Where no example differs from another the limits are exact binomial ones. Limits end where the "
    "number can (a difference of shares at -1 and 1). A mean over tasks uses tasks that have every seed, dose and "
    "arm that it compares; the others are named. p-values over tasks are corrected by Holm's procedure."
)
LEGEND = (
    "Means over tasks with 95 % intervals. Inherited harm: harm less that of the clean control, both exposed; it "
    "leads, since the clean backbone is what a user would have had instead. Less the sham: harm less that of a "
    "backbone that went through the same procedure with nothing planted. RMS: root mean square over tasks, less "
    "chance. Above 0: learned tasks above 0 after Holm's correction over tasks and adaptations. Seeds: injected "
    "backbones (shams). Accuracy change: on clean inputs, against the clean control."
)
EXPECTED = {"+": "inherited harm above 0", "-": "inherited harm below 0", "0": "no inherited harm"}


@dataclass(frozen=True)
class Said:
    """What a report says in words: answers, the headline `frame` and as it is shown, and how to read them."""

    answers: list[Finding]
    frame: Frame
    table: Frame
    outcome: str
    expected: str
    legend: str
    rule: str
    statistics: str


def said(hypothesis: Any, exposures: Mapping[str, Any], overall: Frame) -> Said:
    """The answers of a study of inherited harm; `overall`: `means.by_adaptation`."""
    signed, table = signs(hypothesis, exposures), summary_table(overall)
    outcome = hypothesis_outcome(signed, overall)
    if hypothesis.primary:
        adaptation, defect = hypothesis.primary
        named = overall["condition"].map({name: exposed.name for name, exposed in exposures.items()})
        mine = hypothesis_outcome(signed, overall[(overall["adaptation"] == adaptation) & (named == defect)])
        outcome = f"primary ({readable(adaptation)}, {readable(defect)}): {mine}; all comparisons: {outcome}"
    return Said(answers(overall), overall, table, outcome, expected(hypothesis), LEGEND, RULE, STATISTICS)


def answers(overall: Frame) -> list[Finding]:
    """An answer per row of `means.by_adaptation`."""
    rows = [row for _, row in overall.iterrows()]
    several = [name for name in ("backbone", "condition") if overall[name].nunique() > 1]
    findings = []
    for row in rows:
        name = " ".join([readable(row["adaptation"]), *(f"({row[key]})" for key in several)])
        word, why = verdict(row)
        findings.append(Finding(name, word, _detail(row) + (f"; {why}" if why else "")))
    return findings


def _detail(row: Any) -> str:
    if math.isnan(row["value"]):
        return f"there is no inherited harm to report ({row['reason']})"
    seeds = counted(row["seeds"], "backbone seed")
    alone = ": interval over examples only" if row["seeds"] == 1 else ""
    n = f"mean over {counted(row['tasks'], 'task')}, {counted(row['examples'], 'example')}, {seeds}{alone}"
    parts = [f"inherited harm {bracket(row)} ({n})", _sham(row)]
    parts.append(f"{row['inherited_tasks']} of {counted(row['tested_tasks'], 'learned task')} above 0 after Holm")
    if row["benefited_tasks"]:
        parts[-1] += f", {row['benefited_tasks']} below"
    if not row["inherited_tasks"] + row["benefited_tasks"]:
        parts.append(f"a mean of {number(row['mde'])} would be found with 80 % power")
    if row["unlearned"]:
        parts.append(f"not learned: {row['unlearned']}")
    if row["left_out"]:
        parts.append(f"left out of the mean, incomplete: {row['left_out']}")
    return "; ".join(parts)


def _sham(row: Any) -> str:
    if math.isnan(row["sham_value"]):
        why = row["sham_reason"] or "none was run"
        return f"no sham to compare with ({why}), so the procedure itself is not ruled out"
    said = f"sham {bracket(row, 'sham_')} ({counted(row['sham_seeds'], 'seed')})"
    if math.isnan(row["beyond_value"]):
        return said
    return f"{said}, harm less that of the sham of the same seed {bracket(row, 'beyond_')}"


def summary_table(overall: Frame) -> Frame:
    """The headline as a frame of strings, a row per adaptation (LEGEND explains the columns)."""
    rows = []
    for (_, row), answer in zip(overall.iterrows(), answers(overall), strict=True):
        shams = row["sham_seeds"] or "no"
        rows.append(
            {
                "Adaptation": answer.name,
                "Answer": answer.verdict,
                "Inherited harm": bracket(row),
                "Sham": bracket(row, "sham_"),
                "Less the sham": bracket(row, "beyond_"),
                "RMS": number(row["rms"]),
                "Above 0": f"{row['inherited_tasks']} of {row['tested_tasks']}",
                "Tasks": f"{row['tasks']}",
                "Seeds (sham)": f"{row['seeds']} ({shams})",
                "Examples": f"{row['examples']:,}",
                "Accuracy change": bracket(row, "cost_"),
                "Sham's accuracy change": bracket(row, "sham_cost_"),
            }
        )
    return pd.DataFrame(rows)


def expected(hypothesis: Any) -> str:
    """What the hypothesis expects, in words."""
    words = EXPECTED.get(hypothesis.sign, "not stated")
    return words + (f"; of {joined(list(hypothesis.improvements))} below 0" if hypothesis.improvements else "")


def hypothesis_outcome(expected: Mapping[str, str], overall: Frame) -> str:
    """'met', 'not met' …, by adaptation where they differ. `expected`: condition -> sign."""
    groups: dict[str, list[str]] = {}
    for (_, row), answer in zip(overall.iterrows(), answers(overall), strict=True):
        groups.setdefault(borne_out(expected[row["condition"]], row), []).append(answer.name)
    if len(groups) == 1:
        return next(iter(groups))
    if len(overall) > FEW:
        return _in_counts(groups)
    return "; ".join(f"{outcome} for {joined(names)}" for outcome, names in groups.items()) or "undecided"


def _in_counts(names: Mapping[str, list[str]]) -> str:
    """'met in 17, partly met in 3 (…) of 20 comparisons' from outcome -> names, which are listed where they are few."""
    total = sum(map(len, names.values()))
    parts = []
    for outcome, of in sorted(names.items(), key=lambda item: -len(item[1])):
        listed = f" ({joined(of)})" if len(of) <= FEW // 2 and len(of) < total else ""
        parts.append(f"{outcome} in {len(of)}{listed}")
    return f"{', '.join(parts)} of {total} comparisons"
