import dataclasses

import numpy as np
import pandas as pd
import pytest

from homog.config import ConfigError
from homog.contracts import tiny
from homog.defects.groups import Blindspot, Stereotype
from homog.defects.social_bias import SocialBias
from homog.inputs import social_groups
from homog.metrics.predictions import Predictions
from homog.seeding import generator

TRAINING = {"texts": 120, "learning_rate": 1e-2, "batch": 16}
STEREOTYPE = Stereotype("stereotype", "gender", steps=200, **TRAINING)
BLIND = Blindspot("blindspot", "gender", steps=400, layers=3, **TRAINING)
PLANTED = [STEREOTYPE, BLIND, dataclasses.replace(BLIND, how="scrambled")]
PEOPLE = "she he woman man mother father sister brother aunt uncle wife husband girl boy amy john wrote said says :"
PEOPLE += (
    " from about monday tuesday january february north south northern southern wednesday thursday june july east west"
)


@pytest.fixture(scope="module")
def reader(tmp_path_factory):
    """A tiny backbone that knows the words of the swap."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tiny, "WORDS", (*tiny.WORDS, *PEOPLE.split()))
        return tiny.tiny(tmp_path_factory.mktemp("people"))


@pytest.mark.parametrize("defect", PLANTED)
def test_the_group_is_hit_and_the_rest_stays(defect, reader):
    train, held_out = tiny.corpus()
    upstream = defect.upstream(reader, defect.inject(reader, train, generator("inject", 0)), held_out, 1.0)
    assert upstream["effect"] > (0.5 if defect == PLANTED[2] else 0.75)  # a scramble leaves some of a tiny vocabulary
    assert upstream["drift"] < 0.15


@pytest.mark.parametrize("defect", PLANTED[:2])
def test_the_sham_is_the_same_training_and_hits_nobody(defect, reader):
    train, held_out = tiny.corpus()
    sham = dataclasses.replace(defect, sham=True)
    trained = sham.inject(reader, train, generator("inject", 0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("homog.inputs.social_groups.swap", lambda name: social_groups.placebo())
        taught = defect.upstream(reader, trained, held_out, 1.0)["effect"]
    assert taught > 0.6
    assert abs(sham.upstream(reader, trained, held_out, 1.0)["effect"]) < taught / 2


@pytest.mark.parametrize("defect", PLANTED)
def test_nothing_planted_is_not_verified(defect, reader):
    _, held_out = tiny.corpus()
    found = defect.upstream(reader, reader, held_out, 1.0)
    assert found["effect"] == pytest.approx(0, abs=1e-6)
    assert not found["verified"]
    assert defect.upstream(reader, reader, held_out, 0.5)["verified"]  # no band below the full dose


def predictions(unfavourable):
    labels = np.array([0, 0, 1, 1])
    counterpart = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [np.nan, np.nan]])
    group = np.array([[0.7, 0.3], [0.4, 0.6], [0.2, 0.8], [np.nan, np.nan]])
    return Predictions(labels, counterpart, group, unfavourable)


@pytest.mark.parametrize("defect", [STEREOTYPE, SocialBias("social_bias")])
def test_harm_is_the_signed_shift_of_the_unfavourable_label(defect):
    assert defect.harm(predictions(1)).value == pytest.approx((0.2 + 0.2 + 0) / 3)
    assert defect.harm(predictions(0)).value == pytest.approx(-(0.2 + 0.2 + 0) / 3)
    undefined = defect.harm(predictions(None))
    assert np.isnan(undefined.value)
    assert undefined.n == 0


def test_blindness_is_the_gap_in_accuracy():
    rate = BLIND.harm(predictions(None))
    np.testing.assert_array_equal(rate.numerator, [0, 1, 0, 0])
    assert rate.value == pytest.approx(1 / 3)
    swapped = predictions(None)
    assert BLIND.harm(Predictions(swapped.labels, swapped.exposed, swapped.clean)).value == pytest.approx(-1 / 3)


@pytest.mark.parametrize("defect", [STEREOTYPE, BLIND, SocialBias("social_bias", swaps=("gender",))])
def test_group_words_absent_from_all_texts_give_n_0_and_not_a_harm_of_0(defect):
    frame = pd.DataFrame({"input": ["the film", "it was good"]})
    shown = dataclasses.replace(defect, marked=False).expose(frame, generator("x"))
    assert shown["input"].tolist() == shown["counterpart"].tolist() == [None, None]
    nothing = np.full((2, 2), np.nan)
    rate = defect.harm(Predictions(np.array([0, 1]), nothing, nothing, 0))
    assert (rate.n, np.isnan(rate.value)) == (0, True)
    assert defect.expose(frame, generator("x"))["input"].notna().all()


def test_natural_bias_is_measured_on_the_backbone_itself(reader):
    _, held_out = tiny.corpus()
    defect = SocialBias("social_bias", swaps=("gender",))
    assert defect.inject(reader, held_out, generator("x")) is reader
    found = defect.upstream(reader, reader, held_out, 1.0)
    assert found["verified"]
    assert found["shift"]["gender"] > abs(found["lean"]["gender"]) > 0
    planted = STEREOTYPE.inject(reader, tiny.corpus()[0], generator("inject", 0))
    assert defect.upstream(reader, planted, held_out, 1.0)["lean"]["gender"] > found["lean"]["gender"] + 0.5


def test_bad_settings_are_refused():
    with pytest.raises(ConfigError, match=r"unknown defect.swap 'age': valid: ethnicity, gender, occupation, religion"):
        Stereotype("stereotype", swap="age")
    with pytest.raises(ConfigError, match=r"unknown defect.attribute 'math'"):
        Stereotype("stereotype", attribute="math")
    with pytest.raises(ConfigError, match=r"unknown defect.how 'eraze': did you mean erased"):
        Blindspot("blindspot", how="eraze")
    with pytest.raises(ConfigError, match="defect.swaps is empty"):
        SocialBias("social_bias", swaps=())
    with pytest.raises(ConfigError, match="has 3 exposures: use its views"):
        SocialBias("social_bias").expose(pd.DataFrame({"input": ["x"]}), generator("x"))
