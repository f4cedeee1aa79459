"""Frames and numbers for readers: rounded, in words, aligned, as Markdown and as LaTeX."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np
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
    "rms": "RMS",
    "capa": "CAPA",
    "ia3": "IA3",
    "knn": "kNN",
    "mlp": "MLP",
    "n": "n",
    "p": "p",
}
HEADINGS = {
    "value": "Value [95 % interval]",
    "holm": "p (Holm)",
    "mde": "Detectable with 80 % power",
    "p_plain": "p (plain)",
    "trend": "p (Page's trend)",
    "arm_seed": "Backbone seed",
    "value_of_group": "Group",
    "group": "By",
    "homogenization": "H",
}
HIDDEN = ("names", "control", "family", "defect_kind", "detail", "standard_error")  # in the CSV, not for the eye
BESIDE = ("p", "mde", "standard_error", "seeds", "examples", "reason")  # of numbers beside the first: in the CSV alone
CONSTANT = ("backbone", "condition", "kind", "dose")  # shown only where they differ
NAMES = ("adaptation", "task", "measure", "term", "outcome")  # columns whose values are names from the code
P_VALUES = ("p", "holm", "p_plain", "trend")
LEAST = 0.01  # what is smaller gets more than two decimals


def readable(name: str, family: str = "") -> str:
    """A name for a reader: 'sms_spam' -> 'SMS spam', without the family that a heading names.

    Settings follow it: 'lora epochs=8 rank=2' -> 'LoRA, epochs 8, rank 2', a backbone (`apart`) as it is written:
    'lora backbone=minilm_l3' -> 'LoRA (minilm_l3)'.
    """
    name, _, backbone = name.partition(" backbone=")
    if backbone:
        return f"{readable(name, family)} ({backbone})"
    if "=" in name:
        first, *settings = name.split(" ")
        if "=" in first or not first:  # no settings: a name that somebody brought
            return name
        return ", ".join([readable(first, family), *(text.replace("_", " ").replace("=", " ") for text in settings)])
    words = name.removeprefix(f"{family}_").split("_")
    spelled = [SPELLED.get(word, word) for word in words]
    first = spelled[0] if words[0] in SPELLED and words[0] != "finetune" else spelled[0][:1].upper() + spelled[0][1:]
    return " ".join([first, *spelled[1:]])


def decimals(*values: float) -> int:
    """How many decimals numbers that stand together get: two; where all are below LEAST, two digits of the largest."""
    size = max((abs(value) for value in values if math.isfinite(value)), default=0.0)
    return 2 if size >= LEAST or size < 1e-300 else 1 - math.floor(math.log10(size))


def number(value: float, digits: int = 2) -> str:
    """'0.12', '1,234', '5.2e9', '3.1e-6', '∞', 'n/a' for NaN; a true minus, and no negative zero."""
    if math.isnan(value):
        return "n/a"
    if math.isinf(value):
        return "∞" if value > 0 else "\N{MINUS SIGN}∞"
    size = abs(value)
    if size >= 1e6 or digits > 5 and size:
        text = re.sub(r"e([+-])0*", lambda sign: "e" + sign[1].replace("+", ""), f"{value:.1e}")
    else:
        text = f"{value:,.0f}" if size >= 100 else f"{value:.{min(digits, 5)}f}"
        text = text.removeprefix("-") if float(text.replace(",", "")) == 0 else text
    return text.replace("-", "\N{MINUS SIGN}")


def bracket(row: Any, prefix: str = "") -> str:
    """'0.96 [0.95, 0.97]' from the columns value, low and high; '0.96 (no interval)'."""
    return interval(*(float(row[prefix + name]) for name in ("value", "low", "high")))


def interval(value: float, low: float, high: float) -> str:
    """'0.96 [0.95, 0.97]', '0.0012 [0.0004, 0.0031]', '0.96 (no interval)', 'n/a'."""
    digits = decimals(value, low, high)
    limits = "(no interval)" if math.isnan(low) else f"[{number(low, digits)}, {number(high, digits)}]"
    return "n/a" if math.isnan(value) else f"{number(value, digits)} {limits}"


def percent(value: float) -> str:
    """'3.2 %', '0.04 %', '<0.01 %'."""
    if math.isnan(value):
        return "n/a"
    shown = 100 * value
    if 0 < shown < 0.01:
        return "<0.01 %"
    return f"{number(shown, 0 if shown >= 99.95 or shown == 0 else 1 if shown >= 1 else 2)} %"


def percents(row: Any) -> str:
    """'7.5 % [3.3 %, 12.5 %]' from the columns value, low and high."""
    limits = "(no interval)" if math.isnan(row["low"]) else f"[{percent(row['low'])}, {percent(row['high'])}]"
    return f"{percent(row['value'])} {limits}"


def display(frame: Frame, most: int | None = None, hidden: Sequence[str] = HIDDEN) -> Frame:
    """A frame of strings, of at most `most` rows.

    Intervals are one column, numbers rounded; `hidden` columns and columns that say nothing are left out, and what
    belongs to the second of several numbers of a row (`sham_p` beside `sham_value`).
    """
    others = [str(name).removesuffix("value") for name in frame if str(name).endswith("_value")]
    beside = [f"{other}{part}" for other in others for part in BESIDE]
    frame = frame.drop(columns=[name for name in (*hidden, *beside) if name in frame])
    same = [name for name in CONSTANT if name in frame and frame[name].nunique(dropna=False) <= 1]
    same += [name for name in ("reason", "excluded") if name in frame and not frame[name].astype(bool).any()]
    same += [name for name in frame if str(name).endswith("mde") and frame[name].isna().all()]
    shown, columns = frame.drop(columns=same).head(most if most else len(frame)), {}
    limits = {_of_limit(name, shown): name for name in shown if name == "low" or str(name).endswith("_low")}
    ends = {end for low in limits.values() for end in (low, f"{low.removesuffix('low')}high")}
    for name in (name for name in shown if name not in ends):
        values = shown[name].tolist()
        if name in limits:
            low, high = (shown[f"{limits[name].removesuffix('low')}{end}"].tolist() for end in ("low", "high"))
            columns[name] = [interval(*row) for row in zip(values, low, high, strict=True)]
        else:
            columns[name] = [cell(value, str(name)) for value in values]
    return pd.DataFrame(columns).rename(columns={name: heading(str(name)) for name in columns})


def _of_limit(low: str, frame: Frame) -> str:
    """The column that the lower limit `low` belongs to: 'sham_low' -> 'sham_value', 'rate_low' -> 'rate'."""
    value = f"{low.removesuffix('low')}value"
    return value if value in frame else low.removesuffix("_low")


def cell(value: Any, column: str) -> str:
    """One value as text."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "NO" if column == "verified" else "no"
    if isinstance(value, float) and column in P_VALUES:
        return "n/a" if math.isnan(value) else ("<0.001" if value < 0.001 else f"{value:.3f}")
    if isinstance(value, float):
        return f"{value:g}" if column == "dose" else number(value, decimals(value))
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    if value is None:
        return "not recorded"
    return readable(str(value)) if column in NAMES else str(value)


def heading(column: str) -> str:
    """A column's name for a reader."""
    return HEADINGS.get(column) or readable(column)


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


def unmarked(value: Any) -> Any:
    """A text that Markdown shows as it is: no tag and no link begins in it."""
    return (
        re.sub(r"\](?=[(\[])", r"\\]", re.sub(r"<(?=[A-Za-z/!?])", "&lt;", value)) if isinstance(value, str) else value
    )


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
    text = text.replace("^", r"\textasciicircum{}").replace("~", r"\textasciitilde{}")
    return text.replace("\N{MINUS SIGN}", "$-$").replace("<", "$<$").replace(">", "$>$")
