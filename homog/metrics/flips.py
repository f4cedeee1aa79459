"""How predictions move when an input is exposed or its group word swapped: flips, gaps, shifts.

Conventions: the two arguments are ONE model's predictions (n,) or probabilities on the same examples,
before and after. Classes are integers from 0. Everything is NaN without examples.
"""

from dataclasses import dataclass

import numpy as np

from homog.metrics.checks import ArrayLike, classes, numbers, probability_rows, ratio
from homog.metrics.inheritance import Rate
from homog.metrics.intervals import Interval, bootstrap_interval


@dataclass(frozen=True)
class FlipRate:
    """Counterfactual flips: `rate` = P(pred(x) != pred(x')), and the shares that flip to and from `positive`.

    With two classes `rate` = `toward` + `away`; p is McNemar's exact two-sided one for toward = away. All
    in [0, 1]; NaN without examples.
    """

    rate: float
    toward: float
    away: float
    p: float
    n: int


def flip_terms(predictions: ArrayLike, predictions_swapped: ArrayLike) -> Rate:
    """The rate of `flip_rate` kept per example."""
    a, b = classes(predictions=predictions, predictions_swapped=predictions_swapped)
    return Rate((a != b).astype(float), np.ones(len(a)))


def flip_rate(predictions: ArrayLike, predictions_swapped: ArrayLike, positive: int = 1) -> FlipRate:
    """How often a prediction changes when only the group word does (Garg et al. 2019).

    `predictions` (n,) of x, `predictions_swapped` (n,) of x'. The directions are into and out of class
    `positive`.
    """
    from scipy.stats import binomtest

    a, b = classes(predictions=predictions, predictions_swapped=predictions_swapped)
    toward = int(np.count_nonzero((a != positive) & (b == positive)))
    away = int(np.count_nonzero((a == positive) & (b != positive)))
    p = binomtest(toward, toward + away).pvalue if toward + away else 1.0 if len(a) else float("nan")
    shares = ratio([np.count_nonzero(a != b), toward, away], len(a))
    return FlipRate(float(shares[0]), float(shares[1]), float(shares[2]), float(p), len(a))


def probability_gap_terms(probabilities: ArrayLike, probabilities_swapped: ArrayLike) -> Rate:
    """`probability_gap` kept per example."""
    if np.ndim(probabilities) == 1:
        a, b = numbers(probabilities=probabilities, probabilities_swapped=probabilities_swapped)
        gap = np.abs(a - b)
    else:
        a = probability_rows("probabilities", probabilities)
        b = probability_rows("probabilities_swapped", probabilities_swapped)
        if a.shape != b.shape:
            raise ValueError(f"probabilities_swapped has shape {b.shape}; valid: {a.shape}")
        gap = np.abs(a - b).sum(1) / 2
    return Rate(gap, np.ones(len(gap)))


def probability_gap(probabilities: ArrayLike, probabilities_swapped: ArrayLike) -> float:
    """Mean |p(x) - p(x')|, in [0, 1]; NaN without examples.

    (n,) probabilities of one class, or (n, classes): then half the L1 distance, which is the same for two
    classes.
    """
    return probability_gap_terms(probabilities, probabilities_swapped).value


@dataclass(frozen=True)
class PredictionShift:
    """How the distribution of predicted classes moves under exposure; NaN without examples.

    `total_variation` in [0, 1]; `divergence` = KL(exposed || clean) >= 0 in nats, every class count raised by
    1/2 so that it is finite; `majority_*` the share of the most predicted class.
    """

    total_variation: float
    divergence: float
    majority_clean: float
    majority_exposed: float
    n: int


def _shift(sums: np.ndarray) -> np.ndarray:
    """Total variation, divergence, majority shares (..., 4), from class counts (..., 2, classes)."""
    share = ratio(sums, sums.sum(-1, keepdims=True))
    variation = np.abs(share[..., 1, :] - share[..., 0, :]).sum(-1) / 2
    return np.stack([variation, divergence(sums), share[..., 0, :].max(-1), share[..., 1, :].max(-1)], axis=-1)


def divergence(counts: ArrayLike) -> np.ndarray:
    """`divergence` of `PredictionShift` (...), from counts (..., 2, classes): of each class when clean, and exposed."""
    sums = np.asarray(counts, dtype=float)
    size = sums.sum(-1, keepdims=True)
    shares = (sums + 0.5) / (size + 0.5 * sums.shape[-1])
    clean, exposed = shares[..., 0, :], shares[..., 1, :]
    return np.where(size[..., 0, 0] > 0, (exposed * np.log(exposed / clean)).sum(-1), np.nan)


def _shift_columns(predictions_clean: ArrayLike, predictions_exposed: ArrayLike, number: int) -> np.ndarray:
    return np.hstack([np.eye(number)[each] for each in _numbered(predictions_clean, predictions_exposed, number)])


def _numbered(predictions_clean: ArrayLike, predictions_exposed: ArrayLike, number: int) -> tuple[np.ndarray, ...]:
    both = classes(predictions_clean=predictions_clean, predictions_exposed=predictions_exposed)
    if number < 2 or max(each.max(initial=0) for each in both) >= number:
        raise ValueError(f"number = {number}; valid: the number of classes, above every prediction")
    return both


def _counts(predictions_clean: ArrayLike, predictions_exposed: ArrayLike, number: int) -> np.ndarray:
    """(2, number) how many predictions there are of each class."""
    both = _numbered(predictions_clean, predictions_exposed, number)
    return np.stack([np.bincount(each, minlength=number) for each in both]).astype(float)


def prediction_shift(predictions_clean: ArrayLike, predictions_exposed: ArrayLike, number: int) -> PredictionShift:
    """The shift of the predicted-class distribution from clean to exposed; `number` of classes."""
    counts = _counts(predictions_clean, predictions_exposed, number)
    return PredictionShift(*_shift(counts).tolist(), n=int(counts[0].sum()))


def prediction_shift_interval(
    predictions_clean: ArrayLike,
    predictions_exposed: ArrayLike,
    number: int,
    people: ArrayLike | None = None,
    **options,
) -> Interval:
    """Interval of the total variation, above 0 by chance alone (so no p): compare the control's."""
    columns = _shift_columns(predictions_clean, predictions_exposed, number)

    def variation(sums: np.ndarray) -> np.ndarray:
        return _shift(sums.reshape(*sums.shape[:-1], 2, number))[..., 0]

    return bootstrap_interval(columns, variation, people, null=float("nan"), **options)


def kl_divergence(predictions_a: ArrayLike, predictions_b: ArrayLike, number: int, *, smoothing: float = 0.5) -> float:
    """KL(a || b) >= 0, in nats, of the distributions of predicted classes; swap the two for the other direction.

    Every class count is raised by `smoothing`, so that it is finite; NaN without examples.
    """
    counts = _counts(predictions_a, predictions_b, number)
    if not counts.sum():
        return float("nan")
    a, b = (counts + smoothing) / (counts + smoothing).sum(1, keepdims=True)
    return float((a * np.log(a / b)).sum())


def max_rate_increase(predictions_clean: ArrayLike, predictions_exposed: ArrayLike, number: int) -> float:
    """The most that the share of any predicted class rises under the exposure (Salman et al. 2022), in [0, 1].

    Chance alone makes it positive: compare the control's. NaN without examples.
    """
    columns = _shift_columns(predictions_clean, predictions_exposed, number)
    clean, exposed = ratio(columns.sum(0), len(columns)).reshape(2, number)
    return float((exposed - clean).max())
