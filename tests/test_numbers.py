"""Every number in an answer is one of the tables that it cites, and every answer of README.md one of its study's.

An interval has to be in one row of one table; a number alone in any cell. Integers are not looked up.
"""

import json
import math
import re
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from homog import study
from homog.variants import EXPERIMENTS

ROOT = EXPERIMENTS.parent
RESULTS = ROOT / "results"
NUMBER = r"[−-]?\d+(?:,\d{3})*(?:\.\d+)?"
INTERVAL = re.compile(rf"({NUMBER})( ?%)?\s*\[({NUMBER})(?: ?%)?,\s+({NUMBER})(?: ?%)?\]")
DECIMAL = re.compile(r"(?<![\w.])([−-]?\d*\.\d+)( ?%)?(?!\w|\.\d)")
PERCENT = re.compile(r"(?<![\w.])([−-]?\d+)( %)")


@cache
def rows(folder: str) -> list[tuple[str, dict[str, float]]]:
    """(table, its numbers by column) for each row of each table of a report."""
    every = []
    for path in sorted((RESULTS / folder / "tables").glob("*.csv")):
        frame = pd.read_csv(path).select_dtypes("number")
        every += [(path.stem, row) for row in frame.to_dict("records")]
    return every


def said(text: str, percent: str | None) -> tuple[float, float]:
    """(the number as tables have it, how far it may be from theirs)."""
    plain = text.replace("−", "-").replace(",", "")
    digits = len(plain.partition(".")[2])
    scale = 100 if percent else 1
    return float(plain) / scale, (0.5 * 10**-digits * 1.02 + 1e-9) / scale


def near(value: float, number: tuple[float, float]) -> bool:
    return math.isfinite(value) and abs(abs(value) - abs(number[0])) <= number[1]


def limits(row: dict[str, float]) -> list[tuple[float, float, float]]:
    """Every (value, low, high) of a row."""
    found = []
    for low in (name for name in row if name == "low" or name.endswith("_low")):
        start = low.removesuffix("low")
        value = next((name for name in (f"{start}value", start.removesuffix("_")) if name in row), None)
        found += [(row[value], row[low], row[f"{start}high"])] if value and f"{start}high" in row else []
    ranges = [
        name.removesuffix("_from") for name in row if name.endswith("_from") and name.removesuffix("_from") in row
    ]
    return found + [(row[name], row[f"{name}_from"], row[f"{name}_to"]) for name in ranges]


def missing(text: str, *folders: str) -> list[str]:
    """The intervals and numbers of a text that no table of these reports has."""
    every = [row for folder in folders for _, row in rows(folder)]
    triples, cells = [triple for row in every for triple in limits(row)], [x for row in every for x in row.values()]
    lost = []
    for match in INTERVAL.finditer(text):
        wanted = [said(match[i], match[2]) for i in (1, 3, 4)]
        if not any(all(map(near, triple, wanted)) for triple in triples):
            lost.append(match[0])
    for pattern in (DECIMAL, PERCENT):
        for match in pattern.finditer(INTERVAL.sub(" ", text)):
            if not any(near(cell, said(match[1], match[2])) for cell in cells):
                lost.append(match[0])
    return lost


def answer(name: str) -> str:
    """What the README of a study says of its results."""
    text = (EXPERIMENTS / name / "README.md").read_text()
    return text[text.index("## Answer") : text.index("## Run it")]


@pytest.mark.parametrize("name", [name for name in study.names() if (RESULTS / name / "tables").is_dir()])
def test_the_numbers_of_an_answer_are_those_of_its_tables(name):
    assert missing(answer(name), name) == []


def test_the_numbers_of_the_list_of_studies_are_those_of_their_tables():
    text = (ROOT / "README.md").read_text()
    listed = re.findall(r"^\| \[(\w+)\]\(experiments/\1/README\.md\) \| [^|]* \| ([^|]*) \|$", text, re.M)
    assert {name for name, _ in listed} == set(study.names())
    assert {name: lost for name, said in listed if (lost := missing(said, name))} == {}


def test_the_numbers_under_the_first_figures_are_those_of_the_main_study():
    text = (ROOT / "README.md").read_text()
    assert missing(text[text.index("![Inherited harm by") : text.index("## Two commands")], "inheritance") == []


def test_a_number_that_no_table_has_is_found():
    (table, row), *_ = [each for each in rows("inheritance") if each[0] == "summary"]
    assert table == "summary"
    good = f"{row['value']:.2f} [{row['low']:.2f}, {row['high']:.2f}]"
    assert missing(good, "inheritance") == []
    assert missing(good.replace("[0.", "[0.1"), "inheritance") == [good.replace("[0.", "[0.1")]
    assert missing("it is 0.12345", "inheritance") == ["0.12345"]
    assert Path(ROOT / "README.md").is_file()


def test_the_figures_of_speed_are_those_that_were_measured():
    text = (ROOT / "docs" / "speed.md").read_text()
    cost: Any = pd.read_csv(RESULTS / "inheritance" / "cost.csv")
    told = json.loads((RESULTS / "bench" / "models_the_usual_way.json").read_text())
    for row in told["rows"]:
        numbers = [row["homog"], row["usual"], row["usual"] / row["homog"]]
        shown = f"| {row['adaptation']} | {row['task']} | {row['train']:,} | " + " | ".join(f"{x:.1f}" for x in numbers)
        assert shown in text
    for row in cost[cost["seconds"] >= 5].itertuples():
        size = "all" if row.train == 4000 else f"{row.train:,}"
        assert f"| {row.models:.0f} {row.adaptation}, {size} examples | {row.seconds:,.0f} | {row.floor:,.0f} |" in text
    whole = cost[["models", "seconds", "floor"]].sum()
    share = f"{whole['floor'] / whole['seconds']:.0%}"
    assert f"| all {whole['models']:.0f} | {whole['seconds']:,.0f} | {whole['floor']:,.0f} ({share}) |" in text
