"""WEAT by hand, against a plain loop, and its invariances."""

from importlib import import_module
from itertools import combinations

import numpy as np
import pytest

from homog.metrics.weat import weat, weat_interval

module = import_module("homog.metrics.weat")


def by_loop(X, Y, A, B):
    def cosine(u, v):
        return u @ v / np.sqrt((u @ u) * (v @ v))

    def s(w):
        return np.mean([cosine(w, a) for a in A]) - np.mean([cosine(w, b) for b in B])

    x, y = [s(w) for w in X], [s(w) for w in Y]
    both = np.array(x + y)
    d = (np.mean(x) - np.mean(y)) / np.std(both, ddof=1)
    observed, found = np.mean(x) - np.mean(y), []
    for chosen in combinations(range(len(both)), len(x)):
        rest = [i for i in range(len(both)) if i not in chosen]
        found.append(both[list(chosen)].mean() - both[rest].mean())
    return d, np.mean(np.array(found) >= observed - 1e-12)


def test_by_hand():
    # s of X: 1, of Y: -1, so d = 2 / sd(1, 1, -1, -1); one partition of six is as extreme
    X, Y = [[1, 0], [2, 0]], [[0, 1], [0, 3]]
    found = weat(X, Y, [[1, 0]], [[0, 1]])
    assert found.effect_size == pytest.approx(2 / np.sqrt(4 / 3)) and found.p_value == pytest.approx(1 / 6)
    assert found.exact and found.partitions == 6


@pytest.mark.parametrize("sizes", [(4, 4, 3, 5), (3, 5, 2, 2)])
def test_against_a_loop(rng, sizes):
    sets = [rng.standard_normal((size, 6)) for size in sizes]
    found, (d, p) = weat(*sets), by_loop(*sets)
    assert found.effect_size == pytest.approx(d, abs=1e-9) and found.p_value == pytest.approx(p, abs=1e-9)


def test_invariances(rng):
    X, Y, A, B = (rng.standard_normal((4, 6)) for _ in range(4))
    found = weat(X, Y, A, B)
    assert weat(3 * X, Y, A[::-1], B).effect_size == pytest.approx(found.effect_size, abs=1e-12)
    assert weat(Y, X, A, B).effect_size == pytest.approx(-found.effect_size, abs=1e-12)
    assert weat(X, Y, B, A).effect_size == pytest.approx(-found.effect_size, abs=1e-12)


def test_sampled_partitions_agree_with_exact_ones(rng, monkeypatch):
    X, Y = rng.standard_normal((2, 6, 5)) + [[[0.2]], [[0]]]
    A, B = rng.standard_normal((2, 4, 5)) + [[[0.2]], [[0]]]
    exact = weat(X, Y, A, B)
    monkeypatch.setattr(module, "_PARTITIONS", 900)
    sampled = weat(X, Y, A, B, seed=1)
    assert exact.exact and not sampled.exact and sampled.partitions == 900
    assert sampled.p_value == pytest.approx(exact.p_value, abs=0.06) and sampled.p_value > 0
    assert weat(X, Y, A, B, seed=1) == sampled


def test_interval(rng):
    X, Y = rng.standard_normal((2, 30, 5)) + [[[1, 0, 0, 0, 0]], [[-1, 0, 0, 0, 0]]]
    A, B = rng.standard_normal((2, 8, 5)) + [[[2, 0, 0, 0, 0]], [[-2, 0, 0, 0, 0]]]
    interval = weat_interval(X, Y, A, B)
    assert interval.value == pytest.approx(weat(X, Y, A, B).effect_size, abs=1e-9)
    assert 0 < interval.low < interval.value < interval.high and interval.examples == 60


def test_undefined_and_errors(rng):
    same = np.ones((3, 4))
    assert np.isnan(weat(same, same, same, rng.random((2, 4))).effect_size)
    assert "does not vary" in weat_interval(same, same, same, rng.random((2, 4)), resamples=5).reason
    with pytest.raises(ValueError, match=r"A\[1\] has length 0"):
        weat(same, same, [[1, 0, 0, 0], [0, 0, 0, 0]], same)
    with pytest.raises(ValueError, match=r"B\[0\] holds NaN"):
        weat(same, same, same, [[np.nan, 0, 0, 0], [1, 0, 0, 0]])
    with pytest.raises(ValueError, match="Y has shape"):
        weat(same, [], same, same)
