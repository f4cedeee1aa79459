"""Intervals by cluster bootstrap, paired with the control, and Holm's correction.

Conventions. The unit of replication is the backbone (arm seed): seeds are drawn with replacement, jointly
for all tasks, and inside each task examples are drawn with replacement, jointly for the injected arm and
its control. Examples of one person are drawn together. Intervals are percentile intervals. With few seeds
that differ they are too narrow (the variance of S seeds is underestimated by (S - 1)/S), so `clusters`
belongs next to every interval; where only chance differs, drawing seeds and examples counts it more than
once and they are too wide, by up to sqrt 3 (Owen 2007, The pigeonhole bootstrap). `p` is two-sided: twice
the share of resamples on the other side of the null, +1 corrected, so never below 2/(resamples + 1). Every
function is deterministic given `seed`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from homog.metrics.checks import ArrayLike, ratio
from homog.metrics.resampling import by_person, counts, resampled_sums


@dataclass(frozen=True)
class Interval:
    """An estimate with its interval; where `value`, or only the interval, is NaN, `reason` says why.

    `clusters` counts the backbones that were resampled (1: only examples were), `examples` the examples
    behind the value, `resamples` those in which the estimate was defined (undefined ones are left out of
    the percentiles).
    """

    value: float
    low: float
    high: float
    clusters: int
    examples: int
    reason: str = ""
    p: float = float("nan")
    resamples: int = 0


@dataclass(frozen=True, eq=False)
class Sample:
    """One task's harms at the seeds of one arm kind, with the paired control on the same examples.

    `numerator` and `denominator` are (S, n), a row per arm seed; the control's are (S, n), or (1, n) when
    one control serves all seeds, or None (then the control counts as 0). `people` (n,) names the person of
    each example.
    """

    numerator: np.ndarray
    denominator: np.ndarray
    control_numerator: np.ndarray | None = None
    control_denominator: np.ndarray | None = None
    people: np.ndarray | None = None

    def __post_init__(self) -> None:
        shape = np.shape(self.numerator)
        if len(shape) != 2 or 0 in shape:
            raise ValueError(f"numerator has shape {shape}; valid: (S seeds, n examples), none of them 0")
        if (self.control_numerator is None) != (self.control_denominator is None):
            raise ValueError("control_numerator and control_denominator: valid are both or neither")
        _check("denominator", self.denominator, (shape,))
        for name in ("control_numerator", "control_denominator"):
            if getattr(self, name) is not None:
                _check(name, getattr(self, name), (shape, (1, shape[1])))
        if self.control_numerator is not None:
            _check("control_denominator", self.control_denominator, (np.shape(self.control_numerator),))
        if self.people is not None and np.shape(self.people) != (shape[1],):
            raise ValueError(f"people has shape {np.shape(self.people)}; valid: {(shape[1],)}, one id per example")
        for name in ("numerator", "control_numerator"):
            if getattr(self, name) is not None and not np.isfinite(getattr(self, name)).all():
                raise ValueError(f"{name} holds a value that is not finite; valid: finite numbers")

    def rows(self) -> tuple[np.ndarray, np.ndarray]:
        """Numerators and denominators (S + control rows, n), the control's rows last."""
        if self.control_numerator is None or self.control_denominator is None:
            return np.asarray(self.numerator, float), np.asarray(self.denominator, float)
        top = np.concatenate([self.numerator, self.control_numerator], dtype=float)
        return top, np.concatenate([self.denominator, self.control_denominator], dtype=float)


def _check(name: str, array: ArrayLike, shapes: tuple) -> None:
    if np.shape(array) not in shapes:
        raise ValueError(f"{name} has shape {np.shape(array)}; valid: {' or '.join(map(str, shapes))}")
    if "denominator" in name and not (np.isfinite(array) & (np.asarray(array) >= 0)).all():
        raise ValueError(f"{name} holds a negative or undefined value; valid: finite numbers >= 0")


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
    beyond = min(np.count_nonzero(draws <= null), np.count_nonzero(draws >= null))
    p = float("nan") if np.isnan(null) else min(1.0, float(2 * (1 + beyond) / (draws.size + 1)))
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


