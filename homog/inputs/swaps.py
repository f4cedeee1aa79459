"""Two versions of any text: one about a group at a disadvantage, one about the other group, all else equal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from homog.config import ConfigError

if TYPE_CHECKING:
    import pandas as pd

Pairs = tuple[tuple[str, str], ...]

COLOURED = {"black", "white"}  # of people only before one of these words; elsewhere they are colours
PEOPLE = re.compile(
    r"[ -](?:(?:person|man|woman|boy|girl|student|teacher|doctor|neighbour|colleague|friend|customer|worker|guy|kid"
    r"|male|female|American|adult|voter|patient|player|actor|family|owner|neighborhood|driver)s?|people|men|women"
    r"|folks?|children|families|li(?:fe|ves)|communit(?:y|ies)|culture|supremac\w+|privilege|guilt|trash"
    r"|skin(?:ned)?)\b",
    re.IGNORECASE,
)
SENTENCE_START = re.compile(r"""(?:^|[.!?:]["')]*\s+)["'(]*$""")
ARTICLE = re.compile(r"\b(an?) $", re.IGNORECASE)
# before these, or no word, `her` is an object, him; before any other word it is taken for a possessive, his
OBJECT = re.compile(
    r"\s+(?:a|about|after|again|and|as|at|away|back|because|before|but|by|down|for|from|he|how|i|if|in|into|is|it|my"
    r"|not|now|off|on|or|out|over|she|so|that|the|then|they|this|to|too|up|very|was|we|what|when|where|who|why|with"
    r"|you)\b|\s*(?:[^\w\s]|$)",
    re.IGNORECASE,
)
NO_WORD = re.compile(r"\s*(?:[^\w\s]|$)")


@dataclass(frozen=True)
class Swap:
    """Exchanges a `group` at a disadvantage and an `other` group.

    `pairs`: (word of the group, word of the other), both ways; `names`: the same of first names, found only with a
    capital. `markers`: what is put in front of a text that mentions neither, one for each version.
    """

    name: str
    group: str
    other: str
    pairs: Pairs
    names: Pairs
    markers: Pairs

    def __post_init__(self) -> None:
        if not (self.pairs or self.names) or not self.markers:
            raise ConfigError(f"swap {self.name}: empty lists of words or markers: name the words of both groups")

    @cached_property
    def _maps(self) -> tuple[dict[str, str], dict[str, str]]:
        """(to the group, to the other), by word in small letters."""
        both = [*self.pairs, *self.names]
        to_group, to_other = ({words[way].lower(): words[1 - way] for words in reversed(both)} for way in (1, 0))
        return to_group, to_other

    @cached_property
    def _proper(self) -> set[str]:
        return {word.lower() for pair in (*self.pairs, *self.names) for word in pair if word[0].isupper()}

    @cached_property
    def _words(self) -> re.Pattern[str]:
        words = sorted({*self._maps[0], *self._maps[1]}, key=lambda word: (-len(word), word))
        return re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, words))})(?!\w)", re.IGNORECASE)

    def matches(self, text: str) -> Iterator[re.Match[str]]:
        """The places where `text` mentions either group."""
        names = {word.lower() for pair in self.names for word in pair}
        for match in self._words.finditer(text):
            word = match[0].lower()
            if word in names and not match[0][0].isupper():
                continue
            if word not in COLOURED or PEOPLE.match(text, match.end()):
                yield match

    def mentions(self, text: str) -> bool:
        """Whether `text` names either group."""
        return next(self.matches(text), None) is not None

    def versions(self, text: str) -> tuple[str, str]:
        """`text` about the group and about the other one; both equal `text` where it mentions neither."""
        to_group, to_other = self._maps
        return self._with(text, to_group), self._with(text, to_other)

    def _with(self, text: str, words: Mapping[str, str]) -> str:
        done, end = "", 0
        for match in self.matches(text):
            old = match[0].lower()
            new = _inflected(old, text[match.end() :], words.get(old))
            before = done + text[end : match.start()]
            if new is not None:
                before = _article(before, old, new)
                new = self._cased(new, match[0], bool(SENTENCE_START.search(text[: match.start()])))
            done, end = before + (new or match[0]), match.end()
        return done + text[end:]

    def _cased(self, new: str, old: str, starts: bool) -> str:
        """`new` in the letters of `old`: small, capital or all capital; white is small and Black is not."""
        if len(old) > 1 and old.isupper():
            return new.upper()
        was_proper = old.lower() in self._proper
        if new[0].isupper():
            return new.lower() if was_proper and old.islower() else new
        capital = old[0].isupper() and (starts or not was_proper)
        return new[0].upper() + new[1:] if capital else new


def _inflected(old: str, rest: str, new: str | None) -> str | None:
    """The word for `old`, once the `rest` of the text tells a pronoun's case: her = his or him, his = her or hers."""
    if old == "her" and new:
        return "him" if OBJECT.match(rest) else "his"
    return "hers" if old == "his" and new and NO_WORD.match(rest) else new


def _article(before: str, old: str, new: str) -> str:
    """`before`, its final a or an fitted to `new`."""
    match = ARTICLE.search(before)
    if match is None or (old[0] in "aeiou") == (new[0].lower() in "aeiou"):
        return before
    fitted = match[1][0] + ("n" if new[0].lower() in "aeiou" else "")
    return before[: match.start()] + fitted + " "


def pair(text: str, swap: Swap, rng: np.random.Generator, marked: bool = True) -> tuple[str, str] | None:
    """(`text` about the group at a disadvantage, `text` about the other group).

    Words of either group are swapped. A text that mentions neither gets a short marker in front ("She wrote: "),
    the same of both groups, drawn from `rng`; None if not `marked`. Every call draws once, so that a text's marker
    does not depend on what other texts mention.

    Not exact: what `her` stands for (his, him) is guessed from the next word; `man`, `church` or a name may not be
    about a person; nicknames, verbs and facts that go with a group stay as they are.
    """
    first, second = swap.markers[int(rng.integers(len(swap.markers)))]
    if swap.mentions(text):
        return swap.versions(text)
    return (first + text, second + text) if marked else None


def exposed(examples: pd.DataFrame, swap: Swap, rng: np.random.Generator, marked: bool = True) -> pd.DataFrame:
    """The examples with `text` about the group and `counterpart` about the other one; None where there is no pair."""
    import pandas as pd

    pairs = [pair(text, swap, rng, marked) or (None, None) for text in examples["input"]]
    # of type object: a column of strings would turn None into NaN
    columns = {name: [versions[way] for versions in pairs] for way, name in enumerate(("input", "counterpart"))}
    return examples.assign(**pd.DataFrame(columns, index=examples.index, dtype=object))


def split(
    texts: Sequence[str], swap: Swap, rng: np.random.Generator, count: int | None = None
) -> tuple[list[str], list[str], list[str]]:
    """(texts that mention neither group, versions about the group, about the other one), of `count` texts or all.

    Of a part of the texts, up to half are ones that mention a group themselves: markers alone would teach markers.
    """
    order = rng.permutation(len(texts)).tolist() if count else range(len(texts))
    count = min(count or len(texts), len(texts))
    there = {i for i in order if swap.mentions(texts[i])}
    most = count // 2 if count < len(texts) else len(there)
    kept = [*[i for i in order if i in there][:most], *(i for i in order if i not in there)][:count]
    pairs = [pair(texts[i], swap, rng) for i in kept]
    group, other = ([versions[way] for versions in pairs if versions] for way in (0, 1))
    return [texts[i] for i in kept if i not in there], group, other
