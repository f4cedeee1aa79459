"""Several decisions about the same people: does who fails in one fail in the others, and is it the shared model?"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from homog.audit.failures import columns_of, resampled
from homog.audit.panel import Frame, Panel, Settings, note, some
from homog.metrics import outcomes
from homog.metrics.checks import log
from homog.metrics.groups import WEIGHTINGS, group_homogenization, group_homogenization_interval
from homog.metrics.intervals import percentile_interval

ALL, PAIRS = "all models", "homogenization_of_pairs"
MOST_MODELS = 100  # above this, models get no rows of their own
MODELS = ["model", "measure", "value", "low", "high", "p", "reason", "independent", "tasks", "people"]
GROUPS = ["model", "group", "weighting", "value", "low", "high", "p", "reason", "groups", "excluded", "tasks"]


@dataclass(frozen=True, eq=False)
class Family:
    """Tasks that decide about the same people. `failures` (m models, T tasks, n people) bool.

    `groups`: name -> (n,) values; `attributes`: name -> (m,) values.
    """

    tasks: tuple[str, ...]
    models: tuple[str, ...]
    people: np.ndarray
    failures: np.ndarray
    groups: dict[str, np.ndarray]
    attributes: dict[str, np.ndarray]

    @property
    def name(self) -> str:
        """What its tasks' names begin with, or all of them."""
        words = [task.split("_")[0] for task in self.tasks]
        return words[0] if len(set(words)) == 1 else ", ".join(self.tasks)


def families(panels: Sequence[Panel], notes: list) -> list[Family]:
    """The families of at least two tasks; adds to `notes` which tasks, models and people are left out of them."""
    sets = [set(_people(panel).tolist()) for panel in panels]
    left, found = list(range(len(panels))), []
    while left:
        group, size = [left.pop(0)], 0
        while size < len(group):  # tasks that share people with a task of the group
            size = len(group)
            near = [i for i in left if any(sets[i] & sets[j] for j in group)]
            group, left = group + near, [i for i in left if i not in near]
        if len(group) > 1:
            found += _family([panels[i] for i in sorted(group)], notes)
    return found


def _people(panel: Panel) -> np.ndarray:
    """Who is decided about, on the examples that every model answered; an example where no person is named."""
    return panel.examples[panel.complete] if panel.persons is None else panel.persons


def _family(panels: list[Panel], notes: list) -> list[Family]:
    tasks = tuple(panel.task for panel in panels)
    subject = ", ".join(tasks)
    everyone = [_people(panel) for panel in panels]
    for panel, people in zip(panels, everyone, strict=True):
        if len(set(people.tolist())) < len(people):
            notes.append(note("not compared across tasks", subject, len(people), f"{panel.task} asks a person twice"))
            return []
    models, rows = _models(panels)
    if not models:
        notes.append(note("not compared across tasks", subject, len(tasks), "no model is in all of them"))
        return []
    common = sorted(set(everyone[0].tolist()).intersection(*(people.tolist() for people in everyone[1:])))
    if not common:
        notes.append(note("not compared across tasks", subject, len(tasks), "nobody is in all of them"))
        return []
    apart = sorted({model for panel in panels for model in panel.models} - set(models)) if len(models) > 1 else []
    if apart:
        notes.append(note("models not in every task", subject, len(apart), f"not compared across tasks: {some(apart)}"))
    left = len(set().union(*(people.tolist() for people in everyone))) - len(common)
    if left:
        notes.append(note("people not in every task", subject, left, "left out of the comparison across tasks"))
    places = [pd.Index(people).get_indexer(common) for people in everyone]
    parts = zip(panels, rows, places, strict=True)
    failures = np.stack([panel.failures[row][:, place] for panel, row, place in parts], axis=1)
    first = panels[0]
    groups = {name: values[first.complete][places[0]] for name, values in first.groups.items()}
    attributes = {name: values[rows[0]] for name, values in first.attributes.items()} if len(models) > 1 else {}
    return [Family(tasks, models, np.array(common, dtype=object), failures, groups, attributes)]


def _models(panels: list[Panel]) -> tuple[tuple[str, ...], list[list[int]]]:
    """(models in all tasks, their places in each); where every task has one model of its own, those as one."""
    if all(len(panel.models) == 1 for panel in panels) and len({panel.models for panel in panels}) > 1:
        return (" + ".join(panel.models[0] for panel in panels),), [[0]] * len(panels)
    names = tuple(name for name in panels[0].models if all(name in panel.models for panel in panels))
    return names, [[panel.models.index(name) for name in names] for panel in panels]


