"""How far a representation, or the weights behind it, moved.

Conventions: features are (n examples, dimensions) of the SAME examples, before and after; weights are
mappings from parameter name to array.
"""

from collections.abc import Mapping

import numpy as np

from homog.metrics.checks import ArrayLike, ratio
from homog.metrics.intervals import Interval, bootstrap_interval, percentile_interval
from homog.metrics.resampling import counts


def _features(before: ArrayLike, after: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    x, y = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    if x.ndim != 2 or y.ndim != 2 or len(x) != len(y) or not len(x):
        raise ValueError(f"features have shapes {x.shape} and {y.shape}; valid: (n, p) and (n, q), n >= 1")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("features hold a value that is not finite; valid: finite numbers")
    return x, y


def _similarity(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> float:
    """Linear CKA with examples counted `weights` (n,) times."""
    root = np.sqrt(weights)[:, None]
    x, y = (root * (z - (weights @ z) / weights.sum()) for z in (x, y))
    if len(x) < max(x.shape[1], y.shape[1]):  # the smaller of the two equal forms
        gram_x, gram_y = x @ x.T, y @ y.T
        cross, self_x, self_y = (gram_x * gram_y).sum(), np.linalg.norm(gram_x), np.linalg.norm(gram_y)
    else:
        cross = np.linalg.norm(x.T @ y) ** 2
        self_x, self_y = np.linalg.norm(x.T @ x), np.linalg.norm(y.T @ y)
    return float(ratio(cross, self_x * self_y))


def linear_cka(before: ArrayLike, after: ArrayLike) -> float:
    """Linear centred kernel alignment (Kornblith et al. 2019), in [0, 1], 1 = equal up to rotation and scale.

    ||Yc' Xc||^2 / (||Xc' Xc|| ||Yc' Yc||), Frobenius norms. Biased upwards when examples are few against
    dimensions. NaN when either representation is constant.
    """
    x, y = _features(before, after)
    if any((z == z[0]).all() for z in (x, y)):
        return float("nan")
    return _similarity(x, y, np.ones(len(x)))


def linear_cka_interval(
    before: ArrayLike, after: ArrayLike, *, resamples: int = 300, level: float = 0.95, seed: int = 0
) -> Interval:
    """Interval of `linear_cka`, examples resampled; one evaluation per resample, so fewer by default."""
    x, y = _features(before, after)
    drawn = counts(np.random.default_rng(seed), resamples, len(x))
    draws = np.array([_similarity(x, y, weights) for weights in drawn])
    value, reason = linear_cka(x, y), "a representation is constant"
    return percentile_interval(value, draws, examples=len(x), level=level, reason=reason, null=float("nan"))


def relative_weight_distance(before: Mapping[str, ArrayLike], after: Mapping[str, ArrayLike]) -> float:
    """||after - before|| / ||before|| over all parameters together, in [0, inf); 0 = nothing moved.

    NaN when `before` is all zeros or empty. ValueError when names or shapes differ.
    """
    if set(before) != set(after):
        raise ValueError(f"only one side has {sorted(set(before) ^ set(after))}; valid: the same parameters")
    moved = total = 0.0
    for name in before:
        x, y = np.asarray(before[name], dtype=float), np.asarray(after[name], dtype=float)
        if x.shape != y.shape:
            raise ValueError(f"{name} has shapes {x.shape} and {y.shape}; valid: equal shapes")
        moved += float(((y - x) ** 2).sum())
        total += float((x**2).sum())
    return float(np.sqrt(ratio(moved, total)))


def _drift_columns(before: ArrayLike, after: ArrayLike) -> np.ndarray:
    x, y = _features(before, after)
    if x.shape != y.shape:
        raise ValueError(f"features have shapes {x.shape} and {y.shape}; valid: equal shapes")
    return np.stack([((y - x) ** 2).sum(1), ((x - x.mean(0)) ** 2).sum(1)], axis=1)


def _drift(sums: np.ndarray) -> np.ndarray:
    return np.sqrt(ratio(sums[..., 0], sums[..., 1]))


def representation_drift(before: ArrayLike, after: ArrayLike) -> float:
    """Root mean square move of an example, in units of the root mean square distance from the mean before.

    0 = nothing moved, 1 = examples moved as far as they were apart; in [0, inf). Unlike CKA it counts
    rotation and shift, which a frozen head would feel. NaN when the representation before is constant.
    """
    return float(_drift(_drift_columns(before, after).sum(0)))


def representation_drift_interval(
    before: ArrayLike, after: ArrayLike, people: ArrayLike | None = None, **options
) -> Interval:
    """Interval of `representation_drift`, examples resampled around the mean before of all."""
    options |= {"reason": "the representation before is constant", "null": float("nan")}
    return bootstrap_interval(_drift_columns(before, after), _drift, people, **options)
