"""Who is failed by every model: the examples, and the groups of them against everybody else."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from homog.analysis.ensembles import Ensemble
from homog.analysis.joint_failure import Sums, limits
from homog.analysis.results import Frame
from homog.metrics.checks import log, ratio
from homog.metrics.intervals import holm
from homog.metrics.resampling import Bootstrap

GROUPS = ["group", "value_of_group", "examples", "failed_by_all", "value", "low", "high", "mean_error", "independent"]
GROUPS += ["homogenization", "ratio", "p"]
ERRORS = ["group", "value_of_group", "model", "examples", "error_rate"]


def systemic_failures(ensemble: Ensemble) -> Frame:
    """The examples that every model fails: label, most frequent prediction, how many give it, groups, details."""
    fails = np.flatnonzero(ensemble.failures[0].all(0))
    every, labels, classes = ensemble.predictions, ensemble.labels, np.array(ensemble.classes, dtype=object)
    assert every is not None and labels is not None
    predictions = every[0][:, fails]
    given = np.append(np.unique(predictions), 0)  # there may be none
    votes = np.stack([(predictions == answer).sum(0) for answer in given])
    columns = {"example": ensemble.examples[fails]}
    if ensemble.people is not None:
        columns["person"] = ensemble.people[fails]
    columns |= {"label": classes[labels[fails]], "prediction": classes[given[votes.argmax(0)]]}
    columns |= {"models_agreeing": votes.max(0)}
    return pd.DataFrame(columns | {name: v[fails] for name, v in (ensemble.groups | ensemble.details).items()})


def members(ensemble: Ensemble) -> list[tuple[str, Any, np.ndarray]]:
    """(group column, its value, which examples have it (n,)), values in order."""
    groups = [(name, values, sorted(set(values.tolist()))) for name, values in ensemble.groups.items()]
    return [(name, value, values == value) for name, values, names in groups for value in names]


def group_columns(ensemble: Ensemble) -> list[np.ndarray]:
    """What `group_table` needs summed: of each group the examples that all models fail, and its examples."""
    everyone = ensemble.failures[0].all(0)
    return [part for _, _, inside in members(ensemble) for part in (inside & everyone, inside)]


def group_table(ensemble: Ensemble, sums: Sums, bootstrap: Bootstrap) -> Frame:
    """A row per group: who all models fail in it, if they were independent in it, H; `ratio` to all examples.

    `sums` hold `group_columns`. `p`: Fisher's exact test of the group against all others, NaN where a person has
    several examples; `holm`: corrected for all groups of the task.
    """
    from scipy import stats

    fisher: Any = stats.fisher_exact
    failures, n = ensemble.failures[0], ensemble.n
    rows, place, everyone = [], sums.added, int(sums.whole[len(failures)])
    for column, name, inside in members(ensemble):
        failed, size = (int(total) for total in sums.whole[place : place + 2])
        persons = size if ensemble.persons is None else len(np.unique(ensemble.persons[inside]))
        errors = failures[:, inside].mean(1)
        rate, independent = failed / size, float(np.exp(log(errors).sum()))
        table = [[failed, size - failed], [everyone - failed, n - size - everyone + failed]]
        row = {"group": column, "value_of_group": name, "examples": size, "failed_by_all": failed, "value": rate}
        draws = ratio(sums.draws[:, place], sums.draws[:, place + 1])
        row |= limits(rate, draws, persons, bootstrap.level)
        row |= {"mean_error": float(errors.mean()), "independent": independent}
        row |= {"homogenization": float(ratio(rate, independent)), "ratio": float(ratio(rate, everyone / n))}
        rows.append(row | {"p": float(fisher(table).pvalue) if persons == size < n else float("nan")})
        place += 2
    shown = pd.DataFrame(rows, columns=GROUPS)
    return shown.assign(holm=holm(shown["p"].astype(float)))


def group_errors(ensemble: Ensemble) -> Frame:
    """Error rate of each model in each group."""
    rows = []
    for column, name, inside in members(ensemble):
        errors = ensemble.failures[0][:, inside]
        named = {"group": column, "value_of_group": name, "model": ensemble.models, "examples": errors.shape[1]}
        rows.append(pd.DataFrame(named | {"error_rate": errors.mean(1)}))
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=ERRORS)
