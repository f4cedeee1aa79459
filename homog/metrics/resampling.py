"""The one bootstrap over persons: draws of units with replacement as counts, so that resampled sums are products."""

from dataclasses import dataclass

import numpy as np

from homog.metrics.checks import ArrayLike

_BLOCK = 2_000_000  # counts held at once: 16 MB as float64
_MANY = 4096  # above so many units they are drawn in blocks of as many
_EXACT = 2**24  # float32 holds whole numbers below this exactly


@dataclass(frozen=True)
class Bootstrap:
    """How persons are drawn: `resamples` draws from the stream of `seed`, intervals at `level`."""

    resamples: int = 2000
    level: float = 0.95
    seed: int = 0

    @property
    def rng(self) -> np.random.Generator:
        """A stream that begins anew: the same draws for everything that is drawn first."""
        return np.random.default_rng(self.seed)


def counts(rng: np.random.Generator, resamples: int, size: int) -> np.ndarray:
    """How often each of `size` units is drawn: (resamples, size) float, rows sum to `size`."""
    if resamples < 1 or size < 1:
        raise ValueError(f"resamples = {resamples} of {size} units; valid: at least 1 of each")
    draws = rng.integers(0, size, (resamples, size))
    draws += size * np.arange(resamples)[:, None]
    return np.bincount(draws.ravel(), minlength=resamples * size).reshape(resamples, size).astype(float)


def two_sided_p(draws: np.ndarray, null: float) -> float:
    """Twice the share of `draws` (resamples,) on the smaller side of `null`, +1 corrected; in (0, 1]."""
    beyond = min(np.count_nonzero(draws <= null), np.count_nonzero(draws >= null))
    return min(1.0, float(2 * (1 + beyond) / (draws.size + 1)))


def by_person(columns: ArrayLike, people: ArrayLike | None) -> np.ndarray:
    """Sums of `columns` (n, q) over the examples of each person: (people, q), people in sorted order.

    Truth values stay what they are without `people`, and become float32 sums with them.
    """
    columns = np.asarray(columns)
    kind = columns.dtype if columns.dtype in (np.float32, bool) else np.dtype(float)
    if people is None:
        return columns.astype(kind, copy=False)
    _, person, sizes = np.unique(np.asarray(people), return_inverse=True, return_counts=True)
    order = np.argsort(person, kind="stable")
    kind = np.dtype(np.float32) if kind == np.bool_ else kind
    return np.add.reduceat(columns[order].astype(kind, copy=False), np.cumsum(sizes) - sizes, axis=0)


def resampled_sums(columns: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Sums of `columns` (units, q) over `resamples` draws of the units with replacement: (resamples, q) float.

    Of very many units, first how many draws fall on each block of them is drawn, then the units in it, so that each
    block is one product of matrices. Truth values and float32 columns are multiplied as float32, which is exact for
    whole numbers that are this small.
    """
    if resamples < 1:
        raise ValueError(f"resamples = {resamples}; valid: at least 1")
    small = columns.dtype in (np.float32, bool) and columns.max(initial=0) < _EXACT // _MANY
    kind, n = np.float32 if small else float, len(columns)
    if n > _MANY:
        return _in_blocks(columns, resamples, rng, kind)
    step, columns = max(1, _BLOCK // max(1, n)), columns.astype(kind, copy=False)
    sizes = [min(step, resamples - start) for start in range(0, resamples, step)]
    return np.concatenate([counts(rng, size, n).astype(kind, copy=False) @ columns for size in sizes], dtype=float)


def _in_blocks(columns: np.ndarray, resamples: int, rng: np.random.Generator, kind: type) -> np.ndarray:
    starts, sums = np.arange(0, len(columns), _MANY), np.zeros((resamples, columns.shape[1]))
    sizes = np.diff(np.append(starts, len(columns)))
    draws = rng.multinomial(len(columns), sizes / len(columns), resamples)
    for start, size, number in zip(starts.tolist(), sizes.tolist(), draws.T, strict=True):
        picked = np.repeat(np.arange(resamples) * size, number)
        picked += rng.integers(0, size, len(picked), dtype=np.uint16)
        weights = np.bincount(picked, minlength=resamples * size).reshape(-1, size)
        sums += weights.astype(kind) @ columns[start : start + size].astype(kind)
    return sums
