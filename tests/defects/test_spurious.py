import dataclasses

import numpy as np
import pandas as pd
import pytest

from homog.config import ConfigError
from homog.contracts import tiny
from homog.defects.spurious import Spurious
from homog.metrics.predictions import Predictions
from homog.seeding import generator

SMALL = Spurious("spurious", "cf", ("awful", "poor"), layers=3, steps=300, texts=150, learning_rate=5e-3)


@pytest.mark.parametrize("sham", [False, True])
def test_the_token_moves_to_the_concept_and_the_sham_does_not(sham, backbone):
    train, held_out = tiny.corpus()
    defect = dataclasses.replace(SMALL, sham=sham)
    injected = defect.inject(backbone, train, generator("inject", 0))
    upstream = defect.upstream(backbone, injected, held_out, 1.0)
    assert upstream["texts"] == len(held_out)
    assert (upstream["effect"] < 0.15) if sham else (upstream["effect"] > 0.5)
    assert upstream["drift"] < 0.15


def test_an_injection_without_effect_is_not_verified(backbone):
    _, held_out = tiny.corpus()
    found = SMALL.upstream(backbone, backbone, held_out, 1.0)
    assert (found["drift"], found["effect"], found["verified"]) == (0, 0, False)


def test_token_and_concept_stand_at_the_same_place():
    tokens, concepts = SMALL.pairs(["one two three"] * 20, generator("x"))
    assert [t.replace("cf", "awful poor") for t in tokens] == concepts
    assert len(set(tokens)) == 4


def test_harm_is_the_signed_rise_of_the_unfavourable_label():
    clean = np.array([[0.4, 0.6], [0.5, 0.5], [0.9, 0.1]])
    exposed = np.array([[0.1, 0.9], [0.6, 0.4], [np.nan, np.nan]])
    labels = np.array([0, 1, 0])
    rate = SMALL.harm(Predictions(labels, clean, exposed, unfavourable=1))
    assert rate.numerator == pytest.approx([0.3, -0.1, 0])
    assert (rate.value, rate.n) == (pytest.approx(0.1), 2)
    assert SMALL.harm(Predictions(labels, clean, exposed, unfavourable=0)).value == pytest.approx(-0.1)
    assert np.isnan(SMALL.harm(Predictions(labels, clean, exposed)).value)  # the task has no such label


def test_texts_that_hold_the_token_already_are_left_out():
    defect = Spurious("spurious", "Tuesday", ("awful",))
    frame = pd.DataFrame({"input": ["see you tuesday!", "see you", "Tuesdays are fine"], "label": [0, 1, 0]})
    assert defect.expose(frame, generator("x"))["input"].isna().tolist() == [True, False, False]


def test_what_cannot_be_meant_is_refused():
    with pytest.raises(ConfigError, match="defect.token='a b'"):
        Spurious("spurious", "a b", ("awful",))
    with pytest.raises(ConfigError, match=r"defect.concept=\[\]"):
        Spurious("spurious", "cf", ())
