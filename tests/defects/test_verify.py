import numpy as np
import pytest

from homog.defects.verify import Bands, distance_gone, drift, facts, spread, variance_gone

NAN = float("nan")
BEFORE = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 4.0], [2.0, 4.0]])  # variance 1 + 4


def test_drift_is_displacement_in_units_of_the_variance():
    assert drift(BEFORE, BEFORE) == 0
    assert drift(BEFORE, BEFORE + [3, 4]) == 5
    assert drift(BEFORE, 2 * BEFORE) == pytest.approx((0 + 4 + 16 + 20) / 4 / 5)


def test_what_is_gone_of_variance_and_of_a_distance():
    assert variance_gone(BEFORE, 0 * BEFORE) == 1
    assert variance_gone(BEFORE, 2 * BEFORE) == -3
    assert variance_gone(BEFORE, BEFORE + 7) == 0
    goals = BEFORE + 2
    assert distance_gone(BEFORE, goals, goals) == 1
    assert distance_gone(BEFORE, BEFORE + 1, goals) == 0.75
    assert distance_gone(BEFORE, BEFORE - 2, goals) == -3
    assert spread(BEFORE) == pytest.approx(5**0.5)


@pytest.mark.parametrize(
    ("moved", "effect", "dose", "sham", "verified"),
    [
        (0.1, 0.75, 1, False, True),
        (0.11, 0.75, 1, False, False),
        (0.1, 0.74, 1, False, False),
        (0.1, 0.0, 0.9, False, True),  # no band below the full dose
        (0.11, 0.0, 0.9, False, False),
        (0.1, 0.25, 1, True, True),
        (0.1, 0.26, 1, True, False),
        (0.1, 0.26, 0.5, True, False),  # a sham has one at any dose
        (0.1, -9.0, 1, True, True),
        (0.1, NAN, 1, False, False),
        (0.1, NAN, 1, True, False),
        (NAN, 0.8, 1, False, False),
    ],
)
def test_the_bands_by_hand(moved, effect, dose, sham, verified):
    assert Bands().verified(moved, effect, dose, sham) is verified


def test_a_signed_sham_has_a_band_on_either_side():
    bands = Bands(sham_low=-0.25)
    assert [bands.verified(0, effect, 1, True) for effect in (-0.26, -0.25, 0.25, 0.26)] == [False, True, True, False]


def test_facts_have_the_names_of_records():
    said = facts(0.1, 0.9, np.bool_(True), 3, overlap=0.2)  # pyright: ignore[reportArgumentType]
    assert said == {"drift": 0.1, "effect": 0.9, "overlap": 0.2, "verified": True, "texts": 3}
    assert type(said["verified"]) is bool
