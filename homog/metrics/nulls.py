"""Do two models fail together beyond what explains it anyway? A ladder of nulls, each of which explains more.

Conventions as in `outcomes`: `failures` bool (k models, n examples). A claim about sharing holds as far up the ladder
as its number stays away from 0 (Jo, Garg & Raghavan 2026: the null decides). On every rung the number of a pair is
error consistency against that rung, (o - e) / (1 - e): o is the observed share of examples on which both fail or
neither does, e the share that the null expects.

`independent`: each model fails at its own rate (Cohen's kappa, as in `agreement.error_consistency`). `difficulty`:
independent within strata of difficulty, at each model's own rate there. `item_and_model`: in every example the logit of
failing is that of the model plus that of the example's difficulty (Rasch). Difficulty is how many of the OTHER models
fail an example, so that a pair cannot explain itself; it is known the less exactly the fewer there are, and what it
misses looks like sharing. The difference between pairs that share something and pairs that do not is free of that.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from homog.metrics.checks import ArrayLike, binary, ratio
from homog.metrics.intervals import t_limits

RUNGS = ("independent", "difficulty", "item_and_model")
STRATA = 4  # of difficulty, on the second rung
BLOCKS = 40  # of persons, left out one at a time
LEVELS = 25  # of difficulty at most, on the third rung
_HALVINGS = 40


@dataclass(frozen=True)
class Rung:
    """Error consistency against one null: means over pairs that share and over the others, and their difference.

    Each is (value, low, high); `p` is of the difference. `values`: how many backbones (or other shared values) the
    limits resample; 0: the limits are over persons alone.
    """

    null: str
    sharing: tuple[float, ...]
    others: tuple[float, ...]
    difference: tuple[float, ...]
    p: float
    values: int
    pairs: tuple[int, int]


def ladder(
    failures: ArrayLike,
    shared: ArrayLike,
    people: ArrayLike | None = None,
    *,
    apart: ArrayLike | None = None,
    most_pairs: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> list[Rung]:
    """A `Rung` per null of RUNGS; `shared` (k,) names what each model shares: its backbone, its company.

    `apart` (k, k) bool: the pairs that count, for example those without common training data (all, by default). Of very
    many pairs `most_pairs` of each kind are drawn. Limits are t intervals; their variance is that over persons
    (examples without `people`) plus that over the values of `shared`, both by jackknife: they are about other persons
    and other backbones. Where fewer than 3 values have two models, they are over persons alone. NaN where there are
    fewer than 4 models, or no pair of one kind.
    """
    failed = binary("failures", failures)
    values = np.unique(np.asarray(shared).astype(str), return_inverse=True)[1]
    if values.shape != failed.shape[:1]:
        raise ValueError(f"shared has shape {values.shape}; valid: {failed.shape[:1]}, a value per model")
    rng = np.random.default_rng(seed)
    pairs, same = _pairs(values, apart, most_pairs, rng)
    size = (int(same.sum()), int((~same).sum()))
    if len(failed) < 4 or 0 in size:
        nan = (float("nan"),) * 3
        return [Rung(null, nan, nan, nan, float("nan"), 0, size) for null in RUNGS]
    block = _blocks(people, failed.shape[1], rng)
    total = failed.sum(0)
    each = np.stack([_pair(failed[i], failed[j], total, block) for i, j in pairs])  # (pairs, rungs, 1 + blocks)
    return [_rung(null, each[:, place], same, values[pairs], level) for place, null in enumerate(RUNGS)]


def _pairs(
    values: np.ndarray, apart: ArrayLike | None, most: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """(pairs (P, 2) of models, whether each shares a value): at most `most` of either kind."""
    first, second = np.triu_indices(len(values), 1)
    counted = np.ones(len(first), bool) if apart is None else np.asarray(apart, bool)[first, second]
    same, chosen = values[first] == values[second], []
    for kind in (same, ~same):
        places = np.flatnonzero(kind & counted)
        chosen.append(np.sort(rng.choice(places, most, replace=False)) if len(places) > most else places)
    places = np.concatenate(chosen)
    return np.stack([first[places], second[places]], axis=1), same[places]


def _blocks(people: ArrayLike | None, n: int, rng: np.random.Generator) -> np.ndarray:
    """The block (n,) of each example: BLOCKS of about as many persons each, or one for each person."""
    ids = np.arange(n) if people is None else np.unique(np.asarray(people).astype(str), return_inverse=True)[1]
    persons = int(ids.max()) + 1
    return (rng.permutation(persons) % BLOCKS)[ids]


def _pair(a: np.ndarray, b: np.ndarray, total: np.ndarray, block: np.ndarray) -> np.ndarray:
    """(rungs, 1 + blocks) error consistency of a pair: of all persons, then without each block."""
    others = total - a - b  # how many other models fail each example
    levels, stratum = np.unique(others, return_inverse=True)
    if len(levels) > LEVELS:
        edges = np.unique(np.quantile(others, np.arange(1, LEVELS) / LEVELS, method="inverted_cdf"))
        stratum = np.searchsorted(edges, others)
    groups, count = int(stratum.max()) + 1, int(block.max()) + 1
    place = block * groups + stratum
    inside = [np.bincount(place, weights, count * groups) for weights in (None, a, b, a & b)]
    parts = [part.reshape(count, groups).astype(float) for part in inside]
    sums = [np.concatenate([part.sum(0)[None], part.sum(0) - part]) for part in parts]
    n, fails_a, fails_b, both = sums
    return np.stack([against(n, fails_a, fails_b, both, null) for null in RUNGS])


def against(n: np.ndarray, a: np.ndarray, b: np.ndarray, both: np.ndarray, null: str) -> np.ndarray:
    """Error consistency of a pair against a null, (...); NaN where agreement is certain.

    `n` (..., G): examples by difficulty, in ascending order; `a`, `b`: how many of them each model fails, `both`: how
    many both do.
    """
    size, fails = n.sum(-1), a.sum(-1) + b.sum(-1)
    if null == "independent":
        joint = ratio(a.sum(-1) * b.sum(-1), size)
    elif null == "difficulty":
        n, a, b = (_coarse(part, n) for part in (n, a, b))
        joint = np.nan_to_num(ratio(a * b, n)).sum(-1)
    else:
        p, q = rasch(n, a, b)
        joint = (n * p * q).sum(-1)
    observed, expected = size - fails + 2 * both.sum(-1), size - fails + 2 * joint  # both fail, or neither
    return ratio(observed - expected, size - expected)


def _coarse(part: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Sums over STRATA groups of neighbouring columns, with about as many examples each in the first row of `n`."""
    whole = n.reshape(-1, n.shape[-1])[0]
    middle = (np.cumsum(whole) - whole / 2) / whole.sum()
    return part @ np.eye(STRATA)[np.minimum((middle * STRATA).astype(int), STRATA - 1)]


