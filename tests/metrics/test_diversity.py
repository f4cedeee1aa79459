"""Ensemble diversity: by hand, Kuncheva and Whitaker's identities, and Fleiss' kappa."""

from itertools import combinations

import numpy as np
import pytest

from homog.metrics import diversity as dv
from homog.metrics.agreement import disagreement

HAND = np.array([[1, 1, 0, 0], [1, 0, 0, 1], [1, 0, 0, 1]], dtype=bool)  # s = 3, 1, 0, 2


def test_by_hand():
    assert dv.entropy_measure(HAND) == pytest.approx((0 + 1 + 0 + 1) / 4 / (3 - 2))
    assert dv.kohavi_wolpert(HAND) == pytest.approx((0 + 2 + 0 + 2) / 4 / 9)
    assert dv.interrater_kappa(HAND) == pytest.approx(1 - (4 / 4 / 3) / (2 * 0.25))
    assert dv.difficulty(HAND) == pytest.approx(np.var([1, 1 / 3, 0, 2 / 3]))
    # failing: 0, 2, 3, 1 of 3: p(1) = 6/12; p(2) = (2*1 + 3*2)/(3*2)/4 = 1/3
    assert dv.generalized_diversity(HAND) == pytest.approx(1 - (1 / 3) / (1 / 2))
    assert dv.coincident_failure_diversity(HAND) == pytest.approx((1 / 2 + 0 + 2 / 2) / 3)


@pytest.mark.parametrize(("models", "seed"), [(2, 0), (3, 1), (4, 2), (7, 3)])
def test_identities(models, seed):
    rng = np.random.default_rng(seed)
    correct = rng.random((models, 80)) < rng.uniform(0.2, 0.9, (models, 1))
    mean = np.mean([disagreement(a, b) for a, b in combinations(correct, 2)])
    p = correct.mean()
    assert dv.kohavi_wolpert(correct) == pytest.approx((models - 1) / (2 * models) * mean, abs=1e-12)
    assert dv.interrater_kappa(correct) == pytest.approx(1 - mean / (2 * p * (1 - p)), abs=1e-12)
    assert dv.difficulty(correct) == pytest.approx(np.var(correct.mean(0)), abs=1e-12)
    shuffled = correct[rng.permutation(models)][:, rng.permutation(80)]
    for name in dv.MEASURES:
        assert getattr(dv, name)(shuffled) == pytest.approx(getattr(dv, name)(correct), abs=1e-12)


def test_against_fleiss_kappa(rng):
    from statsmodels.stats.inter_rater import fleiss_kappa

    s = (rng.random((5, 60)) < 0.6).sum(0)
    correct = np.arange(5)[:, None] < s
    published = fleiss_kappa(np.stack([s, 5 - s], axis=1))
    assert dv.interrater_kappa(correct) == pytest.approx(published, abs=1e-9)


def test_extremes():
    identical = np.repeat([[True, False, True]], 4, axis=0)
    assert dv.interrater_kappa(identical) == pytest.approx(1)
    assert dv.generalized_diversity(identical) == pytest.approx(0) == dv.entropy_measure(identical)
    disjoint = ~np.eye(4, dtype=bool)
    assert dv.generalized_diversity(disjoint) == 1 == dv.coincident_failure_diversity(disjoint)
    half = np.array([[1, 0], [0, 1]], dtype=bool)
    assert dv.entropy_measure(half) == 1 and dv.kohavi_wolpert(half) == 0.25


def test_undefined_is_nan():
    perfect, single = np.ones((3, 5), dtype=bool), np.array([[True, False]])
    for name in ("interrater_kappa", "generalized_diversity", "coincident_failure_diversity"):
        assert np.isnan(getattr(dv, name)(perfect)) and np.isnan(getattr(dv, name)(single))
    assert np.isnan(dv.entropy_measure(single)) and dv.entropy_measure(perfect) == 0
    for name in dv.MEASURES:
        assert np.isnan(getattr(dv, name)(np.zeros((2, 0))))
    with pytest.raises(ValueError, match="at least one model"):
        dv.difficulty(np.zeros((0, 3)))


def test_intervals(rng):
    correct = rng.random((4, 300)) < 0.7
    for name in dv.MEASURES:
        interval = dv.diversity_interval(name, correct, resamples=300)
        assert interval.low <= interval.value <= interval.high
        assert interval.value == pytest.approx(getattr(dv, name)(correct))
    assert np.isnan(dv.diversity_interval("interrater_kappa", np.ones((2, 5)), resamples=9).value)
    with pytest.raises(ValueError, match="'kw'; valid: entropy_measure"):
        dv.diversity_interval("kw", correct)
