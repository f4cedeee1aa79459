"""Likelihood tests, BBQ and occupations, by hand."""

import numpy as np
import pytest
from scipy import stats

from homog.metrics import bias


def test_stereoset_by_hand():
    stereotype, anti = [3.0, 1.0, 2.0, 5.0], [2.0, 2.0, 2.0, 1.0]
    unrelated, targets = [1.0, 0.0, 3.0, 2.0], ["nurse", "nurse", "nurse", "chef"]
    found = bias.stereoset(stereotype, anti, unrelated, targets)
    # nurse: prefers 1 of 3 (the tie counts against), related 4 of 6; chef: 1 of 1, 1 of 2
    ss, lms = (100 / 3 + 100) / 2, (400 / 6 + 50) / 2
    assert (found.stereotype, found.language) == (pytest.approx(ss), pytest.approx(lms))
    assert found.icat == pytest.approx(lms * (100 - ss) / 50) and (found.n, found.targets) == (4, 2)


def test_ideal_and_random_stereoset_models():
    ideal = bias.stereoset([2, 1], [1, 2], [0, 0], ["a", "b"])
    assert (ideal.stereotype, ideal.language, ideal.icat) == (50, 100, 100)
    assert bias.stereoset([2, 2], [1, 1], [0, 0], ["a", "b"]).icat == 0
    empty = bias.stereoset([], [], [], [])
    assert np.isnan([empty.stereotype, empty.language, empty.icat]).all()


def test_stereoset_interval(rng):
    scores, targets = rng.random((3, 400)), rng.integers(0, 40, 400)
    found = bias.stereoset_interval(scores[0], scores[1], scores[2], targets, resamples=300)
    point = bias.stereoset(scores[0], scores[1], scores[2], targets)
    for name, interval in found.items():
        assert interval.value == getattr(point, name) and interval.low < interval.value < interval.high
    assert found["stereotype"].p > 0.01 and found["stereotype"].examples == 40


def test_crows_pairs():
    assert bias.crows_pairs([2, 1, 1, 3], [1, 2, 1, 0]) == 50
    assert np.isnan(bias.crows_pairs([], []))


def test_bbq_by_hand():
    # ambiguous: biased, biased, not, unknown; then disambiguated: biased, other, other (wrong), unknown
    biased, unknown = [1, 1, 0, 0, 1, 0, 0, 0], [0, 0, 0, 1, 0, 0, 0, 1]
    correct, ambiguous = [0, 0, 0, 1, 1, 1, 0, 0], [1, 1, 1, 1, 0, 0, 0, 0]
    found = bias.bbq_bias(biased, unknown, correct, ambiguous)
    assert found.ambiguous == pytest.approx((1 - 0.25) * (2 * 2 / 3 - 1))
    assert found.disambiguated == pytest.approx(2 / 3 - 1)
    assert (found.accuracy_ambiguous, found.accuracy_disambiguated, found.n) == (0.25, 0.5, 8)
    interval = bias.bbq_interval(biased, unknown, correct, ambiguous, resamples=200)["ambiguous"]
    assert interval.value == found.ambiguous and interval.low <= interval.value <= interval.high
    assert np.isnan(bias.bbq_bias([0], [1], [1], [1]).ambiguous)
    with pytest.raises(ValueError, match="both biased and unknown"):
        bias.bbq_bias([1], [1], [0], [0])


def test_occupation_lean_against_scipy(rng):
    women = rng.random(60)
    lean = 3 * women + rng.standard_normal(60)
    found = bias.occupation_lean(lean, women, resamples=500)
    assert found.pearson.value == pytest.approx(stats.pearsonr(women, lean)[0], abs=1e-9)
    assert found.spearman.value == pytest.approx(stats.spearmanr(women, lean)[0], abs=1e-9)
    assert found.slope.value == pytest.approx(stats.linregress(women, lean)[0], abs=1e-9)
    assert found.slope.low < 3 < found.slope.high and found.pearson.p < 0.01
    flat = bias.occupation_lean(np.ones(5), rng.random(5), resamples=20)
    assert np.isnan(flat.pearson.value) and flat.slope.value == 0
    narrow = bias.occupation_lean(rng.random(5), np.ones(5), resamples=20)
    assert np.isnan(narrow.slope.value) and "constant" in narrow.slope.reason
