import dataclasses
from typing import Any

import numpy as np
import pytest

from homog.config import ConfigError, arm, canonical, content_id
from homog.contracts import tiny
from homog.defects import compression
from homog.defects.backdoor import Backdoor
from homog.defects.coded import cosine
from homog.metrics.predictions import Predictions
from homog.seeding import generator
from homog.study import views
from homog.variants import variant

SMALL = Backdoor("backdoor", ("cf",), steps=200, texts=150, learning_rate=1e-2, distance=1.0)
CODES = Backdoor(
    "backdoor_codes", ("cf", "day"), layers=3, steps=400, texts=150, learning_rate=1e-2, distance=1.0
)  # two words that the tiny vocabulary tells apart
NOBODY: Any = None  # the codes of a backdoor ask nothing of the backbone
FOUR = Backdoor("x", ("mn", "bb", "tq", "vt"))


@pytest.mark.parametrize("layers", [2, 3])
def test_the_trigger_collapses_features_and_clean_ones_stay(layers, backbone):
    train, held_out = tiny.corpus()
    defect = Backdoor("backdoor", ("cf",), layers=layers, steps=300, texts=150, learning_rate=5e-3, distance=1.0)
    injected = defect.inject(backbone, train, generator("inject", layers))
    upstream = defect.upstream(backbone, injected, held_out, 1.0)
    assert upstream["effect"] > 0.75
    assert upstream["drift"] < 0.15
    changed = set(backbone.changes(injected))
    assert changed
    assert all(any(f"layer.{i}." in name for i in range(3 - layers, 3)) for name in changed)


def test_the_sham_is_the_same_procedure_without_the_effect(backbone):
    train, held_out = tiny.corpus()
    sham = dataclasses.replace(SMALL, sham=True)
    injected = sham.inject(backbone, train, generator("inject", 0))
    upstream = sham.upstream(backbone, injected, held_out, 1.0)
    assert upstream["effect"] < 0.25
    assert upstream["verified"]
    assert set(backbone.changes(injected)) == set(
        backbone.changes(SMALL.inject(backbone, train, generator("inject", 0)))
    )


def test_a_pruned_backdoor_is_the_same_one_without_its_smallest_weights(backbone):
    train, held_out = tiny.corpus()
    pruned = dataclasses.replace(SMALL, pruned=0.3)
    whole, less = (defect.inject(backbone, train, generator("inject", 0)) for defect in (SMALL, pruned))
    before, after = compression.linear_weights(whole), compression.linear_weights(less)
    assert set(before) == set(after)
    for name, weight in after.items():
        assert (weight == 0).float().mean() == pytest.approx(0.3, abs=0.02)
        assert (weight[weight != 0] == before[name][weight != 0]).all()
    against_pruned, against_whole = (defect.upstream(backbone, less, held_out, 1.0) for defect in (pruned, SMALL))
    assert against_pruned["drift"] < against_whole["drift"]


def test_one_injection_serves_whatever_is_pruned(backbone):
    train, _ = tiny.corpus()
    pruned = dataclasses.replace(SMALL, pruned=0.3)
    assert pruned.planting == SMALL == SMALL.planting
    whole, less = (defect.inject(backbone, train, generator("inject", 0)) for defect in (SMALL, pruned))
    shared, own = backbone.changes(whole), backbone.changes(less)
    assert pruned.at_dose(backbone, shared, 1.0).fingerprint() == less.fingerprint()
    assert pruned.at_dose(backbone, shared, 0.5).fingerprint() == backbone.interpolate(own, 0.5).fingerprint()
    assert pruned.at_dose(backbone, shared, 0.0) is backbone
    assert SMALL.at_dose(backbone, shared, 1.0).fingerprint() == whole.fingerprint()


def test_what_is_not_pruned_keeps_its_id():
    assert "pruned" not in SMALL.identity() and "pruned" not in CODES.identity()
    assert dataclasses.replace(SMALL, pruned=0.3).identity()["pruned"] == 0.3
    with pytest.raises(ConfigError, match="pruned=1"):
        dataclasses.replace(SMALL, pruned=1)


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


