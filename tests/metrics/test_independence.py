"""Tests of joint failure against independence: exact values, error rates and power."""

import itertools

import numpy as np
import pytest
from scipy import stats

from homog.metrics import independence

HAND = np.array([[1, 1, 0, 0, 0], [1, 0, 1, 0, 0], [1, 1, 0, 1, 0]], dtype=bool)


def brute_force(failures):
    """P(x examples are failed by all) over every placement of each model's failures, written as plainly as possible."""
    n, counts = failures.shape[1], {}
    places = [list(itertools.combinations(range(n), int(row.sum()))) for row in failures]
    for chosen in itertools.product(*places):
        together = len(set.intersection(*map(set, chosen)))
        counts[together] = counts.get(together, 0) + 1
    total = sum(counts.values())
    return {x: count / total for x, count in counts.items()}


def test_the_exact_p_is_that_of_every_placement_of_the_failures(rng):
    for _ in range(5):
        failures = rng.random((3, 6)) < 0.5
        chances = brute_force(failures)
        observed = chances.get(int(failures.all(0).sum()), 0.0)
        expected = sum(chance for chance in chances.values() if chance <= observed * (1 + 1e-7))
        assert independence.independence_p(failures) == pytest.approx(expected)


def test_two_models_are_fishers_exact_test(rng):
    a, b = rng.random((2, 60)) < 0.4
    table = [[np.sum(a & b), np.sum(a & ~b)], [np.sum(~a & b), np.sum(~a & ~b)]]
    assert independence.independence_p(np.stack([a, b])) == pytest.approx(stats.fisher_exact(table)[1])


@pytest.mark.parametrize(("k", "n", "error"), [(2, 50, 0.3), (4, 120, 0.2), (8, 500, 0.15)])
@pytest.mark.parametrize("measure", ["systemic_failure", "homogeneous_excess"])
def test_independent_models_are_seldom_told_from_independence(k, n, error, measure):
    rng = np.random.default_rng(k)  # k = 8, n = 500: a bootstrap called all of these less than independent
    p = [independence.independence_p(rng.random((k, n)) < error, measure) for _ in range(150)]
    assert np.mean(np.array(p) < 0.05) < 0.09
    shared = rng.random(n) < error
    assert independence.independence_p(np.array([shared ^ (rng.random(n) < 0.05) for _ in range(k)]), measure) < 0.01


def test_drawn_and_computed_p_agree(rng, monkeypatch):
    tables = [rng.random((3, 200)) < 0.35 for _ in range(8)]
    exact = [independence.independence_p(failures) for failures in tables]
    monkeypatch.setattr(independence, "EXACT", 0)
    np.testing.assert_allclose([independence.independence_p(failures) for failures in tables], exact, atol=0.2)


def test_examples_of_one_person_are_permuted_together(monkeypatch):
    rng, people = np.random.default_rng(2), np.repeat(np.arange(40), 5)
    monkeypatch.setattr(independence, "PERMUTATIONS", 199)
    tables = [np.repeat(rng.random((2, 40)) < 0.4, 5, axis=1) for _ in range(60)]
    assert np.mean([independence.independence_p(table, people=people) < 0.05 for table in tables]) < 0.12
    assert (
        np.mean([independence.independence_p(table) < 0.05 for table in tables]) > 0.25
    )  # five copies are taken for evidence
