"""Least squares with the errors that clustered and dyadic data need.

Conventions: `outcome` (N,) is regressed on an intercept and the named `columns` (N,) each; `categories`
adds fixed effects, one indicator per level but the first. A clustered covariance is CR1 (statsmodels'
default) with t of G - 1 degrees of freedom. A dyadic one lets all pairs that share a member covary (Aronow,
Samii & Assenova 2015), with t of m - 1 degrees of freedom for m members.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from homog.metrics.checks import ArrayLike, aligned, numbers, ratio


@dataclass(frozen=True)
class Coefficient:
    """A regression coefficient; NaN with a `reason` when it cannot be estimated."""

    value: float
    error: float
    low: float
    high: float
    p: float
    n: int
    clusters: int
    reason: str = ""


def _design(columns: Mapping[str, ArrayLike], categories: ArrayLike | None, n: int) -> np.ndarray:
    """(N, q): the columns, the intercept, the fixed effects; kept in this order so that names index it."""
    parts = [numbers(**{name: column})[0] for name, column in columns.items()] + [np.ones(n)]
    if categories is not None:
        level = np.unique(np.asarray(categories), return_inverse=True)[1]
        parts += [(level == i).astype(float) for i in range(1, level.max(initial=0) + 1)]
    aligned(outcome=np.empty(n), **dict(zip(columns, parts, strict=False)), last=parts[-1])
    return np.stack(parts, axis=1)


def _coefficients(
    names: list[str],
    beta: np.ndarray,
    covariance: np.ndarray,
    freedom: int,
    n: int,
    clusters: int,
    level: float,
) -> dict[str, Coefficient]:
    from scipy.stats import t

    quantile, out = float(t.ppf((1 + level) / 2, freedom)), {}
    for i, name in enumerate(names):
        value, variance = float(beta[i]), float(covariance[i, i])
        if variance < 0:  # a dyadic covariance may be indefinite when there are few members
            out[name] = _missing(n, clusters, "the variance estimate is negative", value)
            continue
        error = float(np.sqrt(variance))
        p = float(2 * t.sf(abs(value) / error, freedom)) if error else float(value == 0)
        out[name] = Coefficient(value, error, value - quantile * error, value + quantile * error, p, n, clusters)
    return out


def _missing(n: int, clusters: int, reason: str, value: float = float("nan")) -> Coefficient:
    nan = float("nan")
    return Coefficient(value, nan, nan, nan, nan, n, clusters, reason)


def _problem(design: np.ndarray, freedom: int) -> str:
    """Why the regression cannot be estimated, or an empty text."""
    if len(design) <= design.shape[1]:
        return f"{len(design)} rows for {design.shape[1]} coefficients"
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return "a column is constant, or follows from the others"
    return "fewer than two clusters" if freedom < 1 else ""


def least_squares(
    outcome: ArrayLike,
    columns: Mapping[str, ArrayLike],
    clusters: ArrayLike | None = None,
    categories: ArrayLike | None = None,
    *,
    level: float = 0.95,
) -> dict[str, Coefficient]:
    """The coefficient of each of `columns`, with errors clustered by `clusters` (N,), classical without.

    NaN, with the reason, when columns are collinear, rows are too few, or there is one cluster.
    """
    (y,) = numbers(outcome=outcome)
    design, names = _design(columns, categories, len(y)), list(columns)
    n, q = design.shape
    group = None if clusters is None else np.unique(aligned(outcome=y, clusters=clusters)[1], return_inverse=True)[1]
    count = n if group is None else int(group.max(initial=-1)) + 1
    reason = _problem(design, n - q if group is None else count - 1)
    if reason:
        return {name: _missing(n, count, reason) for name in names}
    bread = np.linalg.inv(design.T @ design)
    beta = bread @ design.T @ y
    residual = y - design @ beta
    if group is None:
        return _coefficients(names, beta, bread * (residual @ residual) / (n - q), n - q, n, n, level)
    scores = np.zeros((count, q))
    np.add.at(scores, group, design * residual[:, None])
    covariance = bread @ (scores.T @ scores) @ bread * (count / (count - 1)) * ((n - 1) / (n - q))
    return _coefficients(names, beta, covariance, count - 1, n, count, level)


def dyadic_least_squares(
    outcome: ArrayLike,
    columns: Mapping[str, ArrayLike],
    first: ArrayLike,
    second: ArrayLike,
    categories: ArrayLike | None = None,
    *,
    level: float = 0.95,
) -> dict[str, Coefficient]:
    """Like `least_squares` for rows that are pairs of members `first` (N,) and `second` (N,), each pair once.

    NaN as there; the error is NaN, and says so, when the variance estimate is negative.
    """
    (y,) = numbers(outcome=outcome)
    _, members_a, members_b = aligned(outcome=y, first=first, second=second)
    if (members_a == members_b).any():
        raise ValueError(
            f"first and second are both {members_a[members_a == members_b][0]!r}; valid: pairs of different members"
        )
    design, names = _design(columns, categories, len(y)), list(columns)
    members, index = np.unique(np.concatenate([members_a, members_b]), return_inverse=True)
    reason = _problem(design, len(members) - 1)
    if reason:
        return {name: _missing(len(y), len(members), reason) for name in names}
    bread = np.linalg.inv(design.T @ design)
    beta = bread @ design.T @ y
    scores = design * (y - design @ beta)[:, None]
    by_member = np.zeros((len(members), design.shape[1]))
    np.add.at(by_member, index, np.concatenate([scores, scores]))
    # pairs of rows that share a member, each row with itself once
    meat = by_member.T @ by_member - scores.T @ scores
    return _coefficients(names, beta, bread @ meat @ bread, len(members) - 1, len(y), len(members), level)


ASSIGNMENTS = 20  # distinct ones that a design needs to be able to say anything at 5 %
PERMUTATIONS, PAIRS_AT_ONCE, MOST = 9999, 4_000_000, 200_000_000


def sharing_coefficient(
    outcome: ArrayLike, values: ArrayLike, columns: Mapping[str, ArrayLike], *, level: float = 0.95, seed: int = 0
) -> Coefficient:
    """The coefficient of sharing an attribute over pairs of models, with the p of permuting it over models (QAP).

    `outcome` (N,) of the pairs of m models in the order of `np.triu_indices(m, 1)`, NaN where undefined; `values` (m,)
    the attribute; `columns` (N,) each, what else is in the regression. Models are what was drawn, not pairs: the
    attribute is dealt to other models, as often as it occurs, and all else stays (Hubert 1987; Krackhardt 1988). The
    interval is that of the effect which, taken off the outcome, the permutations do not tell from none. `clusters`
    counts models. p and interval are NaN, with the reason, where fewer than ASSIGNMENTS deals differ.
    """
    group, y = np.unique(np.asarray(values), return_inverse=True)[1], np.asarray(outcome, dtype=float)
    first, second = np.triu_indices(len(group), 1)
    known = ~np.isnan(y)
    first, second, y = first[known], second[known], y[known]
    others = np.column_stack([np.ones(len(y)), *(np.asarray(c, dtype=float)[known] for c in columns.values())])
    basis = np.linalg.qr(others)[0]
    rest = y - basis @ (basis.T @ y)

    def slopes(deals: np.ndarray, targets: np.ndarray) -> np.ndarray:  # (R, m) groups, (t, N) -> (R, t)
        x = (deals[:, first] == deals[:, second]).astype(float)
        x -= (x @ basis) @ basis.T
        return ratio(x @ targets.T, (x**2).sum(1)[:, None])

    value = float(slopes(group[None], rest[None])[0, 0])
    same = (group[first] == group[second]).astype(float)
    removed = rest - value * (same - basis @ (basis.T @ same))
    nan = float("nan")
    deals = _deals(group)
    if np.isnan(value) or deals < ASSIGNMENTS:
        reason = f"{deals} ways to deal it to the models: too few to say anything at 5 %"
        reason = "the same for all pairs" if np.isnan(value) or deals == 1 else reason
        return Coefficient(value, nan, nan, nan, nan, len(y), len(group), reason)
    rng, number = np.random.default_rng(seed), min(PERMUTATIONS, max(199, MOST // len(y)))
    step, parts = max(1, PAIRS_AT_ONCE // len(y)), []
    for start in range(0, number, step):
        drawn = rng.permuted(np.tile(group, (min(step, number - start), 1)), axis=1)
        parts.append(slopes(drawn, np.stack([rest, removed])))
    by_chance, without = np.nan_to_num(np.concatenate(parts)).T
    p = (1 + np.count_nonzero(np.abs(by_chance) >= abs(value) * (1 - 1e-12))) / (number + 1)
    above, below = np.quantile(without, [(1 + level) / 2, (1 - level) / 2])
    limits = value - float(above), value - float(below)
    return Coefficient(value, float(without.std()), *limits, float(p), len(y), len(group))


def _deals(group: np.ndarray) -> int:
    """In how many ways the models can be parted into groups of these sizes."""
    from math import comb, factorial

    sizes = np.bincount(group)
    ways, left = 1, len(group)
    for size in sizes.tolist():
        ways, left = ways * comb(left, size), left - size
    for same in np.unique(sizes, return_counts=True)[1].tolist():
        ways //= factorial(same)
    return ways
