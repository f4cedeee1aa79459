"""Draws of units with replacement as counts: resampled sums are one matrix product."""

import numpy as np

from homog.metrics.checks import ArrayLike

_BLOCK = 2_000_000  # counts held at once: 16 MB as float64


def counts(rng: np.random.Generator, resamples: int, size: int) -> np.ndarray:
    """How often each of `size` units is drawn: (resamples, size) float, rows sum to `size`."""
    if resamples < 1 or size < 1:
        raise ValueError(f"resamples = {resamples} of {size} units; valid: at least 1 of each")
    draws = rng.integers(0, size, (resamples, size))
    draws += size * np.arange(resamples)[:, None]
    return np.bincount(draws.ravel(), minlength=resamples * size).reshape(resamples, size).astype(float)


def by_person(columns: ArrayLike, people: ArrayLike | None) -> np.ndarray:
    """Sums of `columns` (n, q) over the examples of each person: (people, q), people in sorted order."""
    columns = np.asarray(columns, dtype=float)
    if people is None:
        return columns
    _, person, sizes = np.unique(np.asarray(people), return_inverse=True, return_counts=True)
    order = np.argsort(person, kind="stable")
    return np.add.reduceat(columns[order], np.cumsum(sizes) - sizes, axis=0)


def resampled_sums(columns: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Sums of `columns` (units, q) over `resamples` draws of the units with replacement: (resamples, q)."""
    if resamples < 1:
        raise ValueError(f"resamples = {resamples}; valid: at least 1")
    step = max(1, _BLOCK // max(1, len(columns)))
    sizes = [min(step, resamples - start) for start in range(0, resamples, step)]
    return np.concatenate([counts(rng, size, len(columns)) @ columns for size in sizes])
