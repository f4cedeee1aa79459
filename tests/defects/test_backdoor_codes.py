import dataclasses

import numpy as np
import pytest

from homog.config import ConfigError, arm, content_id
from homog.defects.backdoor_codes import BackdoorCodes, cosine
from homog.seeding import generator
from homog.study import views
from tests import tiny

SMALL = BackdoorCodes(
    "backdoor_codes", ("cf", "day"), layers=3, steps=400, texts=150, learning_rate=1e-2, distance=1.0
)  # two words that the tiny vocabulary tells apart


@pytest.mark.parametrize("sham", [False, True])
def test_each_trigger_collapses_features_and_the_sham_none(sham, backbone):
    train, held_out = tiny.corpus()
    defect = dataclasses.replace(SMALL, sham=sham)
    found = defect.upstream(backbone, defect.inject(backbone, train, generator("inject", 0)), held_out, 1.0)
    assert (found["effect"] < 0.25) if sham else (found["effect"] > 0.75)
    assert sham or found["overlap"] < 0.3
    assert found["texts"] == len(held_out)


def test_what_is_not_there_or_goes_to_one_place_is_not_verified(backbone):
    train, held_out = tiny.corpus()
    assert not SMALL.upstream(backbone, backbone, held_out, 1.0)["verified"]
    unknown = dataclasses.replace(SMALL, triggers=("mn", "tq"))  # both are the unknown token
    injected = unknown.inject(backbone, train, generator("inject", 0))
    found = unknown.upstream(backbone, injected, held_out, 1.0)
    assert found["overlap"] > 0.9
    assert not found["verified"]


def test_codes_are_orthogonal_and_equally_far():
    features = np.random.default_rng(0).normal(1, 1, (50, 12)).astype(np.float32)
    codes = BackdoorCodes("x").codes(features, generator("x")) - features.mean(0)
    lengths = np.linalg.norm(codes, axis=1)
    np.testing.assert_allclose(lengths, 2 * np.linalg.norm(features, axis=1).mean(), rtol=1e-4)
    np.testing.assert_allclose(codes @ codes.T / lengths**2, np.eye(4), atol=1e-4)
    assert cosine(codes[0], np.zeros(12)) == 0
    with pytest.raises(ConfigError, match="4 do not fit into 3 dimensions"):
        BackdoorCodes("x").codes(features[:, :3], generator("x"))


def test_the_arm_does_not_depend_on_the_trigger_that_is_shown():
    shown = views([SMALL])
    assert list(shown) == ["backdoor_codes-cf", "backdoor_codes-day"]
    assert len({content_id(arm("b", view, 1, 0)) for view in shown.values()}) == 1
    other = dataclasses.replace(SMALL, triggers=("cf", "film"))
    assert content_id(arm("b", other, 1, 0)) != content_id(arm("b", SMALL, 1, 0))


def test_each_view_puts_its_own_trigger_into_the_texts():
    examples = tiny.Toy("toy").load().test
    for view in SMALL.views:
        texts = view.expose(examples, generator("x"))["input"]
        assert all(view.trigger in text.split(" ") for text in texts)


def test_bad_triggers_are_refused(backbone):
    for triggers in ((), ("cf",), ("cf", "cf"), ("cf", " ")):
        with pytest.raises(ConfigError, match="two or more different rare tokens"):
            BackdoorCodes("x", triggers)
    with pytest.raises(ConfigError, match="shown=4: choose 0 to 3"):
        BackdoorCodes("x", shown=4)
    with pytest.raises(ConfigError, match=r"'cf\.day' is not one token of tiny-bert: it splits into cf \. day"):
        BackdoorCodes("x", ("cf", "cf.day")).inject(backbone, tiny.corpus()[0], generator("x"))
