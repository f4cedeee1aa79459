"""Outcome homogenization: by hand, identities, invariances, and against scipy."""

import itertools

import numpy as np
import pytest
from scipy import stats

from homog.metrics import outcomes as out

HAND = np.array([[1, 1, 0, 0, 0], [1, 0, 1, 0, 0], [1, 1, 0, 1, 0]], dtype=bool)


def test_by_hand():
    # error rates 2/5, 2/5, 3/5; one example of five is failed by all
    expected = 0.4 * 0.4 * 0.6
    assert out.systemic_failure(HAND) == 0.2
    assert out.homogenization(HAND) == pytest.approx(0.2 / expected, abs=1e-12)
    assert out.normalized_homogenization(HAND) == pytest.approx((0.2 - expected) / (0.4 - expected), abs=1e-12)
    assert out.log_homogenization_per_model(HAND) == pytest.approx(np.log(0.2 / expected) / 2, abs=1e-12)
    found = out.failure_distribution(HAND)
    np.testing.assert_allclose(found.observed, [0.2, 0.4, 0.2, 0.2])
    assert found.homogeneous_observed == pytest.approx(0.4)
    assert found.homogeneous_baseline == pytest.approx(expected + 0.6 * 0.6 * 0.4)
    assert found.excess == pytest.approx(0.4 - expected - 0.144) and found.n == 5


@pytest.mark.parametrize(("k", "h"), [(2, 5), (3, 25), (4, 125)])
def test_identical_models(k, h):
    failures = np.repeat([[True] + [False] * 4], k, axis=0)
    assert out.homogenization(failures) == pytest.approx(h, abs=1e-9)
    assert out.log_homogenization_per_model(failures) == pytest.approx(np.log(5), abs=1e-12)
    assert out.normalized_homogenization(failures) == pytest.approx(1, abs=1e-12)


def test_independent_models_have_h_of_one():
    every = np.array(list(itertools.product([True, False], repeat=3))).T  # each combination once
    assert out.homogenization(every) == pytest.approx(1, abs=1e-12)
    assert out.normalized_homogenization(every) == pytest.approx(0, abs=1e-12)
    assert out.log_homogenization_per_model(every) == pytest.approx(0, abs=1e-12)
    assert out.failure_distribution(every).excess == pytest.approx(0, abs=1e-12)


def test_disjoint_failures():
    failures = np.eye(3, 6, dtype=bool)
    assert out.homogenization(failures) == 0
    assert out.normalized_homogenization(failures) < 0
    assert out.log_homogenization_per_model(failures) == -np.inf


def test_undefined_is_nan():
    perfect = np.array([[0, 0, 0], [0, 1, 1]], dtype=bool)
    for measure in (out.homogenization, out.normalized_homogenization, out.log_homogenization_per_model):
        assert np.isnan(measure(perfect))
        assert np.isnan(measure(np.zeros((2, 0), dtype=bool)))
    one = np.array([[True, False]])
    assert out.homogenization(one) == 1
    assert np.isnan(out.log_homogenization_per_model(one)) and np.isnan(out.normalized_homogenization(one))
    assert out.homogenization([[1], [1]]) == 1  # a single example, failed by all
    assert np.isnan(out.systemic_failure(np.zeros((2, 0))))
    assert np.isnan(out.failure_distribution(np.zeros((2, 0))).excess)


@pytest.mark.parametrize("seed", range(5))
def test_order_of_models_and_examples_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    failures = rng.random((4, 60)) < rng.uniform(0.3, 0.9, (4, 1))
    shuffled = failures[rng.permutation(4)][:, rng.permutation(60)]
    for measure in (out.homogenization, out.normalized_homogenization, out.log_homogenization_per_model):
        assert measure(shuffled) == pytest.approx(measure(failures), abs=1e-9)
        assert measure(np.tile(failures, 3)) == pytest.approx(measure(failures), abs=1e-9)


def test_a_thousand_models_do_not_underflow(rng):
    failures = np.repeat(rng.random((1, 200)) < 0.1, 1000, axis=0)
    assert out.homogenization(failures) == np.inf  # e^(1-k) is beyond a float; its logarithm is not
    error = failures[0].mean()
    assert out.log_homogenization_per_model(failures) == pytest.approx(-np.log(error), abs=1e-9)


def test_baseline_against_scipy(rng):
    rates = rng.random(30)
    np.testing.assert_allclose(out.poisson_binomial(rates), stats.poisson_binom(rates).pmf(np.arange(31)), atol=1e-12)


