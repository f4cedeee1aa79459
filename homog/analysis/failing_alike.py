"""Which models fail alike: agreement of every pair, its intervals and clusters, and what agreement goes with."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from homog.analysis.ensembles import Ensemble
from homog.analysis.results import Frame
from homog.metrics import pairs as all_pairs
from homog.metrics.agreement import chance_terms, exact_error_consistency
from homog.metrics.formulas import OF_CORRECTNESS, OF_PREDICTIONS, capa_of_sums
from homog.metrics.resampling import Bootstrap, by_person, resampled_sums

FORMULAS = OF_CORRECTNESS | OF_PREDICTIONS
SHOWN = ("error_consistency", "both_wrong_agreement", "disagreement")
MOST_ORDERED = 300  # models above which the leaves of the tree are not put in the best order (it is cubic)
PAIR_WORK = 5_000_000  # pairs x examples above which pairs get no interval
_ENTRIES = 20_000_000  # float32 columns of pairs held at once


def similarity(ensemble: Ensemble) -> str:
    """The measure that clusters the models: capa where there are probabilities."""
    return "capa_discrete" if ensemble.probabilities is None else "capa"


def _answers(ensemble: Ensemble) -> tuple[np.ndarray, np.ndarray]:
    """(predictions (k, n), labels (n,))."""
    assert ensemble.predictions is not None and ensemble.labels is not None
    return ensemble.predictions[0], ensemble.labels


def matrices(ensemble: Ensemble) -> dict[str, np.ndarray]:
    """Error consistency, agreement when both are wrong, disagreement, CAPA: {measure: (k, k)}, NaN where undefined."""
    rest = ensemble.options, ensemble.present
    every = all_pairs.pairwise_measures(*_answers(ensemble), *rest)
    shown = {name: every[name] for name in (*SHOWN, "capa_discrete")}
    if ensemble.probabilities is not None:
        shown["capa"] = all_pairs.pairwise("capa", ensemble.probabilities[0], ensemble.labels, *rest)
    return shown


def tree(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(order of the models, linkage (k - 1, 4)) of average-linkage clustering; an undefined pair counts as 0."""
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    known = np.where(np.isnan(matrix), 0.0, matrix)
    distance = np.maximum(0.0, 1 - (known + known.T) / 2)
    np.fill_diagonal(distance, 0.0)
    merges = linkage(squareform(distance, checks=False), "average", optimal_ordering=len(matrix) <= MOST_ORDERED)
    return leaves_list(merges), merges


def clustering(ensemble: Ensemble, linkage: np.ndarray) -> Frame:
    """A row per merge, from the most similar on: what is merged ("+n" of n more models), how similar, how many."""
    members = [[model] for model in ensemble.models]
    rows = []
    for first, second, distance, _ in linkage:
        merged, into = members[int(first)], members[int(second)]
        members.append(merged + into)
        named = [f"{part[0]} +{len(part) - 1}" if len(part) > 1 else part[0] for part in (merged, into)]
        rows.append({"first": named[0], "second": named[1], "similarity": 1 - distance, "models": len(members[-1])})
    return pd.DataFrame(rows)


def pair_table(ensemble: Ensemble, matrices: dict[str, np.ndarray], bootstrap: Bootstrap) -> Frame:
    """A row per pair of models: examples, accuracies, agreement, whether they share each attribute.

    Accuracies and agreement are over the examples of the pair. `*_low` and `*_high` are given up to PAIR_WORK pairs x
    examples.
    """
    first, second = np.triu_indices(len(ensemble.models), 1)
    names = np.array(ensemble.models, dtype=object)
    columns: dict[str, Any] = {"model_a": names[first], "model_b": names[second]}
    columns |= _sizes(ensemble, first, second)
    limits = _intervals(ensemble, first, second, bootstrap) if len(first) * ensemble.n <= PAIR_WORK else {}
    for name, matrix in matrices.items():
        columns[name] = matrix[first, second]
        columns |= {f"{name}_{end}": values for end, values in limits.get(name, {}).items()}
    shared = {name: values for name, values in ensemble.attributes.items() if len(set(values)) > 1}
    columns |= {f"same_{name}": values[first] == values[second] for name, values in shared.items()}
    return pd.DataFrame(columns)


