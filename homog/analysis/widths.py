"""How many examples does it take to know how alike two models err? Width of the interval of a pair by sample size."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pandas as pd

from homog.analysis.inherited import LEVEL
from homog.analysis.results import Frame, Results
from homog.metrics.agreement import agreement_interval

WIDTHS = ["pairs", "examples", "value", "low", "high", "told_apart", "error_consistency"]
MOST_PAIRS = 12  # of a task


def widths(results: Results, sizes: Sequence[int], resamples: int = 400) -> Frame:
    """A row per number of examples: half the width of the interval of error consistency, over pairs of models.

    `value`: mean over pairs, `low` and `high`: what 95 % of the pairs lie between. `told_apart`: share of the pairs of
    which the interval leaves out 0; `error_consistency`: the mean of them. The first examples of each task; a task with
    fewer has no part in that row. A pair that is undefined or of one and the same model counts nowhere. After Klein et
    al. 2025.
    """
    rows, pairs = [], _pairs(results)
    for size in sizes:
        there = [(first[:size], second[:size]) for first, second in pairs if len(first) >= size]
        each = [agreement_interval("error_consistency", *pair, resamples=resamples, level=LEVEL) for pair in there]
        known = [interval for interval in each if np.isfinite(interval.high - interval.low)]
        half = np.array([(interval.high - interval.low) / 2 for interval in known])
        if len(half):
            low, high = np.quantile(half, [0.025, 0.975])
            told = np.mean([interval.low > 0 or interval.high < 0 for interval in known])
            mean = np.mean([interval.value for interval in known])
            rows.append((len(half), size, half.mean(), low, high, told, mean))
    return pd.DataFrame(rows, columns=WIDTHS)


def _pairs(results: Results) -> list[tuple[np.ndarray, np.ndarray]]:
    """What two models of a task get right, bool (n,) each: the first MOST_PAIRS pairs that differ anywhere."""
    pairs = []
    for _, rows in results.groupby("task"):
        right = np.unique(np.stack([~failed for failed in rows.each("failed")]), axis=0)
        chosen = np.random.default_rng(0).permutation(len(right))  # sorted ones that follow each other are alike
        pairs += [(right[a], right[b]) for a, b in list(combinations(chosen, 2))[:MOST_PAIRS]]
    return pairs