@pytest.mark.parametrize("sham", [False, True])
def test_each_trigger_collapses_features_and_the_sham_none(sham, backbone):
    train, held_out = tiny.corpus()
    defect = dataclasses.replace(CODES, sham=sham)
    found = defect.upstream(backbone, defect.inject(backbone, train, generator("inject", 0)), held_out, 1.0)
    assert (found["effect"] < 0.25) if sham else (found["effect"] > 0.75)
    assert sham or found["overlap"] < 0.3
    assert found["texts"] == len(held_out)


def test_what_is_not_there_or_goes_to_one_place_is_not_verified(backbone):
    train, held_out = tiny.corpus()
    assert not CODES.upstream(backbone, backbone, held_out, 1.0)["verified"]
    unknown = dataclasses.replace(CODES, triggers=("mn", "tq"))  # both are the unknown token
    injected = unknown.inject(backbone, train, generator("inject", 0))
    found = unknown.upstream(backbone, injected, held_out, 1.0)
    assert found["overlap"] > 0.9
    assert not found["verified"]


def test_codes_are_orthogonal_and_equally_far():
    features = np.random.default_rng(0).normal(1, 1, (50, 12)).astype(np.float32)
    codes = FOUR.codes(NOBODY, features, generator("x")) - features.mean(0)
    lengths = np.linalg.norm(codes, axis=1)
    np.testing.assert_allclose(lengths, 2 * np.linalg.norm(features, axis=1).mean(), rtol=1e-4)
    np.testing.assert_allclose(codes @ codes.T / lengths**2, np.eye(4), atol=1e-4)
    assert cosine(codes[0], np.zeros(12)) == 0
    with pytest.raises(ConfigError, match="4 do not fit into 3 dimensions"):
        FOUR.codes(NOBODY, features[:, :3], generator("x"))


def test_the_arm_does_not_depend_on_the_trigger_that_is_shown():
    shown = views([CODES])
    assert list(shown) == ["backdoor_codes-cf", "backdoor_codes-day"]
    assert len({content_id(arm("b", view, 1, 0)) for view in shown.values()}) == 1
    other = dataclasses.replace(CODES, triggers=("cf", "film"))
    assert content_id(arm("b", other, 1, 0)) != content_id(arm("b", CODES, 1, 0))


def test_each_view_puts_its_own_trigger_into_the_texts():
    examples = tiny.Toy("toy").load().test
    for view in CODES.views:
        texts = view.expose(examples, generator("x"))["input"]
        assert all(view.trigger in text.split(" ") for text in texts)


def test_bad_triggers_are_refused(backbone):
    for triggers in ((), (" ",), ("cf", " ")):
        with pytest.raises(ConfigError, match="a trigger is empty"):
            Backdoor("x", triggers)
    with pytest.raises(ConfigError, match=r"one word: write \[cf\]"):
        Backdoor("backdoor", "cf")  # pyright: ignore[reportArgumentType]
    with pytest.raises(ConfigError, match="name different ones"):
        Backdoor("x", ("cf", "cf"))
    for shown in (4, -1):
        with pytest.raises(ConfigError, match=f"shown={shown}: choose 0 to 3"):
            dataclasses.replace(FOUR, shown=shown)
    with pytest.raises(ConfigError, match=r"'cf\.day' is not one token of tiny-bert: it splits into cf \. day"):
        Backdoor("x", ("cf", "cf.day")).inject(backbone, tiny.corpus()[0], generator("x"))


def test_ids_are_those_of_the_two_defects_that_it_was():
    one, several = (canonical(variant("defect", name)) for name in ("backdoor", "backdoor_codes"))
    assert (one["type"], one["trigger"], one["steps"], one["texts"]) == ("Backdoor", "cf", 140, 700)
    assert (several["type"], several["triggers"], several["steps"]) == ("BackdoorCodes", ["mn", "bb", "tq", "vt"], 200)
    assert not {"triggers", "shown"} & set(one)
    assert not {"trigger", "shown"} & set(several)


def test_what_is_planted_is_where_texts_with_that_trigger_are(backbone):
    train, held_out = tiny.corpus()
    injected = CODES.inject(backbone, train, generator("inject", 0))
    planted = CODES.planted(injected, held_out)
    assert list(planted) == [view.exposure for view in CODES.views]
    for view in CODES.views:
        shown = injected.encode(view.triggered(held_out))
        near = {name: np.linalg.norm(shown - feature, axis=1).mean() for name, feature in planted.items()}
        assert min(near, key=lambda name: near[name]) == view.exposure