def rasch(n: np.ndarray, a: np.ndarray, b: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rates (..., G) at which two models fail examples of each difficulty: logit = model + difficulty.

    By maximum likelihood: either model keeps its failures, and each stratum those of both together. So one number, the
    difference of the models, decides all rates; it is found by halving.
    """
    both = np.clip(np.nan_to_num(ratio(a + b, n)), 0.0, 2.0)
    low, high = np.full((*n.shape[:-1], 1), -30.0), np.full((*n.shape[:-1], 1), 30.0)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        above = (n * _first(both, middle)).sum(-1, keepdims=True) > a.sum(-1, keepdims=True)
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    p = _first(both, (low + high) / 2)
    return p, np.clip(both - p, 0.0, 1.0)


def _first(both: np.ndarray, difference: np.ndarray) -> np.ndarray:
    """p with p + q = `both` and logit p - logit q = `difference`."""
    odds = np.exp(difference)  # (1 - odds) p^2 + (1 - both + odds (1 + both)) p - odds both = 0
    middle = 1 - both + odds * (1 + both)
    root = np.sqrt(np.maximum(middle**2 + 4 * (1 - odds) * odds * both, 0.0))
    return np.clip(ratio(2 * odds * both, middle + root), 0.0, np.minimum(1.0, both))


def _rung(null: str, each: np.ndarray, same: np.ndarray, values: np.ndarray, level: float) -> Rung:
    """Means, limits and p from the pairs' numbers (pairs, 1 + blocks) and the two values of each pair."""
    weights = np.stack([same, ~same]).astype(float)
    clusters = [v for v in np.unique(values) if (same & (values == v).all(1)).any()]
    few = len(clusters) < 3
    left_out = [] if few else [weights * ~(values == v).any(1) for v in np.unique(values)]
    points = _three(each, weights)  # (3, 1 + blocks)
    over_people = _jackknife(points[:, 1:])
    kept = [part for part in left_out if part.sum(1).all()]
    over_values = _jackknife(np.stack([_three(each[:, :1], part)[:, 0] for part in kept], axis=1)) if kept else None
    limits, p = [], 1.0
    for place, value in enumerate(points[:, 0]):
        parts = [(over_people[place], points.shape[1] - 2)]
        parts += [] if over_values is None else [(over_values[place], len(kept) - 1)]
        variance = sum(part for part, _ in parts)
        below = sum(part**2 / max(freedom, 1) for part, freedom in parts)
        half, p = t_limits(float(value), float(np.sqrt(variance)), variance**2 / below if below else np.inf, level)
        limits.append((float(value), float(value - half), float(value + half)))
    sharing, others, difference = limits
    return Rung(null, sharing, others, difference, p, len(kept), (int(same.sum()), int((~same).sum())))


def _three(each: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Means (3, columns): of pairs that share, of the others, and their difference; undefined pairs count in none."""
    known = ~np.isnan(each)
    means = ratio(weights @ np.nan_to_num(each), weights @ known.astype(float))
    return np.concatenate([means, means[:1] - means[1:]])


def _jackknife(points: np.ndarray) -> np.ndarray:
    """The variance (3,) of the estimates (3, m), each without one of m parts."""
    m = points.shape[1]
    return (m - 1) / m * ((points - points.mean(1, keepdims=True)) ** 2).sum(1)
