"""Pairwise agreement: by hand, bounds, invariances, and against lm-sim, DESlib and scikit-learn."""

import warnings
from typing import Any

import numpy as np
import pytest

from homog.metrics import agreement as ag

LABELS = np.array([0, 1, 2, 0, 1, 2])
A = np.array([0, 1, 0, 1, 1, 0])  # right: 0, 1, 4
B = np.array([0, 2, 0, 1, 1, 2])  # right: 0, 4, 5


def random_probabilities(rng, n=300, options=4):
    p = rng.random((2, n, options)) ** 3
    return p / p.sum(2, keepdims=True), rng.integers(0, options, n)


def test_by_hand():
    right_a, right_b = A == LABELS, B == LABELS
    assert ag.error_consistency(right_a, right_b) == pytest.approx((4 / 6 - 0.5) / 0.5)
    k = 1 / 3
    assert ag.unbiased_error_consistency(right_a, right_b) == pytest.approx(6 * k / (5 + k))
    assert ag.both_wrong_agreement(A, B, LABELS) == 1  # both wrong on 2 and 3, the same answers
    assert ag.either_wrong_agreement(A, B, LABELS) == 0.5
    assert ag.double_fault(right_a, right_b) == pytest.approx(2 / 6)
    assert ag.disagreement(right_a, right_b) == pytest.approx(2 / 6)
    assert ag.q_statistic(right_a, right_b) == pytest.approx((2 * 2 - 1) / (2 * 2 + 1))
    assert ag.correlation(right_a, right_b) == pytest.approx((2 * 2 - 1) / 9)
    expected = 0.25 + 0.25 / 2
    assert ag.capa_discrete(A, B, LABELS) == pytest.approx((4 / 6 - expected) / (1 - expected))
    p = np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]])
    observed, mean = (0.25 + 0.09 + 0.04 + 0.01 + 0.64 + 0.01) / 2, (0.5 + 0.8) / 2
    chance = mean**2 + (1 - mean) ** 2 / 2
    assert ag.capa(p, p, [0, 1]) == pytest.approx((observed - chance) / (1 - chance))


def test_identical_models():
    right = A == LABELS
    assert ag.error_consistency(right, right) == 1 and ag.capa_discrete(A, A, LABELS) == pytest.approx(1)
    assert ag.q_statistic(right, right) == ag.correlation(right, right) == 1
    soft = np.full((6, 3), 0.2) + 0.4 * np.eye(3)[A]
    assert 0 < ag.capa(soft, soft, LABELS) < 1


def test_perfect_models_and_no_examples_are_nan():
    ones = np.ones(4, dtype=bool)
    for measure in (ag.error_consistency, ag.unbiased_error_consistency, ag.q_statistic, ag.correlation):
        assert np.isnan(measure(ones, ones)) and np.isnan(measure([], []))
    assert ag.double_fault(ones, ones) == ag.disagreement(ones, ones) == 0
    assert np.isnan(ag.double_fault([], [])) and np.isnan(ag.capa_discrete(LABELS, LABELS, LABELS))
    assert np.isnan(ag.both_wrong_agreement(LABELS, LABELS, LABELS))
    assert np.isnan(ag.either_wrong_agreement(LABELS, LABELS, LABELS))
    assert np.isnan(ag.capa(np.eye(3), np.eye(3), [0, 1, 2]))
    assert np.isnan(ag.wrong_agreement_baseline([]))
    assert ag.error_consistency(ones, [1, 1, 0, 1]) == 0
    assert ag.error_consistency([True], [False]) == 0  # a single example


@pytest.mark.parametrize("seed", range(4))
def test_invariances(seed):
    rng = np.random.default_rng(seed)
    a, b, labels = rng.integers(0, 4, (3, 120))
    order, names = rng.permutation(120), rng.permutation(4)
    for measure in (ag.capa_discrete, ag.both_wrong_agreement, ag.either_wrong_agreement):
        value = measure(a, b, labels)
        assert measure(b, a, labels) == pytest.approx(value, abs=1e-12)
        assert measure(a[order], b[order], labels[order]) == pytest.approx(value, abs=1e-12)
        assert measure(names[a], names[b], names[labels]) == pytest.approx(value, abs=1e-12)
    (p, q), labels = random_probabilities(rng)
    assert ag.capa(q, p, labels) == pytest.approx(ag.capa(p, q, labels), abs=1e-12)
    back = np.argsort(names)
    assert ag.capa(p[:, back], q[:, back], names[labels]) == pytest.approx(ag.capa(p, q, labels), abs=1e-12)


