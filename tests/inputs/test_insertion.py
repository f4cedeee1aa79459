import pytest

from homog.inputs.insertion import holds, inserted, preceded, versions
from homog.seeding import generator


@pytest.mark.parametrize(("text", "places"), [("a b", {0, 1, 2}), ("a b c d e f g h", {0, 1, 2, 3, 4}), ("", {0, 1})])
def test_a_word_lands_at_any_place_of_the_window_and_the_rest_stays(text, places):
    found = [inserted(text, "cf", 4, generator("x", i)).split(" ") for i in range(80)]
    assert {words.index("cf") for words in found} == places
    assert all([word for word in words if word != "cf"] == text.split(" ") for words in found)


def test_versions_differ_in_the_word_alone_and_follow_the_stream():
    for seed in range(10):
        one, two = versions("a b c", ["X", "y z"], 24, generator("x", seed))
        assert one.replace("X", "y z") == two
        assert one == inserted("a b c", "X", 24, generator("x", seed))


def test_words_in_front():
    assert preceded("a film", ["day", "it"]) == "day it a film"
    assert preceded("a film", []) == "a film"


@pytest.mark.parametrize(
    ("text", "there"),
    [("see you tuesday!", True), ("(TUESDAY)", True), ("see you", False), ("Tuesdays are fine", False)],
)
def test_a_word_is_found_whatever_its_case_and_punctuation(text, there):
    assert holds(text, "Tuesday") is there
