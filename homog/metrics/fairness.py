"""Group fairness of one classifier, with fairlearn's definitions where it has them.

Conventions: `predictions` and `labels` (n,) are class numbers, 1 the positive class of the binary measures;
`groups` (n,) names of any type. A gap is the greatest less the least rate over groups. A group with nothing
in a rate's denominator is excluded from that rate (fairlearn scores it 0); `group_rates` shows which. Gaps
are NaN with fewer than two groups left. An example whose group is missing (None, NaN) counts in no group;
`group_rates` says how many these are.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from homog.metrics.checks import ArrayLike, aligned, classes, ratio
from homog.metrics.intervals import Interval, bootstrap_interval


@dataclass(frozen=True, eq=False)
class GroupRates:
    """Rates of each group (G,), NaN where the group has nothing in the denominator."""

    groups: tuple
    n: np.ndarray
    selection: np.ndarray  # share predicted 1
    true_positive: np.ndarray  # of label 1, predicted 1
    false_positive: np.ndarray  # of other labels, predicted 1
    accuracy: np.ndarray
    missing: int = 0  # examples without a group


def _known(groups: ArrayLike) -> np.ndarray:
    """(n,) bool: whether an example has a group."""
    import pandas as pd

    return ~np.asarray(pd.isna(np.asarray(groups, dtype=object)))


def _columns(predictions: ArrayLike, labels: ArrayLike, groups: ArrayLike) -> tuple[np.ndarray, tuple]:
    """What is summed, (n, 6G): per group n, predicted 1, label 1, both, predicted 1 wrongly, right."""
    predicted, truth = classes(predictions=predictions, labels=labels)
    names, group, known = _named(predicted, groups)
    chosen, positive = predicted == 1, truth == 1
    facts = [np.ones(len(truth)), chosen, positive, chosen & positive, chosen & ~positive, predicted == truth]
    member = np.eye(len(names))[group] * known[:, None]
    return np.hstack([member * np.asarray(fact)[:, None] for fact in facts]), tuple(names.tolist())


def _named(predicted: np.ndarray, groups: ArrayLike) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The names of the groups, and of each example the number of its group and whether it has one."""
    values = aligned(predictions=predicted, groups=groups)[1]
    known = _known(values)
    names, places = np.unique(values[known], return_inverse=True)
    group = np.zeros(len(values), dtype=int)
    group[known] = places
    return (names, group, known) if len(names) else (np.array([""]), group, known)


def _rates(sums: np.ndarray) -> tuple[np.ndarray, ...]:
    """From sums (..., 6G) to selection, true positive, false positive rate and accuracy, (..., G) each."""
    n, chosen, positive, hits, false, right = np.split(sums, 6, axis=-1)
    return ratio(chosen, n), ratio(hits, positive), ratio(false, n - positive), ratio(right, n)


def _gap(rates: np.ndarray) -> np.ndarray:
    """Greatest less least over groups (..., G); NaN with fewer than two defined."""
    known = ~np.isnan(rates)
    low = np.where(known, rates, np.inf).min(-1, initial=np.inf)
    high = np.where(known, rates, -np.inf).max(-1, initial=-np.inf)
    return np.where(known.sum(-1) > 1, high - low, np.nan)


def _worst_accuracy(sums: np.ndarray) -> np.ndarray:
    accuracy = _rates(sums)[3]
    worst = np.where(np.isnan(accuracy), np.inf, accuracy).min(-1, initial=np.inf)
    return np.where(np.isinf(worst), np.nan, worst)


MEASURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "demographic_parity_difference": lambda sums: _gap(_rates(sums)[0]),
    "equalized_odds_difference": lambda sums: np.maximum(_gap(_rates(sums)[1]), _gap(_rates(sums)[2])),
    "fpr_difference": lambda sums: _gap(_rates(sums)[2]),
    "worst_group_accuracy": _worst_accuracy,
}


def _value(measure: str, predictions: ArrayLike, labels: ArrayLike, groups: ArrayLike) -> float:
    return float(MEASURES[measure](_columns(predictions, labels, groups)[0].sum(0)))


def group_rates(predictions: ArrayLike, labels: ArrayLike, groups: ArrayLike) -> GroupRates:
    """The rates behind the measures, by group in sorted order."""
    columns, names = _columns(predictions, labels, groups)
    sums = columns.sum(0)
    missing = int(np.count_nonzero(~_known(groups)))
    return GroupRates(names, sums[: len(names)].astype(int), *_rates(sums), missing=missing)


def demographic_parity_difference(predictions: ArrayLike, groups: ArrayLike) -> float:
    """The gap in the share predicted 1, in [0, 1], 0 = parity."""
    return _value("demographic_parity_difference", predictions, predictions, groups)


