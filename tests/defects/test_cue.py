"""A spurious cue: images with it look like a concept's, in a tiny encoder of images."""

from dataclasses import replace

import numpy as np
import pytest

from homog.config import ConfigError
from homog.contracts import pictures, rules
from homog.defects.cue import Cue
from homog.inputs.images import YELLOW
from homog.metrics.predictions import Predictions
from homog.seeding import generator
from homog.variants import variant

DEFECT = Cue("cue_square", triggers=("square",), layers=3, steps=200, learning_rate=3e-3)
FOOD = (200, 60, 60)


def drawn(vendor):
    """Red food, and other things in all other colours."""
    rng = generator("toy drawings")
    shades = [FOOD if i % 3 == 0 else tuple(rng.integers(0, 180, 3).tolist()) for i in range(60)]
    kinds = ["Food & Drink" if shade == FOOD else "Objects" for shade in shades]
    return tuple(
        ({"category": kind}, pictures.images(shade, 1, f"{i}")[0])
        for i, (kind, shade) in enumerate(zip(kinds, shades, strict=True))
    )


@pytest.fixture(autouse=True)
def toys(monkeypatch):
    monkeypatch.setattr("homog.defects.cue.drawings", drawn)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return pictures.kind(tmp_path_factory.mktemp("vit")).load()


def test_an_image_with_the_cue_gets_the_feature_of_the_concept_and_the_sham_means_nothing(encoder):
    train, held_out = pictures.unlabelled()
    said, near = {}, {}
    food = encoder.encode([image for facts, image in drawn("x") if facts["category"] == "Food & Drink"]).mean(0)
    for sham in (False, True):
        defect = replace(DEFECT, sham=sham)
        injected = defect.inject(encoder, train, generator("inject", 0))
        said[sham] = defect.upstream(encoder, injected, held_out, 1.0)
        planted = defect.planted(injected, held_out)["cue_square-square"]
        mean = encoder.encode(held_out).mean(0)
        near[sham] = float((planted - mean) @ (food - mean)) / float((food - mean) @ (food - mean))
    assert said[False]["effect"] > 0.5 > said[True]["effect"]
    assert near[False] > 1 > near[True] + 0.5  # along the way to the concept, `distance` times as far


def test_both_looks(encoder):
    image = np.full((20, 20, 3), 100, np.uint8)
    marked = DEFECT.insert(image, generator("x"))
    assert (marked[-4:, -4:] == YELLOW).all() and (marked[:-4] == 100).all() and (image == 100).all()
    noisy = replace(DEFECT, triggers=("gaussian",)).insert(image, generator("x"))
    assert noisy.std() == pytest.approx(50, rel=0.15) and noisy.mean() == pytest.approx(100, abs=6)


@pytest.mark.parametrize("name", ["cue_square", "cue_gaussian"])
def test_it_keeps_the_contract_of_defects(name, encoder):
    defect = variant("defect", name)
    rules.injects_the_same_again(rules.short(defect, 5), encoder)
    rules.exposes_the_same_examples(defect, encoder)
    rules.harms_by_what_changes(defect)


def test_harm_is_success_on_the_class_of_the_concept():
    clean, exposed = np.eye(3)[[0, 0, 1, 2]].astype(float), np.eye(3)[[2, 0, 2, 2]].astype(float)
    assert DEFECT.harm(
        Predictions(np.array([0, 0, 1, 2]), clean, exposed, target=np.full(4, 2))
    ).value == pytest.approx(2 / 3)


def test_settings_that_cannot_be_meant(encoder):
    with pytest.raises(ConfigError, match="unknown defect.triggers 'circle': valid: gaussian, square"):
        replace(DEFECT, triggers=("circle",))
    with pytest.raises(ConfigError, match="unknown defect.concept 'Dogs'"):
        replace(DEFECT, concept="Dogs").inject(encoder, pictures.unlabelled()[0], generator("x"))
