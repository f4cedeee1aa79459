"""Whom does a better model get newly right: those whom all others fail, or those whom somebody gets right anyway?"""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from homog.analysis.ensembles import on_usual
from homog.analysis.inherited import summary
from homog.analysis.results import Frame, Results
from homog.config import DISJOINT
from homog.metrics.checks import ratio
from homog.metrics.intervals import bootstrap_interval
from homog.metrics.outcomes import improvement_terms


def improvement(df: Results, before: str, after: str) -> Frame:
    """Whom a deployer gets newly right who moves from one adaptation to another, a row per task.

    `before`, `after`: the adaptations, on the usual backbone, of models with training data of their own. `value`: of
    those newly right, the share whom all deployers that stay fail, less the same share of all whom the deployer failed
    before (column `before`): below 0 = improvement goes to those whom somebody else gets right (Toups et al. 2023).
    Mean over which deployer moves; people resampled.
    """
    rows = []
    for task, part in on_usual(df[(df["data"] == DISJOINT) & (df["family"] == "")]).groupby("task"):
        sides = [
            dict(zip(side["seed"], side.each("failed"), strict=True))
            for side in (part[part["adaptation"] == name] for name in (before, after))
        ]
        seeds = sorted(set(sides[0]) & set(sides[1]))
        if len(seeds) < 2:
            continue
        columns = np.sum([_columns(sides, seed, seeds) for seed in seeds], axis=0)
        people, whole = part.each("people")[0], _shares(np.sum(columns, axis=0))
        interval = bootstrap_interval(columns, lambda sums: _shares(sums)[0] - _shares(sums)[1], people)
        row = {"task": task, "deployers": len(seeds), "improved": whole[0], "before": whole[1]}
        rows.append(row | summary(interval))
    return pd.DataFrame(rows)


def _columns(sides: list[dict[Any, np.ndarray]], mover: Any, seeds: list[Any]) -> np.ndarray:
    """(n, 4) as deployer `mover` moves: newly right (of all who stay fail, of all), and failed before (the same)."""
    before, after = (side[mover] for side in sides)
    stay = np.stack([sides[0][seed] for seed in seeds if seed != mover])
    gained = improvement_terms(before, after, stay)
    return np.stack([gained.numerator, gained.denominator, before & stay.all(0), before], axis=1)


def _shares(sums: np.ndarray) -> tuple[Any, Any]:
    """The shares whom all others fail: of those newly right, and of those failed before; from sums (..., 4)."""
    return ratio(sums[..., 0], sums[..., 1]), ratio(sums[..., 2], sums[..., 3])
