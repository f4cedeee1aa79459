"""Is joint failure more or less than chance? Tests of failures against models that fail independently.

Conventions are those of `homog.metrics.outcomes`: `failures` is bool (k models, n examples), True = fails.
"""

import numpy as np

from homog.metrics.checks import ArrayLike, binary
from homog.metrics.resampling import two_sided_p

DRAWS, PERMUTATIONS = 9999, 999

EXACT = 400  # failures of the best model up to which the distribution of joint failures is computed


def independence_p(
    failures: ArrayLike, measure: str = "systemic_failure", people: ArrayLike | None = None, *, seed: int = 0
) -> float:
    """Two-sided p of joint failure against models that fail independently, each as often as it does.

    Given how often each model fails, the number of examples that all fail is a chain of hypergeometric draws: exact
    where some model fails at most EXACT examples, else from DRAWS draws (+1). Every form of H depends on that number
    alone; `homogeneous_excess` also on the number that no model fails, and is drawn. With several examples of a person
    the failures of each model are permuted over persons with as many examples. NaN for one model or no example.
    """
    table = binary("failures", failures)
    k, n = table.shape
    if k < 2 or not n:
        return float("nan")
    rng, both = np.random.default_rng(seed), measure == "homogeneous_excess"
    observed = int(np.count_nonzero(table.all(0)) + both * np.count_nonzero(~table.any(0)))
    if people is not None and len(np.unique(np.asarray(people))) < n:
        return two_sided_p(_permuted(table, np.asarray(people), both, rng), observed)
    fails = np.sort(table.sum(1))
    if both or fails[0] > EXACT:
        return two_sided_p(_chain(fails, n, both, rng), observed)
    chances = _chances(fails, n)
    return float(min(1.0, chances[chances <= chances[observed] * (1 + 1e-7)].sum()))


def _chances(fails: np.ndarray, n: int) -> np.ndarray:
    """P(x examples are failed by all), x = 0..the fewest failures of a model."""
    from scipy.stats import hypergeom

    counts = np.arange(fails[0] + 1)
    chances = (counts == fails[0]).astype(float)
    for number in fails[1:]:
        chances = chances @ hypergeom.pmf(counts[None], n, counts[:, None], number)
    return chances


def _chain(fails: np.ndarray, n: int, both: bool, rng: np.random.Generator) -> np.ndarray:
    """(DRAWS,) number of examples that all models fail, or all or none, if each fails its number at random."""
    every, none = np.full(DRAWS, fails[0]), np.full(DRAWS, n - fails[0])
    for number in fails[1:]:
        hit = rng.hypergeometric(every, n - every, number)
        if both:
            others = n - every - none
            lost = rng.hypergeometric(none, others, number - hit)
            none = none - lost
        every = hit
    return every + none if both else every


def _permuted(table: np.ndarray, people: np.ndarray, both: bool, rng: np.random.Generator) -> np.ndarray:
    """(PERMUTATIONS,) the same, with each model's failures permuted over whole persons of equal number of examples."""
    _, person, sizes = np.unique(people, return_inverse=True, return_counts=True)
    order, starts, out = np.argsort(person, kind="stable"), np.cumsum(sizes) - sizes, np.empty(PERMUTATIONS)
    places = []  # for each size (persons, examples) columns
    for size in np.unique(sizes):
        places.append(order[starts[sizes == size][:, None] + np.arange(size)])
    for draw in range(PERMUTATIONS):
        shuffled = table.copy()
        for place in places:
            for row in shuffled:
                row[place] = row[place[rng.permutation(len(place))]]
        out[draw] = np.count_nonzero(shuffled.all(0)) + both * np.count_nonzero(~shuffled.any(0))
    return out
