"""Estimates with their intervals: the bootstrap over persons, t intervals, and Holm's correction.

Bootstraps are percentile intervals and resample persons; intervals of means over backbones are those of
`homog.metrics.paired`. Every function is deterministic given `seed`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from homog.metrics.checks import ArrayLike
from homog.metrics.resampling import by_person, resampled_sums, two_sided_p


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval; where `value`, or only the interval, is NaN, `reason` says why.

    `clusters` counts the backbones that were resampled (1: only examples were), `examples` the examples
    behind the value, `resamples` those in which the estimate was defined (undefined ones are left out of
    the percentiles). Of a t interval `error` is the standard error, and `mde` the smallest value that its two-sided
    test finds with 80 % power; limits are cut where values cannot be, these are not.
    """

    value: float
    low: float
    high: float
    clusters: int
    examples: int
    reason: str = ""
    p: float = float("nan")
    resamples: int = 0
    error: float = float("nan")
    mde: float = float("nan")


def percentile_interval(
    value: float,
    draws: np.ndarray,
    *,
    examples: int,
    clusters: int = 1,
    level: float = 0.95,
    null: float = 0.0,
    reason: str = "the estimate is undefined",
) -> Interval:
    """The `level` percentile interval of the defined `draws` (resamples,) around `value`; p against `null`.

    All NaN, with `reason`, when `value` is NaN; p alone when `null` is (a measure without a chance level).
    """
    if not 0 < level < 1:
        raise ValueError(f"level = {level}; valid: above 0 and below 1")
    draws, nan = draws[~np.isnan(draws)], float("nan")
    if np.isnan(value) or not draws.size:
        reason = reason if np.isnan(value) else "no resample has a defined estimate"
        return Interval(float(value), nan, nan, clusters, examples, reason)
    # inverted_cdf takes draws as they are: interpolation would turn two infinite draws into NaN
    method = "linear" if np.isfinite(draws).all() else "inverted_cdf"
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], method=method)
    p = float("nan") if np.isnan(null) else two_sided_p(draws, null)
    return Interval(float(value), float(low), float(high), clusters, examples, p=p, resamples=draws.size)


def bootstrap_interval(
    columns: ArrayLike,
    statistic: Callable[[np.ndarray], np.ndarray],
    people: ArrayLike | None = None,
    *,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
    null: float = 0.0,
    reason: str = "the estimate is undefined",
) -> Interval:
    """Interval of any function of sums over examples, with fixed models; persons (or examples) are resampled.

    `columns` (n, q) holds what is summed; `statistic` maps sums (..., q) to values (...), NaN where
    undefined. Most measures here are functions of a few sums, so that all resamples are one matrix product.
    """
    columns = np.asarray(columns, dtype=float)
    if columns.ndim != 2 or not len(columns):
        raise ValueError(f"columns has shape {columns.shape}; valid: (n, q) with at least one example")
    units = by_person(columns, people)
    value = float(statistic(columns.sum(0)))
    draws = statistic(resampled_sums(units, resamples, np.random.default_rng(seed)))
    return percentile_interval(value, draws, examples=len(columns), level=level, null=null, reason=reason)


def t_limits(value: float, error: float, freedom: float, level: float) -> tuple[float, float]:
    """Half the width of a t interval, and the two-sided p against 0; without an error 0, and 0 or 1."""
    from scipy.stats import t

    if error < 1e-12:
        return 0.0, float(abs(value) < 1e-12)
    half = error * float(t.ppf((1 + level) / 2, freedom))
    return half, float(2 * t.sf(abs(value) / error, freedom))


def half_width(values: ArrayLike, level: float) -> float:
    """Half the t interval of the mean of independent values (k,); NaN with fewer than 3."""
    held = np.asarray(values, dtype=float)
    if len(held) < 3:
        return float("nan")
    return t_limits(float(held.mean()), float(held.std(ddof=1)) / len(held) ** 0.5, len(held) - 1, level)[0]


def holm(p_values: ArrayLike) -> np.ndarray:
    """Holm's step-down adjusted p-values (m,), to compare with the level itself (Holm 1979).

    NaN p-values (undefined tests) stay NaN and do not count towards m.
    """
    p = np.asarray(p_values, dtype=float)
    if p.ndim != 1 or ((p < 0) | (p > 1)).any():
        raise ValueError(f"p_values = {p}; valid: (m,) numbers from 0 to 1, or NaN")
    order = np.argsort(p)[: np.count_nonzero(~np.isnan(p))]  # argsort puts NaN last
    adjusted = np.full(p.shape, np.nan)
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(p[order] * np.arange(len(order), 0, -1)))
    return adjusted
