"""What goes with agreement: pairs that share a company, a base model, ... and how accurate both are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from homog.analysis.ensembles import Ensemble
from homog.analysis.failing_alike import similarity
from homog.analysis.results import Frame
from homog.metrics.regression import dyadic_least_squares, least_squares, sharing_coefficient

TERMS = ["outcome", "term", "value", "low", "high", "p", "error_dyadic", "error_plain", "p_plain", "pairs", "models"]
_FOLLOWS = 1e-6  # a column whose part that earlier ones do not explain is smaller than this follows from them


def explained(ensemble: Ensemble) -> list[str]:
    """The measures of agreement that are explained; two wrong answers of two options always agree."""
    return [*(["both_wrong_agreement"] if ensemble.options > 2 else []), "error_consistency", similarity(ensemble)]


def regression(ensemble: Ensemble, pairs: Frame) -> Frame:
    """A row per outcome and term, least squares over pairs (Kim et al. 2025): plain and dyadic-clustered errors.

    Terms: sharing each attribute (0 or 1), the higher and the lower accuracy of the pair, less the mean accuracy, and
    their product. `low`, `high` and `p` of sharing are those of dealing the attribute to other models
    (`sharing_coefficient`); of the other terms they use the dyadic error, which lets all pairs of one model covary. A
    term that is constant or follows from earlier ones is left out of the regression: NaN with a `reason`, as where
    pairs are few. Pairs whose outcome is undefined are left out: `pairs` counts the others.
    """
    rows, whole = [], _terms(pairs, float(np.nanmean(ensemble.accuracy)))
    for outcome in explained(ensemble):
        known = pairs[outcome].notna().to_numpy()
        part = pairs[known]
        terms, left = independent({name: column[known] for name, column in whole.items()})
        first, second = (np.asarray(index)[known] for index in np.triu_indices(len(ensemble.models), 1))
        plain = least_squares(part[outcome], terms)
        dyadic = dyadic_least_squares(part[outcome], terms, first, second)
        for term in (*terms, *left):
            size = {"pairs": len(part), "models": len(np.union1d(first, second))}
            row = {"reason": left[term]} if term in left else _row(plain[term], dyadic[term])
            if term in terms and term.startswith("same_"):
                beside = {name: whole[name] for name in terms if name != term}
                values = ensemble.attributes[term.removeprefix("same_")]
                dealt = sharing_coefficient(pairs[outcome], values, beside)
                row |= {name: getattr(dealt, name) for name in ("low", "high", "p", "reason")}
            rows.append({"outcome": outcome, "term": term, **row, **size})
    return pd.DataFrame(rows, columns=[*TERMS, "reason"])


def _terms(pairs: Frame, mean: float) -> dict[str, np.ndarray]:
    shared = {name: pairs[name].to_numpy(dtype=float) for name in pairs if str(name).startswith("same_")}
    both = np.sort(pairs[["accuracy_a", "accuracy_b"]].to_numpy(dtype=float) - mean, axis=1)
    accuracies = {"accuracy_higher": both[:, 1], "accuracy_lower": both[:, 0], "accuracy_product": both.prod(1)}
    return {**shared, **accuracies}


def independent(columns: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """(columns that earlier ones do not explain, why the others are left out)."""
    basis: list[np.ndarray] = []
    kept, left = {}, {}
    for name, column in columns.items():
        centred = column - column.mean() if len(column) else column
        rest = centred
        for _ in range(2):  # twice, for rounding
            for direction in basis:
                rest = rest - direction * (direction @ rest)
        size, length = float(np.linalg.norm(centred)), float(np.linalg.norm(rest))
        if size <= 1e-12:
            left[name] = "the same for all pairs"
        elif length <= _FOLLOWS * size:
            left[name] = "follows from the terms above"
        else:
            kept[name] = column
            basis.append(rest / length)
    return kept, left


def _row(plain: Any, dyadic: Any) -> dict[str, Any]:
    columns = {name: getattr(dyadic, name) for name in ("value", "low", "high", "p", "reason")}
    return columns | {"error_dyadic": dyadic.error, "error_plain": plain.error, "p_plain": plain.p}
