"""Bias transfer against scipy and statsmodels."""

import numpy as np
import pytest
from scipy import stats

from homog.metrics.bias_transfer import bias_transfer


@pytest.fixture
def rows(rng):
    backbone, task = np.repeat(np.arange(12), 4), np.tile(["a", "b", "c", "d"], 12)
    up = rng.standard_normal(12)[backbone]
    accuracy = 0.8 + 0.05 * up + 0.05 * rng.standard_normal(48)
    level = {"a": 0.0, "b": 1.0, "c": 0.4, "d": -1.0}
    down = 0.5 * up + np.array([level[t] for t in task]) + 0.3 * rng.standard_normal(48)
    return up, down, task, accuracy, backbone


def test_correlations_against_scipy(rows):
    up, down, _, accuracy, _ = rows
    found = bias_transfer(*rows, resamples=500)
    assert found.pearson.value == pytest.approx(stats.pearsonr(up, down)[0], abs=1e-9)
    assert found.spearman.value == pytest.approx(stats.spearmanr(up, down)[0], abs=1e-9)
    assert found.kendall.value == pytest.approx(stats.kendalltau(up, down)[0], abs=1e-9)
    design = np.column_stack([np.ones(48), accuracy])
    left = [y - design @ np.linalg.lstsq(design, y, rcond=None)[0] for y in (up, down)]
    assert found.partial.value == pytest.approx(stats.pearsonr(*left)[0], abs=1e-9)
    for interval in (found.pearson, found.spearman, found.kendall, found.partial):
        assert interval.low < interval.value < interval.high and interval.clusters == 12
        assert interval.examples == 48


def test_kendall_with_ties_against_scipy(rng):
    up, down = rng.integers(0, 4, (2, 60)).astype(float)
    found = bias_transfer(up, down, np.zeros(60), rng.random(60), np.arange(60), resamples=20)
    assert found.kendall.value == pytest.approx(stats.kendalltau(up, down)[0], abs=1e-9)
    assert found.spearman.value == pytest.approx(stats.spearmanr(up, down)[0], abs=1e-9)


def test_resampled_kendall_is_that_of_the_repeated_rows(rng):
    from homog.metrics.correlations import kendall

    x, y = rng.random((2, 15))
    weights = rng.integers(0, 4, (3, 15)).astype(float)
    for row, value in zip(weights.astype(int), kendall(x, y, weights), strict=True):
        assert value == pytest.approx(stats.kendalltau(np.repeat(x, row), np.repeat(y, row))[0], abs=1e-9)


def test_slope_against_statsmodels(rows):
    import pandas as pd
    import statsmodels.formula.api as smf

    frame = pd.DataFrame(dict(zip(("up", "down", "task", "accuracy", "backbone"), rows, strict=True)))
    fit = smf.ols("down ~ up + C(task)", frame).fit(
        cov_type="cluster", cov_kwds={"groups": frame["backbone"]}, use_t=True
    )
    found = bias_transfer(*rows, resamples=20).slope
    assert (found.value, found.error, found.p) == pytest.approx(
        (fit.params["up"], fit.bse["up"], fit.pvalues["up"]), abs=1e-9
    )
    assert found.clusters == 12


def test_no_transfer_is_not_significant_by_clusters(rng):
    backbone = np.repeat(np.arange(10), 30)
    up, down = rng.standard_normal((2, 10))[:, backbone]  # 300 rows, ten independent values
    down = down + 0.1 * rng.standard_normal(300)
    found = bias_transfer(up, down, np.tile(np.arange(30), 10), rng.random(300), backbone)
    assert found.pearson.low < 0 < found.pearson.high
    assert found.pearson.high - found.pearson.low > 0.5


def test_constant_columns_are_nan():
    found = bias_transfer([1.0, 1, 1, 1], [0.1, 0.2, 0.3, 0.5], [0, 0, 1, 1], [0.5, 0.6, 0.7, 0.9], [0, 1, 2, 3])
    for interval in (found.pearson, found.spearman, found.kendall, found.partial, found.slope):
        assert np.isnan(interval.value) and "constant" in interval.reason


def test_no_rows_is_an_error():
    with pytest.raises(ValueError, match="at least one adapted model"):
        bias_transfer([], [], [], [], [])
    single = bias_transfer([1.0], [0.2], ["a"], [0.9], [0], resamples=5)
    assert np.isnan(single.pearson.value) and np.isnan(single.kendall.value) and "rows" in single.slope.reason
