"""Diversity of L models at once, from how many of them get each example right.

Conventions: `correct` bool (L models, n examples), True = right; s is the number of models that are right
on an example. Everything follows from the distribution of s, which `diversity_interval` resamples. Source:
Kuncheva & Whitaker 2003, Measures of diversity in classifier ensembles.
"""

from collections.abc import Callable

import numpy as np

from homog.metrics.checks import ArrayLike, binary, ratio
from homog.metrics.intervals import Interval, bootstrap_interval

# Each takes p, the distribution of s as an array (..., L + 1), and returns values (...).


def _entropy_measure(p: np.ndarray) -> np.ndarray:
    models = p.shape[-1] - 1
    s = np.arange(models + 1)
    return ratio(p @ np.minimum(s, models - s), models - int(np.ceil(models / 2)))


def _kohavi_wolpert(p: np.ndarray) -> np.ndarray:
    models = p.shape[-1] - 1
    s = np.arange(models + 1)
    return p @ (s * (models - s) / models**2)


def _interrater_kappa(p: np.ndarray) -> np.ndarray:
    models = p.shape[-1] - 1
    s = np.arange(models + 1)
    right, wrong = p @ (s / models), p @ ((models - s) / models)
    return 1 - ratio(p @ (s * (models - s) / models), (models - 1) * right * wrong)


def _difficulty(p: np.ndarray) -> np.ndarray:
    share = np.arange(p.shape[-1]) / (p.shape[-1] - 1)
    mean = p @ share
    return (p * (share - mean[..., None]) ** 2).sum(-1)


def _generalized_diversity(p: np.ndarray) -> np.ndarray:
    models = p.shape[-1] - 1
    failed = models - np.arange(models + 1)
    return 1 - ratio(p @ (failed * (failed - 1.0)), (models - 1) * (p @ failed))


def _coincident_failure_diversity(p: np.ndarray) -> np.ndarray:
    models = p.shape[-1] - 1
    s = np.arange(models + 1)  # s right = L - s failing, so the weight (L - i)/(L - 1) is s/(L - 1)
    return ratio(p[..., :-1] @ s[:-1], (models - 1) * p[..., :-1].sum(-1))


MEASURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "entropy_measure": _entropy_measure,
    "kohavi_wolpert": _kohavi_wolpert,
    "interrater_kappa": _interrater_kappa,
    "difficulty": _difficulty,
    "generalized_diversity": _generalized_diversity,
    "coincident_failure_diversity": _coincident_failure_diversity,
}


def _columns(correct: ArrayLike) -> np.ndarray:
    """One-hot s, (n, L + 1)."""
    correct = binary("correct", correct)
    if not len(correct):
        raise ValueError(f"correct has shape {correct.shape}; valid: at least one model")
    return (correct.sum(0)[:, None] == np.arange(len(correct) + 1)[None, :]).astype(float)


def _value(measure: str, correct: ArrayLike) -> float:
    tally = _columns(correct).sum(0)
    return float(MEASURES[measure](ratio(tally, tally.sum())))


def entropy_measure(correct: ArrayLike) -> float:
    """Mean min(s, L - s) / (L - ceil(L/2)), in [0, 1], 1 = most diverse; NaN for one model or no examples."""
    return _value("entropy_measure", correct)


def kohavi_wolpert(correct: ArrayLike) -> float:
    """Mean s (L - s) / L^2, in [0, 1/4], higher = more diverse; NaN without examples.

    Equals (L - 1)/(2L) times the mean pairwise disagreement.
    """
    return _value("kohavi_wolpert", correct)


def interrater_kappa(correct: ArrayLike) -> float:
    """1 - [mean s (L - s) / L] / [(L - 1) p (1 - p)], p the mean accuracy; 1 = identical, 0 = independent.

    NaN for one model and when all models are always right or always wrong.
    """
    return _value("interrater_kappa", correct)


def difficulty(correct: ArrayLike) -> float:
    """The variance of s / L over examples, in [0, 1/4], lower = more diverse; NaN without examples."""
    return _value("difficulty", correct)


def generalized_diversity(correct: ArrayLike) -> float:
    """1 - p(2)/p(1), p(i) the chance that i models drawn without replacement all fail; in [0, 1].

    NaN when nothing fails and for one model.
    """
    return _value("generalized_diversity", correct)


def coincident_failure_diversity(correct: ArrayLike) -> float:
    """Mean of (L - i)/(L - 1) over the examples that i >= 1 models fail, in [0, 1], 1 = never together.

    NaN when nothing fails, where Kuncheva & Whitaker set 0: models that never fail show nothing about
    diversity. NaN for one model.
    """
    return _value("coincident_failure_diversity", correct)


def diversity_interval(measure: str, correct: ArrayLike, people: ArrayLike | None = None, **options) -> Interval:
    """Interval of one of MEASURES for fixed models; persons (examples without `people`) are resampled.

    p is against independence for `interrater_kappa`, NaN for the rest. `options`: resamples, level, seed.
    """
    if measure not in MEASURES:
        raise ValueError(f"measure = {measure!r}; valid: {', '.join(MEASURES)}")
    options["reason"] = f"{measure} is undefined for these models"
    options["null"] = 0.0 if measure == "interrater_kappa" else float("nan")
    statistic = MEASURES[measure]
    return bootstrap_interval(
        _columns(correct), lambda tally: statistic(ratio(tally, tally.sum(-1, keepdims=True))), people, **options
    )
