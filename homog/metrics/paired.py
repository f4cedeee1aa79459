"""Means over backbones and examples, injected less control, with their t intervals.

Conventions. The unit of replication is the backbone (arm seed), with the training sample that is drawn with it.
Examples are crossed with it, the same for the injected arm and its control; those of one person belong together. The
variance of a mean over tasks is that between seeds plus that over persons (linearised, seeds held fixed), and its
interval is Satterthwaite's t. Chance in single predictions is in both, so that intervals are a little too wide where
nothing else differs. Simulated coverage of 95 % intervals is .92 to .98 from 3 seeds on (results/calibration). With 2
seeds there is no interval: it would cover .70 to .85. Of one backbone the interval is over its persons alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from homog.metrics.binomial import binomial_limits
from homog.metrics.checks import ArrayLike, ratio
from homog.metrics.intervals import Interval, t_limits
from homog.metrics.resampling import by_person

POWER = 0.8  # of the test by which `Interval.mde` is found


@dataclass(frozen=True, eq=False)
class Sample:
    """One task's harms at the seeds of one arm kind, with the paired control on the same examples.

    `numerator` and `denominator` are (S, n), a row per arm seed; the control's are (S, n), or (1, n) when one control
    serves all seeds, or None (then the control counts as 0). `people` (n,) names the person of each example. `crossed`
    is the number of training samples where rows are all pairs of backbone and sample, those of one backbone together.
    """

    numerator: np.ndarray
    denominator: np.ndarray
    control_numerator: np.ndarray | None = None
    control_denominator: np.ndarray | None = None
    people: np.ndarray | None = None
    crossed: int = 1

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


def _same_people(samples: Sequence[Sample]) -> list[list[int]]:
    """Tasks in groups that are resampled with the same people: those whose sets of person ids are equal."""
    groups: dict[object, list[int]] = {}
    for task, sample in enumerate(samples):
        key = task if sample.people is None else tuple(np.unique(np.asarray(sample.people)).tolist())
        groups.setdefault(key, []).append(task)
    return list(groups.values())


def _undefined(samples: Sequence[Sample]) -> str:
    """Which task, arm and seed has nothing in its denominator; empty when every ratio is defined."""
    for task, sample in enumerate(samples):
        for arm, denominator in (("injected", sample.denominator), ("control", sample.control_denominator)):
            empty = [] if denominator is None else np.flatnonzero(np.sum(denominator, axis=1) == 0)
            if len(empty):
                return f"task {task} (of {len(samples)}): the {arm} arm of seed {empty[0]} has denominator 0"
    return ""


@dataclass(frozen=True, eq=False)
class Moments:
    """Linear combinations of the differences of tasks: `value` (m,), and their covariance by source of chance.

    `parts`: source -> (covariance, degrees of freedom). Sources: backbones, samples (of training examples, where they
    are crossed with backbones), people (the others held fixed). `seeds`, `people` count them.
    """

    value: np.ndarray
    parts: dict[str, tuple[np.ndarray, float]]
    seeds: int
    people: int

    @property
    def spread(self) -> np.ndarray:
        """The covariance (m, m), all sources together."""
        return np.sum([matrix for matrix, _ in self.parts.values()], axis=0)

    def freedom(self, i: int = 0) -> float:
        """Satterthwaite's degrees of freedom of combination i."""
        below = sum(float(ratio(matrix[i, i] ** 2, max(freedom, 1))) for matrix, freedom in self.parts.values())
        return float(self.spread[i, i] ** 2 / below) if below else float("inf")