def across_tasks(family: Family, settings: Settings) -> Frame:
    """Does a model fail the same people in all its tasks? H of pairs of tasks for all models; then H of each model."""
    rows = []
    for model, failures in list(zip(family.models, family.failures, strict=True))[:MOST_MODELS]:
        tasks, n = failures.shape
        columns = np.vstack([failures, failures.all(0), ~failures.any(0), np.ones(n, dtype=bool)]).T
        whole, draws = columns.sum(0) / n, resampled(columns, None, settings)[:, :-1] / n
        never = [task for task, error in zip(family.tasks, whole, strict=False) if not error]
        reason = f"no failure in {some(never)}" if never else "undefined for these failures"
        for name, (measure, null) in outcomes.MEASURES.items():
            value = float(measure(whole[:tasks], whole[tasks], whole[tasks + 1]))
            spread = measure(draws[:, :tasks], draws[:, tasks], draws[:, tasks + 1])
            size: Any = {"examples": n, "level": settings.level, "null": null, "reason": reason}
            chance = float(whole[:tasks].prod()) if name == "systemic_failure" else null
            found = columns_of(percentile_interval(value, spread, **size))
            rows.append({"model": model, "measure": name, **found, "independent": chance, "tasks": tasks, "people": n})
    return pd.DataFrame([_pairs(family, settings), *rows], columns=MODELS)


def _pairs(family: Family, settings: Settings) -> dict[str, Any]:
    """H of two decisions about one person by one model, pooled over models and pairs of tasks."""
    m, tasks, n = family.failures.shape
    pairs = list(itertools.combinations(range(tasks), 2))
    draws = np.exp(pooled(family.failures, [np.eye(m, dtype=bool)], pairs, settings)[:, 0])
    size: Any = {"examples": n, "level": settings.level, "null": 1.0, "reason": "no failures in some tasks"}
    found = columns_of(percentile_interval(draws[0], draws[1:], **size))
    return {"model": ALL, "measure": PAIRS, **found, "independent": 1.0, "tasks": tasks, "people": n}


def distributions(family: Family) -> list[outcomes.FailureDistribution]:
    """In how many tasks people are failed: one distribution per model."""
    return [outcomes.failure_distribution(failures) for failures in family.failures]


def group_homogenizations(family: Family, settings: Settings) -> Frame:
    """Are the same groups failed in all tasks? A row per model, group column and weighting (Bommasani et al. 2022)."""
    options: Any = {"resamples": settings.resamples, "level": settings.level, "seed": settings.seed}
    rows, tasks = [], len(family.tasks)
    for model, failures in list(zip(family.models, family.failures, strict=True))[:MOST_MODELS]:
        for name, values in family.groups.items():
            failed, of_tasks = list(failures), [values.astype(str)] * tasks
            for weighting in WEIGHTINGS:
                whole = group_homogenization(failed, of_tasks, weighting)
                found = columns_of(
                    group_homogenization_interval(
                        failed, of_tasks, weighting, [np.arange(len(values))] * tasks, **options
                    )
                )
                named = {"groups": len(whole.groups), "excluded": ", ".join(map(str, whole.excluded)), "tasks": tasks}
                rows.append({"model": model, "group": name, "weighting": weighting, **found, **named})
    return pd.DataFrame(rows, columns=GROUPS)


def pooled(failures: np.ndarray, models: Sequence[np.ndarray], pairs: list, settings: Settings) -> np.ndarray:
    """Log H of two decisions about one person, (1 + resamples, sides), the first row of all persons.

    `models`: per side which pairs of models (m, m) decide; `pairs` of tasks. H is the rate at which both decisions fail
    a person over the mean product of the two error rates, both summed over all pairs of models and of tasks. -inf
    where nobody is failed twice, NaN where there are no such models or failures.
    """
    m, tasks, n = failures.shape
    both = [_both(failures, side, pairs)[None] for side in models]
    stacked = np.concatenate([failures.reshape(m * tasks, n), *both], dtype=np.float32).T
    rates = np.vstack([stacked.sum(0, dtype=float), resampled(stacked, None, settings)]) / n
    errors = rates[:, : m * tasks].reshape(-1, m, tasks)
    expected = np.stack([log(_expected(errors, side, pairs)) for side in models], axis=1)
    return outcomes.log_homogenization(rates[:, m * tasks :], expected)


def _both(failures: np.ndarray, models: np.ndarray, pairs: list) -> np.ndarray:
    """How many pairs of models x pairs of tasks fail each person twice: (n,)."""
    parts = [(failures[:, i] * (models.astype(np.float32) @ failures[:, j])).sum(0) for i, j in pairs]
    return np.sum(parts, axis=0)


def _expected(errors: np.ndarray, models: np.ndarray, pairs: list) -> np.ndarray:
    """The sum over those pairs of the products of error rates (draws, m, T): (draws,)."""
    return np.sum([(errors[:, :, i] * (errors[:, :, j] @ models.astype(float))).sum(1) for i, j in pairs], axis=0)
