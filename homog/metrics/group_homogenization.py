"""Outcome homogenization of groups: tasks that hold different people, compared through the groups they share.

Conventions: one entry per task; `failures_by_task[i]` bool (n_i,), `groups_by_task[i]` (n_i,) group names.
e_i is the error rate of task i, e_ig that of its group g, f_ig the group's share of the task's examples.
Source: Bommasani et al. 2022. Their code scores a group that is empty in a task as error 1; here it is
excluded.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from homog.metrics.checks import ArrayLike, aligned, binary, log, ratio
from homog.metrics.intervals import Interval, percentile_interval
from homog.metrics.resampling import resampled_sums

WEIGHTINGS = ("average", "uniform", "worst")


@dataclass(frozen=True)
class GroupHomogenization:
    """The value, its groups, and those excluded since a task has nobody of them; NaN with a `reason`."""

    value: float
    groups: tuple
    excluded: tuple
    n: int
    reason: str = ""


def membership_sums(failures: ArrayLike, groups: ArrayLike, names: np.ndarray) -> np.ndarray:
    """What is summed for one task: (n, 2G) membership of each group, and failures among its members."""
    failed, group = aligned(failures=binary("failures", failures, 1), groups=groups)
    member = group[:, None] == names
    return np.hstack([member, member & failed[:, None]]).astype(float)


def _homogenization(sums: np.ndarray, weighting: str) -> np.ndarray:
    """From sums (..., tasks, 2G) over ALL groups to values (...)."""
    with np.errstate(over="ignore"):
        return np.exp(log_group_homogenization(sums, weighting))


def log_group_homogenization(sums: np.ndarray, weighting: str = "average") -> np.ndarray:
    """Logarithm of the measure (...) from `membership_sums` (..., tasks, 2G), summed over the examples of a task.

    0 = groups fail together no more than error rates imply. Groups that a task has nobody of drop out. NaN when a task
    has no failure or no group is present in every task.
    """
    members, failed = np.split(sums, 2, axis=-1)
    size = members.sum(-1, keepdims=True)
    task_error, usable = log(ratio(failed.sum(-1), size[..., 0])).sum(-1), (members > 0).all(-2)
    below = size if weighting == "average" else members
    joint = np.where(usable, log(np.nan_to_num(ratio(failed, below))).sum(-2), -np.inf)
    if weighting == "average":
        top = _log_sum(joint) - _log_sum(np.where(usable, log(ratio(members, size)).sum(-2), -np.inf))
    else:
        top = joint.max(-1) if weighting == "worst" else _log_sum(joint) - log(usable.sum(-1))
    known = usable.any(-1) & np.isfinite(task_error)
    return np.where(known, np.where(known, top, 0.0) - np.where(known, task_error, 0.0), np.nan)


def _log_sum(logs: np.ndarray) -> np.ndarray:
    """Logarithm of the sum of exp(logs) over the last axis; -inf where all are."""
    top = logs.max(-1, keepdims=True)
    top = np.where(np.isfinite(top), top, 0.0)
    return log(np.exp(logs - top).sum(-1)) + top[..., 0]


def _prepare(failures_by_task: Sequence, groups_by_task: Sequence, weighting: str) -> tuple[list, np.ndarray]:
    if weighting not in WEIGHTINGS:
        raise ValueError(f"weighting = {weighting!r}; valid: {', '.join(WEIGHTINGS)}")
    if len(failures_by_task) != len(groups_by_task) or not len(failures_by_task):
        sizes = f"{len(failures_by_task)} tasks of failures and {len(groups_by_task)} of groups"
        raise ValueError(f"{sizes}; valid: the same number, at least one")
    if any(not len(np.asarray(failures)) for failures in failures_by_task):
        raise ValueError("failures_by_task holds a task without examples; valid: at least one example each")
    names = np.unique(np.concatenate([np.asarray(groups) for groups in groups_by_task]))
    pairs = zip(failures_by_task, groups_by_task, strict=True)
    return [membership_sums(failures, groups, names) for failures, groups in pairs], names


def group_homogenization(
    failures_by_task: Sequence, groups_by_task: Sequence, weighting: str = "average"
) -> GroupHomogenization:
    """How much more the same groups fail in all tasks than error rates alone imply; 1 = no more, in [0, inf).

    average: sum_g prod_i f_ig e_ig / (prod_i e_i * sum_g prod_i f_ig); uniform: mean_g prod_i e_ig / prod_i
    e_i; worst: max_g of the same. NaN when a task has no failure or no group is present in every task.
    """
    tasks, names = _prepare(failures_by_task, groups_by_task, weighting)
    sums = np.stack([task.sum(0) for task in tasks])
    present = (sums[:, : len(names)] > 0).all(0)
    value = float(_homogenization(sums, weighting))
    reason = "" if not np.isnan(value) else "a task has no failure" if present.any() else "no group is in every task"
    kept, excluded = tuple(names[present].tolist()), tuple(names[~present].tolist())
    return GroupHomogenization(value, kept, excluded, sum(map(len, tasks)), reason)


def _by_person(tasks: list[np.ndarray], people_by_task: Sequence) -> np.ndarray:
    """Sums of every task side by side, a row per person of any task: (people, tasks * 2G)."""
    people = np.unique(np.concatenate([np.asarray(people) for people in people_by_task]))
    out = np.zeros((len(people), len(tasks), tasks[0].shape[1]))
    for index, (task, ids) in enumerate(zip(tasks, people_by_task, strict=True)):
        np.add.at(out[:, index], np.searchsorted(people, np.asarray(ids)), task)
    return out.reshape(len(people), -1)


def group_homogenization_interval(
    failures_by_task: Sequence,
    groups_by_task: Sequence,
    weighting: str = "average",
    people_by_task: Sequence | None = None,
    *,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Interval of `group_homogenization`; p is against 1.

    Examples are resampled inside each task; with `people_by_task` (ids (n_i,) per task) persons are, in all
    tasks at once.
    """
    tasks, _ = _prepare(failures_by_task, groups_by_task, weighting)
    rng = np.random.default_rng(seed)
    if people_by_task is None:
        draws = np.stack([resampled_sums(task, resamples, rng) for task in tasks], axis=1)
    else:
        draws = resampled_sums(_by_person(tasks, people_by_task), resamples, rng)
        draws = draws.reshape(resamples, len(tasks), -1)
    whole = group_homogenization(failures_by_task, groups_by_task, weighting)
    return percentile_interval(
        whole.value,
        _homogenization(draws, weighting),
        examples=whole.n,
        level=level,
        null=1.0,
        reason=whole.reason,
    )
