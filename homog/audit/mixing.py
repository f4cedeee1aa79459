"""Two decisions about one person: do they fail together more often when one model makes both?"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd

from homog.audit.across import MOST_MODELS, Family, pooled
from homog.audit.failures import columns_of
from homog.audit.panel import Frame, Settings
from homog.audit.sharing import SHARING, implied
from homog.metrics.intervals import percentile_interval
from homog.metrics.sharing import sharing_effect


def sharing(family: Family, settings: Settings) -> Frame:
    """Two decisions about one person: by the same model, or by models that share one attribute, against others.

    The control are pairs of models that share no attribute at all. `value` is log H(shared) - log H(control), see
    `pooled`; persons are resampled. First a row over all pairs of tasks, then (`detail`) one per pair. The last row is
    `metrics.sharing.sharing_effect` of all tasks at once against models mixed over the tasks.
    """
    m, tasks, n = family.failures.shape
    every = list(itertools.combinations(range(tasks), 2))
    rows = []
    for shared, inside, outside, control in relations(family):
        size = {"shared": shared, "control": control, "models": m, "examples": n}
        for pairs in [every, *([pair] for pair in every)] if tasks > 2 else [every]:
            named = " and ".join(family.tasks[i] for i in pairs[0])
            named = f"all pairs of {named_tasks(family)}" if len(pairs) > 1 else named
            size["detail"] = len(pairs) < len(every)
            rows.append({"tasks": named, **_effect(family.failures, inside, outside, pairs, settings), **size})
    if 1 < m <= MOST_MODELS and tasks > 2:
        rows.append(_all_at_once(family, settings))
    return pd.DataFrame(rows, columns=SHARING)


def named_tasks(family: Family) -> str:
    """'4 adult tasks'."""
    return f"{len(family.tasks)} {family.name} tasks" if "," not in family.name else f"{len(family.tasks)} tasks"


def relations(family: Family) -> list[tuple[str, np.ndarray, np.ndarray, str]]:
    """(what pairs of models share, which (m, m), the pairs of the control, in words).

    Pairs that share one attribute share no other, but for those that follow from it (an arm's kind).
    """
    same = np.eye(len(family.models), dtype=bool)
    known = {name: values for name, values in family.attributes.items() if len(set(values.tolist())) > 1}
    shares = {name: values[:, None] == values for name, values in known.items()}
    nothing = ~np.any([same, *shares.values()], axis=0)
    said = f"models that share none of {', '.join(known)}" if len(known) > 1 else "different models"
    found = [("the same model", same, nothing, said)]
    for name, values in known.items():
        rest = [share for other, share in shares.items() if other != name and not implied(known[other], values)]
        alone = shares[name] & ~np.any([same, *rest], axis=0)
        if alone.any():
            found.append((f"different models, same {name}", alone, nothing, said))
    return found if len(family.models) > 1 else []


def _effect(failures: np.ndarray, inside: np.ndarray, outside: np.ndarray, pairs: list, settings: Settings) -> dict:
    found = pooled(failures, (inside, outside), pairs, settings)
    with np.errstate(invalid="ignore"):
        effect = np.where(np.isfinite(found).all(1), found[:, 0] - found[:, 1], np.nan)
    n = failures.shape[2]
    reason = "on one side nobody is failed twice" if outside.any() else "any two models share something"
    return columns_of(percentile_interval(effect[0], effect[1:], examples=n, level=settings.level, reason=reason))


def _all_at_once(family: Family, settings: Settings) -> dict[str, Any]:
    """The sharing effect of all tasks: each model in all of them against models mixed, task i by the i-th next."""
    m, tasks, n = family.failures.shape
    mixed = (np.arange(m)[:, None] + np.arange(tasks)) % m
    control = family.failures[mixed, np.arange(tasks)]
    options: Any = {"resamples": settings.resamples, "level": settings.level, "seed": settings.seed}
    found = columns_of(sharing_effect(family.failures, control, **options))
    said = "every task by another model" if m >= tasks else f"tasks spread over {m} models"
    said += " (some share an attribute)" if any(len(set(v.tolist())) < m for v in family.attributes.values()) else ""
    named = {"tasks": f"all {named_tasks(family)} at once", "shared": "the same model", "control": said}
    return {**named, **found, "models": m, "examples": n, "detail": False}
