"""Several decisions about the same people: does who fails in one fail in the others, and is it the shared model?"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd

from homog.analysis.against_control import SHARING, implied
from homog.analysis.ensembles import Ensemble
from homog.analysis.joint_failure import failure_sums, interval_columns, measure_rows
from homog.analysis.results import Frame
from homog.metrics.checks import log
from homog.metrics.group_homogenization import WEIGHTINGS, group_homogenization, group_homogenization_interval
from homog.metrics.intervals import percentile_interval
from homog.metrics.outcomes import MEASURES, FailureDistribution, failure_distribution, log_homogenization
from homog.metrics.resampling import Bootstrap, resampled_sums
from homog.metrics.sharing import sharing_effect
from homog.wording import some

ALL, PAIRS = "all models", "homogenization_of_pairs"
MOST_MODELS = 100  # above this, models get no rows of their own
MODELS = ["model", "measure", "value", "low", "high", "p", "reason", "independent", "tasks", "people"]
GROUPS = ["model", "group", "weighting", "value", "low", "high", "p", "reason", "groups", "excluded", "tasks"]


def across_tasks(ensemble: Ensemble, bootstrap: Bootstrap) -> Frame:
    """Does a model fail the same people in all its tasks? H of pairs of tasks for all models; then H of each model."""

    def why(never: list[str]) -> str:
        return f"no failure in {some(never)}" if never else "undefined for these failures"

    first = replace(ensemble, failures=ensemble.failures[:MOST_MODELS])
    (sums,) = failure_sums(first, bootstrap)
    rows: list[dict] = [_pairs(ensemble, bootstrap), *measure_rows(first, sums, list(MEASURES), bootstrap, why)]
    for row in rows[1:]:
        row["model"] = ensemble.models[row["replicate"]]
    return pd.DataFrame(rows).assign(tasks=len(ensemble.tasks), people=ensemble.n)[MODELS]


def _pairs(ensemble: Ensemble, bootstrap: Bootstrap) -> dict[str, Any]:
    """H of two decisions about one person by one model, pooled over models and pairs of tasks."""
    m, tasks, n = ensemble.failures.shape
    pairs = list(itertools.combinations(range(tasks), 2))
    draws = np.exp(pooled(ensemble.failures, [np.eye(m, dtype=bool)], pairs, bootstrap)[:, 0])
    size: Any = {"examples": n, "level": bootstrap.level, "null": 1.0, "reason": "no failures in some tasks"}
    columns = interval_columns(percentile_interval(draws[0], draws[1:], **size))
    return {"model": ALL, "measure": PAIRS, **columns, "independent": 1.0}


def group_homogenizations(ensemble: Ensemble, bootstrap: Bootstrap) -> Frame:
    """Are the same groups failed in all tasks? A row per model, group column and weighting (Bommasani et al. 2022)."""
    rows, tasks, people = [], len(ensemble.tasks), np.arange(ensemble.n)
    for model, failures in list(zip(ensemble.models, ensemble.failures, strict=True))[:MOST_MODELS]:
        for name, values in ensemble.groups.items():
            asked = list(failures), [values.astype(str)] * tasks
            for weighting in WEIGHTINGS:
                whole = group_homogenization(*asked, weighting)
                interval = group_homogenization_interval(*asked, weighting, [people] * tasks, **asdict(bootstrap))
                named = {"groups": len(whole.groups), "excluded": ", ".join(map(str, whole.excluded)), "tasks": tasks}
                named |= interval_columns(interval)
                rows.append({"model": model, "group": name, "weighting": weighting, **named})
    return pd.DataFrame(rows, columns=GROUPS)


def distributions(ensemble: Ensemble) -> list[FailureDistribution]:
    """In how many tasks people are failed: one distribution per model."""
    return [failure_distribution(failures) for failures in ensemble.failures]


def pooled(failures: np.ndarray, models: Sequence[np.ndarray], pairs: list, bootstrap: Bootstrap) -> np.ndarray:
    """Log H of two decisions about one person, (1 + resamples, sides), the first row of all persons.

    `models`: per side which pairs of models (m, m) decide; `pairs` of tasks. H is the rate at which both decisions fail
    a person over the mean product of the two error rates, both summed over all pairs of models and of tasks. -inf
    where nobody is failed twice, NaN where there are no such models or failures.
    """
    m, tasks, n = failures.shape
    both = [_both(failures, side, pairs)[None] for side in models]
    stacked = np.concatenate([failures.reshape(m * tasks, n), *both], dtype=np.float32).T
    rates = np.vstack([stacked.sum(0, dtype=float), resampled_sums(stacked, bootstrap.resamples, bootstrap.rng)]) / n
    errors = rates[:, : m * tasks].reshape(-1, m, tasks)
    expected = np.stack([log(_expected(errors, side, pairs)) for side in models], axis=1)
    return log_homogenization(rates[:, m * tasks :], expected)


def _both(failures: np.ndarray, models: np.ndarray, pairs: list) -> np.ndarray:
    """How many pairs of models x pairs of tasks fail each person twice: (n,)."""
    parts = [(failures[:, i] * (models.astype(np.float32) @ failures[:, j])).sum(0) for i, j in pairs]
    return np.sum(parts, axis=0)


def _expected(errors: np.ndarray, models: np.ndarray, pairs: list) -> np.ndarray:
    """The sum over those pairs of the products of error rates (draws, m, T): (draws,)."""
    return np.sum([(errors[:, :, i] * (errors[:, :, j] @ models.astype(float))).sum(1) for i, j in pairs], axis=0)


def sharing_across(ensemble: Ensemble, bootstrap: Bootstrap) -> Frame:
    """Two decisions about one person: by the same model, or by models that share one attribute, against others.

    The control are pairs of models that share no attribute at all. `value` is log H(shared) - log H(control), see
    `pooled`; persons are resampled. First a row over all pairs of tasks, then (`detail`) one per pair. The last row is
    `metrics.sharing.sharing_effect` of all tasks at once against models mixed over the tasks.
    """
    m, tasks, n = ensemble.failures.shape
    every = list(itertools.combinations(range(tasks), 2))
    rows = []
    for shared, inside, outside, control in relations(ensemble):
        size = {"shared": shared, "control": control, "models": m, "examples": n}
        for pairs in [every, *([pair] for pair in every)] if tasks > 2 else [every]:
            named = " and ".join(ensemble.tasks[i] for i in pairs[0])
            named = f"all pairs of {named_tasks(ensemble)}" if len(pairs) > 1 else named
            size["detail"] = len(pairs) < len(every)
            rows.append({"tasks": named, **_effect(ensemble.failures, inside, outside, pairs, bootstrap), **size})
    if 1 < m <= MOST_MODELS and tasks > 2:
        rows.append(_all_at_once(ensemble, bootstrap))
    return pd.DataFrame(rows, columns=SHARING)


def named_tasks(ensemble: Ensemble) -> str:
    """'4 adult tasks'."""
    number = len(ensemble.tasks)
    return f"{number} tasks" if "," in ensemble.setting else f"{number} {ensemble.setting} tasks"


def relations(ensemble: Ensemble) -> list[tuple[str, np.ndarray, np.ndarray, str]]:
    """(what pairs of models share, which (m, m), the pairs of the control, in words).

    Pairs that share one attribute share no other, but for those that follow from it (an arm's kind).
    """
    same = np.eye(len(ensemble.models), dtype=bool)
    known = {name: values for name, values in ensemble.attributes.items() if len(set(values.tolist())) > 1}
    shares = {name: values[:, None] == values for name, values in known.items()}
    nothing = ~np.any([same, *shares.values()], axis=0)
    said = f"models that share none of {', '.join(known)}" if len(known) > 1 else "different models"
    sides = [("the same model", same, nothing, said)]
    for name, values in known.items():
        rest = [share for another, share in shares.items() if another != name and not implied(known[another], values)]
        alone = shares[name] & ~np.any([same, *rest], axis=0)
        if alone.any():
            sides.append((f"different models, same {name}", alone, nothing, said))
    return sides if len(ensemble.models) > 1 else []


def _effect(failures: np.ndarray, inside: np.ndarray, outside: np.ndarray, pairs: list, bootstrap: Bootstrap) -> dict:
    log_h = pooled(failures, (inside, outside), pairs, bootstrap)
    with np.errstate(invalid="ignore"):
        effect = np.where(np.isfinite(log_h).all(1), log_h[:, 0] - log_h[:, 1], np.nan)
    reason = "on one side nobody is failed twice" if outside.any() else "any two models share something"
    size: Any = {"examples": failures.shape[2], "level": bootstrap.level, "reason": reason}
    return interval_columns(percentile_interval(effect[0], effect[1:], **size))


def _all_at_once(ensemble: Ensemble, bootstrap: Bootstrap) -> dict[str, Any]:
    """The sharing effect of all tasks: each model in all of them against models mixed, task i by the i-th next."""
    m, tasks, n = ensemble.failures.shape
    mixed = (np.arange(m)[:, None] + np.arange(tasks)) % m
    control = ensemble.failures[mixed, np.arange(tasks)]
    columns = interval_columns(sharing_effect(ensemble.failures, control, **asdict(bootstrap)))
    said = "every task by another model" if m >= tasks else f"tasks spread over {m} models"
    shared = any(len(set(values.tolist())) < m for values in ensemble.attributes.values())
    said += " (some share an attribute)" if shared else ""
    named = {"tasks": f"all {named_tasks(ensemble)} at once", "shared": "the same model", "control": said}
    return {**named, **columns, "models": m, "examples": n, "detail": False}
