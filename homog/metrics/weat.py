"""Word and sentence embedding association tests.

Conventions: each word set is an array (words, dimensions) of embeddings; X and Y are targets, A and B
attributes. Sources: Caliskan et al. 2017 (WEAT), May et al. 2019 (SEAT, whole sentences).
"""

from dataclasses import dataclass
from itertools import combinations
from math import comb

import numpy as np

from homog.metrics.checks import ArrayLike, ratio
from homog.metrics.intervals import Interval, percentile_interval
from homog.metrics.resampling import resampled_sums

_PARTITIONS = 100_000  # above this many, partitions are sampled


@dataclass(frozen=True)
class Weat:
    """The effect size d in [-2, 2], its one-sided permutation p, and whether all partitions were counted."""

    effect_size: float
    p_value: float
    exact: bool
    partitions: int


def _unit(name: str, vectors: ArrayLike) -> np.ndarray:
    out = np.asarray(vectors, dtype=float)
    if out.ndim != 2 or not len(out):
        raise ValueError(f"{name} has shape {out.shape}; valid: (words, dimensions), at least one word")
    length = np.linalg.norm(out, axis=1, keepdims=True)
    if not (length > 0).all():
        place = int((~(length[:, 0] > 0)).argmax())
        problem = "holds NaN" if np.isnan(length[place, 0]) else "has length 0"
        raise ValueError(f"{name}[{place}] {problem}; valid: vectors with a direction")
    return out / length


def _associations(X: ArrayLike, Y: ArrayLike, A: ArrayLike, B: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """s(w) = mean cosine to A less mean cosine to B, of each target in X and in Y."""
    toward = _unit("A", A).mean(0) - _unit("B", B).mean(0)
    return _unit("X", X) @ toward, _unit("Y", Y) @ toward


def _subset_sums(values: np.ndarray, size: int, seed: int) -> tuple[np.ndarray, bool]:
    """Sums of `values` over all subsets of a size, or over 100,000 sampled ones when there are more."""
    if comb(len(values), size) <= _PARTITIONS:
        subsets = np.fromiter(combinations(range(len(values)), size), dtype=(np.intp, size))
        return values[subsets].sum(1), True
    rng, out = np.random.default_rng(seed), []
    for _ in range(10):
        keys = rng.random((_PARTITIONS // 10, len(values)))
        out.append(values[np.argpartition(keys, size - 1, axis=1)[:, :size]].sum(1))
    return np.concatenate(out), False


def weat(X: ArrayLike, Y: ArrayLike, A: ArrayLike, B: ArrayLike, *, seed: int = 0) -> Weat:
    """Association of target words X, Y with attributes A, B: (words, dimensions) embeddings each.

    d = (mean_X s - mean_Y s) / sd of s over X and Y (ddof 1), s = mean cosine to A less mean cosine to B.
    p: the share of the partitions of X and Y into sets of these sizes whose difference is at least as large
    (the observed one counts); above 100,000 partitions as many are sampled and 1 is added to both counts.
    Caliskan et al. 2017 count strictly larger differences; May et al. 2019 (SEAT) count ties, as here. NaN
    when s does not vary.
    """
    x, y = _associations(X, Y, A, B)
    both = np.concatenate([x, y])
    spread = both.std(ddof=1)
    if spread <= 1e-12:
        return Weat(float("nan"), float("nan"), True, 0)
    # for fixed sizes the difference of means increases with the sum over X
    sums, exact = _subset_sums(both, len(x), seed)
    larger = np.count_nonzero(sums >= x.sum() - 1e-12 * np.abs(both).sum())
    p = larger / len(sums) if exact else (larger + 1) / (len(sums) + 1)
    return Weat(float((x.mean() - y.mean()) / spread), float(p), exact, len(sums))


def weat_interval(
    X: ArrayLike,
    Y: ArrayLike,
    A: ArrayLike,
    B: ArrayLike,
    *,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Interval of the effect size: the words of X and of Y are resampled, attributes are fixed."""
    x, y = _associations(X, Y, A, B)
    rng = np.random.default_rng(seed)

    def effect(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        total, n = first + second, len(x) + len(y)
        variance = (total[..., 1] - total[..., 0] ** 2 / n) / (n - 1)
        gap = first[..., 0] / len(x) - second[..., 0] / len(y)
        return ratio(gap, np.sqrt(np.where(variance > 1e-24, variance, 0.0)))

    moments = [np.stack([s, s**2], axis=1) for s in (x, y)]
    draws = effect(*(resampled_sums(m, resamples, rng) for m in moments))
    value = float(effect(*(m.sum(0) for m in moments)))
    return percentile_interval(value, draws, examples=len(x) + len(y), level=level, reason="s does not vary")
