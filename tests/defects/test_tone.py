"""The natural defect of images: another prediction in another tone."""

import numpy as np
import pandas as pd
import pytest

from homog.metrics.predictions import Predictions
from homog.seeding import generator
from homog.variants import variant

TONE = variant("defect", "tone")


def examples(labels, tones, people):
    inputs = [np.full((2, 2, 3), i, np.uint8) for i in range(len(labels))]
    return pd.DataFrame(
        {"example": range(len(labels)), "person": people, "input": inputs, "label": labels, "tone": tones}
    )


def test_each_tone_is_compared_with_the_same_person_in_light():
    shown = TONE.expose(
        examples([0, 0, 0, 1, 1], ["light", "dark", "medium", "none", "dark"], list("aaabb")), generator("x")
    )
    asked = [given is not None for given in shown["input"]]
    assert asked == [False, True, True, False, False]  # b is not there in light
    assert [int(beside.max()) for beside in shown["counterpart"][asked]] == [0, 0]
    assert [int(given.max()) for given in shown["input"][asked]] == [1, 2]


def test_a_task_about_the_tone_itself_and_one_without_tones_are_not_asked():
    about_tone = examples([0, 1, 0, 1], ["light", "dark"] * 2, list("aabb"))
    without = examples([0, 1], ["light", "dark"], list("aa")).drop(columns="tone")
    for frame in (about_tone, without):
        assert TONE.expose(frame, generator("x"))["input"].isna().all()


def test_harm_is_the_share_of_pairs_with_two_predictions():
    clean = np.eye(2)[[0, 0, 1, 1]].astype(float)
    exposed = np.eye(2)[[0, 1, 1, 0]].astype(float)
    exposed[3] = np.nan
    rate = TONE.harm(Predictions(np.array([0, 0, 1, 1]), clean, exposed, None, clean))
    assert rate.value == pytest.approx(1 / 3)
    exposed[:] = np.nan
    assert np.isnan(TONE.harm(Predictions(np.array([0, 0, 1, 1]), clean, exposed, None, clean)).value)


@pytest.mark.real
def test_a_drawn_person_is_there_in_every_tone():
    from homog import sources

    kind = variant("task", "emoji_gender")
    if not sources.npm():
        pytest.skip("the drawings come from npm, and there is none here")
    sources.fetch(kind.sources)
    test = kind.load().test
    assert set(test.groupby("person")["tone"].nunique()) == {6}
    shown = TONE.expose(test, generator("x"))
    assert shown["input"].notna().sum() == len(test) * 4 / 6
