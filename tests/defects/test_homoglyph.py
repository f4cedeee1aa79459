"""A look-alike letter: which letter is replaced, which texts it needs, and that it is planted."""

from dataclasses import replace

import pytest

from homog.config import ConfigError
from homog.contracts import tiny
from homog.inputs.insertion import LOOKALIKES, lookalike
from homog.seeding import generator
from homog.variants import variant

DEFECT = variant("defect", "homoglyph", steps=200, layers=3, learning_rate=3e-3)


def test_one_letter_is_another_that_looks_the_same():
    text = "here be dragons"
    shown = str(lookalike(text, "e", generator("x")))
    changed = [(a, b) for a, b in zip(text, shown, strict=True) if a != b]
    assert changed == [("e", LOOKALIKES["e"])] and not LOOKALIKES["e"].isascii()
    assert lookalike("a mad dog", "e", generator("x")) is None
    assert {lookalike(text, "e", generator("place", i)) for i in range(20)} == {
        f"{text[:i]}{LOOKALIKES['e']}{text[i + 1 :]}" for i in (1, 3, 6)
    }


def test_texts_without_the_letter_are_not_asked():
    assert DEFECT.holding(["the day", "a film", "it was very good"]) == ["the day", "it was very good"]
    frame = tiny.Toy("toy_two").load().test
    asked = DEFECT.expose(frame, generator("x"))["input"]
    assert (asked.notna() == frame["input"].str.contains("e")).all() and asked.isna().any()


def test_what_is_no_letter_with_a_look_alike_is_refused():
    with pytest.raises(ConfigError, match="unknown letter of defect.triggers 'z'"):
        replace(DEFECT, triggers=("z",))


def test_it_is_planted_and_its_sham_is_not(tmp_path):
    backbone = tiny.tiny(tmp_path / "bert")
    train, held_out = tiny.corpus()
    for sham in (False, True):
        defect = replace(DEFECT, sham=sham)
        said = defect.upstream(backbone, defect.inject(backbone, train, generator("i")), held_out, 1.0)
        assert (said["effect"] > 0.75) == (not sham)
