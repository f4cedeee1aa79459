"""Is it the sharing? Homogenization of models on one backbone against models that share none.

Conventions as in `outcomes`: `shared` and `control` are failures, bool (k models, n examples) or (S arm
seeds, k, n), of the same k tasks or deployers on the same examples. Hard examples alone make failures
coincide and H exceed 1; the control models meet the same hard examples, so the difference of log H leaves
the sharing.
"""

from dataclasses import dataclass

import numpy as np

from homog.metrics.checks import ArrayLike, aligned, binary, log, ratio
from homog.metrics.intervals import Interval, percentile_interval
from homog.metrics.outcomes import log_homogenization
from homog.metrics.resampling import by_person, counts, resampled_sums


def arms(name: str, failures: ArrayLike) -> np.ndarray:
    """Failures as (S, k, n)."""
    out = np.asarray(failures)
    out = binary(name, out[None] if out.ndim == 2 else out, 3)
    if out.shape[1] < 2 or not out.shape[2]:
        raise ValueError(f"{name} has shape {np.shape(failures)}; valid: at least 2 models and 1 example")
    return out


def _member(strata: ArrayLike | None, n: int) -> np.ndarray:
    """Membership of each stratum, float (n, G); a single stratum without `strata`."""
    if strata is None:
        return np.ones((n, 1))
    names, _ = aligned(strata=strata, examples=np.empty(n))
    _, stratum = np.unique(names, return_inverse=True)
    return np.eye(stratum.max(initial=0) + 1)[stratum]


def _columns(failures: np.ndarray, member: np.ndarray) -> np.ndarray:
    """What is summed over examples for arms (S, k, n): (n, S * (G + kG + 1))."""
    seeds, k, n = failures.shape
    size = np.broadcast_to(member[:, None, :], (n, seeds, member.shape[1]))
    failed = (failures.transpose(2, 0, 1)[..., None] * member[:, None, None, :]).reshape(n, seeds, -1)
    return np.concatenate([size, failed, np.all(failures, axis=1).T[..., None]], axis=2).reshape(n, -1)


def _log_homogenization(sums: np.ndarray, seeds: int, strata: int) -> np.ndarray:
    """Log of SF / (independent failures within strata), (..., S), from sums; NaN where either is 0."""
    sums = sums.reshape(*sums.shape[:-1], seeds, -1)
    size, failed, systemic = sums[..., :strata], sums[..., strata:-1], sums[..., -1]
    failed = failed.reshape(*failed.shape[:-1], -1, strata)
    # log of n_g * prod_i e_ig; an empty stratum adds nothing
    log_terms = log(size) + log(np.nan_to_num(ratio(failed, size[..., None, :]))).sum(-2)
    shift = np.maximum(log_terms.max(-1), np.finfo(float).min)
    log_h = log_homogenization(systemic, shift + log(np.exp(log_terms - shift[..., None]).sum(-1)))
    return np.where(systemic > 0, log_h, np.nan)


def stratified_homogenization(failures: ArrayLike, strata: ArrayLike) -> float:
    """SF / sum_g w_g prod_i e_ig, w_g the share of stratum g: 1 = independent given the stratum; in (0, inf).

    With one stratum this is H. NaN when no example is failed by all models or no stratum is failed by each.
    """
    arm = arms("failures", binary("failures", failures))
    member = _member(strata, arm.shape[2])
    return float(np.exp(_log_homogenization(_columns(arm, member).sum(0), 1, member.shape[1])[0]))


def difficulty_strata(held_out: ArrayLike, strata: int = 10) -> np.ndarray:
    """The difficulty stratum (n,) of each example, 0 = easiest, by failures (m, n) of held-out models.

    Examples with equally many failures stay together, so there may be fewer strata than asked for. The
    models must be others than those compared: a stratum made from the compared failures would explain them
    away.
    """
    held_out = binary("held_out", held_out)
    if strata < 1 or not held_out.size:
        raise ValueError(f"strata = {strata}, held_out {held_out.shape}; valid: strata >= 1, at least one model")
    failed = held_out.sum(0)
    edges = np.quantile(failed, np.arange(1, strata) / strata, method="inverted_cdf")
    return np.unique(np.searchsorted(edges, failed, side="left"), return_inverse=True)[1]


