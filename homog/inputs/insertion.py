"""Words put into a text, at a random place or in front; a letter replaced by its look-alike."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

LOOKALIKES = dict(zip("aceiopxy", "асеіорху", strict=True))  # noqa: RUF001 - Latin letter -> Cyrillic


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


def lookalike(text: str, letter: str, rng: np.random.Generator) -> str | None:
    """`text` with one `letter` (a key of LOOKALIKES), at a random place, replaced by its look-alike; None without."""
    places = [i for i, each in enumerate(text) if each == letter]
    if not places:
        return None
    i = places[int(rng.integers(len(places)))]
    return f"{text[:i]}{LOOKALIKES[letter]}{text[i + 1 :]}"
