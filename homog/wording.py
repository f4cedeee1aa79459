"""Counts, lists of names and errors in a sentence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

SHOWN = 3  # names in a message
IRREGULAR = {"person": "people"}


def counted(n: int, noun: str, verb: Sequence[str] = ("", "")) -> str:
    """'1 example', '2,400 examples'; with `verb` ('is', 'are') the one that agrees."""
    plural = IRREGULAR.get(noun, f"{noun}s")
    return f"{n:,} {noun if n == 1 else plural} {verb[int(n != 1)]}".rstrip()


def ranged(numbers: Iterable[int], noun: str) -> str:
    """'2 to 3 tasks', or '2 tasks' where it is always so many."""
    every = [int(number) for number in numbers]
    low, high = min(every), max(every)
    return counted(high, noun) if low == high else f"{low:,} to {counted(high, noun)}"


def some(names: Iterable[Any], most: int = SHOWN) -> str:
    """'a, b, c, ...': at most `most` names."""
    names = [str(name) for name in names]
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


def joined(names: Sequence[str]) -> str:
    """'a, b and c'."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def line(error: Any, most: int | None = 160) -> str:
    """What an error says as one line of at most `most` letters (None: all); its type where it says nothing."""
    return " ".join(str(error).split())[:most] or type(error).__name__
