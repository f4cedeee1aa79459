"""Intervals: against slow loops, known variances, coverage, and their speed."""

import numpy as np
import pytest
from scipy import stats

from homog.metrics import intervals as iv
from homog.metrics import resampling


def test_weights_are_multinomial_counts(rng):
    drawn = resampling.counts(rng, 5000, 7)
    assert (drawn.sum(1) == 7).all() and drawn.shape == (5000, 7)
    assert stats.chisquare(drawn.sum(0)).pvalue > 1e-4
    assert drawn.var() == pytest.approx(1 - 1 / 7, rel=0.03)


def test_a_defined_value_without_a_defined_resample_keeps_the_value():
    found = iv.percentile_interval(0.5, np.full(9, np.nan), examples=3)
    assert found.value == 0.5 and np.isnan(found.low) and found.reason == "no resample has a defined estimate"


def test_a_measure_without_a_chance_level_has_no_p():
    found = iv.percentile_interval(0.5, np.linspace(0, 1, 9), examples=3, null=float("nan"))
    assert np.isnan(found.p) and found.low < found.high


def test_bootstrap_interval_of_a_function_of_sums(rng):
    x = rng.standard_normal(500) + 3
    interval = iv.bootstrap_interval(np.column_stack([x, np.ones(500)]), lambda s: s[..., 0] / s[..., 1], null=3.0)
    half = 1.96 * x.std() / np.sqrt(500)
    assert interval.value == pytest.approx(x.mean(), abs=1e-12)
    assert (interval.low, interval.high) == pytest.approx((x.mean() - half, x.mean() + half), abs=0.02)
    assert 0 < interval.p <= 1


def test_blocks_change_nothing(rng, monkeypatch):
    x = rng.random((50, 2))
    whole = resampling.resampled_sums(x, 100, np.random.default_rng(1))
    monkeypatch.setattr(resampling, "_BLOCK", 170)
    np.testing.assert_allclose(resampling.resampled_sums(x, 100, np.random.default_rng(1)), whole, rtol=1e-12)


def test_holm_against_statsmodels(rng):
    from statsmodels.stats.multitest import multipletests

    p = rng.random(12) ** 3
    np.testing.assert_allclose(iv.holm(p), np.asarray(multipletests(p, method="holm")[1]), atol=1e-12)
    with_nan = np.insert(p, 4, np.nan)
    np.testing.assert_allclose(np.delete(iv.holm(with_nan), 4), iv.holm(p))
    assert np.isnan(iv.holm(with_nan)[4]) and iv.holm([]).shape == (0,)
