"""CKA, weight distance and drift: identities and invariances."""

import numpy as np
import pytest

from homog.metrics import representation as rep


@pytest.mark.parametrize("shape", [(50, 8), (12, 40)])
def test_cka_against_the_gram_form_that_defines_it(rng, shape):
    x, y = rng.standard_normal((2, *shape))
    centre = np.eye(shape[0]) - 1 / shape[0]
    k, m = (centre @ z @ z.T @ centre for z in (x, y))
    hsic = np.trace(k @ m) / np.sqrt(np.trace(k @ k) * np.trace(m @ m))
    assert rep.linear_cka(x, y) == pytest.approx(hsic, abs=1e-9)


def test_cka_invariances(rng):
    x = rng.standard_normal((60, 6))
    rotation = np.linalg.qr(rng.standard_normal((6, 6)))[0]
    assert rep.linear_cka(x, x) == pytest.approx(1)
    assert rep.linear_cka(x, 3 * x @ rotation + 5) == pytest.approx(1)
    wide = rng.standard_normal((60, 9))
    assert rep.linear_cka(x, wide) == pytest.approx(rep.linear_cka(wide, x))
    assert rep.linear_cka(x, wide) < 0.5
    assert np.isnan(rep.linear_cka(x, np.ones((60, 3)))) and np.isnan(rep.linear_cka(x[:1], x[:1]))


def test_cka_interval(rng):
    x = rng.standard_normal((80, 5))
    interval = rep.linear_cka_interval(x, x + rng.standard_normal((80, 5)), resamples=100)
    assert 0 < interval.low < interval.value < interval.high + 0.1 and interval.examples == 80
    repeated = np.repeat([3, 0, 1], [2, 1, 1])
    from homog.metrics.representation import _similarity

    y = x[:, ::-1] ** 2
    weights = np.bincount(repeated, minlength=80).astype(float)
    assert _similarity(x, y, weights) == pytest.approx(rep.linear_cka(x[repeated], y[repeated]), abs=1e-9)


def test_relative_weight_distance():
    before = {"a": np.array([3.0, 0.0]), "b": np.array([[4.0]])}
    assert rep.relative_weight_distance(before, before) == 0
    assert rep.relative_weight_distance(before, {"a": [0.0, 0.0], "b": [[4.0]]}) == pytest.approx(0.6)
    assert np.isnan(rep.relative_weight_distance({"a": [0.0]}, {"a": [1.0]}))
    assert np.isnan(rep.relative_weight_distance({}, {}))
    with pytest.raises(ValueError, match=r"\['b'\]"):
        rep.relative_weight_distance(before, {"a": before["a"]})
    with pytest.raises(ValueError, match="a has shapes"):
        rep.relative_weight_distance({"a": [1.0]}, {"a": [1.0, 2.0]})


def test_representation_drift(rng):
    x = rng.standard_normal((40, 3))
    assert rep.representation_drift(x, x) == 0
    spread = np.sqrt(((x - x.mean(0)) ** 2).sum(1).mean())
    assert rep.representation_drift(x, x + [1, 0, 0]) == pytest.approx(1 / spread)
    assert rep.representation_drift(5 * x, 5 * x + [5, 0, 0]) == pytest.approx(1 / spread)
    assert np.isnan(rep.representation_drift(np.ones((4, 2)), np.zeros((4, 2))))
    interval = rep.representation_drift_interval(x, x + rng.standard_normal((40, 3)), resamples=200)
    assert interval.low < interval.value < interval.high


def test_errors(rng):
    with pytest.raises(ValueError, match=r"\(3, 2\) and \(4, 2\)"):
        rep.linear_cka(np.ones((3, 2)), np.ones((4, 2)))
    with pytest.raises(ValueError, match="equal shapes"):
        rep.representation_drift(np.ones((3, 2)), np.ones((3, 4)))
    with pytest.raises(ValueError, match="not finite"):
        rep.linear_cka([[np.nan]], [[1.0]])