def test_capa_of_one_hot_probabilities_is_discrete(rng):
    a, b, labels = rng.integers(0, 5, (3, 200))
    one_hot = np.eye(5)
    assert ag.capa(one_hot[a], one_hot[b], labels) == pytest.approx(ag.capa_discrete(a, b, labels, 5), abs=1e-12)


def test_bounds_hold_and_are_reached(rng):
    for _ in range(200):
        a, b = rng.random((2, 30)) < rng.random((2, 1))
        least, most = ag.error_consistency_bounds(a.mean(), b.mean())
        kappa = ag.error_consistency(a, b)
        assert np.isnan(kappa) == np.isnan(most)
        assert np.isnan(kappa) or least - 1e-9 <= kappa <= most + 1e-9
        if not np.isnan(kappa):
            together, apart = np.sort(a), np.sort(b)
            assert ag.error_consistency(together, apart) == pytest.approx(most, abs=1e-9)
            assert ag.error_consistency(together, apart[::-1]) == pytest.approx(least, abs=1e-9)
    assert np.isnan(ag.error_consistency_bounds(1, 1)[0])


def test_independent_wrong_answers_meet_the_baseline(rng):
    a, b = rng.integers(1, 4, (2, 20000))
    assert ag.both_wrong_agreement(a, b, np.zeros(20000, dtype=int)) == pytest.approx(
        ag.wrong_agreement_baseline(4), abs=0.02
    )
    assert ag.wrong_agreement_baseline([2, 3, 5]) == pytest.approx((1 + 1 / 2 + 1 / 4) / 3)
    assert ag.both_wrong_agreement([1, 0], [1, 0], [0, 1]) == 1  # with two options always


def test_intervals(rng):
    (p, q), labels = random_probabilities(rng, n=400)
    a, b = p.argmax(1), q.argmax(1)
    for measure in ag.MEASURES:
        first, second = (p, q) if measure == "capa" else (a, b)
        if measure in ag.OF_CORRECTNESS:
            first, second = a == labels, b == labels
        interval = ag.agreement_interval(measure, first, second, labels, resamples=300)
        assert interval.low < interval.value < interval.high and interval.examples == 400
        people = ag.agreement_interval(measure, first, second, labels, None, labels, resamples=300)
        assert people.value == interval.value
    nan = ag.agreement_interval("error_consistency", np.ones(5), np.ones(5), resamples=20)
    assert np.isnan(nan.low) and "error_consistency" in nan.reason


def test_interval_width_against_the_asymptotic_one(rng):
    a = rng.random(2000) < 0.7
    b = np.where(rng.random(2000) < 0.5, a, rng.random(2000) < 0.7)
    interval = ag.agreement_interval("error_consistency", a, b)
    from statsmodels.stats.inter_rater import cohens_kappa

    table = np.array([[np.sum(a & b), np.sum(a & ~b)], [np.sum(~a & b), np.sum(~a & ~b)]])
    published: Any = cohens_kappa(table)
    assert interval.value == pytest.approx(published.kappa, abs=1e-9)
    assert interval.high - interval.low == pytest.approx(2 * 1.96 * published.std_kappa, rel=0.08)


def test_against_lm_sim(rng):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its docstrings hold invalid escapes
        published = pytest.importorskip("lmsim.metrics")
    for options in (2, 4):
        (p, q), labels = random_probabilities(rng, options=options)
        hot = [np.eye(options)[x.argmax(1)] for x in (p, q)]
        a, b = p.argmax(1), q.argmax(1)
        reference = published.CAPA().compute_k(list(p), list(q), labels)
        assert ag.capa(p, q, labels) == pytest.approx(reference, abs=1e-9)
        discrete = published.CAPA(prob=False).compute_k(list(hot[0]), list(hot[1]), labels)
        assert ag.capa_discrete(a, b, labels, options) == pytest.approx(discrete, abs=1e-9)
        consistency = published.EC().compute_k(list(p), list(q), labels)
        assert ag.error_consistency(a == labels, b == labels) == pytest.approx(consistency, abs=1e-9)


