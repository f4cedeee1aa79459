"""What came along: harm downstream against harm upstream, dose and further training.

Conventions: a harm is a number computed from predictions, the same upstream (of the backbone) and
downstream (of a model adapted from it). Arrays of harms hold one value per arm seed unless said otherwise;
the arm seed (backbone) is the unit of replication.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from homog.metrics.checks import ArrayLike, numbers, ratio
from homog.metrics.intervals import Interval, holm, percentile_interval, t_limits
from homog.metrics.paired import Sample, moments
from homog.metrics.regression import Coefficient, least_squares
from homog.metrics.resampling import counts

GATE = 0.001  # p that harm in the backbone itself has to be below for a ratio to it
SEEDS = 5  # backbone seeds from which a half-life has an interval; with fewer the range of the seeds is given


def inherited(harm_injected: ArrayLike, harm_clean: ArrayLike) -> float:
    """Harm of the injected arm less that of the clean arm, both exposed; means over seeds if arrays.

    NaN when a harm is. Interval: `intervals.difference_interval` on the terms of the harm.
    """
    return float(np.mean(np.asarray(harm_injected, dtype=float)) - np.mean(np.asarray(harm_clean, dtype=float)))


def transmission(
    down_injected: ArrayLike,
    down_clean: ArrayLike,
    up_injected: ArrayLike,
    up_clean: ArrayLike,
    upstream: Interval | None = None,
) -> float:
    """Harm caused downstream per unit of harm caused upstream: (down difference) / (up difference).

    1 = all of it arrives, 0 = none, above 1 = amplified. Scalars, or one value per seed: then means are
    taken first. NaN when the upstream difference is 0, or when `upstream`, its interval, covers 0: nothing
    was there to transmit.
    """
    up = inherited(up_injected, up_clean)
    if upstream is not None and not (upstream.low > 0 or upstream.high < 0):
        return float("nan")
    return float(ratio(inherited(down_injected, down_clean), up))


def transmission_interval(down: Sequence[Sample], up: Sequence[Sample], *, level: float = 0.95) -> Interval:
    """Transmission, mean downstream difference over tasks / mean upstream difference, with its Fieller interval.

    `down` holds a Sample per task, `up` one per task of the backbone itself, all with the same seeds; examples of the
    same people covary. NaN, with the reason, when a task is undefined or the upstream difference is not told from 0
    with p < GATE: a ratio to what may be nothing says nothing. Limits are infinite, with the reason, where every ratio
    on that side is compatible with the data. 2 seeds: no interval. p is against no transmission.
    """
    tasks, nan = [*down, *up], float("nan")
    weights = np.zeros((2, len(tasks)))
    weights[0, : len(down)], weights[1, len(down) :] = 1 / len(down), 1 / len(up)
    joint, examples = moments(tasks, weights), sum(np.shape(sample.numerator)[1] for sample in down)
    size = {"clusters": joint.seeds, "examples": examples}
    bad = next((i for i, sample in enumerate(tasks) if not sample.rows()[1].sum(1).all()), None)
    if bad is not None:
        return Interval(nan, nan, nan, reason=f"sample {bad} of {len(tasks)} (upstream last) has denominator 0", **size)
    (below, above), spread = joint.value.tolist(), joint.spread
    errors = np.sqrt(np.diag(spread)).tolist()
    p, above_p = (t_limits(v, errors[i], joint.freedom(i), level)[1] for i, v in enumerate((below, above)))
    if joint.seeds == 2 and above:
        return Interval(below / above, nan, nan, reason="2 backbone seeds: an interval needs 3", **size)
    if not above or above_p >= GATE:
        reason = f"harm in the backbone itself, {above:.3g}, is not told from 0 (p {above_p:.2g}, needed {GATE})"
        return Interval(nan, nan, nan, reason=reason, **size)
    freedom = min(joint.freedom(0), joint.freedom(1))
    limits, reason = _fieller(below, above, spread, freedom, level)
    return Interval(below / above, *limits, reason=reason, p=p, **size)


def _fieller(
    below: float, above: float, spread: np.ndarray, freedom: float, level: float
) -> tuple[tuple[float, float], str]:
    """The ratios r for which below - r * above is within its t limits of 0 (Fieller 1954); why they are unbounded."""
    from scipy.stats import t

    quantile = float(t.ppf((1 + level) / 2, freedom)) ** 2 if np.isfinite(freedom) else float(1.96**2)
    a = above**2 - quantile * spread[1, 1]
    b = below * above - quantile * spread[0, 1]
    c = below**2 - quantile * spread[0, 0]
    root = b**2 - a * c
    if a <= 0 or root < 0:
        return (-float("inf"), float("inf")), "every ratio is compatible with the data"
    return ((b - root**0.5) / a, (b + root**0.5) / a), ""


def dose_slope(harm: ArrayLike, dose: ArrayLike, backbone: ArrayLike, *, level: float = 0.95) -> Coefficient:
    """The slope of harm (N,) on dose (N,), harm per full defect, errors clustered by `backbone` (N,) seeds.

    NaN, with the reason, for one backbone (then no error can be known) or one dose.
    """
    return least_squares(harm, {"dose": dose}, backbone, level=level)["dose"]


@dataclass(frozen=True)
class InheritanceRate:
    """The share of tasks that inherit; `inherited`, `reversed` and `undefined` hold indices of tasks."""

    value: float
    inherited: tuple[int, ...]
    reversed: tuple[int, ...]
    undefined: tuple[int, ...]
    n: int
    reason: str = ""


def inheritance_rate(intervals: Sequence[Interval], level: float = 0.95) -> InheritanceRate:
    """The share of tasks whose difference is above 0 after Holm's correction over tasks, in [0, 1].

    `intervals` hold the difference of each task. A task significantly below 0 is listed as reversed, not
    counted as inheriting. NaN when a task is undefined (it is listed) or there is none.
    """
    adjusted = holm([interval.p for interval in intervals])
    value = np.array([interval.value for interval in intervals], dtype=float)
    significant = adjusted <= 1 - level + 1e-12
    above, below = np.flatnonzero(significant & (value > 0)), np.flatnonzero(significant & (value < 0))
    undefined = np.flatnonzero(np.isnan(value) | np.isnan(adjusted))
    reason = f"{len(undefined)} of {len(value)} tasks are undefined" if len(undefined) else ""
    share = float("nan") if reason or not len(value) else len(above) / len(value)
    lists = [tuple(tasks.tolist()) for tasks in (above, below, undefined)]
    return InheritanceRate(share, *lists, n=len(value), reason=reason or ("" if len(value) else "no tasks"))


@dataclass(frozen=True, eq=False)
class Survival:
    """Harm by amount of adaptation: mean `harm` (A,) at the sorted `amounts`, and its share of the first one.

    `half_life` is the first amount at which half of the first harm is left, by linear interpolation; inf = not within
    the amounts seen. [`low`, `high`]: from SEEDS seeds on its bootstrap interval over seeds; with fewer the range of
    the seeds' own half-lives, and `reason` says that it is no interval. NaN, with a reason, if the first harm is not
    above 0: then nothing can decay.
    """

    amounts: np.ndarray
    harm: np.ndarray
    remaining: np.ndarray
    half_life: float
    low: float
    high: float
    clusters: int
    reason: str = ""


def _half_lives(amounts: np.ndarray, harm: np.ndarray) -> np.ndarray:
    """(..., A) harms to (...) half-lives."""
    half = harm[..., :1] / 2
    under = harm <= half
    after = under.argmax(-1)  # the first amount with at most half; 0 when there is none
    before = np.maximum(after - 1, 0)
    at = [np.take_along_axis(harm, index[..., None], -1)[..., 0] for index in (before, after)]
    step = np.nan_to_num(ratio(at[0] - half[..., 0], at[0] - at[1]))
    crossing = amounts[before] + step * (amounts[after] - amounts[before])
    known = (harm[..., 0] > 0) & ~np.isnan(harm).any(-1)
    return np.where(known, np.where(under.any(-1), crossing, np.inf), np.nan)


def survival(
    amounts: ArrayLike, harm: ArrayLike, *, resamples: int = 2000, level: float = 0.95, seed: int = 0
) -> Survival:
    """Harm against the amount of adaptation (steps, learning rate, weight decay, rank) and its half-life.

    `amounts` (A,) distinct; `harm` (A,), or (S, A) with a row per arm seed: then seeds are resampled. Harm
    should be the difference from the clean arm, so that 0 means gone.
    """
    (amount,) = numbers(amounts=amounts)
    rows = np.atleast_2d(np.asarray(harm, dtype=float))
    if rows.ndim != 2 or rows.shape[1] != len(amount) or len(np.unique(amount)) != len(amount) or not rows.size:
        raise ValueError(f"harm has shape {np.shape(harm)}; valid: (S seeds, {len(amount)} distinct amounts)")
    order = np.argsort(amount)
    amount, rows = amount[order], rows[:, order]
    mean, weights = rows.mean(0), counts(np.random.default_rng(seed), resamples, len(rows)) / len(rows)
    half = float(_half_lives(amount, mean))
    reason = "a harm is missing" if np.isnan(mean).any() else "the first harm is not above 0"
    spread = percentile_interval(half, _half_lives(amount, weights @ rows), examples=0, level=level, reason=reason)
    bounds, said, each = (spread.low, spread.high), spread.reason, _half_lives(amount, rows)
    if len(rows) < SEEDS and not said:
        known = each[~np.isnan(each)] if len(rows) > 1 else np.array([float("nan")])
        bounds, said = (float(known.min()), float(known.max())), f"range of {len(rows)} seeds, no interval"
    return Survival(amount, mean, ratio(mean, mean[0]), half, *bounds, clusters=len(rows), reason=said)
