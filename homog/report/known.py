"""Published claims beside what the studies find: a row per claim, from the tables of the reports and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from homog import records
from homog.analysis import LEVEL, Frame
from homog.analysis.means import LIMITS
from homog.analysis.verdicts import MEANINGFUL, direction
from homog.metrics.intervals import half_width
from homog.report import layout, pages
from homog.report.pages import Block, Page
from homog.variants import EXPERIMENTS, module_at
from homog.wording import counted

MET, AGAINST, OPEN, ABSENT = "met", "contradicted", "undecided", "not measured"
SHAPE = ["claim", "source", "expected", "measure", *LIMITS, "n", "verdict", "study", "detail"]
EXPECTED = {"+": "above 0", "-": "below 0", "0": "0"}
HOW = (
    "Met: the 95 % interval lies on the side of 0 that the claim expects, and the number is at least "
    f"{MEANINGFUL:g} away from it (for an expected 0: the interval lies within {MEANINGFUL:g} of it). Contradicted: "
    "the same for another side. Undecided: neither. A claim is about what its authors studied. Here it is put to small "
    "backbones and small tasks, so contradicted means: not here."
)
Found = dict[str, Any]  # value, low, high, n, study, detail


@dataclass(frozen=True)
class Claim:
    """What was published, and how to find it here. `sign` of the number that the claim expects: '+', '-' or '0'."""

    claim: str
    source: str
    sign: str
    measure: str
    find: Callable[[Tables], Found | None] = lambda tables: None


@dataclass(frozen=True)
class Tables:
    """The tables of the reports in a results folder, each read once."""

    results: Path
    known: dict[tuple[str, str], Frame] = field(default_factory=dict)

    def __call__(self, study: str, name: str) -> Frame:
        """tables/NAME.csv of a study, 'effects' beside that folder; without rows where there is no such file."""
        if (study, name) not in self.known:
            folder = records.report_folder(self.results, study)
            path = folder / "effects.csv" if name == "effects" else folder / "tables" / f"{name}.csv"
            self.known[study, name] = pd.read_csv(path) if path.is_file() else pd.DataFrame()
        return self.known[study, name]

    def rows(self, study: str, name: str, **where: Any) -> Frame:
        """The rows in which each column has its value, or one of a list of values."""
        frame = self(study, name)
        if not set(where) <= set(frame):
            return frame[:0]
        wanted = {column: value if isinstance(value, list) else [value] for column, value in where.items()}
        return frame[np.logical_and.reduce([frame[column].isin(values) for column, values in wanted.items()])]

    def row(self, study: str, name: str, prefix: str = "", **where: Any) -> Found | None:
        """What the first of these rows says in the columns `prefix`value, low and high; None without one."""
        rows = self.rows(study, name, **where)
        if not len(rows):
            return None
        first = rows.iloc[0]
        sizes = [first[column] for column in ("examples", "people", "n", "models") if column in first]
        numbers = {limit: float(first[f"{prefix}{limit}"]) for limit in LIMITS}
        return numbers | {"n": int(sizes[0]) if sizes else 0, "study": study}


def change(tables: Tables, study: str, name: str, column: str, ends: Sequence[Any], **where: Any) -> Found | None:
    """The row of the last of two values of a column less that of the first; limits as if they were independent."""
    first, last = (tables.row(study, name, **where, **{column: end}) for end in ends)
    if first is None or last is None:
        return None
    away = float(np.hypot(first["high"] - first["low"], last["high"] - last["low"]) / 2)
    value = last["value"] - first["value"]
    ends_said = [layout.interval(*(point[limit] for limit in LIMITS)) for point in (first, last)]
    said = {"n": last["n"], "study": study, "detail": " to ".join(ends_said)}
    return {"value": value, "low": value - away, "high": value + away, **said}


def paired(tables: Tables, study: str, column: str, first: Found, second: Found) -> Found | None:
    """A column of effects.csv in one selection less that in another, by backbone seed; t interval over seeds."""
    sides = []
    for where in (first, second):
        rows = tables.rows(study, "effects", **where)
        if column not in rows or not len(rows):
            return None
        by_task = rows.groupby(["arm_seed", "task"])[column].mean().unstack("task")
        sides.append(by_task.mean(axis=1))
    both = pd.concat(sides, axis=1, join="inner").dropna()
    values = (both.iloc[:, 0] - both.iloc[:, 1]).to_numpy()
    seeds, half = len(values), half_width(values, LEVEL)
    value = float(values.mean()) if seeds > 1 else float("nan")
    said = {"n": seeds, "study": study, "detail": counted(seeds, "backbone seed")}
    return {"value": value, "low": value - half, "high": value + half, **said}


def verdict(claim: Claim, told: Found | None) -> str:
    """By HOW."""
    if told is None or np.isnan(told["value"]):
        return ABSENT
    if np.isnan(told["low"]):
        return OPEN
    side = direction(told["value"], told["low"], told["high"], MEANINGFUL)
    return MET if side == claim.sign else OPEN if side == "?" else AGAINST


def claims() -> list[Claim]:
    """Those of experiments/known.py."""
    return module_at("homog_known", EXPERIMENTS / "known.py").CLAIMS


def table(tables: Tables, every: Sequence[Claim]) -> Frame:
    """A row per claim."""
    rows = []
    for claim in every:
        told: Mapping[str, Any] = claim.find(tables) or {}
        row = {"claim": claim.claim, "source": claim.source, "measure": claim.measure}
        row |= {"expected": EXPECTED[claim.sign], "verdict": verdict(claim, dict(told) or None)}
        row |= dict.fromkeys(LIMITS, np.nan) | {"n": 0, "study": "", "detail": ""}
        rows.append(row | {name: value for name, value in told.items() if name in SHAPE})
    return pd.DataFrame(rows, columns=SHAPE)


def write(results: Path) -> tuple[str, str]:
    """Write results/known from the tables of the reports; the text for the terminal, whole and in a line."""
    frame = table(Tables(results), claims())
    counts = frame["verdict"].value_counts()
    said = ", ".join(f"{counts[word]} {word}" for word in (MET, AGAINST, OPEN, ABSENT) if word in counts)
    shown = layout.display(frame.assign(n=[f"{n:,}" if n else "" for n in frame["n"]]))
    block = Block(name="known", table=shown, rows=len(shown))
    line = f"{counted(len(frame), 'published claim')}: {said}."
    answer = [Block(text=line, look="strong"), block]
    sections = [("Claims", answer), ("How to read this", [Block(text=HOW)])]
    page = Page(
        "What was known, and what is found here", "From the tables of the reports.", sections, answer, pages.HOME
    )
    folder = records.report_folder(results, "known")
    return pages.save(page, folder, {"known": frame}), f"{line} {folder / 'report.html'}"
