"""The answer in a few lines: what is alike is said once, with its range; the table below has every row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pandas import Series

from homog.analysis import Frame
from homog.report.answers import FEW
from homog.report.layout import bracket, number, readable
from homog.report.pages import Finding
from homog.wording import counted


def headlines(answers: Sequence[Finding], frame: Frame, exposures: Mapping[str, str]) -> list[Finding]:
    """The answers, or where there are more than FEW: one per adaptation, or one per verdict.

    `frame` has a row per answer; `exposures`: condition -> the defect whose exposure it is.
    """
    if len(answers) <= FEW:
        return list(answers)
    if "inherited_tasks" in frame and frame["condition"].nunique() > 1:
        return _by_adaptation(answers, frame.reset_index(drop=True), exposures)
    return _by_verdict(answers)


def _by_verdict(answers: Sequence[Finding]) -> list[Finding]:
    names: dict[str, list[str]] = {}
    for answer in answers:
        names.setdefault(answer.verdict, []).append(answer.name)
    return [Finding(f"{len(of)} of {len(answers)}", word, _first(of)) for word, of in names.items()]


def _first(names: Sequence[str], most: int = FEW // 2) -> str:
    """'a; b; c; and 4 more, see the table'."""
    return "; ".join([*names[:most], *([f"and {len(names) - most} more, see the table"] if len(names) > most else [])])


def _by_adaptation(answers: Sequence[Finding], frame: Frame, exposures: Mapping[str, str]) -> list[Finding]:
    several, lines = frame["backbone"].nunique() > 1, []
    for (backbone, adaptation), rows in frame.groupby(["backbone", "adaptation"], sort=False):
        name = readable(str(adaptation)) + (f" ({backbone})" if several else "")
        rows = rows.assign(verdict=[answers[place].verdict for place in rows.index])
        differ, by_defect = rows["verdict"].nunique() > 1, rows.groupby(rows["condition"].map(exposures), sort=False)
        parts = [_of_defect(defect, part, differ) for defect, part in by_defect]
        lines.append(Finding(name, _shares(rows["verdict"].tolist()), "; ".join([*parts, _shams(rows)])))
    return lines


def _shares(words: list[str]) -> str:
    """'inherited', or 'inherited (4 of 5), undecided (1 of 5)'."""
    different = dict.fromkeys(words)
    if len(different) == 1:
        return words[0]
    return ", ".join(f"{word} ({words.count(word)} of {len(words)})" for word in different)


def _of_defect(defect: object, rows: Frame, differ: bool) -> str:
    """Inherited harm and tasks of one defect: the number of its only exposure, or the range over several.

    With its verdict where verdicts `differ` by defect or exposure.
    """
    told = _range([f"{n}" for n in sorted(rows["inherited_tasks"])])
    tasks = f"{told} of {counted(int(rows['tested_tasks'].max()), 'task')} above 0"
    word = f" {_shares(rows['verdict'].tolist())}," if differ else ""
    if len(rows) == 1:
        return f"{rows['condition'].iloc[0]}{word} {bracket(rows.iloc[0])}, {tasks}"
    return f"{defect}{word} {_range(_numbers(rows['value']))} over {len(rows)} exposures, {tasks}"


def _shams(rows: Frame) -> str:
    values = _numbers(rows["sham_value"].dropna())
    without = len(rows) - len(values)
    if not values:
        return "no sham"
    said = f"{'sham' if len(set(values)) == 1 else 'shams'} {_range(values)}"
    return said + (f" (none for {without} of {len(rows)})" if without else "")


def _numbers(values: Series) -> list[str]:
    """In ascending order."""
    return [number(value) for value in sorted(values)]


def _range(ordered: list[str]) -> str:
    return ordered[0] if ordered[0] == ordered[-1] else f"{ordered[0]} to {ordered[-1]}"
