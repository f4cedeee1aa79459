"""Who fails what: error rates, observed against independent failure, H, systemic failures by example and by group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from homog.audit.panel import Frame, Panel, Settings, some
from homog.metrics import diversity, outcomes
from homog.metrics.checks import log, ratio
from homog.metrics.intervals import Interval, holm, percentile_interval
from homog.metrics.outcomes import FailureDistribution
from homog.metrics.resampling import by_person, resampled_sums

_ONE_HOT = 20_000_000  # entries above which measures of diversity get no interval
INTERVAL = ["value", "low", "high", "p", "reason"]
UNANSWERED = "no example is answered by every model"


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums over examples: `whole` (q,) of all, `draws` (resamples, q) with persons drawn with replacement.

    Columns: failures of each model (k), of all models, of none, examples; then, for each group of each group column,
    its examples that all models fail, and its examples.
    """

    whole: np.ndarray
    draws: np.ndarray
    models: int

    def rates(self, sums: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Error rates (..., k), systemic failure, no failure."""
        found = sums[..., : self.models + 2] / sums[..., self.models + 2, None]
        return found[..., :-2], found[..., -2], found[..., -1]


def resampled(columns: np.ndarray, people: Any, settings: Settings) -> np.ndarray:
    """Sums (resamples, q) of `columns` (n, q) over persons drawn with replacement: the same draws for all tables."""
    units = by_person(columns, people)
    return resampled_sums(units, settings.resamples, np.random.default_rng(settings.seed))


def failure_sums(panel: Panel, settings: Settings) -> Sums:
    """What the intervals of a panel are made from."""
    failures = panel.failures
    k, n = failures.shape
    everyone = failures.all(0)
    parts = [everyone, ~failures.any(0), np.ones(n, dtype=bool)]
    for _, values, names in grouped(panel):
        members = [values == name for name in names]
        parts += [part for member in members for part in (member & everyone, member)]
    columns = np.empty((n, k + len(parts)), dtype=bool)
    columns[:, :k] = failures.T
    for place, part in enumerate(parts):
        columns[:, k + place] = part
    return Sums(columns.sum(0, dtype=float), resampled(columns, panel.persons, settings), k)


def grouped(panel: Panel) -> list[tuple[str, np.ndarray, list]]:
    """(group column, value of each example that every model answered, its groups in order)."""
    kept = [(name, values[panel.complete]) for name, values in panel.groups.items()]
    return [(name, values, sorted(set(values.tolist()))) for name, values in kept]


def columns_of(found: Interval) -> dict[str, Any]:
    """The columns INTERVAL."""
    return {name: getattr(found, name) for name in INTERVAL}


def rate_limits(value: np.ndarray, draws: np.ndarray, n: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Percentile limits of rates; where a rate is 0 or 1, which no resample leaves, the exact limit for n persons."""
    tail = (1 - level) / 2
    low, high = np.quantile(np.where(np.isnan(draws), value, draws), [tail, 1 - tail], axis=0)
    exact = tail ** (1 / np.maximum(n, 1))
    return np.where(value == 1, exact, low), np.where(value == 0, 1 - exact, high)


def error_rates(panel: Panel, sums: Sums, settings: Settings) -> Frame:
    """A row per model: attributes, examples, errors, error rate with interval."""
    (value, _, _), (draws, _, _) = sums.rates(sums.whole), sums.rates(sums.draws)
    low, high = rate_limits(value, draws, np.full(len(value), size_of(panel)["people"]), settings.level)
    n = panel.failures.shape[1]
    found = {"model": panel.models, **panel.attributes, "examples": n, "errors": sums.whole[: sums.models].astype(int)}
    return pd.DataFrame({**found, "value": value, "low": low, "high": high})


def measures(panel: Panel, sums: Sums, settings: Settings) -> Frame:
    """Systemic failure, H and its bounded forms, the excess of homogeneous outcomes; each if failures were independent.

    `independent` is the value that the same error rates give when failures are independent.
    """
    errors, systemic, none = sums.rates(sums.whole)
    chance = {name: null for name, (_, null) in outcomes.MEASURES.items()}
    chance["systemic_failure"] = float(np.exp(log(errors).sum()))
    never = [model for model, error in zip(panel.models, errors, strict=True) if error == 0]
    reason = f"{some(never)} never fails" if never else "there is nothing to share: too few models or failures"
    rows = []
    for name in ("systemic_failure", *(name for name in outcomes.MEASURES if name != "systemic_failure")):
        measure, null = outcomes.MEASURES[name]
        value = float(measure(errors, systemic, none))
        draws = measure(*sums.rates(sums.draws))
        size = {"examples": panel.failures.shape[1], "level": settings.level, "null": null, "reason": reason}
        found = columns_of(percentile_interval(value, draws, **size))
        if name == "systemic_failure":
            found |= _limits(value, draws, size_of(panel)["people"], settings)
        rows.append({"measure": name, **found, "independent": chance[name]})
    return pd.DataFrame(rows).assign(models=len(panel.models), **size_of(panel))


def size_of(panel: Panel) -> dict[str, int]:
    """Examples that every model answered, and persons."""
    examples = panel.failures.shape[1]
    return {"examples": examples, "people": examples if panel.persons is None else len(set(panel.persons.tolist()))}


def distribution_table(found: FailureDistribution) -> Frame:
    """P(t of k models fail an example), observed and if failures were independent."""
    rows = {"models_failing": np.arange(len(found.observed)), "observed": found.observed}
    return pd.DataFrame({**rows, "independent": found.baseline, "examples": found.n})


def diversity_table(panel: Panel, found: FailureDistribution, settings: Settings) -> Frame:
    """The measures of `metrics.diversity` over all models; without intervals where there are very many answers."""
    k, n = panel.failures.shape
    draws, reason = np.full((1, k + 1), np.nan), "no interval: too many models x examples"
    if panel.persons is None:  # examples drawn with replacement are a multinomial draw of how many models are right
        rng, reason = np.random.default_rng(settings.seed), "undefined for these models"
        draws = rng.multinomial(n, found.observed[::-1], settings.resamples) / n
    elif n * (k + 1) <= _ONE_HOT:
        right, reason = k - panel.failures.sum(0), "undefined for these models"
        draws = resampled(right[:, None] == np.arange(k + 1), panel.persons, settings)
        draws = ratio(draws, draws.sum(1, keepdims=True))
    rows = []
    for name, measure in diversity.MEASURES.items():
        null = 0.0 if name == "interrater_kappa" else float("nan")
        value = float(measure(found.observed[::-1]))
        size: Any = {"examples": n, "level": settings.level, "null": null, "reason": reason}
        row = columns_of(percentile_interval(value, measure(draws), **size))
        rows.append({"measure": name, **row, "reason": reason if np.isnan(row["low"]) else ""})
    return pd.DataFrame(rows)


def systemic_failures(panel: Panel) -> Frame:
    """The examples that every model fails: label, most frequent prediction, how many give it, groups, details."""
    fails = np.flatnonzero(panel.failures.all(0))
    if panel.present is not None:
        fails = np.asarray(panel.complete)[fails]
    predictions, classes = panel.predictions[:, fails], np.array(panel.classes, dtype=object)
    given = np.append(np.unique(predictions), 0)  # there may be none
    votes = np.stack([(predictions == answer).sum(0) for answer in given])
    top = given[votes.argmax(0)]
    found = {"example": panel.examples[fails]}
    if panel.people is not None:
        found["person"] = panel.people[fails]
    found |= {"label": classes[panel.labels[fails]], "prediction": classes[top], "models_agreeing": votes.max(0)}
    return pd.DataFrame(found | {name: values[fails] for name, values in (panel.groups | panel.details).items()})


def _limits(value: float, draws: np.ndarray, n: int, settings: Settings) -> dict[str, float]:
    low, high = rate_limits(np.array([value]), draws[:, None], np.array([n]), settings.level)
    return {"low": float(low[0]), "high": float(high[0])}


def group_table(panel: Panel, sums: Sums, settings: Settings) -> Frame:
    """A row per group: who all models fail in it, if they were independent in it, H; `ratio` to all examples.

    `p`: Fisher's exact test of the group against all others, NaN where a person has several examples; `holm`: corrected
    for all groups of the task.
    """
    from scipy import stats

    fisher: Any = stats.fisher_exact
    rows, place, everyone = [], sums.models + 3, int(sums.whole[sums.models])
    n, people = panel.failures.shape[1], panel.persons
    for column, values, names in grouped(panel):
        for name in names:
            inside = values == name
            failed, size = (int(total) for total in sums.whole[place : place + 2])
            persons = size if people is None else len(set(people[inside].tolist()))
            errors = panel.failures[:, inside].mean(1)
            rate, independent = failed / size, float(np.exp(log(errors).sum()))
            table = [[failed, size - failed], [everyone - failed, n - size - everyone + failed]]
            found = {"group": column, "value_of_group": name, "examples": size, "failed_by_all": failed, "value": rate}
            found |= _limits(rate, ratio(sums.draws[:, place], sums.draws[:, place + 1]), persons, settings)
            found |= {"mean_error": float(errors.mean()), "independent": independent}
            found |= {"homogenization": float(ratio(rate, independent)), "ratio": float(ratio(rate, everyone / n))}
            rows.append(found | {"p": float(fisher(table).pvalue) if persons == size < n else float("nan")})
            place += 2
    shown = pd.DataFrame(rows, columns=GROUPS)
    return shown.assign(holm=holm(shown["p"].astype(float)))


GROUPS = ["group", "value_of_group", "examples", "failed_by_all", "value", "low", "high", "mean_error", "independent"]
GROUPS += ["homogenization", "ratio", "p"]


def group_errors(panel: Panel) -> Frame:
    """Error rate of each model in each group."""
    rows = []
    for column, values, names in grouped(panel):
        for name in names:
            errors = panel.failures[:, values == name]
            found = {"group": column, "value_of_group": name, "model": panel.models, "examples": errors.shape[1]}
            rows.append(pd.DataFrame(found | {"error_rate": errors.mean(1)}))
    shape = ["group", "value_of_group", "model", "examples", "error_rate"]
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=shape)
