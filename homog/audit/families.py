"""Tasks of a table that decide about the same people: an ensemble of decisions for each such family."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from homog.analysis.ensembles import DECISIONS, Ensemble
from homog.audit.choices import note
from homog.wording import some


def families(ensembles: Sequence[Ensemble], notes: list) -> list[Ensemble]:
    """The families of at least two tasks; adds to `notes` which tasks, models and people are left out of them."""
    whole = [ensemble.complete for ensemble in ensembles]
    sets = [set(_people(ensemble).tolist()) for ensemble in whole]
    left, joined = list(range(len(whole))), []
    while left:
        group, size = [left.pop(0)], 0
        while size < len(group):  # tasks that share people with a task of the group
            size = len(group)
            near = [i for i in left if any(sets[i] & sets[j] for j in group)]
            group, left = group + near, [i for i in left if i not in near]
        if len(group) > 1:
            joined += _family([whole[i] for i in sorted(group)], notes)
    return joined


def _people(ensemble: Ensemble) -> np.ndarray:
    """Who is decided about; an example where no person is named."""
    return ensemble.examples if ensemble.people is None else ensemble.people


def _family(ensembles: list[Ensemble], notes: list) -> list[Ensemble]:
    tasks = tuple(ensemble.setting for ensemble in ensembles)
    subject = ", ".join(tasks)
    everyone = [_people(ensemble) for ensemble in ensembles]
    for task, people in zip(tasks, everyone, strict=True):
        if len(set(people.tolist())) < len(people):
            notes.append(note("not compared across tasks", subject, len(people), f"{task} asks a person twice"))
            return []
    models, rows = _models(ensembles)
    if not models:
        notes.append(note("not compared across tasks", subject, len(tasks), "no model is in all of them"))
        return []
    common = sorted(set(everyone[0].tolist()).intersection(*(people.tolist() for people in everyone[1:])))
    if not common:
        notes.append(note("not compared across tasks", subject, len(tasks), "nobody is in all of them"))
        return []
    apart = sorted({name for one in ensembles for name in one.models} - set(models)) if len(models) > 1 else []
    if apart:
        notes.append(note("models not in every task", subject, len(apart), f"not compared across tasks: {some(apart)}"))
    left = len(set().union(*(people.tolist() for people in everyone))) - len(common)
    if left:
        notes.append(note("people not in every task", subject, left, "left out of the comparison across tasks"))
    places = [pd.Index(people).get_indexer(common) for people in everyone]
    parts = zip(ensembles, rows, places, strict=True)
    failures = np.stack([ensemble.failures[0][row][:, place] for ensemble, row, place in parts], axis=1)
    first, people = ensembles[0], np.array(common, dtype=object)
    groups = {name: values[places[0]] for name, values in first.groups.items()}
    attributes = {name: values[rows[0]] for name, values in first.attributes.items()} if len(models) > 1 else {}
    return [
        Ensemble(DECISIONS, _named(tasks), failures, models, tasks, people=people, groups=groups, attributes=attributes)
    ]


def _named(tasks: Sequence[str]) -> str:
    """What the tasks' names begin with, or all of them."""
    words = [task.split("_")[0] for task in tasks]
    return words[0] if len(set(words)) == 1 else ", ".join(tasks)


def _models(ensembles: list[Ensemble]) -> tuple[tuple[str, ...], list[list[int]]]:
    """(models in all tasks, their places in each); where every task has one model of its own, those as one."""
    if (
        all(len(ensemble.models) == 1 for ensemble in ensembles)
        and len({ensemble.models for ensemble in ensembles}) > 1
    ):
        return (" + ".join(ensemble.models[0] for ensemble in ensembles),), [[0]] * len(ensembles)
    names = tuple(name for name in ensembles[0].models if all(name in ensemble.models for ensemble in ensembles))
    return names, [[ensemble.models.index(name) for name in names] for ensemble in ensembles]
