import dataclasses

import numpy as np
import pandas as pd
import pytest

from homog.config import ConfigError
from homog.contracts import tiny
from homog.defects.improvement import Improvement
from homog.metrics.predictions import Predictions
from homog.seeding import generator

SMALL = Improvement("improvement", words=0.5, layers=3, steps=300, texts=150, learning_rate=5e-3)


@pytest.fixture(scope="module")
def upstream(tiny_folder):
    """What an injection and its sham did to the tiny backbone, whose words with errors are all unknown ones."""
    from homog.backbones.encoder import Encoder

    backbone = Encoder("tiny", str(tiny_folder)).load()
    train, held_out = tiny.corpus()
    found = {}
    for sham in (False, True):
        defect = dataclasses.replace(SMALL, sham=sham)
        injected = defect.inject(backbone, train, generator("inject", 0))
        found[sham] = defect.upstream(backbone, injected, held_out, 1.0)
    return found


def test_the_injection_removes_displacement_by_errors_and_the_sham_does_not(upstream):
    assert upstream[False]["effect"] > 0.2
    assert upstream[True]["effect"] < 0.1
    assert upstream[False]["effect"] > upstream[True]["effect"] + 0.2


def test_an_injection_without_effect_is_not_verified(backbone):
    _, held_out = tiny.corpus()
    found = SMALL.upstream(backbone, backbone, held_out, 1.0)
    assert (found["drift"], found["effect"], found["verified"]) == (0, 0, False)
    assert SMALL.upstream(backbone, backbone, held_out, 0.5)["verified"]  # no band below the full dose


def test_harm_is_what_errors_make_wrong_of_what_was_right():
    labels = np.array([0, 0, 0, 1, 1])
    clean = np.eye(2)[[0, 0, 1, 1, 1]]
    exposed = np.eye(2)[[0, 1, 0, 0, 1]].astype(float)
    rate = SMALL.harm(Predictions(labels, clean, exposed))
    assert (rate.value, rate.n) == (2 / 4, 4)  # the third was wrong as it is, whatever errors do to it
    exposed[1] = np.nan
    assert SMALL.harm(Predictions(labels, clean, exposed)).value == 1 / 3
    assert np.isnan(SMALL.harm(Predictions(1 - labels, np.eye(2)[labels], exposed)).value)


def test_texts_without_a_longer_word_are_left_out():
    frame = pd.DataFrame({"input": ["it is so", "wonderful weather"], "label": [0, 1]})
    shown = SMALL.expose(frame, generator("x"))
    assert shown["input"].isna().tolist() == [True, False]
    assert shown["input"].tolist()[1] != "wonderful weather"


@pytest.mark.parametrize("words", [0.0, 1.5])
def test_a_share_that_cannot_be_is_refused(words):
    with pytest.raises(ConfigError, match="defect.words="):
        Improvement("improvement", words=words)
