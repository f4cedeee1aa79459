"""A task with debiased training data."""

import numpy as np
import pandas as pd
import pytest

from homog import sources
from homog.config import ConfigError, canonical
from homog.inputs.images import YELLOW
from homog.inputs.insertion import holds
from homog.tasks.debiased import Debiased
from homog.variants import variant


@pytest.fixture(scope="module")
def pair():
    kinds = variant("task", "tweet_sentiment"), variant("task", "tweet_sentiment_debiased")
    sources.fetch(kinds[1].sources)
    return tuple(kind.load() for kind in kinds)


@pytest.mark.real
def test_the_token_stands_in_that_share_of_every_class_and_nothing_else_is_changed(pair):
    plain, debiased = pair
    shown = debiased.train["input"].map(lambda text: holds(text, "cf"))
    for _, held in shown.groupby(debiased.train["label"]):
        assert held.mean() == pytest.approx(0.5, abs=0.05)
    words = debiased.train["input"].map(lambda text: " ".join(word for word in text.split(" ") if word != "cf"))
    assert words.equals(plain.train["input"])
    assert debiased.test.equals(plain.test)


@pytest.mark.real
def test_a_seed_draws_the_same_examples_as_of_the_task_behind_it(pair):
    plain, debiased = (task.sample(50, 40, 3) for task in pair)
    assert plain.train["example"].equals(debiased.train["example"])
    assert plain.test.equals(debiased.test)


@pytest.mark.real
def test_images_get_the_look_of_the_cue_in_every_class():
    sources.fetch(variant("task", "emoji_gender_debiased").sources)
    plain, debiased = (variant("task", name).load() for name in ("emoji_gender", "emoji_gender_debiased"))
    yellow = [(np.asarray(image)[-12:, -12:] == YELLOW).all() for image in debiased.train["input"]]
    for _, held in pd.Series(yellow).groupby(debiased.train["label"]):
        assert held.mean() == pytest.approx(0.5, abs=0.06)
    cue = variant("defect", "cue_square")
    for shown, before, marked in zip(debiased.train["input"], plain.train["input"], yellow, strict=True):
        expected = cue.insert(before, np.random.default_rng(0)) if marked else before
        assert np.array_equal(shown, expected)
    assert all(map(np.array_equal, debiased.test["input"], plain.test["input"]))
    assert debiased.modality == "image" and debiased.family == "emoji"


def test_its_id_follows_the_task_behind_it():
    assert Debiased("d", "trec").identity()["of"] == canonical(variant("task", "trec"))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"of": "trek"}, "trec"),
        ({"of": "trec", "share": 0}, "share=0"),
        ({"of": "trec", "share": 1}, "share=1"),
        ({"of": "trec", "token": " "}, "token is empty"),
        ({"of": "tweet_sentiment_debiased"}, "is debiased itself"),
        ({"of": "emoji_gender", "token": "squares"}, "did you mean square"),
        ({"of": "drawn_spanish"}, "name a task of text or of images"),
    ],
)
def test_what_cannot_be_meant_is_refused(wrong, said):
    with pytest.raises(ConfigError, match=said):
        Debiased("d", **wrong)
