"""Outcome homogenization: do the same people fail everywhere?

Conventions: `failures` is bool (k models, n examples), True = the model fails that example; e_i is the
error rate of model i and SF, the systemic failure rate, the share of examples that every model fails.
Independent failures give SF = prod e_i. `people` (n,) names the person of each example for the intervals;
without it examples are resampled. Sources: Bommasani et al. 2022 (Picking on the Same Person), Toups et al.
2023 (Ecosystem-level Analysis), Kim et al. 2025 (Correlated Errors in Large Language Models).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from homog.metrics.binomial import binomial_limits
from homog.metrics.checks import ArrayLike, aligned, binary, log, ratio
from homog.metrics.independence import independence_p
from homog.metrics.inheritance import Rate
from homog.metrics.intervals import Interval, bootstrap_interval

FEW = 5  # counted examples below which no resample tells much


def log_homogenization(systemic: np.ndarray, log_expected: np.ndarray) -> np.ndarray:
    """Log H from the rate of joint failure and the logarithm of the rate that is expected of independent failures.

    In logarithms, since the product of a thousand error rates underflows. -inf where nothing fails together, NaN where
    nothing is expected to.
    """
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(log_expected), log(systemic) - log_expected, np.nan)


def log_h_of_rates(errors: np.ndarray, systemic: np.ndarray, none: np.ndarray | None = None) -> np.ndarray:
    """Log H (...,) from error rates (..., k) and the rate of systemic failure (...,)."""
    return log_homogenization(systemic, log(errors).sum(-1))


def _homogenization(errors: np.ndarray, systemic: np.ndarray, none: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return np.exp(log_h_of_rates(errors, systemic))


def _per_model(errors: np.ndarray, systemic: np.ndarray, none: np.ndarray) -> np.ndarray:
    log_h, others = log_h_of_rates(errors, systemic), errors.shape[-1] - 1
    return log_h / others if others else np.full(log_h.shape, np.nan)


def _normalized(errors: np.ndarray, systemic: np.ndarray, none: np.ndarray) -> np.ndarray:
    independent = errors.prod(-1)
    return ratio(systemic - independent, errors.min(-1) - independent)


def _excess(errors: np.ndarray, systemic: np.ndarray, none: np.ndarray) -> np.ndarray:
    return systemic + none - errors.prod(-1) - (1 - errors).prod(-1)


def _systemic(errors: np.ndarray, systemic: np.ndarray, none: np.ndarray) -> np.ndarray:
    return systemic


MEASURES: dict[str, tuple[Callable[..., np.ndarray], float]] = {  # the measure, and its value under independence
    "homogenization": (_homogenization, 1.0),
    "log_homogenization_per_model": (_per_model, 0.0),
    "normalized_homogenization": (_normalized, 0.0),
    "homogeneous_excess": (_excess, 0.0),
    "systemic_failure": (_systemic, float("nan")),
}


def _columns(failures: ArrayLike) -> np.ndarray:
    """What is summed over examples: (n, k + 3) failures of each model, of all, of none, and 1."""
    failures = binary("failures", failures)
    if not failures.shape[0]:
        raise ValueError(f"failures has shape {failures.shape}; valid: at least one model")
    sums = [failures, failures.all(0)[None], ~failures.any(0)[None], np.ones((1, failures.shape[1]))]
    return np.concatenate(sums, dtype=float).T


def _statistic(measure: str) -> Callable[[np.ndarray], np.ndarray]:
    if measure not in MEASURES:
        raise ValueError(f"measure = {measure!r}; valid: {', '.join(MEASURES)}")

    def of_sums(sums: np.ndarray) -> np.ndarray:
        rates = ratio(sums[..., :-1], sums[..., -1:])
        return MEASURES[measure][0](rates[..., :-2], rates[..., -2], rates[..., -1])

    return of_sums


def systemic_failure(failures: ArrayLike) -> float:
    """The share of examples that every model fails, in [0, 1]; NaN without examples."""
    return float(_statistic("systemic_failure")(_columns(failures).sum(0)))


def homogenization(failures: ArrayLike) -> float:
    """SF / prod e_i (Bommasani et al. 2022): 1 = independent, in [0, inf); NaN when a model never fails.

    Grows with k by construction: k identical models of error e give e^(1-k).
    """
    return float(_statistic("homogenization")(_columns(failures).sum(0)))


def normalized_homogenization(failures: ArrayLike) -> float:
    """(SF - prod e_i) / (min e_i - prod e_i): 1 = every failure of the best model is shared, 0 = independent.

    Below 0 when failures avoid each other. NaN when a model never fails, for a single model, and when all
    models but one always fail (then SF can only be one number).
    """
    return float(_statistic("normalized_homogenization")(_columns(failures).sum(0)))


def log_homogenization_per_model(failures: ArrayLike) -> float:
    """Log H / (k - 1): comparable across k; k identical models of error e give -log e.

    0 = independent, -inf when no example is failed by all, NaN when a model never fails or there is one
    model.
    """
    return float(_statistic("log_homogenization_per_model")(_columns(failures).sum(0)))


def outcome_interval(measure: str, failures: ArrayLike, people: ArrayLike | None = None, **options) -> Interval:
    """Interval of one of MEASURES for fixed models; p is against independence (`independence_p`).

    Persons are resampled. Where fewer than FEW examples are counted no resample tells much: the limits are exact ones
    (`exact_limits`), and the reason says so. `options`: resamples, level, seed.
    """
    columns, statistic = _columns(failures), _statistic(measure)
    undefined = f"{measure} is undefined: a model never fails, or there are too few models"
    interval = bootstrap_interval(columns, statistic, people, reason=undefined, **options)
    if np.isnan(interval.value):
        return interval
    rates = columns.mean(0)[:-1]
    n = len(columns) if people is None else len(np.unique(np.asarray(people)))
    low, high, reason = exact_limits(measure, rates[:-2], rates[-2], rates[-1], n, options.get("level", 0.95))
    if reason:
        interval = replace(interval, low=low, high=high, reason=reason)
    return replace(interval, p=independence_p(failures, measure, people, seed=options.get("seed", 0)))


def exact_limits(
    measure: str, errors: np.ndarray, systemic: float, none: float, n: int, level: float = 0.95
) -> tuple[float, float, str]:
    """Limits of one of MEASURES where few of `n` persons are counted, and why; the reason is empty where many are.

    Counted are those whom all models fail, for the excess also those whom none fails. The limits are the exact binomial
    ones of their share (`binomial_limits`), carried to the measure at the observed error rates `errors` (k,).
    """
    both = measure == "homogeneous_excess"
    count = round(float(systemic + none if both else systemic) * n)
    if count >= FEW and (not both or count <= n - FEW):
        return float("nan"), float("nan"), ""
    formula = MEASURES[measure][0]
    low, high = (float(formula(errors, share, np.float64(0.0))) for share in binomial_limits(count, n, level))
    return low, high, f"{count} of {n} counted: exact limits at these error rates"


@dataclass(frozen=True, eq=False)
class FailureDistribution:
    """How many of k models fail an example: observed, and if failures were independent.

    `observed` and `baseline` (k + 1,) are P(t models fail), t = 0..k; the homogeneous rates are P(0) +
    P(k): people for whom all models agree; `excess` is observed less baseline, in [-1, 1].
    """

    observed: np.ndarray
    baseline: np.ndarray
    homogeneous_observed: float
    homogeneous_baseline: float
    excess: float
    n: int


def poisson_binomial(rates: ArrayLike) -> np.ndarray:
    """P(t of k independent events happen), t = 0..k, from their probabilities (k,)."""
    out = np.ones(1)
    for rate in np.asarray(rates, dtype=float):
        out = np.append(out * (1 - rate), 0.0) + np.append(0.0, out * rate)
    return out


def failure_distribution(failures: ArrayLike) -> FailureDistribution:
    """The distribution of the number of failing models and its Poisson-binomial baseline (Toups et al. 2023).

    All NaN without examples. Interval of the excess: `outcome_interval("homogeneous_excess", failures)`.
    """
    failures = binary("failures", failures)
    k, n = failures.shape
    observed = ratio(np.bincount(failures.sum(0), minlength=k + 1), n)
    baseline = poisson_binomial(ratio(failures.sum(1), n))
    ends = observed[0] + observed[-1], baseline[0] + baseline[-1]
    return FailureDistribution(observed, baseline, float(ends[0]), float(ends[1]), float(ends[0] - ends[1]), n)


def improvement_terms(before: ArrayLike, after: ArrayLike, others: ArrayLike) -> Rate:
    """`improvement_share` kept per example."""
    before, after, rest = binary("before", before, 1), binary("after", after, 1), binary("others", others)
    aligned(before=before, after=after, others=rest.all(0))
    improved = before & ~after
    return Rate((improved & rest.all(0)).astype(float), improved.astype(float))


def improvement_share(before: ArrayLike, after: ArrayLike, others: ArrayLike) -> float:
    """Of the examples that one model newly gets right, the share that all other models fail.

    (Toups et al. 2023.) `before` and `after` (n,) are that model's failures, `others` (m, n) those of the
    rest. In [0, 1]; NaN when nothing improved.
    """
    return improvement_terms(before, after, others).value


def rejections(scores: ArrayLike, quantile: float = 0.25) -> np.ndarray:
    """Who each model rejects, bool (k, n): dense rank (1 = best) above the quantile of its ranks.

    `scores` (k, n), higher is better. Ties share a rank, so a model may accept more or fewer than the
    quantile.
    """
    scores = np.asarray(scores, dtype=float)
    if scores.ndim != 2 or not np.isfinite(scores).all():
        raise ValueError(f"scores has shape {scores.shape}; valid: finite numbers (k models, n people)")
    if not 0 <= quantile <= 1:
        raise ValueError(f"quantile = {quantile}; valid: 0 to 1")
    ranks = [np.unique(-row, return_inverse=True)[1] + 1 for row in scores]
    return np.array([row > np.quantile(row, quantile) for row in ranks], dtype=bool).reshape(scores.shape)


def systemic_exclusion(scores: ArrayLike, quantile: float = 0.25) -> float:
    """The share of people whom every model rejects (Kim et al. 2025), in [0, 1]; NaN without people.

    Interval: `outcome_interval("systemic_failure", rejections(scores, quantile))`.
    """
    scores = np.asarray(scores, dtype=float)
    return systemic_failure(rejections(scores, quantile)) if scores.size else float("nan")
