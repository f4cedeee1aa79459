"""Do models of one deployer, or of many, fail the same people? Panels of models that judge the same persons."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from homog import records
from homog.analysis import LEVEL, RESAMPLES, SETTINGS, UPSTREAM, Frame, majority, settings, summary
from homog.config import DISJOINT, OWN, SHARED, Cell
from homog.metrics.agreement import capa, error_consistency
from homog.metrics.checks import ratio
from homog.metrics.intervals import Interval, percentile_interval
from homog.metrics.outcomes import MEASURES, failure_distribution, homogenization, log_h_of_rates, systemic_failure
from homog.metrics.resampling import by_person, resampled_sums

DECISIONS, DEPLOYERS = "decisions", "deployers"
MIXED = "mixed_adaptations"
SIZES = ["family", "condition", "n", "n_train", "accuracy_clean", "majority", *UPSTREAM, "seconds", "reason"]
MODELS = ["failed", "rejected", "probabilities", "labels", "examples", "people", "provenance"]
KEY = ["panel", "setting", "backbone", "adaptation", "data"]


def models(
    cells: Sequence[Cell], found: Mapping[str, records.Record], conditions: Sequence[str] = (records.CLEAN,)
) -> Frame:
    """One row per cell with a record and condition that it holds: for studies of who fails, not of inherited harm.

    `accuracy_clean`, `majority` as in `effects`; the columns MODELS hold arrays of length n: `failed` bool, whether the
    prediction is wrong, `rejected` bool, whether it is the unfavourable label (None where the task has none),
    `probabilities` (n, classes), `labels`, `examples`, `people`, and the record's provenance.
    """
    pairs = [(cell, found[cell.id]) for cell in cells if cell.id in found]
    rows = [_model(*one, condition) for one in pairs for condition in conditions if condition in one[1].probabilities]
    return pd.DataFrame(rows, columns=[*SETTINGS, *SIZES, *MODELS])


def _model(cell: Cell, record: records.Record, condition: str) -> dict[str, Any]:
    facts, shown = record.provenance, record.probabilities[condition]
    predicted, bad = shown.argmax(1), facts.get("unfavourable")
    return settings(cell) | {
        "family": facts.get("family") or "",
        "condition": condition,
        "n": len(predicted),
        "n_train": facts["n_train"],
        "accuracy_clean": float((record.probabilities[records.CLEAN].argmax(1) == record.labels).mean()),
        "majority": majority(record.labels),
        **dict.fromkeys(UPSTREAM),
        "seconds": facts["seconds"],
        "reason": "",
        "failed": predicted != record.labels,
        "rejected": None if bad is None else predicted == bad,
        "probabilities": shown,
        "labels": record.labels,
        "examples": record.examples,
        "people": record.people,
        "provenance": facts,
    }


@dataclass(frozen=True, eq=False)
class Panel:
    """k models that judge the same n people, in S replicates. `failures` (S, k, n) bool, `people` (n,).

    `kind` 'decisions': the k tasks of a family, a model each. 'deployers': one task, k models by different deployers.
    `data` 'shared' or 'disjoint': whether the k models learn from the same persons. `rows` are the models' frame.
    """

    kind: str
    setting: str
    backbone: str
    adaptation: str
    data: str
    failures: np.ndarray
    people: np.ndarray
    rows: Frame

    @property
    def key(self) -> tuple[str, ...]:
        """What it is, in the order of KEY."""
        return self.kind, self.setting, self.backbone, self.adaptation, self.data


def decisions(df: Frame) -> list[Panel]:
    """Panels over the tasks of a family; its replicates are the seeds that have every task.

    A sample drawn by the seed ('own') holds the same persons for all tasks of a family: their data is shared.
    """
    found = []
    there = df[(df["family"] != "") & df["data"].isin([OWN, DISJOINT])]
    for key, part in there.groupby(["family", "backbone", "adaptation", "data"], sort=False):
        family, backbone, adaptation, data = key
        tasks = part["task"].nunique()
        seeds = [rows for _, rows in part.groupby(["arm_seed", "seed"], sort=False) if len(rows) == tasks]
        if tasks > 1 and seeds:
            stacked = np.stack([np.stack(rows.sort_values("task")["failed"].tolist()) for rows in seeds])
            people, shared = part["people"].iloc[0], SHARED if data == OWN else data
            found.append(Panel(DECISIONS, family, backbone, adaptation, shared, stacked, people, pd.concat(seeds)))
    return found


def deployers(df: Frame) -> list[Panel]:
    """Panels over the seeds of one task: each is a deployer, with shared or with disjoint training examples."""
    found = []
    there = df[df["data"].isin([SHARED, DISJOINT])]
    for key, part in there.groupby(["task", "backbone", "adaptation", "data"], sort=False):
        if len(part) > 1:
            stacked = np.stack(part.sort_values("seed")["failed"].tolist())[None]
            task, backbone, adaptation, data = key
            found.append(Panel(DEPLOYERS, task, backbone, adaptation, data, stacked, part["people"].iloc[0], part))
    return found


def mixed(df: Frame) -> list[Panel]:
    """Panels over the seeds of one task where every deployer adapts the backbone in a way of its own.

    Which one takes which goes round, a replicate each; adaptations that lack a deployer are left out, and there is no
    panel where the others are fewer than the deployers.
    """
    found = []
    there = df[df["data"].isin([SHARED, DISJOINT])]
    for (task, backbone, data), part in there.groupby(["task", "backbone", "data"], sort=False):
        seeds = sorted(part["seed"].unique())
        names = [name for name, rows in part.groupby("adaptation") if len(rows) == len(seeds)]
        if 1 < len(seeds) <= len(names):
            by_name = part.set_index(["adaptation", "seed"], drop=False)
            rounds = [[names[(turn + i) % len(names)] for i in range(len(seeds))] for turn in range(len(names))]
            rows = [by_name.loc[list(zip(chosen, seeds, strict=True))] for chosen in rounds]
            stacked = np.stack([np.stack(one["failed"].tolist()) for one in rows])
            people = part["people"].iloc[0]
            found.append(Panel(DEPLOYERS, task, backbone, MIXED, data, stacked, people, pd.concat(rows)))
    return found


def outcomes(panels: Sequence[Panel]) -> Frame:
    """A row per panel: how often its models fail the same people. Replicates are averaged.

    `error` mean error rate; `systemic_failure` share of people whom all k fail, `independent` what the error rates
    alone give; `homogenization` their ratio H; `value`, `low`, `high` H in its bounded form (0 = independent, 1 = every
    failure of the best model is shared), persons resampled; `homogeneous_excess` the share of people for whom all
    models are right or all wrong, above independence; `error_consistency` and `capa` means over pairs of models.
    """
    return pd.DataFrame([dict(zip(KEY, one.key, strict=True)) | _measured(one) for one in panels])


def _measured(panel: Panel) -> dict[str, Any]:
    parts, (seeds, k) = list(panel.failures), panel.failures.shape[:2]
    mean = {
        "systemic_failure": [systemic_failure(part) for part in parts],
        "independent": [part.mean(1).prod() for part in parts],
        "homogenization": [homogenization(part) for part in parts],
        "homogeneous_excess": [failure_distribution(part).excess for part in parts],
        "error_consistency": [_pairs(part, lambda a, b: error_consistency(~a, ~b)) for part in parts],
    }
    row = {"models": k, "replicates": seeds, "error": float(panel.failures.mean())}
    row |= {name: float(np.mean(values)) for name, values in mean.items()}
    row["capa"] = _capa(panel.rows, k) if panel.kind == DEPLOYERS else float("nan")
    return row | summary(mean_bounded([panel]))


def _pairs(models: Any, measure: Callable[[Any, Any], float]) -> float:
    found = [measure(models[i], models[j]) for i in range(len(models)) for j in range(i)]
    return float(np.mean(found))


def _capa(rows: Frame, k: int) -> float:
    labels = rows["labels"].iloc[0]
    replicates = [rows["probabilities"].tolist()[start : start + k] for start in range(0, len(rows), k)]
    return float(np.mean([_pairs(part, lambda a, b: capa(a, b, labels)) for part in replicates]))


def sharing(panels: Sequence[Panel], control: Sequence[Panel]) -> Frame:
    """A row per kind, backbone, adaptation and data: bounded H less that of the `control` panels of the same setting.

    `value`, `low`, `high`: mean over settings, paired on the same people, persons resampled; above 0 = what is shared
    homogenizes. `log_h` the mean of log H(shared) - log H(control) over the settings where both are defined. A setting
    whose panel or control lacks models of the other is named in `left_out`.
    """
    beside = {(one.kind, one.setting, one.data): one for one in control}
    groups: dict[tuple[str, ...], list[Panel]] = {}
    for one in panels:
        groups.setdefault((one.kind, *one.key[2:]), []).append(one)
    rows = []
    for key, every in groups.items():
        pairs = [(one, beside.get((one.kind, one.setting, one.data))) for one in every]
        whole = [(one, other) for one, other in pairs if other and _comparable(one, other)]
        left_out = ", ".join(one.setting for one, other in pairs if (one, other) not in whole)
        if not whole:
            continue
        parts, others = [one for one, _ in whole], [other for _, other in whole]
        value, defined = log_h([(a.failures, b.failures) for a, b in whole])
        row = dict(zip((KEY[0], *KEY[2:]), key, strict=True)) | {"settings": len(parts), "left_out": left_out}
        row |= {"log_h": value, "log_h_settings": defined}
        rows.append(row | summary(mean_bounded(parts, others)))
    return pd.DataFrame(rows)


def _comparable(one: Panel, other: Panel) -> bool:
    """As many models and people, and as many replicates where those are seeds."""
    skip = 1 if MIXED in (one.adaptation, other.adaptation) else 0
    return one.failures.shape[skip:] == other.failures.shape[skip:]


def log_h(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[float, int]:
    """(mean of log H(shared) - log H(control) over the pairs of failures where both are defined, how many those are).

    Failures are (..., k, n) bool; the difference of a pair is the mean over its replicates. NaN for none.
    """
    values = [[log_h_of_rates(side.mean(-1), side.all(-2).mean(-1)).mean() for side in pair] for pair in pairs]
    defined = [shared - control for shared, control in values if np.isfinite([shared, control]).all()]
    return (float(np.mean(defined)) if defined else float("nan")), len(defined)


def mean_bounded(panels: Sequence[Panel], less: Sequence[Panel] = ()) -> Interval:
    """Bounded H averaged over panels, or less that of the panels `less` on the same people; persons resampled.

    NaN, with a reason, where some model never fails.
    """
    rng, values = np.random.default_rng(0), []
    for i, panel in enumerate(panels):
        sides = [panel, *less[i : i + 1]]
        columns = [_columns(side.failures) for side in sides]
        units = by_person(np.hstack(columns), panel.people)
        sums = np.vstack([units.sum(0), resampled_sums(units, RESAMPLES, rng)])
        split = np.split(sums, [columns[0].shape[1]], axis=1)
        found = [_bounded(part, side.failures.shape) for part, side in zip(split, sides, strict=False)]
        values.append(found[0] - (found[1] if less else 0))
    mean = np.mean(values, axis=0)
    n = sum(panel.failures.shape[2] for panel in panels)
    return percentile_interval(float(mean[0]), mean[1:], examples=n, level=LEVEL, reason="a model never fails")


def _columns(failures: np.ndarray) -> np.ndarray:
    """What is summed over people: (n, S * (k + 1) + 1)."""
    n = failures.shape[2]
    both = np.concatenate([failures, failures.all(1, keepdims=True)], axis=1).reshape(-1, n)
    return np.concatenate([both, np.ones((1, n), dtype=bool)]).T.astype(float)


def _bounded(sums: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Bounded H, the mean over replicates, of every row of sums."""
    rates = ratio(sums[:, :-1], sums[:, -1:]).reshape(len(sums), shape[0], shape[1] + 1)
    return MEASURES["normalized_homogenization"][0](rates[..., :-1], rates[..., -1], rates[..., -1]).mean(-1)
