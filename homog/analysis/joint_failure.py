"""How often do all fail the same examples, beside what the error rates alone give? With persons resampled once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from homog.analysis.ensembles import DECISIONS, DEPLOYERS, Ensemble, about_same_people
from homog.analysis.inherited import summary
from homog.analysis.results import Frame, Results
from homog.metrics import diversity, outcomes
from homog.metrics.binomial import binomial_limits
from homog.metrics.checks import log, ratio
from homog.metrics.intervals import Interval, percentile_interval
from homog.metrics.outcomes import FailureDistribution, failure_distribution
from homog.metrics.pairs import pairwise
from homog.metrics.resampling import Bootstrap, by_person, resampled_sums
from homog.wording import some

_ONE_HOT = 20_000_000  # entries above which measures of diversity get no interval
INTERVAL = ["value", "low", "high", "p", "reason"]
SAME_PEOPLE = ["backbone", "condition", "adaptation", "family", "kind", "dose", "tasks", "people", "seeds"]
SAME_PEOPLE += ["value", "low", "high", "independent", "homogenization", "normalized", "reason"]
SYSTEMIC, BOUNDED, EXCESS = "systemic_failure", "normalized_homogenization", "homogeneous_excess"
Why = Callable[[list[str]], str]


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over the examples of S replicates of k decisions: `whole` (q,), `draws` (resamples, q).

    Columns: for each replicate the failures of each decision, of all, of none; then the examples; then what was added.
    """

    whole: np.ndarray
    draws: np.ndarray
    shape: tuple[int, int]

    @property
    def added(self) -> int:
        """The first column that was added."""
        return self.shape[0] * (self.shape[1] + 2) + 1

    def rates(self, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Error rates (..., S, k), systemic failure (..., S), no failure (..., S)."""
        shares = ratio(sums[..., : self.added - 1], sums[..., self.added - 1, None])
        shares = shares.reshape(*shares.shape[:-1], self.shape[0], -1)
        return shares[..., :-2], shares[..., -2], shares[..., -1]

    def of(self, measure: str) -> tuple[np.ndarray, np.ndarray]:
        """(value (S,), draws (resamples, S)) of one of `outcomes.MEASURES`."""
        formula = outcomes.MEASURES[measure][0]
        return formula(*self.rates(self.whole)), formula(*self.rates(self.draws))


def failure_sums(
    ensemble: Ensemble, bootstrap: Bootstrap, *beside: Ensemble, added: Sequence[np.ndarray] = (), rng: Any = None
) -> list[Sums]:
    """The sums of an ensemble and of those `beside` it, whose people are the same and are drawn together.

    `added`: further columns (n,) of the ensemble. `rng`: the stream to go on with, else that of the bootstrap.
    """
    sides = (ensemble, *beside)
    sizes = [len(side.failures) * (side.failures.shape[1] + 2) + 1 for side in sides]
    columns, place = np.empty((ensemble.n, sum(sizes) + len(added)), dtype=bool), 0
    for side in sides:
        for failures in side.failures:
            k = len(failures)
            columns[:, place : place + k] = failures.T
            columns[:, place + k], columns[:, place + k + 1] = failures.all(0), ~failures.any(0)
            place += k + 2
        columns[:, place] = True
        place += 1
    for i, column in enumerate(added):
        columns[:, place + i] = column
    units = by_person(columns, ensemble.persons)
    draws = resampled_sums(units, bootstrap.resamples, bootstrap.rng if rng is None else rng)
    edges = [0, *np.cumsum(sizes)[:-1], columns.shape[1]]
    whole = columns.sum(0, dtype=float)
    parts = [slice(*edge) for edge in zip(edges[:-1], edges[1:], strict=True)]
    shapes = [side.failures.shape[:2] for side in sides]
    return [Sums(whole[part], draws[:, part], shape) for part, shape in zip(parts, shapes, strict=True)]


def interval_columns(interval: Interval) -> dict[str, Any]:
    """The columns INTERVAL."""
    return {name: getattr(interval, name) for name in INTERVAL}


def measure_rows(ensemble: Ensemble, sums: Sums, names: Sequence[str], bootstrap: Bootstrap, why: Why) -> list[dict]:
    """A row per replicate and measure of `names`: interval, and what the error rates give if failures are independent.

    `why`: the reason of an undefined number, from the decisions that never fail.
    """
    rows = []
    errors, values = sums.rates(sums.whole)[0], {name: sums.of(name) for name in names}
    members = ensemble.tasks if ensemble.kind == DECISIONS else ensemble.models
    for replicate, rates in enumerate(errors):
        reason = why([name for name, rate in zip(members, rates, strict=True) if rate == 0])
        tests: dict[bool, float] = {}  # of H in every form, of the excess
        for name, (value, draws) in values.items():
            null = outcomes.MEASURES[name][1]
            size: Any = {"examples": ensemble.n, "level": bootstrap.level, "null": float("nan"), "reason": reason}
            row = interval_columns(percentile_interval(float(value[replicate]), draws[:, replicate], **size))
            if not np.isnan(row["value"]):
                both = name == EXCESS
                if both not in tests:
                    tests[both] = outcomes.independence_p(
                        ensemble.failures[replicate], name, ensemble.persons, seed=bootstrap.seed
                    )
                row |= {"p": tests[both], **_exact(ensemble, sums, replicate, name, bootstrap)}
            chance = float(np.exp(log(rates).sum())) if name == SYSTEMIC else null
            rows.append({"replicate": replicate, "measure": name, **row, "independent": chance})
    return rows


def _exact(ensemble: Ensemble, sums: Sums, replicate: int, measure: str, bootstrap: Bootstrap) -> dict[str, Any]:
    """Exact limits where few are counted, and why H is infinite, of a defined measure."""
    errors, systemic, none = (part[replicate] for part in sums.rates(sums.whole))
    low, high, why = outcomes.exact_limits(
        measure, errors, systemic, none, ensemble.size["people"], level=bootstrap.level
    )
    value = float(outcomes.MEASURES[measure][0](errors, systemic, none))
    said = {"reason": "H is larger than a float holds; see its logarithm"} if np.isinf(value) else {}
    return ({"low": low, "high": high, "reason": why} if why else {}) | said


def rate_limits(value: np.ndarray, draws: np.ndarray, n: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Percentile limits of rates; where a rate is 0 or 1, which no resample leaves, the exact limit for n persons."""
    tail = (1 - level) / 2
    low, high = np.quantile(np.where(np.isnan(draws), value, draws), [tail, 1 - tail], axis=0)
    persons = np.maximum(n, 1)
    all_fail, none_fails = binomial_limits(persons, persons, level)[0], binomial_limits(0, persons, level)[1]
    return np.where(value == 1, all_fail, low), np.where(value == 0, none_fails, high)


def limits(value: float, draws: np.ndarray, n: int, level: float) -> dict[str, float]:
    """`rate_limits` of one rate, as columns."""
    low, high = rate_limits(np.array([value]), draws[:, None], np.array([n]), level)
    return {"low": float(low[0]), "high": float(high[0])}


def error_rates(ensemble: Ensemble, sums: Sums, bootstrap: Bootstrap) -> Frame:
    """A row per model: attributes, examples, errors, error rate with interval."""
    value, draws = (sums.rates(part)[0][..., 0, :] for part in (sums.whole, sums.draws))
    low, high = rate_limits(value, draws, np.full(len(value), ensemble.size["people"]), bootstrap.level)
    errors = sums.whole[: len(value)].astype(int)
    columns = {"model": ensemble.models, **ensemble.attributes, "examples": ensemble.n, "errors": errors}
    return pd.DataFrame({**columns, "value": value, "low": low, "high": high})


def measures(ensemble: Ensemble, sums: Sums, bootstrap: Bootstrap) -> Frame:
    """Systemic failure, H and its bounded forms, the excess of homogeneous outcomes; each if failures were independent.

    `independent` is the value that the same error rates give when failures are independent.
    """

    def why(never: list[str]) -> str:
        return f"{some(never)} never fails" if never else "there is nothing to share: too few models or failures"

    names = (SYSTEMIC, *(name for name in outcomes.MEASURES if name != SYSTEMIC))
    rows = measure_rows(ensemble, sums, names, bootstrap, why)
    rows[0] |= limits(rows[0]["value"], sums.of(SYSTEMIC)[1][:, 0], ensemble.size["people"], bootstrap.level)
    return pd.DataFrame(rows).drop(columns="replicate").assign(models=len(ensemble.models), **ensemble.size)


def distribution_table(distribution: FailureDistribution) -> Frame:
    """P(t of k models fail an example), observed and if failures were independent."""
    rows = {"models_failing": np.arange(len(distribution.observed)), "observed": distribution.observed}
    return pd.DataFrame({**rows, "independent": distribution.baseline, "examples": distribution.n})


def diversity_table(ensemble: Ensemble, distribution: FailureDistribution, bootstrap: Bootstrap) -> Frame:
    """The measures of `metrics.diversity` over all models; without intervals where there are very many answers."""
    failures = ensemble.failures[0]
    k, n = failures.shape
    draws, reason = np.full((1, k + 1), np.nan), "no interval: too many models x examples"
    if ensemble.persons is None:  # examples drawn with replacement are a multinomial draw of how many models are right
        reason = "undefined for these models"
        draws = bootstrap.rng.multinomial(n, distribution.observed[::-1], bootstrap.resamples) / n
    elif n * (k + 1) <= _ONE_HOT:
        right, reason = k - failures.sum(0), "undefined for these models"
        units = by_person(right[:, None] == np.arange(k + 1), ensemble.persons)
        draws = resampled_sums(units, bootstrap.resamples, bootstrap.rng)
        draws = ratio(draws, draws.sum(1, keepdims=True))
    rows = []
    for name, measure in diversity.MEASURES.items():
        null = 0.0 if name == "interrater_kappa" else float("nan")
        value = float(measure(distribution.observed[::-1]))
        size: Any = {"examples": n, "level": bootstrap.level, "null": null, "reason": reason}
        row = interval_columns(percentile_interval(value, measure(draws), **size))
        rows.append({"measure": name, **row, "reason": reason if np.isnan(row["low"]) else ""})
    return pd.DataFrame(rows)


def outcome_table(ensembles: Sequence[Ensemble]) -> Frame:
    """A row per ensemble of a study. Replicates are averaged.

    `error` mean error rate; `systemic_failure` share of people whom all k fail, `independent` what the error rates
    alone give; `homogenization` their ratio H; `value`, `low`, `high` H in its bounded form (0 = independent, 1 = every
    failure of the best model is shared), persons resampled; `homogeneous_excess` the share of people for whom all
    models are right or all wrong, above independence; `error_consistency` and `capa` means over pairs of models.
    """
    return pd.DataFrame([_row(ensemble) for ensemble in ensembles])


def _row(ensemble: Ensemble) -> dict[str, Any]:
    parts, (seeds, k) = list(ensemble.failures), ensemble.failures.shape[:2]
    asked = ensemble.probabilities if ensemble.kind == DEPLOYERS else None
    mean = {
        SYSTEMIC: [part.all(0).mean() for part in parts],
        "independent": [part.mean(1).prod() for part in parts],
        "homogenization": [outcomes.homogenization(part) for part in parts],
        "homogeneous_excess": [failure_distribution(part).excess for part in parts],
        "error_consistency": [mean_of_pairs(pairwise("error_consistency", ~part)) for part in parts],
        "capa": [np.nan] if asked is None else [mean_of_pairs(pairwise("capa", p, ensemble.labels)) for p in asked],
    }
    row = {"panel": ensemble.kind, "setting": ensemble.setting, "backbone": ensemble.about["backbone"]}
    row |= {"adaptation": ensemble.about["label"], "data": ensemble.about["data"]}
    row |= {"models": k, "replicates": seeds, "error": float(ensemble.failures.mean())}
    row |= {name: float(np.mean(values)) for name, values in mean.items()}
    return row | summary(mean_bounded([ensemble]))


def mean_of_pairs(matrix: np.ndarray) -> float:
    """The mean over the pairs of different models of a symmetric matrix; NaN where one is undefined."""
    return float(matrix[np.triu_indices(len(matrix), 1)].mean())


def mean_bounded(ensembles: Sequence[Ensemble], less: Sequence[Ensemble] = ()) -> Interval:
    """Bounded H averaged over ensembles, or less that of those in `less` on the same people; persons resampled.

    NaN, with a reason, where some model never fails.
    """
    bootstrap, values = Bootstrap(), []
    rng = bootstrap.rng
    for i, ensemble in enumerate(ensembles):
        sides = failure_sums(ensemble, bootstrap, *less[i : i + 1], rng=rng)
        bounded = [np.vstack(side.of(BOUNDED)).mean(-1) for side in sides]
        values.append(bounded[0] - (bounded[1] if less else 0))
    mean, n = np.mean(values, axis=0), sum(ensemble.n for ensemble in ensembles)
    return percentile_interval(float(mean[0]), mean[1:], examples=n, reason="a model never fails")


def same_people(results: Results, dose: float = 1.0) -> Frame:
    """A row per condition, adaptation, family and arm kind: the share of persons whom every task's model fails.

    `value`, `low`, `high`: that share, persons resampled; `independent`: what the same error rates give if tasks failed
    independently; `homogenization` their ratio, `normalized` its bounded form (1 = every failure of the best model is
    shared, 0 = independent).
    """
    rows = []
    for names, ensemble in about_same_people(results, dose):
        (sums,), names = failure_sums(ensemble, Bootstrap()), names | {"tasks": len(ensemble.tasks)}
        (row,) = measure_rows(ensemble, sums, [SYSTEMIC], Bootstrap(), lambda never: "")
        h, bounded = (float(sums.of(name)[0][0]) for name in ("homogenization", BOUNDED))
        rows.append(names | ensemble.size | row | {"homogenization": h, "normalized": bounded})
    return pd.DataFrame(rows, columns=SAME_PEOPLE)
