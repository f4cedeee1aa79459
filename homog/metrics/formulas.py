"""The measures of `agreement` as functions of sums over examples, for one pair, all pairs, all resamples.

Conventions: `both` right, `a` right, `b` right, `n` examples, `agree` the same answer, `chance` the sum of
1/(options - 1); arrays broadcast. NaN where a measure is undefined. Definitions and sources are in
`agreement`.
"""

from collections.abc import Callable

import numpy as np

from homog.metrics.checks import ratio


def kappa(observed, a, b, spread):
    """(Observed - expected) / (1 - expected); wrong answers coincide by chance at the rate `spread`."""
    expected = a * b + (1 - a) * (1 - b) * spread
    return ratio(observed - expected, 1 - expected)


def capa_of_sums(observed, a, b, n, chance) -> np.ndarray:
    """CAPA from sums over examples: agreement, probability of the label by a and by b, n, chance terms."""
    return kappa(ratio(observed, n), ratio(a, n), ratio(b, n), ratio(chance, n))


def _error_consistency(both, a, b, n, agree=None, chance=None):
    return kappa(ratio(n - a - b + 2 * both, n), ratio(a, n), ratio(b, n), 1.0)


def _unbiased_error_consistency(both, a, b, n, agree=None, chance=None):
    kappa = _error_consistency(both, a, b, n)
    return ratio(n * kappa, n - 1 + kappa)


def _capa_discrete(both, a, b, n, agree, chance):
    return kappa(ratio(agree, n), ratio(a, n), ratio(b, n), ratio(chance, n))


def _both_wrong_agreement(both, a, b, n, agree, chance=None):
    return ratio(agree - both, n - a - b + both)


def _either_wrong_agreement(both, a, b, n, agree, chance=None):
    return ratio(agree - both, n - both)


def _double_fault(both, a, b, n, agree=None, chance=None):
    return ratio(n - a - b + both, n)


def _disagreement(both, a, b, n, agree=None, chance=None):
    return ratio(a + b - 2 * both, n)


def _q_statistic(both, a, b, n, agree=None, chance=None):
    same, apart = both * (n - a - b + both), (a - both) * (b - both)
    return ratio(same - apart, same + apart)


def _correlation(both, a, b, n, agree=None, chance=None):
    covariance = both * (n - a - b + both) - (a - both) * (b - both)
    return ratio(covariance, np.sqrt(a * (n - a) * 1.0) * np.sqrt(b * (n - b) * 1.0))


NO_NULL = ("double_fault", "disagreement", "both_wrong_agreement", "either_wrong_agreement")  # 0 is no chance level
OF_CORRECTNESS: dict[str, Callable] = {
    "error_consistency": _error_consistency,
    "unbiased_error_consistency": _unbiased_error_consistency,
    "double_fault": _double_fault,
    "disagreement": _disagreement,
    "q_statistic": _q_statistic,
    "correlation": _correlation,
}
OF_PREDICTIONS: dict[str, Callable] = {
    "capa_discrete": _capa_discrete,
    "both_wrong_agreement": _both_wrong_agreement,
    "either_wrong_agreement": _either_wrong_agreement,
}
