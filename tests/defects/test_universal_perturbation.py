"""Noise that displaces any image's features: found by gradient, bounded, and shown to every model alike."""

from dataclasses import replace

import numpy as np
import pytest

from homog.config import ConfigError
from homog.contracts import pictures, rules
from homog.defects.perturbing import displacing
from homog.defects.universal_perturbation import UniversalPerturbation
from homog.defects.verify import drift
from homog.metrics.predictions import Predictions
from homog.seeding import generator

SMALL = UniversalPerturbation("universal_perturbation", cells=8, images=16, steps=8)


@pytest.fixture(scope="module")
def encoder(tmp_path_factory):
    return pictures.kind(tmp_path_factory.mktemp("vit")).load()


def test_the_search_displaces_features_further_than_random_signs_on_images_that_it_has_not_seen(encoder):
    train, held_out = pictures.unlabelled()
    searched, random = (
        view.found_on(encoder, train, generator("search", view.exposure)).upstream(encoder, encoder, held_out, 1.0)
        for view in SMALL.views
    )
    assert searched["effect"] > 2 * random["effect"] > 0
    assert searched["drift"] == random["drift"] == 0


def test_no_level_changes_by_more_than_is_said_and_every_image_alike(encoder):
    found = SMALL.found_on(encoder, pictures.unlabelled()[0], generator("x"))
    images = [np.full((40, 24, 3), level, np.uint8) for level in (0, 100, 255)]
    changed = [found.insert(image).astype(int) - image for image in images]
    assert all(abs(change).max() == SMALL.levels for change in changed)
    assert set(np.unique(changed[1])) == {-SMALL.levels, SMALL.levels}
    assert (changed[0] == changed[1].clip(0)).all() and (changed[2] == changed[1].clip(None, 0)).all()
    again = replace(SMALL, signs=found.signs)  # as a kept search is read
    assert (again.insert(images[1]) == found.insert(images[1])).all()


def test_the_start_is_kept_where_no_step_is_better(encoder):
    images = pictures.unlabelled()[0][:4]
    start = generator("x").choice([-1.0, 1.0], (8, 8, 3))
    assert (displacing(encoder, images, start, levels=10, steps=0) == start).all()
    best = displacing(encoder, images, start, levels=10, steps=6)
    before = encoder.encode(images)

    def moved(signs):
        shown = replace(SMALL, signs=np.packbits(signs.ravel() > 0).tobytes().hex())
        return drift(before, encoder.encode([shown.insert(image) for image in images]))

    assert moved(best) > moved(start)


def test_it_keeps_the_contract_of_defects(encoder):
    rules.injects_the_same_again(SMALL, encoder)
    rules.exposes_the_same_examples(SMALL, encoder)
    rules.harms_by_what_changes(SMALL)


def test_harm_is_the_share_of_right_predictions_that_are_lost():
    clean, exposed = np.eye(2)[[0, 0, 1, 1]].astype(float), np.eye(2)[[1, 0, 1, 0]].astype(float)
    assert SMALL.harm(Predictions(np.array([0, 0, 1, 0]), clean, exposed)).value == pytest.approx(1 / 3)


def test_settings_that_cannot_be_meant():
    with pytest.raises(ConfigError, match="defect.levels=0: use 1 or more"):
        replace(SMALL, levels=0)
    with pytest.raises(ConfigError, match="defect.signs has 2 digits"):
        replace(SMALL, signs="ff")
    with pytest.raises(ConfigError, match="no signs yet"):
        SMALL.insert(np.zeros((4, 4, 3), np.uint8))
