"""What came along: harm downstream against harm upstream, dose and further training.

Conventions: a harm is a number computed from predictions, the same upstream (of the backbone) and
downstream (of a model adapted from it). Arrays of harms hold one value per arm seed unless said otherwise;
the arm seed (backbone) is the unit of replication.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from homog.metrics.checks import ArrayLike, numbers, ratio
from homog.metrics.intervals import Interval, Sample, holm, percentile_interval, resampled_differences
from homog.metrics.regression import Coefficient, least_squares
from homog.metrics.resampling import counts


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


def transmission_interval(
    down: Sequence[Sample], up: Sequence[Sample], *, resamples: int = 2000, level: float = 0.95, seed: int = 0
) -> Interval:
    """Transmission, mean downstream difference over tasks / mean upstream difference, seeds resampled jointly.

    `down` holds a Sample per task, `up` one per task of the backbone itself, all with the same seeds; examples of the
    same people are resampled jointly. NaN, with the reason, when a task is undefined or the upstream interval covers
    0: nothing was there to transmit. p is against no transmission.
    """
    values, draws = resampled_differences([*down, *up], resamples=resamples, seed=seed)
    clusters, examples = np.shape(up[0].numerator)[0], sum(np.shape(sample.numerator)[1] for sample in down)
    source, sources = float(values[len(down) :].mean()), draws[:, len(down) :].mean(1)
    above = percentile_interval(source, sources, examples=examples, level=level)
    known = above.low > 0 or above.high < 0
    reason = f"the upstream difference's interval [{above.low:.3g}, {above.high:.3g}] covers 0"
    if np.isnan(values).any():
        reason = f"sample {int(np.isnan(values).argmax())} of {len(values)} (upstream last) has denominator 0"
    value = float(ratio(values[: len(down)].mean(), source)) if known else float("nan")
    share = ratio(draws[:, : len(down)].mean(1), sources)
    return percentile_interval(value, share, examples=examples, clusters=clusters, level=level, reason=reason)


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

    `half_life` is the first amount at which half of the first harm is left, by linear interpolation; inf =
    not within the amounts seen. [`low`, `high`] is its interval over seeds. NaN, with a reason, if the
    first harm is not above 0: then nothing can decay.
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
    bounds = (spread.low, spread.high) if len(rows) > 1 else (float("nan"), float("nan"))
    return Survival(amount, mean, ratio(mean, mean[0]), half, *bounds, clusters=len(rows), reason=spread.reason)
