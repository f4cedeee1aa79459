"""Least squares against statsmodels, dyadic errors against the double sum that defines them."""

import numpy as np
import pytest

from homog.metrics.regression import dyadic_least_squares, least_squares


def test_classical_and_clustered_against_statsmodels(rng):
    import statsmodels.api as sm

    x, z = rng.standard_normal((2, 60))
    group, effect = rng.integers(0, 8, 60), rng.integers(0, 3, 60)
    y = x - 0.5 * z + rng.standard_normal(8)[group] + effect + rng.standard_normal(60)
    design = np.column_stack([x, z, np.ones(60), effect == 1, effect == 2]).astype(float)
    model = sm.OLS(y, design)
    for clusters, fit in (
        (None, model.fit()),
        (group, model.fit(cov_type="cluster", cov_kwds={"groups": group}, use_t=True)),
    ):
        found = least_squares(y, {"x": x, "z": z}, clusters, effect)
        for i, name in enumerate(("x", "z")):
            ours = found[name]
            assert (ours.value, ours.error, ours.p, ours.low, ours.high) == pytest.approx(
                (fit.params[i], fit.bse[i], fit.pvalues[i], *fit.conf_int()[i]), abs=1e-9
            )


def test_dyadic_errors_by_the_double_sum(rng):
    first, second = np.triu_indices(7, 1)
    x = rng.standard_normal(21)
    y = x + rng.standard_normal(7)[first] + rng.standard_normal(7)[second]
    found = dyadic_least_squares(y, {"x": x}, first, second)["x"]
    design = np.column_stack([x, np.ones(21)])
    bread = np.linalg.inv(design.T @ design)
    residual = y - design @ bread @ design.T @ y
    meat = np.zeros((2, 2))
    for i in range(21):
        for j in range(21):
            if {first[i], second[i]} & {first[j], second[j]}:
                meat += residual[i] * residual[j] * np.outer(design[i], design[j])
    assert found.error == pytest.approx(np.sqrt((bread @ meat @ bread)[0, 0]), abs=1e-9)
    assert found.clusters == 7 and found.n == 21 and found.low < found.value < found.high


def test_dyadic_errors_are_wider_when_members_matter():
    rng, found = np.random.default_rng(1), []
    first, second = np.triu_indices(40, 1)
    for _ in range(10):
        quality, noise = rng.standard_normal((2, 40))
        x = quality[first] + quality[second]
        y = noise[first] + noise[second] + 0.1 * rng.standard_normal(780)
        pair = least_squares(y, {"x": x})["x"], dyadic_least_squares(y, {"x": x}, first, second)["x"]
        found.append(pair[1].error / pair[0].error)
    assert np.mean(found) > 2


def test_undefined_and_errors(rng):
    x = rng.random(6)
    assert "constant" in least_squares(x, {"one": np.ones(6)})["one"].reason
    assert "rows" in least_squares(x[:2], {"x": x[:2]})["x"].reason
    assert "two clusters" in least_squares(x, {"x": x**2}, np.zeros(6))["x"].reason
    exact = least_squares(np.arange(6.0), {"x": np.arange(6.0)})["x"]
    assert exact.value == pytest.approx(1) and exact.p < 1e-9
    with pytest.raises(ValueError, match="different members"):
        dyadic_least_squares(x, {"x": x}, np.zeros(6), np.zeros(6))
    with pytest.raises(ValueError, match="x has 5 values"):
        least_squares(x, {"x": x[:5]})
    with pytest.raises(ValueError, match="outcome holds nan"):
        least_squares([np.nan, 1, 2], {"x": [1, 2, 3]})
