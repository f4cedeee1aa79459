"""Do the same people fail across tasks? Over the families of tasks that decide about the same persons."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from homog.analysis import GROUP, LEVEL, RESAMPLES, Frame
from homog.metrics.outcomes import homogenization, normalized_homogenization, outcome_interval

SHAPE = [*GROUP, "family", "kind", "dose", "tasks", "people", "seeds"]
MEASURES = ["value", "low", "high", "independent", "homogenization", "normalized", "reason"]


def same_people(effects: Frame, dose: float = 1.0) -> Frame:
    """A row per condition, adaptation, family and arm kind: the share of persons whom every task's model fails.

    A model fails a person when its prediction under the condition is wrong. `value`, `low`, `high`: that share, persons
    resampled; `independent`: what the same error rates give if tasks failed independently; `homogenization` their
    ratio, `normalized` its bounded form (1 = every failure of the best model is shared, 0 = independent). Backbone
    seeds are pooled, a person drawn with all of them. Persons whom the exposure does not apply to are left out.
    """
    there = effects[(effects["family"] != "") & effects["exposed_correct"].notna()]
    there = there[(there["dose"] == dose) | (there["kind"] == "clean")]
    rows = []
    for key, part in there.groupby([*GROUP, "family", "kind"], sort=False):
        failures, people, tasks = _matrix(part)
        if len(tasks) > 1 and failures.size:
            named = dict(zip([*GROUP, "family", "kind"], key, strict=True)) | {"dose": part["dose"].iloc[0]}
            sizes = {"tasks": len(tasks), "people": len(set(people)), "seeds": part["arm_seed"].nunique()}
            rows.append(named | sizes | _measured(failures, people))
    return pd.DataFrame(rows, columns=[*SHAPE, *MEASURES])


def _matrix(part: Frame) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """(failures (tasks, persons x seeds), person of each column, tasks), over seeds that have every task."""
    tasks = part["task"].unique().tolist()
    blocks, people = [], []
    for _, rows in part.groupby(["arm_seed", "seed"], sort=False):
        named = [pd.Series(row["exposed_correct"], index=row["people"]) for _, row in rows.iterrows()]
        if len(named) == len(tasks):
            shared = pd.concat(named, axis=1, join="inner").dropna()
            blocks.append(shared.to_numpy().T == 0)
            people.append(shared.index.to_numpy())
    if not blocks:
        return np.empty((len(tasks), 0), dtype=bool), np.empty(0, dtype=object), tasks
    return np.concatenate(blocks, axis=1), np.concatenate(people), tasks


def _measured(failures: np.ndarray, people: np.ndarray) -> dict[str, Any]:
    found = outcome_interval("systemic_failure", failures, people, resamples=RESAMPLES, level=LEVEL)
    return {
        "value": found.value,
        "low": found.low,
        "high": found.high,
        "independent": float(failures.mean(1).prod()),
        "homogenization": homogenization(failures),
        "normalized": normalized_homogenization(failures),
        "reason": found.reason,
    }
