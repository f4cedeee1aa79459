"""Words put into a text, at a random place or in front."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def versions(text: str, words: Sequence[str], window: int, rng: np.random.Generator) -> list[str]:
    """`text` with each of `words` in turn, all at one random place among its first `window` words."""
    parts = text.split(" ")
    place = int(rng.integers(0, min(len(parts), window) + 1))
    return [" ".join([*parts[:place], word, *parts[place:]]) for word in words]


def inserted(text: str, word: str, window: int, rng: np.random.Generator) -> str:
    """`text` with `word` at a random place among its first `window` words."""
    return versions(text, [word], window, rng)[0]


def preceded(text: str, words: Sequence[str]) -> str:
    """`words`, then `text`."""
    return " ".join([*words, text])


def holds(text: str, word: str) -> bool:
    """Whether `word` is a word of `text`, whatever the case and the punctuation around it."""
    return word.casefold() in (part.strip(".,;:!?()'\"").casefold() for part in text.split())