def equalized_odds_difference(predictions: ArrayLike, labels: ArrayLike, groups: ArrayLike) -> float:
    """The greater of the gaps in true and in false positive rate (Hardt et al. 2016), in [0, 1].

    NaN when either gap is.
    """
    return _value("equalized_odds_difference", predictions, labels, groups)


def fpr_difference(predictions: ArrayLike, labels: ArrayLike, groups: ArrayLike) -> float:
    """The gap in false positive rate, in [0, 1]."""
    return _value("fpr_difference", predictions, labels, groups)


def false_positive_rate_difference(
    predictions: ArrayLike, labels: ArrayLike, groups: ArrayLike, *, weighted: bool = False
) -> float:
    """Sum over groups of |FPR of the group - FPR of all| (Jin et al. 2021); >= 0.

    `weighted`: each by its share of the examples. Groups without negatives are left out; NaN where all are.
    """
    rates = group_rates(predictions, labels, groups)
    predicted, truth = classes(predictions=predictions, labels=labels)
    away = np.abs(rates.false_positive - ratio(((predicted == 1) & (truth != 1)).sum(), (truth != 1).sum()))
    weights = rates.n / rates.n.sum() if weighted else np.ones(len(away))
    known = ~np.isnan(away)
    return float((away * weights)[known].sum()) if known.any() else float("nan")


def worst_group_accuracy(predictions: ArrayLike, labels: ArrayLike, groups: ArrayLike) -> float:
    """The least accuracy of any group (Sagawa et al. 2020), in [0, 1]; NaN without examples."""
    return _value("worst_group_accuracy", predictions, labels, groups)


def adjusted_accuracy(
    predictions: ArrayLike, labels: ArrayLike, groups: ArrayLike, shares: Mapping[object, float]
) -> float:
    """Group accuracies weighted by each group's share of the training set (Sagawa et al. 2020), in [0, 1].

    `shares` names every group and sums to 1. NaN when a group with a share above 0 has no examples here.
    """
    rates = group_rates(predictions, labels, groups)
    missing = sorted(map(str, set(rates.groups) - set(shares)))
    if missing or abs(sum(shares.values()) - 1) > 1e-6:
        raise ValueError(f"shares = {dict(shares)}; valid: one share per group ({missing} missing), sum 1")
    accuracy = dict(zip(rates.groups, rates.accuracy.tolist(), strict=True))
    return float(sum(share * accuracy.get(group, float("nan")) for group, share in shares.items() if share))


def _class_gaps(sums: np.ndarray, number: int) -> np.ndarray:
    """Root mean square over classes of the gap in recall, from sums (..., 2 * classes * G)."""
    hits, size = np.split(sums.reshape(*sums.shape[:-1], 2 * number, -1), 2, axis=-2)
    gaps = _gap(ratio(hits, size))
    known = ~np.isnan(gaps)
    return np.sqrt(ratio((np.where(known, gaps, 0.0) ** 2).sum(-1), known.sum(-1)))


def _class_columns(predictions: ArrayLike, labels: ArrayLike, groups: ArrayLike) -> tuple[np.ndarray, int]:
    predicted, truth = classes(predictions=predictions, labels=labels)
    names, group, known = _named(predicted, groups)
    number = int(truth.max(initial=0)) + 1
    cell = np.eye(number * len(names))[truth * len(names) + group] * known[:, None]
    return np.hstack([cell * (predicted == truth)[:, None], cell]), number


def tpr_gap_rms(predictions: ArrayLike, labels: ArrayLike, groups: ArrayLike) -> float:
    """Root mean square over classes of the gap in true positive rate (De-Arteaga et al. 2019), in [0, 1].

    For two groups the gap is the papers' absolute difference. A class is excluded when fewer than two
    groups have examples of it; NaN when all are.
    """
    columns, number = _class_columns(predictions, labels, groups)
    return float(_class_gaps(columns.sum(0), number))


def fairness_interval(
    measure: str,
    predictions: ArrayLike,
    labels: ArrayLike,
    groups: ArrayLike,
    people: ArrayLike | None = None,
    **options,
) -> Interval:
    """Interval of one of MEASURES or tpr_gap_rms, persons (examples without `people`) resampled.

    A gap is above 0 by chance alone, so there is no p: compare it with the control arm's. `options`:
    resamples, level, seed.
    """
    if measure not in MEASURES and measure != "tpr_gap_rms":
        raise ValueError(f"measure = {measure!r}; valid: {', '.join(MEASURES)}, tpr_gap_rms")
    options |= {"reason": "fewer than two groups have examples", "null": float("nan")}
    if measure == "tpr_gap_rms":
        columns, number = _class_columns(predictions, labels, groups)
        return bootstrap_interval(columns, lambda sums: _class_gaps(sums, number), people, **options)
    return bootstrap_interval(_columns(predictions, labels, groups)[0], MEASURES[measure], people, **options)
