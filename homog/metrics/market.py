"""What happens to a market when its deployers move onto one shared backbone.

Conventions: `shared` and `control` (k deployers, n people) are failures (or rejections), bool: deployer i's
model after and before the move, on the same people. Everything is averaged over all choices of who moves,
exactly. Sources: Kleinberg & Raghavan 2021 (Algorithmic Monoculture), Bommasani et al. 2022, Kim et al.
2025.
"""

from dataclasses import dataclass

import numpy as np

from homog.metrics.checks import ArrayLike, log
from homog.metrics.intervals import Interval, percentile_interval
from homog.metrics.outcomes import log_homogenization
from homog.metrics.resampling import by_person, resampled_sums
from homog.metrics.sharing import paired


@dataclass(frozen=True)
class MarketPoint:
    """The market when `deployers` of k (`share` = deployers / k) use the shared backbone.

    `exclusion` is NaN unless rejections were given, `homogenization` when some deployer's model never fails.
    """

    share: float
    deployers: int
    systemic_failure: Interval
    homogenization: Interval
    exclusion: Interval


def _all_fail(shared: np.ndarray, control: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """P(every deployer fails a person) over random choices of the `moved` who move: (n, points).

    Deployers that fail a person on one side only must be on that side; the rest of the choice is free among
    those that fail on both: C(both, moved - must_move) / C(k, moved), in logarithms since k may be large.
    """
    k = len(shared)
    both, must_move, must_stay = (x.sum(0)[:, None] for x in (shared & control, shared & ~control, ~shared & control))
    free = moved - must_move
    possible = (both + must_move + must_stay == k) & (free >= 0) & (free <= both)
    factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, k + 1)))])
    free = np.where(possible, free, 0)
    chosen = factorial[both] - factorial[free] - factorial[both - free]
    return np.where(possible, np.exp(chosen - (factorial[k] - factorial[moved] - factorial[k - moved])), 0.0)


def _log_expected(shared: np.ndarray, control: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Log of the mean product of error rates over choices of who moves: (..., k) to (..., points)."""
    k = shared.shape[-1]
    largest = np.maximum(shared, control)  # divided out, so that long products do not underflow
    scale = np.where(largest > 0, largest, 1.0)
    mean = np.zeros((*shared.shape[:-1], k + 1))
    mean[..., 0] = 1.0
    for i in range(k):
        moves = np.arange(1, i + 2) / (i + 1)  # P(deployer i is one of the m of i + 1 who moved), m = 1..i+1
        stay = mean[..., : i + 2] * (control / scale)[..., i, None]
        move = mean[..., : i + 1] * (shared / scale)[..., i, None]
        stay[..., 1:] = stay[..., 1:] * (1 - moves) + move * moves
        mean[..., : i + 2] = stay
    return log(mean[..., moved]) + log(scale).sum(-1, keepdims=True)


def _curves(columns: np.ndarray, points: int, curves: int, moved: np.ndarray) -> tuple[np.ndarray, ...]:
    """Systemic failure, H and exclusion (or NaN) at each point, from sums of columns (..., q)."""
    rates = columns[..., :-1] / columns[..., -1:]
    systemic, errors = rates[..., :points], rates[..., curves * points :]
    shared, control = np.split(errors, 2, axis=-1)
    with np.errstate(over="ignore"):
        h = np.exp(log_homogenization(systemic, _log_expected(shared, control, moved)))
    return systemic, h, rates[..., points : 2 * points] if curves == 2 else np.full_like(systemic, np.nan)


def _sides(shared: ArrayLike, control: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
    if np.ndim(shared) != 2 or np.ndim(control) != 2:
        raise ValueError(f"shared has shape {np.shape(shared)}; valid: (k deployers, n people), one arm seed")
    after, before = paired(shared, control)
    return after[0], before[0]


def _interval(values: np.ndarray, point: int, curve: int, n: int, level: float) -> Interval:
    """One point of one of the three curves; row 0 of `values` holds the estimate, the others its draws."""
    null = 1.0 if curve == 1 else float("nan")
    reason = ("no person", "some deployer's model never fails", "no rejections were given")[curve]
    value, draws = float(values[0, point]), values[1:, point]
    return percentile_interval(value, draws, examples=n, level=level, null=null, reason=reason)


def market_share_curve(
    shared: ArrayLike,
    control: ArrayLike,
    shares: ArrayLike,
    people: ArrayLike | None = None,
    *,
    rejected: tuple[ArrayLike, ArrayLike] | None = None,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> tuple[MarketPoint, ...]:
    """Systemic failure, H and exclusion as a share of k deployers moves onto the shared backbone.

    A share (0 to 1) is rounded to whole deployers. H is the mean systemic failure over the mean product of
    error rates. `rejected`, a pair like (shared, control) of whom each model rejects, gives exclusion: the
    share of people whom every deployer rejects. Persons are resampled (examples without `people`), the same
    for every point.
    """
    a, b = _sides(shared, control)
    moved = np.array([round(float(share) * len(a)) for share in np.asarray(shares, dtype=float)])
    if ((moved < 0) | (moved > len(a))).any():
        raise ValueError(f"shares = {shares}; valid: 0 to 1")
    parts = [_all_fail(a, b, moved)]
    if rejected is not None:
        after, before = _sides(*rejected)
        parts.append(_all_fail(after, before, moved))
    columns = np.hstack([*parts, a.T, b.T, np.ones((a.shape[1], 1))])
    draws = resampled_sums(by_person(columns, people), resamples, np.random.default_rng(seed))
    values = _curves(np.vstack([columns.sum(0), draws]), len(moved), len(parts), moved)
    return tuple(
        MarketPoint(m / len(a), m, *(_interval(values[c], i, c, a.shape[1], level) for c in range(3)))
        for i, m in enumerate(moved.tolist())
    )
