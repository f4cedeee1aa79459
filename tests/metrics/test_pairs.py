"""All pairs at once give the numbers of one pair at a time, quickly."""

import time
import warnings

import numpy as np
import pytest

from homog.metrics import agreement, pairs


@pytest.fixture
def data(rng):
    labels = rng.integers(0, 4, 90)
    predictions = np.where(rng.random((6, 90)) < 0.5, labels, rng.integers(0, 4, (6, 90)))
    probabilities = rng.random((6, 90, 4)) + 3 * np.eye(4)[predictions]
    return predictions, probabilities / probabilities.sum(2, keepdims=True), labels


def inputs(measure, data):
    predictions, probabilities, labels = data
    if measure in agreement.OF_CORRECTNESS:
        return predictions == labels, ()
    return (probabilities, (labels, 4)) if measure == "capa" else (predictions, (labels, 4))


def one_pair(measure, a, b, extra):
    return getattr(agreement, measure)(a, b, *(extra[:1] if "wrong" in measure else extra))


@pytest.mark.parametrize("measure", agreement.MEASURES)
def test_same_numbers_as_one_pair(measure, data, monkeypatch):
    models, extra = inputs(measure, data)
    monkeypatch.setattr(pairs, "_BLOCK", 200)  # several blocks
    matrix = pairs.pairwise(measure, models, *extra)
    for i in range(6):
        for j in range(6):
            assert matrix[i, j] == pytest.approx(one_pair(measure, models[i], models[j], extra), abs=1e-9)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-12)
    order = [3, 1, 0, 5, 4, 2]
    np.testing.assert_allclose(pairs.pairwise(measure, models[order], *extra), matrix[np.ix_(order, order)], atol=1e-9)


@pytest.mark.parametrize("measure", agreement.MEASURES)
def test_absent_answers_are_left_out_of_their_pairs(measure, data, rng):
    models, extra = inputs(measure, data)
    present = rng.random((6, 90)) < 0.8
    hidden = models.copy()
    hidden[~present] = 0 if measure != "capa" else np.nan
    matrix = pairs.pairwise(measure, hidden, *extra, present=present)
    for i, j in ((0, 1), (2, 5), (3, 3)):
        both = present[i] & present[j]
        some = (extra[0][both], *extra[1:]) if extra else ()
        alone = one_pair(measure, models[i][both], models[j][both], some)
        assert matrix[i, j] == pytest.approx(alone, abs=1e-9)


def test_absent_answers_with_varying_options(data, rng):
    predictions, _, labels = data
    present, options = rng.random((6, 90)) < 0.8, rng.integers(4, 7, 90)
    matrix = pairs.pairwise("capa_discrete", predictions, labels, options, present)
    both = present[0] & present[1]
    alone = agreement.capa_discrete(predictions[0][both], predictions[1][both], labels[both], options[both])
    assert matrix[0, 1] == pytest.approx(alone, abs=1e-9)


def test_many_classes_are_multiplied_sparsely(rng):
    labels = rng.integers(0, 200, 500)
    predictions = np.where(rng.random((5, 500)) < 0.5, labels, rng.integers(0, 200, (5, 500)) // 20 * 20)
    matrix = pairs.pairwise("both_wrong_agreement", predictions, labels)
    for i, j in ((0, 1), (2, 4), (3, 3)):
        alone = agreement.both_wrong_agreement(predictions[i], predictions[j], labels)
        assert matrix[i, j] == pytest.approx(alone, abs=1e-12)


def test_all_measures_at_once(data):
    predictions, _, labels = data
    found = pairs.pairwise_measures(predictions, labels, 4)
    assert sorted([*found, "capa"]) == sorted(agreement.MEASURES)
    for measure, matrix in found.items():
        models, extra = inputs(measure, data)
        np.testing.assert_allclose(matrix, pairs.pairwise(measure, models, *extra), atol=1e-12)


def test_undefined_pairs_are_nan():
    matrix = pairs.pairwise("error_consistency", [[1, 1, 1], [1, 0, 1], [1, 1, 1]])
    assert np.isnan(matrix[0, 2]) and np.isnan(matrix[0, 0]) and matrix[0, 1] == 0 and matrix[1, 1] == 1
    assert np.isnan(pairs.pairwise("double_fault", np.zeros((2, 0)))).all()


def test_fifty_models_a_hundred_times_faster_than_a_loop_over_lm_sim(rng):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        published = pytest.importorskip("lmsim.metrics")
    p, labels = rng.random((50, 2000, 4)) ** 2, rng.integers(0, 4, 2000)
    p /= p.sum(2, keepdims=True)
    start = time.perf_counter()
    matrix = pairs.pairwise("capa", p, labels)
    ours = time.perf_counter() - start
    start, chosen = time.perf_counter(), [(i, (i * 7 + 3) % 50) for i in range(12)]
    for i, j in chosen:  # a sample of the 1,225 pairs
        assert matrix[i, j] == pytest.approx(published.CAPA().compute_k(p[i], p[j], labels), abs=1e-9)
    theirs = (time.perf_counter() - start) / len(chosen) * 1225
    assert theirs > 100 * ours


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: pairs.pairwise("kappa", [[1]]), "'kappa'; valid"),
        (lambda: pairs.pairwise("capa", [[[0.5, 0.5]]]), "labels = None"),
        (lambda: pairs.pairwise("capa", [[[0.5, 0.6]]], [0]), "sum to 1"),
        (lambda: pairs.pairwise("capa", [[[0.5, 0.5]]], [3]), "labels holds 3"),
        (lambda: pairs.pairwise("capa", [[0.5, 0.5]], [0]), "models, 1 examples, options"),
        (lambda: pairs.pairwise("capa_discrete", [[0.5, 0.5]], [0, 1]), "type float"),
        (lambda: pairs.pairwise("capa_discrete", [[0, 1]], [0]), "1 examples"),
        (lambda: pairs.pairwise("error_consistency", [[0, 1]], present=[[True]]), "present has shape"),
    ],
)
def test_errors(call, message):
    with pytest.raises(ValueError, match=message):
        call()
