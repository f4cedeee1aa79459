"""Whether a model has learned its task at all: a model that has not cannot show what it inherited."""

from __future__ import annotations


def beats_majority(accuracy: float, majority: float, n: int) -> float:
    """One-sided exact binomial p that `accuracy` on n examples is above `majority`, the share of the commonest label.

    The share is taken as known. In (0, 1]; NaN without examples.
    """
    from scipy.stats import binomtest

    if not n:
        return float("nan")
    return float(binomtest(round(accuracy * n), n, majority, alternative="greater").pvalue)