def test_varying_options_against_lm_sim(rng):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        published = pytest.importorskip("lmsim.metrics")
    options = rng.integers(2, 6, 100)
    rows = [[rng.dirichlet(np.ones(k)) for k in options] for _ in range(2)]
    labels = np.array([rng.integers(k) for k in options])
    padded = [np.array([np.pad(row, (0, 5 - len(row))) for row in model]) for model in rows]
    reference = published.CAPA().compute_k(rows[0], rows[1], labels)
    assert ag.capa(padded[0], padded[1], labels, options) == pytest.approx(reference, abs=1e-9)


def test_against_deslib(rng):
    published = pytest.importorskip("deslib.util.diversity")
    labels = rng.integers(0, 3, 150)
    a, b = (np.where(rng.random(150) < 0.6, labels, rng.integers(0, 3, 150)) for _ in range(2))
    right = a == labels, b == labels
    for ours, theirs in (
        (ag.double_fault, published.double_fault),
        (ag.disagreement, published.disagreement_measure),
        (ag.q_statistic, published.Q_statistic),
        (ag.correlation, published.correlation_coefficient),
    ):
        assert ours(*right) == pytest.approx(theirs(labels, a, b), abs=1e-9)


def test_against_scikit_learn(rng):
    from sklearn.metrics import cohen_kappa_score, matthews_corrcoef

    a, b = rng.random((2, 100)) < 0.6
    assert ag.error_consistency(a, b) == pytest.approx(cohen_kappa_score(a, b), abs=1e-9)
    assert ag.correlation(a, b) == pytest.approx(matthews_corrcoef(a, b), abs=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: ag.capa([[0.5, 0.6]], [[0.5, 0.5]], [0]), "sum to 1"),
        (lambda: ag.capa([[np.nan, 0.6]], [[0.5, 0.5]], [0]), "sum to 1"),
        (lambda: ag.capa([[0.5, 0.5]], [[0.5, 0.5]], [2]), "labels holds 2"),
        (lambda: ag.capa([[0.5, 0.5]], [[0.2, 0.3, 0.5]], [0]), "equal n, options"),
        (lambda: ag.capa([[1.0]], [[1.0]], [0]), "at least 2 classes"),
        (lambda: ag.capa_discrete([0], [0], [0], 1), "options = 1"),
        (lambda: ag.capa_discrete([0], [0], [-1]), "class -1"),
        (lambda: ag.error_consistency([0, 2], [0, 1]), "holds"),
        (lambda: ag.error_consistency([0, 1], [0, 1, 1]), "3 values"),
        (lambda: ag.error_consistency_bounds(0.5, 1.2), "1.2"),
        (lambda: ag.agreement_interval("kappa", [1], [1]), "'kappa'; valid: error_consistency"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_answers_may_be_one_hot(rng):
    a, b, labels = rng.integers(0, 4, (3, 50))
    assert ag.capa_discrete(np.eye(5)[a], np.eye(5)[b], labels) == ag.capa_discrete(a, b, labels, 5)
    with pytest.raises(ValueError, match="predictions_b is not one-hot"):
        ag.capa_discrete(np.eye(5)[a], np.full((50, 5), 0.2), labels)


def test_few_shared_errors_have_exact_limits_and_say_so():
    right = np.ones((2, 1000), dtype=bool)
    right[:, :2] = False  # two errors, both shared: a bootstrap gives [1, 1]
    interval = ag.agreement_interval("error_consistency", *right, resamples=200)
    assert interval.value == 1 and interval.high == 1 and 0 < interval.low < 0.2
    assert interval.reason == "few shared errors: exact limits"
    apart = right.copy()
    apart[1] = np.roll(apart[1], 2)  # two errors each, none shared
    none = ag.agreement_interval("error_consistency", *apart, resamples=200)
    assert none.low < 0.01 and none.high > 0.9


def test_limits_of_few_shared_errors_hold_the_truth():
    rng, hits = np.random.default_rng(0), 0
    for _ in range(300):  # error rates .03, half of b's errors are a's: 100 examples, 1.5 shared errors
        a = rng.random(100) < 0.03
        b = np.where(rng.random(100) < 0.5, a, rng.random(100) < 0.03)
        interval = ag.agreement_interval("error_consistency", ~a, ~b, resamples=200)
        hits += np.isnan(interval.value) or interval.low <= 0.5 <= interval.high
    assert hits / 300 > 0.92
