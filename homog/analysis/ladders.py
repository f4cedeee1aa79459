"""Where a claim about sharing ends: pairs of models that share something against every null of `metrics.nulls`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from homog.analysis.ensembles import Ensemble
from homog.analysis.failing_alike import matrices
from homog.analysis.means import LIMITS
from homog.analysis.results import Frame
from homog.metrics.nulls import ladder
from homog.metrics.regression import dyadic_least_squares

PAIR_WORK = 20_000_000  # pairs x examples at most, of pairs that share and of others
SIDES = ("sharing", "others", "difference")  # pairs that share, those that do not, the first less the second
LADDER = ["shared", "null", *(f"{side}_{end}" for side in SIDES for end in LIMITS), "p"]
LADDER += ["sharing_pairs", "other_pairs", "models", "values", "examples"]
MEASURES = ("error_consistency", "capa_discrete", "both_wrong_agreement", "disagreement")


def ladders(ensemble: Ensemble, level: float = 0.95) -> Frame:
    """`ladder_table` of every attribute that some models share and others do not."""
    count = len(ensemble.models)
    shared = [name for name, values in ensemble.attributes.items() if 1 < len(set(values)) < count]
    parts = [ladder_table(ensemble, name, level=level) for name in shared if ensemble.complete.n]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=LADDER)


def ladder_table(ensemble: Ensemble, attribute: str, apart: Any = None, level: float = 0.95) -> Frame:
    """A row per null: error consistency of pairs that share the `attribute`, of the others, and the difference.

    `values`: over how many values of the attribute the limits hold; 0: over persons alone. `apart`: see `ladder`.
    """
    whole = ensemble.complete
    most = int(np.clip(PAIR_WORK // whole.n, 100, 2000))
    values = whole.attributes[attribute]
    rungs = ladder(whole.failures[0], values, whole.people, apart=apart, most_pairs=most, level=level)
    rows = []
    for rung in rungs:
        row: dict[str, Any] = {"shared": attribute, "null": rung.null, "p": rung.p, "values": rung.values}
        row |= {f"{s}_{end}": x for s in SIDES for end, x in zip(LIMITS, getattr(rung, s), strict=True)}
        row |= dict(zip(("sharing_pairs", "other_pairs"), rung.pairs, strict=True))
        rows.append(row | {"models": len(whole.models), "examples": whole.n})
    return pd.DataFrame(rows, columns=LADDER)


def pairs_of(ensembles: Mapping[str, Ensemble]) -> Frame:
    """A row per pair of models of each ensemble: measures of agreement, mean accuracy, whether they share attributes.

    Models that answer alike everywhere, as deterministic learners of the same data do, count once.
    """
    parts = []
    for name, ensemble in ensembles.items():
        assert ensemble.predictions is not None
        once = np.sort(np.unique(ensemble.predictions[0], axis=0, return_index=True)[1])
        of_measure, (first, second) = matrices(ensemble), np.triu_indices(len(once), 1)
        a, b = once[first], once[second]
        columns: dict[str, Any] = {"ensemble": name, "model_a": a, "model_b": b}
        columns |= {measure: of_measure[measure][a, b] for measure in MEASURES}
        columns["accuracy"] = (ensemble.accuracy[a] + ensemble.accuracy[b]) / 2
        columns |= {f"same_{key}": values[a] == values[b] for key, values in ensemble.attributes.items()}
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["ensemble", *MEASURES])


def agreement_of_measures(pairs: Frame) -> Frame:
    """Spearman's correlation of every two measures over the pairs of one ensemble, mean over ensembles."""
    shown = [*MEASURES, "accuracy"]
    each = [part[shown].corr("spearman") for _, part in pairs.groupby("ensemble", sort=False) if len(part) > 2]
    if not each:
        return pd.DataFrame(columns=["measure", *shown])
    mean: Frame = pd.concat(each).groupby(level=0, sort=False).mean()
    return mean.assign(measure=mean.index)[["measure", *shown]].reset_index(drop=True)


def variance(pairs: Frame, outcome: str = "error_consistency") -> Frame:
    """What the agreement of pairs varies with: a row per term, over the pairs of all ensembles.

    `value` is what a pair that shares it has more, all else equal (least squares; errors let all pairs of one model
    covary); `alone` the share of the variance of `outcome` that the term explains by itself, `last` that which it adds
    to all others. `task` stands for which ensemble a pair is of. The row `rest` is what is left.
    """
    known = pairs[pairs[outcome].notna()]
    groups = {name: [name] for name in known if str(name).startswith("same_") and known[name].nunique() > 1}
    dummies = pd.get_dummies(known["ensemble"], drop_first=True, prefix="task").astype(float)
    columns = {name: known[name].to_numpy(dtype=float) for name in (*groups, "accuracy")}
    columns |= {str(name): dummies[name].to_numpy() for name in dummies}
    groups |= {"accuracy": ["accuracy"]} | ({"task": [str(name) for name in dummies]} if len(dummies.columns) else {})
    target = known[outcome].to_numpy(dtype=float)
    whole = _explained(target, list(columns.values()))
    models = [known["ensemble"] + " " + known[side].astype(str) for side in ("model_a", "model_b")]
    fit = dyadic_least_squares(target, columns, *models)
    rows = []
    for term, names in groups.items():
        rest = [column for name, column in columns.items() if name not in names]
        row = {limit: getattr(fit[names[0]], limit) for limit in LIMITS} if term != "task" else {}
        alone = _explained(target, [columns[name] for name in names])
        rows.append({"term": term, **row, "alone": alone, "last": whole - _explained(target, rest)})
    rows.append({"term": "rest", "alone": 1 - whole, "last": 1 - whole})
    return pd.DataFrame(rows, columns=["term", *LIMITS, "alone", "last"]).assign(n=len(known))


def _explained(target: np.ndarray, columns: list[np.ndarray]) -> float:
    """The share of the variance of `target` that the columns and a constant explain (R squared)."""
    away = target - target.mean()
    if not columns or not away.any():
        return 0.0
    design = np.stack([column - column.mean() for column in columns], axis=1)
    fitted = design @ np.linalg.lstsq(design, away, rcond=None)[0]
    return float(fitted @ fitted / (away @ away))
