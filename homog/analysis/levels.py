"""At which level does sharing training data homogenize decisions: do the same persons fail, or the same groups?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from homog.analysis.ensembles import DECISIONS, Ensemble
from homog.analysis.results import Frame
from homog.config import DISJOINT, SHARED
from homog.metrics.group_homogenization import log_group_homogenization, membership_sums
from homog.metrics.intervals import percentile_interval
from homog.metrics.outcomes import log_h_of_rates
from homog.metrics.resampling import by_person, resampled_sums

LEVELS = ("persons", "groups", "difference")
ALL = "all"


@dataclass(frozen=True, eq=False)
class _Pair:
    """Decisions about the same people by models that share training data, and by models that do not."""

    shared: Ensemble
    disjoint: Ensemble
    group: str

    def columns(self) -> np.ndarray:
        """(n, q): what is summed over people, one side after the other."""
        return np.hstack([_columns(side, self.group) for side in (self.shared, self.disjoint)])

    def values(self, sums: np.ndarray) -> np.ndarray:
        """(..., 3) from sums (..., q): what sharing adds to log H of persons, to that of groups, and the difference."""
        sides = [_log_h(half, side) for half, side in zip(np.split(sums, 2, axis=-1), self.sides, strict=True)]
        with np.errstate(invalid="ignore"):  # where nobody is failed by all
            persons, groups = (sides[0][level] - sides[1][level] for level in (0, 1))
            return np.stack([persons, groups, persons - groups], axis=-1)

    @property
    def sides(self) -> tuple[Ensemble, Ensemble]:
        """The shared side first."""
        return self.shared, self.disjoint


def _columns(ensemble: Ensemble, group: str) -> np.ndarray:
    """(n, S + S k 2 G): failed by all in each replicate; membership and failures by group, replicate and task."""
    named = ensemble.groups[group]
    names = np.unique(named)
    by_group = [membership_sums(failed, named, names) for seed in ensemble.failures for failed in seed]
    return np.hstack([ensemble.failures.all(1).T, *by_group])


def _log_h(sums: np.ndarray, ensemble: Ensemble) -> tuple[np.ndarray, np.ndarray]:
    """(log H of persons, log H of groups), each the mean over replicates, from sums of `_columns` (..., q)."""
    seeds, tasks, _ = ensemble.failures.shape
    together, by_group = sums[..., :seeds], sums[..., seeds:].reshape(*sums.shape[:-1], seeds, tasks, -1)
    members, failed = (half.sum(-1) for half in np.split(by_group, 2, axis=-1))
    with np.errstate(divide="ignore", invalid="ignore"):
        persons = log_h_of_rates(failed / members, together / members[..., 0])
    return persons.mean(-1), log_group_homogenization(by_group).mean(-1)


def levels(every: Sequence[Ensemble], group: str, resamples: int = 2000) -> Frame:
    """A row per adaptation and family, and one over `all` families: log H with shared less with disjoint data.

    `persons_value`: of persons, in logarithms (0.7 = twice as often, given the error rates). `groups_value`: of the
    groups in the column `group`, weighted by their size. `difference_value`: the first less the second. Each has its
    interval over persons; models and their training samples are fixed. NaN where a replicate has nobody whom all
    decisions fail. After Bommasani et al. 2022, who compare the same two levels.
    """
    rows = []
    labels = dict.fromkeys(ensemble.about["label"] for ensemble in every if ensemble.kind == DECISIONS)
    for label in labels:
        pairs = _pairs([ensemble for ensemble in every if ensemble.about["label"] == label], group)
        drawn = [_drawn(pair, resamples, seed) for seed, pair in enumerate(pairs)]
        for setting, part in [
            *((pair.shared.setting, [at]) for at, pair in enumerate(pairs)),
            (ALL, range(len(pairs))),
        ]:
            chosen = [drawn[at] for at in part]
            if chosen and (setting != ALL or len(pairs) > 1):
                row = {"adaptation": label, "people": setting, "group": group}
                row |= {"replicates": min(len(pairs[at].shared.failures) for at in part)}
                rows.append(row | _row(chosen, sum(pairs[at].shared.n for at in part)))
    return pd.DataFrame(rows)


def _pairs(every: Sequence[Ensemble], group: str) -> list[_Pair]:
    """The two sides of each family, where they have as many replicates about the same people."""
    sides = {data: {e.setting: e for e in every if e.about["data"] == data} for data in (SHARED, DISJOINT)}
    both = [(sides[SHARED][setting], sides[DISJOINT].get(setting)) for setting in sides[SHARED]]
    return [_Pair(a, b, group) for a, b in both if b and a.failures.shape == b.failures.shape and group in a.groups]


def _drawn(pair: _Pair, resamples: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(values (3,), their draws (resamples, 3)) with persons resampled."""
    columns = pair.columns()
    units = by_person(columns, pair.shared.people)
    draws = resampled_sums(units, resamples, np.random.default_rng(seed))
    return pair.values(columns.sum(0)), pair.values(draws)


def _row(drawn: Sequence[tuple[np.ndarray, np.ndarray]], examples: int) -> dict[str, Any]:
    values = np.mean([value for value, _ in drawn], axis=0)
    draws = np.mean([draw for _, draw in drawn], axis=0)
    draws = np.where(np.isfinite(draws), draws, np.nan)
    row: dict[str, Any] = {}
    for at, level in enumerate(LEVELS):
        value = values[at] if np.isfinite(values[at]) else np.nan
        interval = percentile_interval(value, draws[:, at], examples=examples, reason="nobody is failed by all")
        row |= {f"{level}_{end}": getattr(interval, end) for end in ("value", "low", "high", "p", "reason")}
    return row | {"examples": examples}
