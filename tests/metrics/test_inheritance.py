"""What came along, by hand on small arrays."""

import math

import numpy as np
import pytest

from homog.metrics import inheritance as inh

CLEAN = np.array([0, 0, 1, 1, 2, 2, 0])
EXPOSED = np.array([1, 1, 1, 2, 1, 2, 1])
LABELS = np.array([0, 0, 1, 1, 2, 2, 2])


def test_attack_success_by_hand():
    # right when clean: the first six; conversions: 0->1, 0->1, 1->2, 2->1, so class 1 gets three
    assert inh.best_target(CLEAN, EXPOSED, LABELS) == 1
    rate = inh.attack_success_terms(CLEAN, EXPOSED, LABELS, 1)
    assert rate.n == 4 and rate.value == float(rate) == 3 / 4
    assert inh.attack_success(CLEAN, EXPOSED, LABELS) == 3 / 4
    assert inh.attack_success(CLEAN, EXPOSED, LABELS, target=2) == 1 / 4
    assert inh.attack_success(CLEAN, EXPOSED, LABELS, target=0) == 0
    np.testing.assert_array_equal(rate.denominator, [1, 1, 0, 0, 1, 1, 0])


def test_best_target_edges():
    assert inh.best_target(LABELS, LABELS, LABELS) == -1
    assert inh.attack_success(LABELS, LABELS, LABELS) == 0
    assert inh.attack_success_terms(CLEAN, EXPOSED, LABELS, -1).denominator.sum() == 6
    assert inh.best_target([0, 1], [1, 0], [0, 1]) == 0  # a tie goes to the lowest class
    assert math.isnan(inh.attack_success([1, 1], [0, 0], [0, 0]))  # nothing is right when clean
    assert math.isnan(inh.attack_success([], [], []))
    assert math.isnan(inh.attack_success([1], [1], [1], target=1))


def test_permuting_examples_and_relabelling_classes_change_nothing():
    rng = np.random.default_rng(0)
    labels, clean, exposed = rng.integers(0, 4, (3, 200))
    order, names = rng.permutation(200), np.array([2, 3, 1, 0])
    value = inh.attack_success(clean, exposed, labels, 3)
    assert inh.attack_success(clean[order], exposed[order], labels[order], 3) == value
    assert inh.attack_success(names[clean], names[exposed], names[labels], names[3]) == value


def test_rate_refuses_what_is_no_ratio():
    with pytest.raises(ValueError, match="shapes"):
        inh.Rate(np.ones(3), np.ones(2))
    with pytest.raises(ValueError, match="-1"):
        inh.Rate(np.ones(2), -np.ones(2))
    with pytest.raises(ValueError, match="labels has 6 values"):
        inh.attack_success(CLEAN, EXPOSED, LABELS[:6])
    with pytest.raises(ValueError, match="type float"):
        inh.attack_success(CLEAN, EXPOSED, LABELS / 2)
    with pytest.raises(ValueError, match="target = -2"):
        inh.attack_success(CLEAN, EXPOSED, LABELS, -2)


def test_the_other_denominators_by_hand():
    assert float(inh.attack_success_of_other_labels(EXPOSED, LABELS, 1)) == 4 / 5
    assert float(inh.attack_success_of_other_predictions(CLEAN, EXPOSED, 1)) == 4 / 5
    assert float(inh.attack_success_of_all(EXPOSED, 1)) == 5 / 7
    assert float(inh.attack_success_of_best_target(CLEAN, EXPOSED, LABELS)) == 3 / 4
    assert math.isnan(float(inh.attack_success_of_all([], 0)))
    assert math.isnan(float(inh.attack_success_of_other_labels([1], [1], 1)))


def test_rate_interval(rng):
    labels = rng.integers(0, 2, 400)
    exposed = np.where(rng.random(400) < 0.3, 1, labels)
    rate = inh.attack_success_terms(labels, exposed, labels, 1)
    interval = inh.rate_interval(rate)
    half = 1.96 * np.sqrt(rate.value * (1 - rate.value) / rate.n)
    assert interval.value == rate.value
    assert (interval.low, interval.high) == pytest.approx((rate.value - half, rate.value + half), abs=0.015)
    assert inh.rate_interval(rate, np.repeat(np.arange(40), 10)).value == rate.value
    assert "denominator 0" in inh.rate_interval(inh.Rate(np.zeros(3), np.zeros(3))).reason


def test_targets_by_fold_by_hand():
    labels = np.array([0, 0, 0, 0, 1, 1])
    exposed = np.array([1, 2, 2, 0, 1, 0])  # conversions: 0 -> 1, 0 -> 2, 0 -> 2, 1 -> 0
    folds = np.array([0, 1, 1, 0, 0, 0])
    assert inh.targets_by_fold(labels, exposed, labels, folds).tolist() == [2, 0, 0, 2, 2, 2]
    assert inh.targets_by_fold(labels, exposed, labels, np.zeros(6, int)).tolist() == [-1] * 6  # one fold: no other
    rate = inh.attack_success_terms(labels, exposed, labels, [2, 0, 0, 2, 2, 2])
    assert rate.denominator.tolist() == [1, 0, 0, 1, 1, 1] and rate.value == 0


def test_per_class_error_and_performance_drop_by_hand():
    np.testing.assert_allclose(inh.per_class_error([0, 1, 1, 1], [0, 0, 1, 1], 3), [0.5, 0, np.nan])
    assert inh.performance_drop(0.8, 0.6) == pytest.approx(25) and math.isnan(inh.performance_drop(0, 0))
