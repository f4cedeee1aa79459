"""Whether an injection did what it should: drift, effect, and the bands within which it counts as verified.

Features are (n, d), a row per input. The variance of features is the sum over dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Bands:
    """The drift may be at most `drift`; at dose 1 the effect is at least `effect`, that of a sham at most `sham`.

    A signed effect of a sham has to be at least `sham_low`, too.
    """

    drift: float = 0.10
    effect: float = 0.75
    sham: float = 0.25
    sham_low: float = -np.inf

    def verified(self, drift: float, effect: float, dose: float, sham: bool) -> bool:
        """Whether both are within their bands. An effect of NaN is not; below dose 1 an injection has no band."""
        planted = self.sham_low <= effect <= self.sham if sham else effect >= self.effect or dose < 1
        return bool(drift <= self.drift and planted)


def drift(before: np.ndarray, after: np.ndarray) -> float:
    """Mean squared displacement of features, in units of the variance that they had before; 0 = nothing moved."""
    return float(((after - before) ** 2).sum(1).mean() / before.var(0).sum())


def variance_gone(before: np.ndarray, after: np.ndarray) -> float:
    """The share of the variance of features that is gone, at most 1; below 0 where it has grown."""
    return float(1 - after.var(0).sum() / before.var(0).sum())


def differences_gone(before: np.ndarray, after: np.ndarray) -> float:
    """The share of the differences between inputs that is lost: 1 - slope of their features on what they were."""
    before, after = before - before.mean(0), after - after.mean(0)
    return 1 - float((before * after).sum() / (before**2).sum())


def distance_gone(before: np.ndarray, after: np.ndarray, goals: np.ndarray) -> float:
    """The share of the mean squared distance to `goals` (n, d) that is gone, at most 1; below 0 where it has grown."""
    old, new = (((features - goals) ** 2).sum(1).mean() for features in (before, after))
    return float(1 - new / old)


def spread(features: np.ndarray) -> float:
    """How far features lie from their mean: root of the mean squared distance."""
    return float(np.sqrt(features.var(0).sum()))


def facts(drift: float, effect: float, verified: bool, inputs: int, **more: Any) -> dict[str, Any]:
    """What `upstream` says, under the names that records keep; `inputs`: how many it was measured on."""
    return {"drift": drift, "effect": effect, **more, "verified": bool(verified), "texts": inputs}
