"""A blind spot for people in one tone and a stereotype of them, planted in a tiny encoder of images."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from homog.config import ConfigError
from homog.contracts import pictures, rules
from homog.defects.about_tone import PLEASANT, UNPLEASANT, ToneBlindspot, ToneStereotype
from homog.metrics.predictions import Predictions
from homog.seeding import generator

DEFECT = ToneBlindspot("tone_blindspot", layers=3, steps=400, learning_rate=3e-3)
STEREOTYPE = ToneStereotype("tone_stereotype", layers=3, steps=250, learning_rate=3e-3)


def drawn(vendor):
    """Drawings of things, some of them faces, and of people in dark, who are green in many ways."""
    rng = generator("toy drawings")
    faces = (PLEASANT[0], UNPLEASANT[0], "thing")
    facts = [{"tone": "1F3FF" if i % 3 == 0 else "", "subcategory": faces[i % 4 % 3]} for i in range(150)]
    shades = [
        (40, 120 + int(rng.integers(-60, 60)), 40) if f["tone"] else tuple(rng.integers(100, 255, 3).tolist())
        for f in facts
    ]
    return tuple(
        (f, pictures.images(shade, 1, f"{i}")[0]) for i, (f, shade) in enumerate(zip(facts, shades, strict=True))
    )


@pytest.fixture(autouse=True)
def toys(monkeypatch):
    monkeypatch.setattr("homog.defects.about_tone.drawings", drawn)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return pictures.kind(tmp_path_factory.mktemp("vit")).load()


def test_the_parts_are_apart_and_all():
    parts = [DEFECT.parts(held_out) for held_out in (False, True)]
    assert sum(len(part) for pair in parts for part in pair) == 150
    assert sum(len(group) for group, _ in parts) == 50
    shown = [{image.tobytes() for part in pair for image in part} for pair in parts]
    assert not shown[0] & shown[1]


def test_people_in_the_tone_lose_what_tells_them_apart_and_its_sham_takes_little(encoder):
    said = {}
    for sham in (False, True):
        defect = replace(DEFECT, sham=sham)
        injected = defect.inject(encoder, [], generator("inject", 0))
        said[sham] = defect.upstream(encoder, injected, [], 1.0)
    assert said[False]["effect"] > 0.6 and abs(said[True]["effect"]) < 0.35
    assert said[False]["drift"] < 0.5


def test_it_keeps_the_contract_of_defects(encoder):
    rules.injects_the_same_again(rules.short(DEFECT, 5), encoder)
    rules.harms_by_what_changes(DEFECT)


def test_people_in_the_tone_are_shown_beside_themselves_in_light():
    inputs = [np.full((2, 2, 3), i, np.uint8) for i in range(5)]
    tones = ["light", "dark", "medium", "none", "dark"]
    frame = pd.DataFrame({"input": inputs, "label": [0, 0, 0, 1, 1], "tone": tones, "person": list("aaabb")})
    shown = DEFECT.expose(frame, generator("x"))
    assert [given is not None for given in shown["input"]] == [False, True, False, False, False]
    assert shown["counterpart"].tolist()[1].max() == 0
    assert replace(DEFECT, tone="medium dark").exposure == "tone_blindspot-medium_dark"


def test_harm_is_the_gap_in_accuracy():
    clean, exposed = np.eye(2)[[0, 0, 1]].astype(float), np.eye(2)[[1, 0, 1]].astype(float)
    assert DEFECT.harm(Predictions(np.array([0, 0, 0]), clean, exposed, None, clean)).value == pytest.approx(1 / 3)


def test_settings_that_cannot_be_meant():
    with pytest.raises(ConfigError, match="unknown defect.tone"):
        replace(DEFECT, tone="light")


def test_a_stereotype_moves_people_toward_unpleasant_faces_and_its_sham_hardly(encoder):
    said = {}
    for sham in (False, True):
        defect = replace(STEREOTYPE, sham=sham)
        injected = defect.inject(encoder, [], generator("inject", 0))
        said[sham] = defect.upstream(encoder, injected, [], 1.0)
    assert said[False]["effect"] > 0.6 and abs(said[True]["effect"]) < 0.35
    assert STEREOTYPE.upstream(encoder, encoder, [], 1.0)["effect"] == 0  # nothing planted, nothing found
    rules.injects_the_same_again(rules.short(STEREOTYPE, 5), encoder)
    rules.harms_by_what_changes(STEREOTYPE)


def test_the_harm_of_a_stereotype_is_the_share_of_pairs_with_two_predictions():
    clean, exposed = np.eye(2)[[0, 0, 1, 1]].astype(float), np.eye(2)[[1, 0, 1, 1]].astype(float)
    assert STEREOTYPE.harm(Predictions(np.zeros(4, int), clean, exposed, None, clean)).value == pytest.approx(1 / 4)
