"""Least squares against statsmodels, dyadic errors against the double sum that defines them."""

import numpy as np
import pytest

from homog.metrics import regression as reg
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


def similar(rng, sizes, effect=0.0):
    """Similarity of the pairs of models, which covary by model; `effect`: of sharing the attribute."""
    values = np.repeat(np.arange(len(sizes)), sizes)
    first, second = np.triu_indices(len(values), 1)
    own, hidden = 0.05 * rng.standard_normal(len(values)), 0.2 * rng.standard_normal((len(values), 3))
    outcome = own[first] + own[second] + (hidden[first] * hidden[second]).sum(1)
    return outcome + effect * (values[first] == values[second]), values


@pytest.mark.parametrize("sizes", [(27, 3), (8, 8)])
def test_sharing_is_dealt_over_models(sizes, monkeypatch):
    monkeypatch.setattr(reg, "PERMUTATIONS", 199)
    rng = np.random.default_rng(0)
    null = [reg.sharing_coefficient(*similar(rng, sizes), {}) for _ in range(120)]
    assert np.mean([found.p < 0.05 for found in null]) < 0.1  # dyadic errors: up to .78
    assert np.mean([found.low <= 0 <= found.high for found in null]) > 0.87
    found = reg.sharing_coefficient(*similar(rng, sizes, 0.3), {})
    assert found.p <= 0.01 and found.low > 0 and found.clusters == sum(sizes)


def test_the_coefficient_is_that_of_least_squares(rng):
    outcome, values = similar(rng, (5, 4, 3), 0.1)
    beside = rng.standard_normal(len(outcome))
    first, second = np.triu_indices(12, 1)
    columns = {"same": (values[first] == values[second]).astype(float), "beside": beside}
    dealt = reg.sharing_coefficient(outcome, values, {"beside": beside})
    assert dealt.value == pytest.approx(reg.least_squares(outcome, columns)["same"].value)


def test_a_design_with_few_deals_cannot_answer(rng):
    alone = reg.sharing_coefficient(*similar(rng, (8, 1)), {})
    assert np.isnan(alone.p) and alone.reason == "9 ways to deal it to the models: too few to say anything at 5 %"
    assert not np.isnan(alone.value)
    assert reg.sharing_coefficient(*similar(rng, (6,)), {}).reason == "the same for all pairs"
    assert [reg._deals(np.repeat(np.arange(len(s)), s)) for s in ((27, 1), (4, 4), (2, 2, 2))] == [28, 35, 15]
