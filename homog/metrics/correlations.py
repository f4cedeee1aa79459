"""Correlations as functions of sums, so that resampling is a matrix product.

Conventions: `moments` turns columns (N,) into products (N, q) whose sums (..., q) the other functions take;
they return values (...), NaN where a column is constant.
"""

import numpy as np

from homog.metrics.checks import ratio

_ROUNDING = 1e-12  # columns are standardised, so a variance below this is rounding


def moments(*columns: np.ndarray) -> np.ndarray:
    """Products of 1 and the standardised columns with each other: (N, (1 + columns)^2)."""
    parts = [np.ones(len(columns[0]))]
    for column in columns:
        spread = column.std() if len(column) else 0.0
        parts.append((column - column.mean()) / spread if spread > 0 else np.zeros(len(column)))
    stacked = np.stack(parts, axis=1)
    return (stacked[:, :, None] * stacked[:, None, :]).reshape(len(stacked), len(parts) ** 2)


def _covariance(sums: np.ndarray, i: int, j: int) -> np.ndarray:
    """Covariance of columns i and j (from 1); a variance of rounding size is 0."""
    width = round(sums.shape[-1] ** 0.5)
    table = ratio(sums, sums[..., :1]).reshape(*sums.shape[:-1], width, width)
    out = table[..., i, j] - table[..., 0, i] * table[..., 0, j]
    return np.where(out > _ROUNDING, out, 0.0 * out) if i == j else out


def correlation(sums: np.ndarray, i: int = 1, j: int = 2) -> np.ndarray:
    """Pearson correlation of columns i and j, in [-1, 1]."""
    return ratio(_covariance(sums, i, j), np.sqrt(_covariance(sums, i, i)) * np.sqrt(_covariance(sums, j, j)))


def slope(sums: np.ndarray) -> np.ndarray:
    """Slope of the second standardised column on the first."""
    return ratio(_covariance(sums, 1, 2), _covariance(sums, 1, 1))


def partial_correlation(sums: np.ndarray) -> np.ndarray:
    """Correlation of columns 1 and 2 with column 3 partialled out of both, in [-1, 1]."""
    xy, xz, yz = correlation(sums), correlation(sums, 1, 3), correlation(sums, 2, 3)
    left = (1 - xz**2) * (1 - yz**2)
    return ratio(xy - xz * yz, np.sqrt(np.where(left > _ROUNDING, left, 0.0)))


def kendall(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Kendall's tau-b of rows counted `weights` (B, N) times: (B,), in [-1, 1]."""
    sign_x, sign_y = np.sign(x[:, None] - x[None, :]), np.sign(y[:, None] - y[None, :])
    products = (sign_x * sign_y, np.abs(sign_x), np.abs(sign_y))
    concordant, untied_x, untied_y = (((weights @ product) * weights).sum(1) for product in products)
    return ratio(concordant, np.sqrt(untied_x) * np.sqrt(untied_y))
