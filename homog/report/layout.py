"""Frames and numbers for readers: rounded, in words, aligned, as Markdown and as LaTeX."""

from __future__ import annotations

import math
import re
from typing import Any

import pandas as pd

from homog.analysis import Frame

SPELLED = {
    "sms": "SMS",
    "trec": "TREC",
    "lora": "LoRA",
    "bitfit": "BitFit",
    "amazon": "Amazon",
    "reddit": "Reddit",
    "finetune": "fine-tuning",
    "recid": "recidivism",
    "n": "n",
    "p": "p",
}
HIDDEN = ("names", "control", "family", "defect_kind")  # in the CSV, not for the eye
CONSTANT = ("backbone", "condition", "kind", "dose", "reason")  # shown only where they differ
NAMES = ("adaptation", "task")  # columns whose values are names from the code


def readable(name: str, family: str = "") -> str:
    """A name for a reader: 'sms_spam' -> 'SMS spam', without the family that a heading names.

    Settings follow it: 'lora epochs=8 rank=2' -> 'LoRA, epochs 8, rank 2', a backbone (`apart`) as it is written:
    'lora backbone=minilm_l3' -> 'LoRA (minilm_l3)'.
    """
    name, _, backbone = name.partition(" backbone=")
    if backbone:
        return f"{readable(name, family)} ({backbone})"
    if "=" in name:
        name, *settings = name.split(" ")
        return ", ".join([readable(name, family), *(one.replace("_", " ").replace("=", " ") for one in settings)])
    words = name.removeprefix(f"{family}_").split("_")
    spelled = [SPELLED.get(word, word) for word in words]
    first = spelled[0] if words[0] in SPELLED and words[0] != "finetune" else spelled[0].capitalize()
    return " ".join([first, *spelled[1:]])


def number(value: float, digits: int = 2) -> str:
    """A rounded number with a true minus and no negative zero; 'n/a' for NaN."""
    if math.isnan(value):
        return "n/a"
    text = f"{value:.{digits}f}"
    return text.removeprefix("-") if float(text) == 0 else text.replace("-", "\N{MINUS SIGN}")


def bracket(row: Any, prefix: str = "") -> str:
    """'0.96 [0.95, 0.97]' from the columns value, low and high."""
    value, low, high = (float(row[prefix + name]) for name in ("value", "low", "high"))
    return "n/a" if math.isnan(value) else f"{number(value)} [{number(low)}, {number(high)}]"


def count(n: int, noun: str) -> str:
    """'1 task', '2,400 examples'."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def joined(names: list[str]) -> str:
    """'a, b and c'."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def display(frame: Frame) -> Frame:
    """A frame of strings: intervals as one column, numbers rounded, columns that say nothing left out."""
    shown = frame.drop(columns=[name for name in HIDDEN if name in frame])
    same = [name for name in CONSTANT if name in shown and shown[name].nunique(dropna=False) <= 1]
    shown = shown.drop(columns=same)
    for low in [name for name in shown if name == "low" or name.endswith("_low")]:
        prefix = low.removesuffix("low")
        texts = [bracket(row, prefix) for _, row in shown.iterrows()]
        shown = shown.assign(**{f"{prefix}value": texts}).drop(columns=[low, f"{prefix}high"])
    columns = {name: [cell(value, name) for value in shown[name]] for name in shown}
    return pd.DataFrame(columns).rename(columns={name: heading(name) for name in columns})


def cell(value: Any, column: str) -> str:
    """One value as text."""
    if isinstance(value, bool) or type(value).__name__ == "bool":
        return "yes" if value else "NO"
    if isinstance(value, float) and column in ("p", "holm"):
        return "n/a" if math.isnan(value) else ("<0.001" if value < 0.001 else f"{value:.3f}")
    if isinstance(value, float):
        return f"{value:g}" if column == "dose" else number(value)
    if value is None:
        return "not recorded"
    return readable(value) if column in NAMES else str(value)


def heading(column: str) -> str:
    """A column's name for a reader."""
    return {"value": "Value [95 % interval]", "holm": "p (Holm)", "arm_seed": "Backbone seed"}.get(
        column, readable(column)
    )


def aligned(frame: Frame) -> str:
    """A frame of strings as plain text in columns."""
    rows = [list(frame.columns), *frame.to_numpy().tolist()]
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(str(text).ljust(width) for text, width in zip(row, widths, strict=True)) for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(line.rstrip() for line in lines)


def markdown(frame: Frame) -> str:
    """A frame of strings as a Markdown table."""
    rows = [list(frame.columns), ["---"] * len(frame.columns), *frame.to_numpy().tolist()]
    escaped = [[str(text).replace("|", "\\|") for text in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in escaped)


def latex(frame: Frame) -> str:
    """A frame of strings as a booktabs tabular."""
    escaped = [[_tex(str(text)) for text in row] for row in [list(frame.columns), *frame.to_numpy().tolist()]]
    lines = [" & ".join(row) + r" \\" for row in escaped]
    columns = "l" * len(frame.columns)
    body = "\n".join(lines[1:])
    return (
        f"\\begin{{tabular}}{{{columns}}}\n\\toprule\n{lines[0]}\n\\midrule\n{body}\n\\bottomrule\n\\end{{tabular}}\n"
    )


def _tex(text: str) -> str:
    text = re.sub(r"([&%$#_{}])", r"\\\1", text.replace("\\", r"\textbackslash "))
    return text.replace("\N{MINUS SIGN}", "$-$").replace("<", "$<$").replace(">", "$>$")
