"""Similarity of two models beyond what their accuracies imply.

Conventions: `correct_a`, `correct_b` bool (n,), True = right; `predictions_*` and `labels` (n,) class
numbers; `probabilities_*` (n, options), rows summing to 1. `options` is the number of answers that can be
chosen, one number or one per example (n,); where it varies, probabilities are padded with zeros. `pairwise`
(in `pairs`) gives the same numbers for all pairs of many models. Every measure is a function of a few sums
over examples, which is what `agreement_interval` resamples: below about 1,000 examples the intervals are
wide (Klein et al. 2025).
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from homog.metrics.binomial import binomial_limits
from homog.metrics.checks import ArrayLike, aligned, binary, classes, probability_rows
from homog.metrics.formulas import NO_NULL, OF_CORRECTNESS, OF_PREDICTIONS, capa_of_sums, kappa
from homog.metrics.intervals import Interval, bootstrap_interval

MEASURES = (*OF_CORRECTNESS, *OF_PREDICTIONS, "capa")
FEW = 5  # shared errors, seen and expected, below which no resample tells much


def chance_terms(options: ArrayLike | None, n: int, most: int) -> np.ndarray:
    """1 / (options - 1) of each example, (n,); `options` None: `most` for all."""
    number = np.broadcast_to(np.asarray(most if options is None else options, dtype=float), (n,))
    if (number < 2).any():
        raise ValueError(f"options = {number.min()}; valid: at least 2 answers to choose from")
    return 1 / (number - 1)


def _columns(measure: str, first: ArrayLike, second: ArrayLike, labels: ArrayLike, options: ArrayLike) -> np.ndarray:
    """What is summed over examples, (n, q), in the order of the functions above."""
    if measure in OF_CORRECTNESS:
        right, also_right = aligned(correct_a=binary("correct_a", first, 1), correct_b=binary("correct_b", second, 1))
        return np.stack([right & also_right, right, also_right, np.ones(len(right))], axis=1).astype(float)
    if measure in OF_PREDICTIONS:
        a, b, truth = classes(predictions_a=first, predictions_b=second, labels=labels)
        most = max(2, 1 + int(max(x.max(initial=0) for x in (a, b, truth))))
        same, right, also_right = a == b, a == truth, b == truth
        chance = chance_terms(options, len(a), most)
        return np.stack([right & also_right, right, also_right, np.ones(len(a)), same, chance], axis=1).astype(float)
    if measure == "capa":
        return _capa_columns(first, second, labels, options)
    raise ValueError(f"measure = {measure!r}; valid: {', '.join(MEASURES)}")


def _capa_columns(first: ArrayLike, second: ArrayLike, labels: ArrayLike, options: ArrayLike | None) -> np.ndarray:
    a, b = probability_rows("probabilities_a", first), probability_rows("probabilities_b", second)
    (truth,) = classes(labels=labels)
    if a.shape != b.shape or len(truth) != len(a):
        raise ValueError(
            f"probabilities have shapes {a.shape}, {b.shape}, labels {truth.shape}; valid: equal n, options"
        )
    if truth.size and truth.max() >= a.shape[1]:
        raise ValueError(f"labels holds {truth.max()}; valid: below the {a.shape[1]} options")
    rows = np.arange(len(a))
    chance = chance_terms(options, len(a), a.shape[1])
    return np.stack([(a * b).sum(1), a[rows, truth], b[rows, truth], np.ones(len(a)), chance], axis=1)


def _of(measure: str) -> Callable[..., np.ndarray]:
    return capa_of_sums if measure == "capa" else {**OF_CORRECTNESS, **OF_PREDICTIONS}[measure]


def _value(measure: str, first: ArrayLike, second: ArrayLike, labels=None, options=None) -> float:
    return float(_of(measure)(*_columns(measure, first, second, labels, options).sum(0)))


def capa(
    probabilities_a: ArrayLike,
    probabilities_b: ArrayLike,
    labels: ArrayLike,
    options: ArrayLike | None = None,
) -> float:
    """Chance-adjusted probabilistic agreement (Goel et al. 2025), at most 1, 0 = what the accuracies imply.

    c_obs = mean sum_o pA pB; c_exp = pA pB + (1 - pA)(1 - pB) mean 1/(options - 1) with p the mean
    probability of the label; (c_obs - c_exp) / (1 - c_exp). A soft model's similarity to itself is below 1.
    NaN when c_exp is 1 (both models certain of the label everywhere) or there are no examples. `options`
    defaults to the columns.
    """
    return _value("capa", probabilities_a, probabilities_b, labels, options)


def capa_discrete(
    predictions_a: ArrayLike, predictions_b: ArrayLike, labels: ArrayLike, options: ArrayLike | None = None
) -> float:
    """`capa` of one-hot answers: agreement beyond the accuracies, 1 for identical models that err.

    `predictions_a`, `predictions_b`: (n,) classes, or one-hot (n, classes), which say how many `options` there are.
    `options` defaults to the highest class that occurs, plus 1: give it when classes may be missing.
    """
    a, b = np.asarray(predictions_a), np.asarray(predictions_b)
    if a.ndim == 2:
        for name, table in (("predictions_a", a), ("predictions_b", b)):
            if table.shape != a.shape or not ((table == 0) | (table == 1)).all() or not (table.sum(1) == 1).all():
                raise ValueError(f"{name} is not one-hot; valid: one 1 a row in (n, classes), the same for both models")
        options, a, b = a.shape[1] if options is None else options, a.argmax(1), b.argmax(1)
    return _value("capa_discrete", a, b, labels, options)


def error_consistency(correct_a: ArrayLike, correct_b: ArrayLike) -> float:
    """Cohen's kappa on correctness with chance from the two accuracies (Geirhos et al. 2020), in [-1, 1].

    0 = errors coincide as often as independent ones would. NaN when both are always right or both always
    wrong.
    """
    return _value("error_consistency", correct_a, correct_b)


def unbiased_error_consistency(correct_a: ArrayLike, correct_b: ArrayLike) -> float:
    """`error_consistency` k corrected for the number of examples n: n k / ((n - 1) + k). NaN as there."""
    return _value("unbiased_error_consistency", correct_a, correct_b)


def error_consistency_bounds(accuracy_a: float, accuracy_b: float) -> tuple[float, float]:
    """The least and the greatest error consistency that two accuracies allow (Geirhos et al. 2020).

    NaN when expected agreement is 1.
    """
    a, b = float(accuracy_a), float(accuracy_b)
    if not (0 <= a <= 1 and 0 <= b <= 1):
        raise ValueError(f"accuracies {a}, {b}; valid: 0 to 1")
    least, most = 1 - min(a, 1 - b) - min(1 - a, b), min(a, b) + min(1 - a, 1 - b)
    return float(kappa(least, a, b, 1.0)), float(kappa(most, a, b, 1.0))


def both_wrong_agreement(predictions_a: ArrayLike, predictions_b: ArrayLike, labels: ArrayLike) -> float:
    """Of the examples that both get wrong, the share with the same answer (Kim et al. 2025), in [0, 1].

    Independent answers that are uniform over the wrong options agree at `wrong_agreement_baseline`. NaN
    when the models are never wrong together; with two options it is always 1.
    """
    return _value("both_wrong_agreement", predictions_a, predictions_b, labels)


def either_wrong_agreement(predictions_a: ArrayLike, predictions_b: ArrayLike, labels: ArrayLike) -> float:
    """Of the examples that at least one gets wrong, the share with the same (wrong) answer (Kim et al. 2025).

    In [0, 1]; NaN when both are always right.
    """
    return _value("either_wrong_agreement", predictions_a, predictions_b, labels)


def wrong_agreement_baseline(options: ArrayLike) -> float:
    """Mean of 1 / (options - 1): how often two uniform wrong answers are the same; NaN without examples."""
    terms = chance_terms(np.atleast_1d(options), np.size(options), 2)
    return float(terms.mean()) if terms.size else float("nan")


def double_fault(correct_a: ArrayLike, correct_b: ArrayLike) -> float:
    """The share of examples that both get wrong (Giacinto & Roli 2001), in [0, 1]; NaN without examples."""
    return _value("double_fault", correct_a, correct_b)


def disagreement(correct_a: ArrayLike, correct_b: ArrayLike) -> float:
    """The share of examples that exactly one gets right (Skalak 1996), in [0, 1]; NaN without examples."""
    return _value("disagreement", correct_a, correct_b)


def q_statistic(correct_a: ArrayLike, correct_b: ArrayLike) -> float:
    """Yule's Q of correctness, (N11 N00 - N01 N10) / (N11 N00 + N01 N10), in [-1, 1]; 0 = independent.

    NaN when both products are 0. (Kuncheva & Whitaker 2003.)
    """
    return _value("q_statistic", correct_a, correct_b)


def correlation(correct_a: ArrayLike, correct_b: ArrayLike) -> float:
    """The phi coefficient of correctness (Kuncheva & Whitaker 2003), in [-1, 1].

    NaN when a model is always right or always wrong.
    """
    return _value("correlation", correct_a, correct_b)


def agreement_interval(
    measure: str,
    first: ArrayLike,
    second: ArrayLike,
    labels: ArrayLike | None = None,
    options: ArrayLike | None = None,
    people: ArrayLike | None = None,
    **bootstrap,
) -> Interval:
    """Interval of one of MEASURES, with its own arguments, for two fixed models; persons are resampled.

    p is against no agreement beyond chance, NaN for measures without a chance level. Error consistency of models that
    share few errors has the limits of `exact_error_consistency`, and says so. `bootstrap`: resamples, level, seed.
    """
    columns, statistic = _columns(measure, first, second, labels, options), _of(measure)
    null, reason = float("nan") if measure in NO_NULL else 0.0, f"{measure} is undefined for these models"
    interval = bootstrap_interval(
        columns, lambda sums: statistic(*np.moveaxis(sums, -1, 0)), people, null=null, reason=reason, **bootstrap
    )
    if measure != "error_consistency" or np.isnan(interval.value):
        return interval
    low, high = exact_error_consistency(*columns.sum(0)[:4], level=bootstrap.get("level", 0.95))
    if np.isnan(low):
        return interval
    return replace(interval, low=float(low), high=float(high), reason="few shared errors: exact limits")


def exact_error_consistency(
    both: ArrayLike, a: ArrayLike, b: ArrayLike, n: ArrayLike, level: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Limits of error consistency where two models share fewer than FEW errors and are expected to; NaN elsewhere.

    From the numbers of examples that both, a and b get right, of n; arrays broadcast. A bootstrap of two shared errors
    in a thousand examples has no width. These are the `binomial_limits` of the share of joint errors at the observed
    error rates; where a model errs less than 2 FEW times the upper one is 1.
    """
    right, first, second, size = (np.asarray(part, dtype=float) for part in (both, a, b, n))
    joint, errors, others = size - first - second + right, size - first, size - second
    few = (joint < FEW) & (errors * others < FEW * size)
    limits = []
    for share in binomial_limits(joint, size, level):
        together = np.clip(share * size, np.maximum(0, errors + others - size), np.minimum(errors, others))
        value = OF_CORRECTNESS["error_consistency"](together - size + first + second, first, second, size)
        limits.append(np.where(few, value, np.nan))
    unknown = few & (np.minimum(errors, others) < 2 * FEW)  # so few errors that their rates are not known either
    return limits[0], np.where(unknown, 1.0, limits[1])
