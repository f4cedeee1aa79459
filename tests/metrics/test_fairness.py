"""Group fairness by hand, with empty groups, and against fairlearn."""

import numpy as np
import pytest

from homog.metrics import fairness as fair

LABELS = np.array([1, 1, 0, 0, 1, 1, 0, 0])
PREDICTED = np.array([1, 0, 1, 0, 1, 1, 0, 0])
GROUPS = np.array(["a"] * 4 + ["b"] * 4)


def test_by_hand():
    assert fair.demographic_parity_difference(PREDICTED, GROUPS) == 0
    assert fair.equalized_odds_difference(PREDICTED, LABELS, GROUPS) == 0.5
    assert fair.fpr_difference(PREDICTED, LABELS, GROUPS) == 0.5
    assert fair.worst_group_accuracy(PREDICTED, LABELS, GROUPS) == 0.5
    assert fair.adjusted_accuracy(PREDICTED, LABELS, GROUPS, {"a": 0.9, "b": 0.1}) == pytest.approx(0.55)
    assert fair.tpr_gap_rms(PREDICTED, LABELS, GROUPS) == pytest.approx(0.5)  # recall gaps 1/2 and 1/2
    rates = fair.group_rates(PREDICTED, LABELS, GROUPS)
    assert rates.groups == ("a", "b") and rates.n.tolist() == [4, 4]
    np.testing.assert_allclose(rates.true_positive, [0.5, 1])
    np.testing.assert_allclose(rates.false_positive, [0.5, 0])


def test_against_fairlearn(rng):
    published = pytest.importorskip("fairlearn.metrics")
    labels, predicted, groups = rng.integers(0, 2, 300), rng.integers(0, 2, 300), rng.integers(0, 4, 300)
    for name in ("demographic_parity_difference", "equalized_odds_difference"):
        reference = getattr(published, name)(labels, predicted, sensitive_features=groups)
        arguments = (predicted, groups) if "parity" in name else (predicted, labels, groups)
        assert getattr(fair, name)(*arguments) == pytest.approx(reference, abs=1e-9)
    frame = published.MetricFrame(
        metrics=published.false_positive_rate, y_true=labels, y_pred=predicted, sensitive_features=groups
    )
    assert fair.fpr_difference(predicted, labels, groups) == pytest.approx(frame.difference(), abs=1e-9)
    rates = fair.group_rates(predicted, labels, groups)
    np.testing.assert_allclose(rates.false_positive, frame.by_group.to_numpy(), atol=1e-9)


def test_groups_without_positives_are_excluded_not_scored():
    labels, predicted = np.append(LABELS, [0, 0]), np.append(PREDICTED, [0, 0])
    groups = np.append(GROUPS, ["c", "c"])
    assert np.isnan(fair.group_rates(predicted, labels, groups).true_positive[2])
    assert fair.equalized_odds_difference(predicted, labels, groups) == 0.5  # c counted as 0 would give 1
    assert fair.tpr_gap_rms(predicted, labels, groups) == pytest.approx(0.5)


def test_undefined():
    one = np.zeros(8)
    for measure in (fair.equalized_odds_difference, fair.fpr_difference, fair.tpr_gap_rms):
        assert np.isnan(measure(PREDICTED, LABELS, one))
    assert np.isnan(fair.demographic_parity_difference([], []))
    assert np.isnan(fair.worst_group_accuracy([], [], []))
    assert np.isnan(fair.tpr_gap_rms([], [], []))
    assert np.isnan(fair.adjusted_accuracy(PREDICTED, LABELS, GROUPS, {"a": 0.5, "b": 0.3, "c": 0.2}))
    with pytest.raises(ValueError, match=r"\['b'\] missing"):
        fair.adjusted_accuracy(PREDICTED, LABELS, GROUPS, {"a": 1})


def test_invariances(rng):
    labels, predicted, groups = rng.integers(0, 3, 200), rng.integers(0, 3, 200), rng.integers(0, 2, 200)
    order, names = rng.permutation(200), np.array([2, 0, 1])
    value = fair.tpr_gap_rms(predicted, labels, groups)
    assert fair.tpr_gap_rms(predicted[order], labels[order], groups[order]) == pytest.approx(value)
    assert fair.tpr_gap_rms(names[predicted], names[labels], 1 - groups) == pytest.approx(value)
    recall = [[np.mean(predicted[(labels == c) & (groups == g)] == c) for g in (0, 1)] for c in range(3)]
    assert value == pytest.approx(np.sqrt(np.mean(np.diff(recall, axis=1) ** 2)))
    assert fair.worst_group_accuracy(labels, labels, groups) == 1 and fair.tpr_gap_rms(labels, labels, groups) == 0


def test_intervals(rng):
    groups, labels = rng.integers(0, 2, (2, 500))
    predicted = np.where(rng.random(500) < 0.6 + 0.3 * groups, labels, 1 - labels)
    for measure in (*fair.MEASURES, "tpr_gap_rms"):
        interval = fair.fairness_interval(measure, predicted, labels, groups, resamples=300)
        arguments = (predicted, groups) if "parity" in measure else (predicted, labels, groups)
        assert interval.value == pytest.approx(getattr(fair, measure)(*arguments), abs=1e-12)
        assert interval.low <= interval.value <= interval.high
    assert np.isnan(fair.fairness_interval("fpr_difference", predicted, labels, labels * 0, resamples=9).value)
    with pytest.raises(ValueError, match="'dpd'; valid: demographic_parity_difference"):
        fair.fairness_interval("dpd", predicted, labels, groups)


def test_an_example_without_a_group_counts_in_none():
    groups = np.array([*GROUPS, None, float("nan")], dtype=object)
    labels, predicted = np.append(LABELS, [1, 0]), np.append(PREDICTED, [0, 1])
    rates = fair.group_rates(predicted, labels, groups)
    assert rates.groups == ("a", "b") and rates.n.tolist() == [4, 4] and rates.missing == 2
    assert fair.equalized_odds_difference(predicted, labels, groups) == 0.5
    assert fair.tpr_gap_rms(predicted, labels, groups) == pytest.approx(0.5)
    nobody = fair.group_rates(PREDICTED, LABELS, [None] * 8)
    assert nobody.missing == 8 and np.isnan(nobody.accuracy).all()


def test_false_positive_rate_difference_by_hand():
    # false positive rates: a 1 of 2, b 0 of 2, all 1 of 4
    assert fair.false_positive_rate_difference(PREDICTED, LABELS, GROUPS) == pytest.approx(0.25 + 0.25)
    assert fair.false_positive_rate_difference(PREDICTED, LABELS, GROUPS, weighted=True) == pytest.approx(0.25)
