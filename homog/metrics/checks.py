"""Checks of arguments (errors name the value and what is valid); arithmetic with NaN in place of warnings."""

from typing import Any

import numpy as np

ArrayLike = Any


def aligned(**arrays: ArrayLike) -> tuple[np.ndarray, ...]:
    """The named arguments as arrays (n,), all of one length; ValueError naming the one that differs."""
    out = {name: np.asarray(array) for name, array in arrays.items()}
    first, size = next((name, array.shape[:1]) for name, array in out.items())
    for name, array in out.items():
        if array.ndim != 1:
            raise ValueError(f"{name} has shape {array.shape}; valid: one value per example, (n,)")
        if array.shape != size:
            raise ValueError(f"{name} has {array.size} values, but {first} has {size[0]}; valid: equal lengths")
    return tuple(out.values())


def classes(**arrays: ArrayLike) -> tuple[np.ndarray, ...]:
    """`aligned`, for class numbers: integers (n,) of at least 0."""
    out = aligned(**arrays)
    for name, array in zip(arrays, out, strict=True):
        if array.size and array.dtype.kind not in "iub":
            raise ValueError(f"{name} has type {array.dtype}; valid: integer class numbers 0, 1, 2, ...")
        if array.size and array.min() < 0:
            raise ValueError(f"{name} holds class {array.min()}; valid: 0, 1, 2, ...")
    return tuple(array.astype(np.int64, copy=False) for array in out)


def binary(name: str, array: ArrayLike, ndim: int = 2) -> np.ndarray:
    """A bool array of `ndim` dimensions; 0/1 numbers are accepted, anything else (NaN too) is an error."""
    out = np.asarray(array)
    if out.ndim != ndim:
        raise ValueError(f"{name} has shape {out.shape}; valid: {ndim} dimensions")
    if out.dtype == bool:
        return out
    wrong = out[(out != 0) & (out != 1)]
    if wrong.size:
        raise ValueError(f"{name} holds {wrong.flat[0]!r}; valid: True or False for every model and example")
    return out.astype(bool)


def numbers(**arrays: ArrayLike) -> tuple[np.ndarray, ...]:
    """`aligned`, for finite numbers, as float (n,)."""
    out = tuple(np.asarray(array, dtype=float) for array in aligned(**arrays))
    for name, array in zip(arrays, out, strict=True):
        if not np.isfinite(array).all():
            raise ValueError(f"{name} holds {array[~np.isfinite(array)][0]}; valid: finite numbers")
    return out


def probability_rows(name: str, array: ArrayLike) -> np.ndarray:
    """Probabilities (n, classes), float, each row summing to 1 within 1e-3 (float32 softmax is inside)."""
    out = np.asarray(array, dtype=float)
    if out.ndim != 2 or out.shape[1] < 2:
        raise ValueError(f"{name} has shape {out.shape}; valid: (n, classes) with at least 2 classes")
    bad = np.flatnonzero(~((out >= 0).all(1) & (np.abs(out.sum(1) - 1) <= 1e-3)))
    if bad.size:
        raise ValueError(f"{name}[{bad[0]}] = {out[bad[0]]}; valid: numbers from 0 to 1 that sum to 1")
    return out


def ratio(numerator: ArrayLike, denominator: ArrayLike) -> np.ndarray:
    """Numerator / denominator by element; NaN, without a warning, where the denominator is 0."""
    numerator, denominator = np.asarray(numerator, dtype=float), np.asarray(denominator, dtype=float)
    out = np.full(np.broadcast_shapes(numerator.shape, denominator.shape), np.nan)
    np.divide(numerator, denominator, out=out, where=np.broadcast_to(denominator != 0, out.shape))
    return out


def log(values: np.ndarray) -> np.ndarray:
    """Logarithm with log 0 = -inf and no warning."""
    values = np.asarray(values, dtype=float)
    return np.log(values, out=np.full(values.shape, -np.inf), where=values > 0)
