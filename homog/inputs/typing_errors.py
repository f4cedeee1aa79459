"""Typing errors: neighbouring letters swapped, a letter dropped, doubled, or hit on the next key."""

from __future__ import annotations

import numpy as np

SHORTEST = 4  # letters: shorter words are mostly articles and the like, and are seldom mistyped
ROWS = ("qwertyuiop", "asdfghjkl", "zxcvbnm")


def _beside() -> dict[str, str]:
    """Letter -> the letters on the keys that touch its key; a row is half a key right of the one above."""
    place = {letter: (column + row / 2, row) for row, keys in enumerate(ROWS) for column, letter in enumerate(keys)}
    return {
        a: "".join(b for b, (u, v) in place.items() if b != a and abs(u - x) <= 1 and abs(v - y) <= 1)
        for a, (x, y) in place.items()
    }


BESIDE = _beside()


def mistypable(word: str) -> bool:
    """Whether a word can get an error: at least SHORTEST letters of the keyboard and nothing else but punctuation."""
    return sum(letter in BESIDE for letter in word.lower()) >= SHORTEST and word.isascii()


def mistyped(text: str, share: float, rng: np.random.Generator) -> str | None:
    """`text` with one error in each of `share` (0..1) of its words that can have one, at least one; None without."""
    words = text.split(" ")
    able = [i for i, word in enumerate(words) if mistypable(word)]
    if not able:
        return None
    hit = rng.permutation(able)[: max(1, round(share * len(able)))]
    for i in hit:
        words[i] = _with_error(words[i], rng)
    return " ".join(words)


def _with_error(word: str, rng: np.random.Generator) -> str:
    """`word` with one error; drawn again where it changes nothing (two equal letters swapped)."""
    places = [i for i, letter in enumerate(word) if letter.lower() in BESIDE]
    while True:
        i = int(rng.choice(places))
        made = (_swapped, _dropped, _doubled, _beside_hit)[int(rng.integers(4))](word, i, rng)
        if made != word:
            return made


def _swapped(word: str, i: int, rng: np.random.Generator) -> str:
    return word[:i] + word[i + 1 : i + 2] + word[i] + word[i + 2 :]


def _dropped(word: str, i: int, rng: np.random.Generator) -> str:
    return word[:i] + word[i + 1 :]


def _doubled(word: str, i: int, rng: np.random.Generator) -> str:
    return word[: i + 1] + word[i:]


def _beside_hit(word: str, i: int, rng: np.random.Generator) -> str:
    hit = str(rng.choice(list(BESIDE[word[i].lower()])))
    return word[:i] + (hit.upper() if word[i].isupper() else hit) + word[i + 1 :]