def _same_people(samples: Sequence[Sample]) -> list[list[int]]:
    """Tasks in groups that are resampled with the same people: those whose sets of person ids are equal."""
    groups: dict[object, list[int]] = {}
    for task, sample in enumerate(samples):
        key = task if sample.people is None else tuple(np.unique(np.asarray(sample.people)).tolist())
        groups.setdefault(key, []).append(task)
    return list(groups.values())


def _difference(ratios: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Seed-weighted mean of injected ratios less that of the control: (B, rows), (B, S) -> (B,)."""
    injected, control = np.split(ratios, [weights.shape[1]], axis=1)
    control = np.broadcast_to(control, injected.shape) if control.shape[1] == 1 else control
    # a seed that was not drawn does not count, even if its ratio is undefined
    means = [np.where(weights > 0, part * weights, 0.0).sum(1) for part in (injected, control) if part.size]
    return means[0] - means[1] if len(means) == 2 else means[0]


def resampled_differences(
    samples: Sequence[Sample], *, resamples: int = 2000, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Injected less control by task: estimates (T,) and their joint bootstrap draws (resamples, T).

    Columns of the draws share the seeds that were drawn, so any function of several tasks may be computed
    from them. NaN where a denominator is 0.
    """
    seeds = {np.shape(sample.numerator)[0] for sample in samples}
    if len(seeds) != 1:
        raise ValueError(f"tasks have {sorted(seeds)} seeds; valid: the same number in all tasks, and at least 1 task")
    size = seeds.pop()
    rng = np.random.default_rng(seed)
    weights = counts(rng, resamples, size) / size
    values, draws = np.empty(len(samples)), np.empty((resamples, len(samples)))
    for group in _same_people(samples):
        rows = [np.concatenate(samples[task].rows()) for task in group]
        units = [by_person(row.T, samples[task].people) for task, row in zip(group, rows, strict=True)]
        sums = resampled_sums(np.concatenate(units, axis=1), resamples, rng)
        parts = np.split(sums, np.cumsum([unit.shape[1] for unit in units])[:-1], axis=1)
        for task, row, part in zip(group, rows, parts, strict=True):
            values[task] = _difference(ratio(*np.split(row.sum(1)[None], 2, 1)), np.full((1, size), 1 / size))[0]
            draws[:, task] = _difference(ratio(*np.split(part, 2, axis=1)), weights)
    return values, draws


def _undefined(samples: Sequence[Sample]) -> str:
    """Which task, arm and seed has nothing in its denominator; empty when every ratio is defined."""
    for task, sample in enumerate(samples):
        for arm, denominator in (("injected", sample.denominator), ("control", sample.control_denominator)):
            empty = [] if denominator is None else np.flatnonzero(np.sum(denominator, axis=1) == 0)
            if len(empty):
                return f"task {task} (of {len(samples)}): the {arm} arm of seed {empty[0]} has denominator 0"
    return ""


def difference_interval(
    samples: Sequence[Sample], *, resamples: int = 2000, level: float = 0.95, seed: int = 0
) -> Interval:
    """Mean over tasks of (mean over seeds of the injected ratio less that of the control), with its interval.

    `samples` holds one Sample per task, all with the same S seeds (ValueError otherwise); the difference
    lies in [-1, 1] for rates. S == 1: only examples are resampled, and `clusters` is 1. Tasks with the same
    people are resampled with the same people. NaN, with the reason, when any task is undefined: a task is
    never skipped.
    """
    values, draws = resampled_differences(samples, resamples=resamples, seed=seed)
    return percentile_interval(
        float(values.mean()),
        draws.mean(1),
        level=level,
        reason=_undefined(samples),
        clusters=np.shape(samples[0].numerator)[0],
        examples=sum(np.shape(s.numerator)[1] for s in samples),
    )


def mean_interval(
    values: ArrayLike,
    control: ArrayLike | None = None,
    people: ArrayLike | None = None,
    **options,
) -> Interval:
    """Mean of `values` (S, n), such as correctness, less that of the paired `control` (S, n) or (1, n).

    `options`: resamples, level, seed.
    """
    values = np.asarray(values, dtype=float)
    beside = None if control is None else np.asarray(control, dtype=float)
    ones = None if beside is None else np.ones_like(beside)
    sample = Sample(values, np.ones_like(values), beside, ones, None if people is None else np.asarray(people))
    return difference_interval([sample], **options)


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