def test_intervals(rng):
    failures = rng.random((3, 800)) < 0.3
    for measure, (_, null) in out.MEASURES.items():
        interval = out.outcome_interval(measure, failures, resamples=500)
        assert interval.low < interval.value < interval.high
        if measure != "systemic_failure":
            assert interval.low < null < interval.high and interval.p > 0.01
    shared = np.repeat(failures[:1], 3, axis=0)
    interval = out.outcome_interval("homogenization", shared, resamples=500)
    assert interval.low > 1 and interval.p < 0.01
    assert interval.value == pytest.approx(out.homogenization(shared))
    undefined = out.outcome_interval("homogenization", np.zeros((2, 9)), resamples=50)
    assert np.isnan(undefined.value) and "never fails" in undefined.reason


def test_interval_covers(rng):
    hits = 0
    for trial in range(100):
        hard = rng.random(300) < 0.3
        failures = rng.random((2, 300)) < np.where(hard, 0.7, 0.1)
        truth = (0.3 * 0.49 + 0.7 * 0.01) / (0.3 * 0.7 + 0.7 * 0.1) ** 2
        interval = out.outcome_interval("homogenization", failures, resamples=400, seed=trial)
        hits += interval.low <= truth <= interval.high
    assert 88 <= hits <= 100


def test_improvement_share():
    before, after = [1, 1, 1, 0, 1], [0, 0, 1, 1, 0]
    others = [[1, 0, 1, 1, 1], [1, 1, 1, 1, 1]]
    assert out.improvement_share(before, after, others) == pytest.approx(2 / 3)
    assert out.improvement_terms(before, after, others).n == 3
    assert np.isnan(out.improvement_share(before, before, others))


def test_systemic_exclusion():
    scores = np.array([[4.0, 3, 2, 1], [1, 4, 3, 2]])
    # dense ranks 1..4; the first quartile of 1..4 is 1.75, so each model accepts only its best
    np.testing.assert_array_equal(out.rejections(scores), [[0, 1, 1, 1], [1, 0, 1, 1]])
    assert out.systemic_exclusion(scores) == 0.5
    assert out.systemic_exclusion(np.ones((2, 4))) == 0  # ties: nobody ranks above the quantile
    assert out.systemic_exclusion([[3, 3, 1, 1]], 0.5) == 0.5
    assert np.isnan(out.systemic_exclusion(np.ones((2, 0))))


def test_errors_name_the_value():
    with pytest.raises(ValueError, match=r"holds np.int64\(2\)|holds 2"):
        out.homogenization([[0, 2]])
    with pytest.raises(ValueError, match="nan"):
        out.homogenization([[0, np.nan]])
    with pytest.raises(ValueError, match=r"shape \(3,\)"):
        out.homogenization([0, 1, 1])
    with pytest.raises(ValueError, match="at least one model"):
        out.homogenization(np.zeros((0, 3)))
    with pytest.raises(ValueError, match="'H'; valid: homogenization"):
        out.outcome_interval("H", HAND)
    with pytest.raises(ValueError, match="quantile = 2"):
        out.rejections(np.ones((1, 2)), 2)
    with pytest.raises(ValueError, match="scores"):
        out.rejections([[np.nan, 1.0]])


def test_few_joint_failures_have_exact_limits_and_say_so():
    failures = np.zeros((3, 200), dtype=bool)
    failures[0, :20], failures[1, 20:40], failures[2, 40:60] = True, True, True
    rate = out.outcome_interval("systemic_failure", failures, resamples=50)
    assert (rate.value, rate.low) == (0, 0) and rate.high == pytest.approx(stats.binomtest(0, 200).proportion_ci().high)
    assert rate.reason == "0 of 200 counted: exact limits at these error rates" and rate.p > 0.9
    h = out.outcome_interval("homogenization", failures, resamples=50)
    assert (h.value, h.low) == (0, 0) and h.high == pytest.approx(rate.high / 0.1**3)
    one = out.outcome_interval("systemic_failure", np.repeat(failures[:, :1], 30, 1), np.zeros(30), resamples=50)
    assert one.high - one.low > 0.9  # one person says little


def test_many_joint_failures_keep_the_bootstrap():
    rng = np.random.default_rng(1)
    failures = (rng.random((3, 400)) < 0.1) | (rng.random(400) < 0.2)
    interval = out.outcome_interval("normalized_homogenization", failures, resamples=200)
    assert interval.reason == "" and interval.resamples == 200 and interval.p < 1e-6
