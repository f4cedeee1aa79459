"""What a harm is computed from: one model's class probabilities on the same examples, clean and exposed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Predictions:
    """One model on n examples: `labels` (n,) int; `clean` and `exposed` (n, classes) probabilities, same order."""

    labels: np.ndarray
    clean: np.ndarray
    exposed: np.ndarray
