"""Exact statements about a share: its limits, and whether it is above a known one.

Counts and shares are of independent examples or persons; scipy is imported where it is used.
"""

from __future__ import annotations

import numpy as np

from homog.metrics.checks import ArrayLike


def binomial_limits(count: ArrayLike, n: ArrayLike, level: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Exact limits in [0, 1] of the share that `count` of `n` stands for (Clopper and Pearson 1934); both broadcast."""
    from scipy.stats import beta

    hits, size, tail = np.asarray(count, dtype=float), np.asarray(n, dtype=float), (1 - level) / 2
    low = np.where(hits > 0, beta.ppf(tail, np.maximum(hits, 1), size - hits + 1), 0.0)
    high = np.where(hits < size, beta.ppf(1 - tail, hits + 1, np.maximum(size - hits, 1)), 1.0)
    return low, high


def beats_majority(accuracy: float, majority: float, n: int) -> float:
    """One-sided exact binomial p that `accuracy` on n examples is above `majority`, the share of the commonest label.

    The share is taken as known. In (0, 1]; NaN without examples.
    """
    from scipy.stats import binomtest

    if not n:
        return float("nan")
    return float(binomtest(round(accuracy * n), n, majority, alternative="greater").pvalue)
