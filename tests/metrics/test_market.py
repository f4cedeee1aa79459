"""The market share curve against enumeration of every choice of who moves."""

from itertools import combinations

import numpy as np
import pytest

from homog.metrics.market import market_share_curve
from homog.metrics.outcomes import homogenization


def by_enumeration(shared, control, m):
    systemic, expected = [], []
    for movers in combinations(range(len(shared)), m):
        f = control.copy()
        f[list(movers)] = shared[list(movers)]
        systemic.append(f.all(0).mean())
        expected.append(f.mean(1).prod())
    return np.mean(systemic), np.mean(systemic) / np.mean(expected)


def test_against_enumeration(rng):
    shared, control = rng.random((2, 5, 60)) < 0.6
    rejected = rng.random((2, 5, 60)) < 0.7
    curve = market_share_curve(shared, control, np.arange(6) / 5, rejected=(rejected[0], rejected[1]), resamples=50)
    for m, point in enumerate(curve):
        systemic, h = by_enumeration(shared, control, m)
        assert point.deployers == m and point.share == m / 5
        assert point.systemic_failure.value == pytest.approx(systemic, abs=1e-12)
        assert point.homogenization.value == pytest.approx(h, abs=1e-9)
        assert point.exclusion.value == pytest.approx(by_enumeration(rejected[0], rejected[1], m)[0], abs=1e-12)


def test_ends_and_intervals(rng):
    control = rng.random((4, 500)) < 0.4
    shared = np.repeat(rng.random((1, 500)) < 0.4, 4, axis=0)
    ends = market_share_curve(shared, control, [0, 1], resamples=300)
    assert ends[0].homogenization.value == pytest.approx(homogenization(control), abs=1e-9)
    assert ends[1].homogenization.value == pytest.approx(homogenization(shared), abs=1e-9)
    assert ends[1].systemic_failure.low > ends[0].systemic_failure.high
    assert np.isnan(ends[0].exclusion.value) and "no rejections" in ends[0].exclusion.reason


def test_many_deployers_do_not_overflow(rng):
    shared = np.repeat(rng.random((1, 50)) < 0.2, 800, axis=0)
    curve = market_share_curve(shared, rng.random((800, 50)) < 0.3, [0, 0.5, 1], resamples=5)
    assert [point.deployers for point in curve] == [0, 400, 800]
    assert curve[2].systemic_failure.value == shared[0].mean() and curve[2].homogenization.value == np.inf
    assert curve[0].systemic_failure.value == 0


def test_perfect_models_and_errors(rng):
    never = np.zeros((2, 20), dtype=bool)
    assert np.isnan(market_share_curve(never, never, [0.5], resamples=5)[0].homogenization.value)
    with pytest.raises(ValueError, match="one arm seed"):
        market_share_curve(never[None], never[None], [0.5])
    with pytest.raises(ValueError, match="valid: 0 to 1"):
        market_share_curve(never, never, [1.5])
