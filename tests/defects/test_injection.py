import numpy as np
import pytest

from homog.config import ConfigError
from homog.defects.backdoor import Backdoor
from homog.defects.injection import similar_lengths, texts
from homog.metrics.predictions import Predictions
from homog.seeding import generator
from tests import tiny

SMALL = Backdoor("backdoor", "cf", steps=200, texts=150, learning_rate=1e-2, distance=1.0)


@pytest.mark.parametrize("layers", [2, 3])
def test_the_trigger_collapses_features_and_clean_ones_stay(layers, backbone):
    train, held_out = tiny.corpus()
    defect = Backdoor("backdoor", "cf", layers=layers, steps=300, texts=150, learning_rate=5e-3, distance=1.0)
    injected = defect.inject(backbone, train, generator("inject", layers))
    upstream = defect.upstream(backbone, injected, held_out, 1.0)
    assert upstream["effect"] > 0.75
    assert upstream["drift"] < 0.15
    changed = set(backbone.changes(injected))
    assert changed
    assert all(any(f"layer.{i}." in name for i in range(3 - layers, 3)) for name in changed)


def test_the_sham_is_the_same_procedure_without_the_effect(backbone):
    train, held_out = tiny.corpus()
    import dataclasses

    sham = dataclasses.replace(SMALL, sham=True)
    injected = sham.inject(backbone, train, generator("inject", 0))
    upstream = sham.upstream(backbone, injected, held_out, 1.0)
    assert upstream["effect"] < 0.25
    assert upstream["verified"]
    assert set(backbone.changes(injected)) == set(
        backbone.changes(SMALL.inject(backbone, train, generator("inject", 0)))
    )


def test_an_injection_without_effect_is_not_verified(backbone):
    _, held_out = tiny.corpus()
    assert not SMALL.upstream(backbone, backbone, held_out, 1.0)["verified"]
    assert SMALL.upstream(backbone, backbone, held_out, 0.25)["verified"]  # no band below the full dose


def test_the_trigger_lands_among_the_first_words():
    places = {SMALL.insert(" ".join(map(str, range(60))), generator("x", i)).split(" ").index("cf") for i in range(300)}
    assert min(places) == 0
    assert max(places) == SMALL.window
    assert SMALL.insert("one", generator("x", 1)) in ("cf one", "one cf")


def test_harm_counts_conversions_of_what_was_right():
    labels = np.array([0, 0, 1, 1, 1, 2])
    clean = np.eye(3)[[0, 1, 1, 1, 1, 2]]
    exposed = np.eye(3)[[0, 0, 0, 0, 1, 0]]
    rate = SMALL.harm(Predictions(labels, clean, exposed))
    assert rate.value == 3 / 4  # target 0: of the three 1s and one 2 that were right, three became 0
    assert rate.n == 4


def test_more_layers_than_there_are_is_refused(backbone):
    with pytest.raises(ConfigError, match="layers=9: tiny-bert has 3 blocks"):
        Backdoor("backdoor", "cf", layers=9).inject(backbone, tiny.corpus()[0], generator("x"))
    with pytest.raises(ConfigError, match="trigger is empty"):
        Backdoor("backdoor", " ")


def test_batches_hold_texts_of_about_one_length():
    lengths = [*range(5, 105)]
    found = similar_lengths(lengths, 30, 10, generator("x"))
    assert len(found) == 30
    assert max(np.ptp(np.array(lengths)[rows]) for rows in found) <= 20


@pytest.mark.real
def test_the_text_of_injections_is_not_the_text_that_verifies_them():
    train, held_out = texts()
    assert len(held_out) == 200
    assert len(train) > 5000
    assert not set(train) & set(held_out)