def moments(samples: Sequence[Sample], weights: ArrayLike) -> Moments:
    """Combinations, with `weights` (m, T), of the injected less control ratios of T tasks; all with the same S seeds.

    Tasks with the same people covary by person. NaN where a denominator is 0.
    """
    shapes = {(np.shape(sample.numerator)[0], sample.crossed) for sample in samples}
    if len(shapes) != 1:
        rows = sorted(size for size, _ in shapes)
        raise ValueError(f"tasks have {rows} seeds; valid: the same number in all tasks, and at least 1 task")
    size, crossed = shapes.pop()
    coefficients = np.asarray(weights, dtype=float)
    differences, influences = zip(*(_influence(sample) for sample in samples), strict=True)
    each = (coefficients @ np.stack(differences)).reshape(-1, size // crossed, crossed)  # (m, backbones, samples)
    parts = {"backbones": _between(each.mean(2))}
    if crossed > 1:
        parts["samples"] = _between(each.mean(1))
    within, people = np.zeros((len(each), len(each))), 0
    for group in _same_people(samples):
        moved = coefficients[:, group] @ np.stack([influences[task] for task in group])  # (m, persons)
        count = moved.shape[1]
        within, people = within + moved @ moved.T * ratio(count, count - 1), people + count
    parts["people"] = np.asarray(within), float(people - 1)
    return Moments(each.mean((1, 2)), parts, size // crossed, people)


def _between(means: np.ndarray) -> tuple[np.ndarray, float]:
    """Covariance of the mean of (m, k) values over k, and its degrees of freedom; 0 for one value."""
    away, k = means - means.mean(1, keepdims=True), means.shape[1]
    return (away @ away.T / (k * (k - 1)) if k > 1 else np.zeros((len(means),) * 2)), k - 1


def _influence(sample: Sample) -> tuple[np.ndarray, np.ndarray]:
    """Injected less control by seed (S,), and how much each person moves the mean over seeds (persons,)."""
    rows, below = sample.rows()
    size = len(sample.numerator)
    totals = below.sum(1)
    rates = ratio(rows.sum(1), totals)
    moved = ratio(rows - rates[:, None] * below, np.broadcast_to(totals[:, None], rows.shape))
    difference, push = rates[:size], moved[:size].mean(0)
    if len(rows) > size:
        difference, push = difference - rates[size:], push - moved[size:].mean(0)
    return difference, by_person(push[:, None], sample.people)[:, 0]


def difference_interval(samples: Sequence[Sample], *, level: float = 0.95) -> Interval:
    """Mean over tasks of (mean over seeds of the injected ratio less that of the control), with its t interval.

    `samples` holds one Sample per task, all with the same S seeds (ValueError otherwise); the difference lies in
    [-1, 1] for rates, and so do its limits. S == 1: the interval is over persons alone, a statement about this one
    backbone. S == 2, or one person: no interval (NaN), with the reason. Where nothing varies, in any seed or person,
    the interval is the exact binomial limit of that many persons. NaN, with the reason, when any task is undefined: a
    task is never skipped.
    """
    if not 0 < level < 1:
        raise ValueError(f"level = {level}; valid: above 0 and below 1")
    joint = moments(samples, np.full((1, len(samples)), 1 / max(len(samples), 1)))
    examples, nan = sum(np.shape(sample.numerator)[1] for sample in samples), float("nan")
    undefined = _undefined(samples)
    if undefined or joint.seeds == 2 or joint.people < 2:
        value = nan if undefined else float(joint.value[0])
        reason = undefined or ("2 backbone seeds: an interval needs 3" if joint.seeds == 2 else "one person")
        return Interval(value, nan, nan, joint.seeds, examples, reason)
    value, error = float(joint.value[0]), float(np.sqrt(joint.spread[0, 0]))
    freedom = joint.freedom()
    half, p = t_limits(value, error, freedom, level) if error > 1e-12 else _exact(value, samples, level)
    least, most = _range(samples)
    limits = max(least, value - half), min(most, value + half)
    mde = half + t_limits(0.0, error, freedom, 2 * POWER - 1)[0]  # one-sided quantile of the power
    return Interval(value, *limits, joint.seeds, examples, p=p, error=error, mde=mde)


def _range(samples: Sequence[Sample]) -> tuple[float, float]:
    """What a difference can be: of shares between -1 and 1, without a control from 0 on, of other numbers anything."""
    sides = [sample.rows() for sample in samples]
    if any((rows < 0).any() or (rows > below).any() for rows, below in sides):
        return -float("inf"), float("inf")
    return (0.0 if all(sample.control_numerator is None for sample in samples) else -1.0), 1.0


def _exact(value: float, samples: Sequence[Sample], level: float) -> tuple[float, float]:
    """The same where no example differs from another: the exact limit of no exception among the persons that count.

    These are not the same for every backbone; there are as many as where they are fewest.
    """
    people = 0
    for sample in samples:
        rows = (np.asarray(sample.denominator) > 0).astype(float)
        people += int(np.count_nonzero(by_person(rows.T, sample.people), axis=0).min())
    half = float(binomial_limits(0, max(people, 1), level)[1])
    return half, 1.0 if abs(value) < 1e-12 else min(1.0, 2 * 0.5**people)


def mean_interval(
    values: ArrayLike,
    control: ArrayLike | None = None,
    people: ArrayLike | None = None,
    **options,
) -> Interval:
    """Mean of `values` (S, n), such as correctness, less that of the paired `control` (S, n) or (1, n).

    `options`: level. See `difference_interval`.
    """
    values = np.asarray(values, dtype=float)
    beside = None if control is None else np.asarray(control, dtype=float)
    ones = None if beside is None else np.ones_like(beside)
    sample = Sample(values, np.ones_like(values), beside, ones, None if people is None else np.asarray(people))
    return difference_interval([sample], **options)
