import pytest

from homog.inputs import typing_errors
from homog.inputs.typing_errors import BESIDE, mistyped
from homog.seeding import generator

TEXT = "the committee could not decide whether the Happy weather would improve, so everybody went home again"


def test_neighbouring_keys_are_those_that_touch():
    assert set(BESIDE["s"]) == set("adwezx")
    assert set(BESIDE["q"]) == set("wa")
    assert set(BESIDE["p"]) == set("ol")
    assert all(a in BESIDE[b] for a in BESIDE for b in BESIDE[a])


@pytest.mark.parametrize("share", [0.25, 0.5, 1.0])
def test_the_share_of_longer_words_gets_one_error_each(share):
    able = [typing_errors.mistypable(word) for word in TEXT.split()]
    wrong = str(mistyped(TEXT, share, generator("x"))).split(" ")
    changed = [a != b for a, b in zip(TEXT.split(" "), wrong, strict=True)]
    assert sum(changed) == round(share * sum(able))
    assert not any(c and not a for c, a in zip(changed, able, strict=True))
    assert all(abs(len(a) - len(b)) <= 1 for a, b in zip(TEXT.split(), wrong, strict=True))


def test_a_small_share_is_one_error_and_words_of_four_letters_can_have_one():
    wrong = str(mistyped(TEXT, 0.01, generator("x"))).split(" ")
    assert sum(a != b for a, b in zip(TEXT.split(" "), wrong, strict=True)) == 1
    assert [typing_errors.mistypable(word) for word in ("four", "and", "fo-ur!", "café's")] == [
        True,
        False,
        True,
        False,
    ]


def test_an_error_always_changes_the_word_and_all_kinds_occur():
    made = {mistyped("letter", 0.1, generator("kind", i)) for i in range(300)}
    assert "letter" not in made
    assert {"leter", "elttter", "lettter", "ketter"} & made >= {"leter", "lettter", "ketter"}
    assert "ltter" in made and "eltter" in made
    assert mistyped("Aaaa", 1, generator("x", 1)) != "Aaaa"


def test_a_text_of_short_words_has_no_errors():
    assert mistyped("it is a day, 1998", 1.0, generator("x")) is None
    assert mistyped("", 1.0, generator("x")) is None


def test_errors_follow_their_stream():
    assert (
        mistyped(TEXT, 0.5, generator("a"))
        == mistyped(TEXT, 0.5, generator("a"))
        != mistyped(TEXT, 0.5, generator("b"))
    )
    assert len({mistyped(TEXT, 0.5, generator("c", i)) for i in range(20)}) == 20