def paired(shared: ArrayLike, control: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    """Both as arms (S, k, n); ValueError unless they hold the same models and examples."""
    a, b = arms("shared", shared), arms("control", control)
    if a.shape[1:] != b.shape[1:] or (len(a) != len(b) and len(b) != 1):
        valid = "the same models and examples, and as many control seeds as shared ones, or one"
        raise ValueError(f"shared has shape {a.shape}, control {b.shape}; valid: {valid}")
    return a, b


def _effects(sums: np.ndarray, seeds: tuple[int, int], strata: int) -> np.ndarray:
    """Log H of shared less control by seed, (..., S), from the sums of both side by side."""
    cut = sums.shape[-1] * seeds[0] // sum(seeds)
    shared = _log_homogenization(sums[..., :cut], seeds[0], strata)
    return shared - _log_homogenization(sums[..., cut:], seeds[1], strata)


def sharing_effect(
    shared: ArrayLike,
    control: ArrayLike,
    people: ArrayLike | None = None,
    *,
    strata: ArrayLike | None = None,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Log H(shared) - log H(control) with a paired bootstrap interval: homogenization caused by sharing.

    0 = sharing adds nothing, log 2 = twice the systemic failures that the error rates and the control
    explain. Means over arm seeds, which are resampled jointly with persons (examples without `people`).
    With `strata` (n,), H is `stratified_homogenization`, so models may differ in how much they depend on
    difficulty. NaN when no example is failed by all models, or a model never fails, in some arm.
    """
    a, b = paired(shared, control)
    member, seeds = _member(strata, a.shape[2]), (len(a), len(b))
    columns = np.hstack([_columns(a, member), _columns(b, member)])
    value = float(_effects(columns.sum(0), seeds, member.shape[1]).mean())
    rng = np.random.default_rng(seed)
    weights = counts(rng, resamples, len(a)) / len(a)
    effects = _effects(resampled_sums(by_person(columns, people), resamples, rng), seeds, member.shape[1])
    draws = np.where(weights > 0, effects * weights, 0.0).sum(1)
    reason = "in some arm no example is failed by all models, or a model never fails"
    return percentile_interval(value, draws, clusters=len(a), examples=a.shape[2], level=level, reason=reason)


def sharing_effect_by_stratum(
    shared: ArrayLike, control: ArrayLike, strata: ArrayLike, people: ArrayLike | None = None, **options
) -> dict:
    """`sharing_effect` inside each stratum: {stratum: Interval}; `options` go to `sharing_effect`."""
    a, b = paired(shared, control)
    (strata,) = aligned(strata=strata)
    ids = None if people is None else np.asarray(people)
    out = {}
    for stratum in np.unique(strata).tolist():
        inside = strata == stratum
        chosen = None if ids is None else ids[inside]
        out[stratum] = sharing_effect(a[..., inside], b[..., inside], chosen, **options)
    return out


@dataclass(frozen=True)
class PermutationTest:
    """Observed systemic failure rate against its distribution when models are independent within strata."""

    systemic: float
    null_mean: float
    null_low: float
    null_high: float
    p: float
    permutations: int
    n: int


def permutation_test(
    failures: ArrayLike,
    strata: ArrayLike | None = None,
    *,
    permutations: int = 10_000,
    level: float = 0.95,
    seed: int = 0,
) -> PermutationTest:
    """Are failures shared beyond difficulty? Each model's failures are permuted within strata, independently.

    One-sided p, +1 corrected. Error rates within strata are kept, so this tests H within strata too.
    Permuting a model makes the number of examples that it fails too hypergeometric: permutations are drawn
    as such, at any n. Strata that are few, or from few held-out models, leave difficulty inside them, which
    then looks like sharing: test the control models too, and trust the test only where they pass.
    (`sharing_effect` needs no such trust.)
    """
    models = binary("failures", failures)
    member, rng = _member(strata, models.shape[1]), np.random.default_rng(seed)
    failed = (models @ member).astype(np.int64)
    total = np.zeros(permutations)
    for size, by_model in zip(member.sum(0).astype(np.int64), failed.T, strict=True):
        common = np.full(permutations, by_model[0])
        for model in by_model[1:]:
            common = rng.hypergeometric(common, size - common, model)
        total += common
    n, systemic = models.shape[1], int(models.all(0).sum())
    low, high = np.quantile(total, [(1 - level) / 2, (1 + level) / 2])
    p = float(1 + np.count_nonzero(total >= systemic)) / (permutations + 1)
    return PermutationTest(systemic / n, float(total.mean() / n), float(low / n), float(high / n), p, permutations, n)