def _sizes(ensemble: Ensemble, first: np.ndarray, second: np.ndarray) -> dict[str, Any]:
    if ensemble.present is None:
        accuracy = ensemble.accuracy
        return {"examples": ensemble.n, "accuracy_a": accuracy[first], "accuracy_b": accuracy[second]}
    present = ensemble.present.astype(np.float32)
    right = (~ensemble.failures[0] & ensemble.present).astype(np.float32)
    common, correct = (present @ present.T).astype(float), (right @ present.T).astype(float)
    n = common[first, second]
    share = np.divide(correct, common, out=np.full_like(correct, np.nan), where=common > 0)
    return {"examples": n.astype(int), "accuracy_a": share[first, second], "accuracy_b": share[second, first]}


def _intervals(ensemble: Ensemble, first: np.ndarray, second: np.ndarray, bootstrap: Bootstrap) -> dict[str, dict]:
    """Limits of every measure for every pair, persons resampled: the same persons for all pairs."""
    names = (*SHOWN, "capa_discrete", *(["capa"] if ensemble.probabilities is not None else []))
    limits = {name: {end: np.full(len(first), np.nan) for end in ("low", "high")} for name in names}
    chance = chance_terms(ensemble.options, 1, 2)[0]
    step, tail = max(1, _ENTRIES // (8 * ensemble.n)), (1 - bootstrap.level) / 2
    for start in range(0, len(first), step):
        part = slice(start, start + step)
        parts = _pair_columns(ensemble, first[part], second[part])
        units = by_person(np.concatenate(parts, dtype=np.float32).T, ensemble.persons)
        sums = resampled_sums(units, bootstrap.resamples, bootstrap.rng)
        both, a, b, n, agree, *soft = np.moveaxis(sums.reshape(len(sums), len(parts), -1), 1, 0)
        observed, p, q = soft or (both, a, b)
        for name in names:
            counted = (both, a, b, n, agree, n * chance)
            draws = capa_of_sums(observed, p, q, n, n * chance) if name == "capa" else FORMULAS[name](*counted)
            low, high = _quantiles(draws, [tail, 1 - tail])
            if name == "error_consistency":
                whole = units.sum(0, dtype=float).reshape(len(parts), -1)
                exact = exact_error_consistency(*whole[:4], level=bootstrap.level)
                low, high = (np.where(np.isnan(e), limit, e) for e, limit in zip(exact, (low, high), strict=True))
            limits[name]["low"][part], limits[name]["high"][part] = low, high
    return limits


def _pair_columns(ensemble: Ensemble, first: np.ndarray, second: np.ndarray) -> list[np.ndarray]:
    """Both right, a right, b right, both answered, the same answer; with probabilities the sums of CAPA: (pairs, n)."""
    predictions, labels = _answers(ensemble)
    a, b, failures, present = predictions[first], predictions[second], ensemble.failures[0], ensemble.present
    here = np.ones(a.shape, dtype=bool) if present is None else present[first] & present[second]
    right, also_right = ~failures[first] & here, ~failures[second] & here
    parts = [right & also_right, right, also_right, here, (a == b) & here]
    if ensemble.probabilities is not None:
        p, q = ensemble.probabilities[0][first], ensemble.probabilities[0][second]
        rows = np.arange(len(labels))
        parts += [here * (p * q).sum(2), here * p[:, rows, labels], here * q[:, rows, labels]]
    return parts


def _quantiles(draws: np.ndarray, levels: list[float]) -> np.ndarray:
    """By column, over the draws that are defined; NaN where none is."""
    undefined = np.isnan(draws).all(0)
    filled = np.where(undefined, 0.0, draws)
    limits = np.nanquantile(filled, levels, axis=0) if np.isnan(filled).any() else np.quantile(filled, levels, axis=0)
    return np.where(undefined, np.nan, limits)
