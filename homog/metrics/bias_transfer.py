"""Does bias of the backbone predict bias of the models adapted from it?

Conventions: one row per adapted model, (N,) arrays; the backbone is the unit of replication, so intervals
resample backbones with all their models, and the slope's errors are clustered by backbone. NaN when a
column is constant. Sources: Steed et al. 2022 (Upstream mitigation is not all you need), Mackraz et al.
2024.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from homog.metrics.checks import ArrayLike, aligned, numbers
from homog.metrics.correlations import correlation, kendall, moments, partial_correlation
from homog.metrics.intervals import Interval, percentile_interval
from homog.metrics.regression import Coefficient, least_squares
from homog.metrics.resampling import by_person, counts


@dataclass(frozen=True)
class BiasTransfer:
    """Association of upstream with downstream bias: intervals resample backbones."""

    pearson: Interval
    spearman: Interval
    kendall: Interval
    partial: Interval
    slope: Coefficient


def _clustered(backbone: np.ndarray, resamples: int, level: float, seed: int) -> Callable[..., Interval]:
    """A function of (products (N, q), statistic of their sums) to an interval; the same backbones are drawn for all."""
    _, group = np.unique(backbone, return_inverse=True)
    clusters = int(group.max()) + 1
    drawn = counts(np.random.default_rng(seed), resamples, clusters)

    def interval(products: np.ndarray, statistic: Callable) -> Interval:
        sums = np.vstack([products.sum(0), drawn @ by_person(products, group)])
        value, draws = float(statistic(sums[:1])[0]), statistic(sums[1:])
        n, reason = len(products), "a column is constant"
        return percentile_interval(value, draws, clusters=clusters, examples=n, level=level, reason=reason)

    return interval


def bias_transfer(
    upstream: ArrayLike,
    downstream: ArrayLike,
    task: ArrayLike,
    accuracy: ArrayLike,
    backbone: ArrayLike,
    *,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> BiasTransfer:
    """Does bias upstream predict bias downstream? (Steed et al. 2022; Mackraz et al. 2024.)

    `upstream` is the bias of the row's backbone, `downstream` its own. Pearson, Spearman and Kendall
    (tau-b) correlations, Pearson's with accuracy partialled out, and the slope of downstream on upstream
    bias with task fixed effects. Ranks are those of the data in every resample. ValueError without rows.
    """
    from scipy.stats import rankdata

    x, y, z = numbers(upstream=upstream, downstream=downstream, accuracy=accuracy)
    _, tasks, group = aligned(upstream=x, task=task, backbone=backbone)
    if not len(x):
        raise ValueError("upstream has no values; valid: at least one adapted model")
    interval = _clustered(group, resamples, level, seed)
    plain, ranked = moments(x, y, z), moments(rankdata(x), rankdata(y))
    return BiasTransfer(
        interval(plain, correlation),
        interval(ranked, correlation),
        interval(np.eye(len(x)), lambda weights: kendall(x, y, weights)),
        interval(plain, partial_correlation),
        least_squares(y, {"upstream": x}, group, tasks, level=level)["upstream"],
    )
