"""Flips, gaps and shifts by hand and against statsmodels and scipy."""

from typing import Any

import numpy as np
import pytest
from scipy import stats

from homog.metrics import flips
from homog.metrics.inheritance import rate_interval


def test_flip_rate_by_hand():
    found = flips.flip_rate([0, 0, 1, 1, 0, 1], [1, 1, 0, 1, 0, 1])
    assert (found.rate, found.toward, found.away, found.n) == (
        0.5,
        pytest.approx(1 / 3),
        pytest.approx(1 / 6),
        6,
    )
    assert found.p == 1
    three = flips.flip_rate([0, 1, 2, 2], [2, 1, 0, 1], positive=2)
    assert (three.rate, three.toward, three.away) == (0.75, 0.25, 0.5)


def test_mcnemar_against_statsmodels(rng):
    from statsmodels.stats.contingency_tables import mcnemar

    a = rng.integers(0, 2, 200)
    b = np.where(rng.random(200) < 0.2, 1, a)
    table = np.array([[np.sum((a == i) & (b == j)) for j in (0, 1)] for i in (0, 1)])
    published: Any = mcnemar(table, exact=True)
    assert flips.flip_rate(a, b).p == pytest.approx(published.pvalue, abs=1e-9)


def test_nothing_flips_or_nothing_is_there():
    same = flips.flip_rate([0, 1], [0, 1])
    assert (same.rate, same.p) == (0, 1)
    empty = flips.flip_rate([], [])
    assert np.isnan([empty.rate, empty.toward, empty.p]).all() and empty.n == 0
    assert np.isnan(flips.probability_gap([], []))
    assert np.isnan(flips.prediction_shift([], [], 2).total_variation)
    assert np.isnan(flips.prediction_shift([], [], 2).divergence)


def test_probability_gap():
    p, q = np.array([0.9, 0.2]), np.array([0.6, 0.3])
    assert flips.probability_gap(p, q) == pytest.approx(0.2)
    two = [np.stack([x, 1 - x], axis=1) for x in (p, q)]
    assert flips.probability_gap(*two) == pytest.approx(0.2)
    assert flips.probability_gap(np.eye(3), np.eye(3)[[1, 2, 0]]) == 1
    interval = rate_interval(flips.probability_gap_terms(p, q))
    assert interval.value == pytest.approx(0.2)
    assert (interval.low, interval.high) == (0, 1)  # two examples say nothing


def test_prediction_shift(rng):
    clean, exposed = np.array([0, 0, 1, 2]), np.array([0, 0, 0, 2])
    found = flips.prediction_shift(clean, exposed, 3)
    assert found.total_variation == pytest.approx(0.25)
    assert (found.majority_clean, found.majority_exposed, found.n) == (0.5, 0.75, 4)
    smoothed = [(np.bincount(x, minlength=3) + 0.5) / 5.5 for x in (exposed, clean)]
    assert found.divergence == pytest.approx(stats.entropy(smoothed[0], smoothed[1]), abs=1e-12)
    assert flips.prediction_shift(clean, clean, 5).divergence == 0
    interval = flips.prediction_shift_interval(clean, exposed, 3, resamples=200)
    assert interval.value == pytest.approx(0.25) and interval.low <= 0.25 <= interval.high


def test_relabelling_and_order_change_nothing(rng):
    a, b = rng.integers(0, 4, (2, 100))
    names, order = np.array([2, 0, 3, 1]), rng.permutation(100)
    value = flips.prediction_shift(a, b, 4)
    for x, y in ((names[a], names[b]), (a[order], b[order])):
        again = flips.prediction_shift(x, y, 4)
        assert again.total_variation == pytest.approx(value.total_variation)
        assert again.divergence == pytest.approx(value.divergence)
        assert flips.flip_rate(x, y).rate == flips.flip_rate(a, b).rate


def test_errors():
    with pytest.raises(ValueError, match="number = 2"):
        flips.prediction_shift([0, 2], [0, 1], 2)
    with pytest.raises(ValueError, match=r"valid: \(1, 2\)"):
        flips.probability_gap([[0.5, 0.5]], [[0.2, 0.3, 0.5]])
    with pytest.raises(ValueError, match="holds nan"):
        flips.probability_gap([0.1, np.nan], [0.1, 0.2])


def test_kl_divergence_against_scipy():
    a, b = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 1])
    p, q = np.array([2.5, 1.5, 1.5, 0.5]) / 6, np.array([1.5, 3.5, 0.5, 0.5]) / 6
    assert flips.kl_divergence(a, b, 4) == pytest.approx(stats.entropy(p, q))
    assert flips.kl_divergence(b, a, 4) == pytest.approx(stats.entropy(q, p))
    assert flips.kl_divergence(a, a, 4) == 0 and np.isnan(flips.kl_divergence([], [], 2))
    assert flips.prediction_shift(a, b, 4).divergence == pytest.approx(flips.kl_divergence(b, a, 4))


def test_max_rate_increase_by_hand():
    assert flips.max_rate_increase([0, 0, 1, 2], [0, 1, 1, 1], 3) == 0.5
    assert flips.max_rate_increase([0, 1], [0, 1], 2) == 0 and np.isnan(flips.max_rate_increase([], [], 2))
