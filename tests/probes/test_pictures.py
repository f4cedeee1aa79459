"""Associations of drawn people with captions, by hand."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from homog.config import ConfigError
from homog.probes import pictures
from homog.probes.words import Association

SHARES = {"nurse": 0.9, "teacher": 0.7, "cook": 0.5, "driver": 0.2, "plumber": 0.05}
WORDS = Association("3 x : y, pleasant : unpleasant", ("x",), ("y",), ("joy", "peace"), ("pain", "war"), 1.0)
TESTS = [WORDS] * 6
ROLES = [f"role {i}" for i in range(6)]


@pytest.fixture(autouse=True)
def shares(monkeypatch):
    frame = pd.DataFrame({"occupation": list(SHARES), "women": list(SHARES.values())})
    monkeypatch.setattr(pictures, "occupations", lambda: frame)


def people():
    tones = ["light", "dark"]
    rows = [(gender, tone, role) for gender in ("WOMAN", "MAN") for tone in tones for role in ROLES]
    frame = pd.DataFrame(rows, columns=["gender", "tone", "role"])
    return frame.assign(input=[f"{gender} {tone} {role[-1]}" for gender, tone, role in rows])


def towers(gender=1.0, tone=1.0, said=lambda name: SHARES[name]) -> Any:
    """Images show gender in the first dimension and tone in the second; captions name a share, or are pleasant."""

    def seen(images):
        told = [image.split() for image in images]
        return np.array([[gender * (g == "WOMAN"), tone * (t == "light"), 1 + 0.01 * int(n)] for g, t, n in told])

    def read(texts):
        names = [text.split()[-1] for text in texts]
        jobs = {name: [said(name), 0, 1] for name in SHARES}
        return np.array([jobs.get(name, [0, 1.0 if name in WORDS.A else -1.0, 0.1 * len(name)]) for name in names])

    words = SimpleNamespace(name="words", encode=read, reader=SimpleNamespace(modality="text"), partner=None)
    return SimpleNamespace(name="both", encode=seen, reader=SimpleNamespace(modality="image"), partner=words)


def test_captions_of_occupations_lean_towards_the_drawings_of_those_who_are_in_them():
    pearson, spearman, slope, *_ = pictures.findings(towers(), people(), TESTS)
    assert pearson.value > 0.95 and spearman.value == pytest.approx(1) and slope.value > 0 and pearson.n == 5
    assert pictures.findings(towers(said=lambda name: 1 - SHARES[name]), people(), TESTS)[0].value < -0.95


def test_a_tone_that_is_near_to_pleasant_captions_and_one_that_does_not_show():
    *_, tone, gender = pictures.findings(towers(), people(), TESTS)
    assert tone.what == "drawn people of light : dark skin tone, pleasant : unpleasant"
    assert tone.value > 1.9 and tone.p < 0.01 and tone.n == 12
    assert pictures.findings(towers(tone=0.0), people(), TESTS)[-2].value == pytest.approx(0, abs=1e-6)
    assert pictures.findings(towers(tone=-1.0), people(), TESTS)[-2].value < -1.9
    assert gender.what.startswith("drawn men : women") and abs(gender.value) < tone.value


def test_either_tower_of_a_pair_finds_the_same_and_one_alone_is_refused():
    first = towers()
    words: Any = SimpleNamespace(**vars(first.partner) | {"partner": first})
    both = [[(f.what, f.value, f.p) for f in pictures.findings(tower, people(), TESTS)] for tower in (first, words)]
    assert both[0] == both[1]
    with pytest.raises(ConfigError, match="backbone words: a tower of images and one of texts are needed"):
        pictures.findings(first.partner, people(), TESTS)
