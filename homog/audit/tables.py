"""Panels -> every table of an audit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from homog.audit import across, agreement, failures, mixing
from homog.audit.across import Family
from homog.audit.columns import encoded, rows
from homog.audit.panel import NOTES, AuditError, Frame, Panel, Settings, note, some
from homog.audit.pivot import panels
from homog.audit.regression import regression
from homog.audit.sharing import SHARING, Market, market
from homog.audit.sources import Source
from homog.metrics.intervals import holm
from homog.metrics.outcomes import FailureDistribution, failure_distribution

SECTION = (
    "error_rates",
    "measures",
    "failure_distribution",
    "diversity",
    "systemic_failures",
    "groups",
    "group_errors",
)
SECTION += ("pairs", "clustering", "order", "regression", "market", "market_models", "sharing")
ACROSS = {
    "across_tasks": (across.across_tasks, across.MODELS),
    "group_homogenization": (across.group_homogenizations, across.GROUPS),
}


@dataclass(frozen=True, eq=False)
class Section:
    """One task: its models, the distribution of failures, agreement of pairs in the order of `order`, the market."""

    panel: Panel
    distribution: FailureDistribution
    matrices: dict[str, np.ndarray]
    order: np.ndarray
    market: Market
    tables: dict[str, Frame]


@dataclass(frozen=True, eq=False)
class Audit:
    """What `audit` returns. `tables`: name -> DataFrame, of all tasks (column task where there are several).

    error_rates, measures, failure_distribution, diversity, systemic_failures, groups, group_errors, pairs, clustering,
    order, regression, market, market_models, sharing, across_tasks, group_homogenization, lacking, notes. An undefined
    number is NaN, with a `reason`. `sections` (a task each) and `families` (tasks on the same people) are what the
    figures are drawn from.
    """

    tables: dict[str, Frame]
    sections: tuple[Section, ...]
    families: tuple[Family, ...]
    settings: Settings
    sources: tuple[str, ...]


def audited(
    sources: Sequence[Source], settings: Settings, attributes: Source | None = None, known: Sequence[dict] = ()
) -> Audit:
    """The audit of the predictions in `sources`. Raises AuditError, one line, for input that cannot be audited."""
    notes: list[dict[str, Any]] = list(known)
    found = _panels(sources, settings, attributes, notes)
    sections = tuple(section(panel, settings, notes) for panel in found if len(panel.models) > 1)
    families = tuple(across.families(found, notes)) if len(found) > 1 else ()
    if not sections and not families:
        names = some(dict.fromkeys(model for panel in found for model in panel.models))
        raise AuditError(f"one model only ({names}); valid: at least 2, since an audit compares models")
    for panel in (panel for panel in found if len(panel.models) == 1):
        notes.append(note("task with one model", panel.task, 1, f"{panel.models[0]}: compared across tasks only"))
    tables = _joined(sections, {name: _across(families, name, settings) for name in ACROSS})
    tables["sharing"] = _stacked(
        [pd.DataFrame(columns=SHARING), tables["sharing"], *(mixing.sharing(one, settings) for one in families)]
    )
    tables["sharing"] = tables["sharing"].assign(holm=holm_by_kind(tables["sharing"]))
    tables["lacking"] = _stacked([_lacking(panel) for panel in found])
    tables["notes"] = pd.DataFrame(notes, columns=NOTES)
    said = tuple(f"{one.name} ({one.rows:,} rows)" for one in sources)
    return Audit(tables, sections, families, settings, said)


def holm_by_kind(sharing: Frame) -> np.ndarray:
    """p corrected for the number of main rows, and for the number of those about one pair of several tasks."""
    p, detail = sharing["p"].to_numpy(dtype=float), sharing["detail"].to_numpy(dtype=bool)
    found = np.full(len(p), np.nan)
    for chosen in (detail, ~detail):
        found[chosen] = holm(p[chosen])
    return found


def _panels(sources: Sequence[Source], settings: Settings, attributes: Source | None, notes: list) -> list[Panel]:
    table = rows(sources, settings, notes)
    known = attribute_table(attributes, table.columns["model"].names.tolist(), notes) if attributes else {}
    return panels(table, settings, known, notes)


def attribute_table(source: Source, models: Sequence[str], notes: list) -> dict[str, dict[str, str]]:
    """Attribute -> model -> value, from a source with a column model and a column per attribute."""
    if "model" not in source.columns or len(source.columns) < 2:
        raise AuditError(f"{source.name}: columns {some(source.columns)}; valid: model and one or more attributes")
    columns = {name: encoded(source.read(name), name) for name in source.columns}
    named = [str(columns["model"].names[code]) if code >= 0 else "" for code in columns["model"].codes]
    if len(set(named)) < len(named):
        twice = next(name for i, name in enumerate(named) if name in named[:i])
        raise AuditError(f"{source.name}: model {twice!r} is there twice; valid: one row per model")
    absent = [model for model in models if model not in named]
    if absent:
        raise AuditError(f"{source.name}: no row for model {some(absent)}")
    notes += [
        note("unused attributes", name, 1, "no predictions of this model") for name in named if name not in models
    ]
    found = {}
    for name, column in columns.items():
        gone = [model for model, code in zip(named, column.codes, strict=True) if code < 0 and model in models]
        if gone:
            raise AuditError(f"{source.name}: no {name} for model {some(gone)}; valid: a value for every model")
        if name != "model":
            found[name] = {
                model: column.names[code] for model, code in zip(named, column.codes, strict=True) if code >= 0
            }
    return found


def section(panel: Panel, settings: Settings, notes: list) -> Section:
    """The audit of one task."""
    matrices = agreement.matrices(panel)
    order, linkage = agreement.tree(matrices[agreement.similarity(panel)])
    pairs = agreement.pair_table(panel, matrices, settings)
    if f"{agreement.SHOWN[0]}_low" not in pairs:
        notes.append(note("pairs without intervals", panel.task, len(pairs), "pairs x examples are too many"))
    distribution, found = failure_distribution(panel.failures), market(panel, settings)
    tables = {
        "pairs": pairs,
        "clustering": agreement.clustering(panel, linkage),
        "order": pd.DataFrame({"place": np.arange(1, len(order) + 1), "model": np.array(panel.models)[order]}),
        "regression": regression(panel, pairs),
        "market": found.curve,
        "market_models": found.sides,
        "sharing": found.sharing,
    }
    if panel.failures.shape[1]:
        tables |= _of_failures(panel, distribution, settings)
    else:
        notes.append(note("no measure of joint failure", panel.task, len(panel.labels), failures.UNANSWERED))
    return Section(panel, distribution, matrices, order, found, tables)


def _of_failures(panel: Panel, distribution: FailureDistribution, settings: Settings) -> dict[str, Frame]:
    sums = failures.failure_sums(panel, settings)
    return {
        "error_rates": failures.error_rates(panel, sums, settings),
        "measures": failures.measures(panel, sums, settings),
        "failure_distribution": failures.distribution_table(distribution),
        "diversity": failures.diversity_table(panel, distribution, settings),
        "systemic_failures": failures.systemic_failures(panel),
        "groups": failures.group_table(panel, sums, settings),
        "group_errors": failures.group_errors(panel),
    }


def _joined(sections: Sequence[Section], tables: dict[str, Frame]) -> dict[str, Frame]:
    """Each table of all sections, with a column task where there are tasks, and `tables`."""
    found = {}
    for name in SECTION:
        parts = [(one.panel.task, one.tables[name]) for one in sections if name in one.tables]
        frames = [_of_task(frame, task) for task, frame in parts]
        found[name] = _stacked(frames)
    return found | tables


def _stacked(frames: Sequence[Frame]) -> Frame:
    """One below the other; the columns of the first where all are empty."""
    kept = [frame for frame in frames if len(frame)] or frames[:1]
    return pd.concat(kept, ignore_index=True) if kept else pd.DataFrame()


def _of_task(frame: Frame, task: str) -> Frame:
    if "tasks" in frame:  # of several tasks, or of this one
        return frame if task else frame.drop(columns="tasks")
    return frame.assign(task=task)[["task", *frame.columns]] if task else frame


def _across(families: Sequence[Family], name: str, settings: Settings) -> Frame:
    table, columns = ACROSS[name]
    parts = [table(family, settings) for family in families]
    if len(families) > 1:
        parts = [
            part.assign(family=one.name)[["family", *part.columns]] for one, part in zip(families, parts, strict=True)
        ]
    return _stacked(parts) if parts else pd.DataFrame(columns=columns)


def _lacking(panel: Panel) -> Frame:
    """The examples that some model did not answer, and how many models did not."""
    columns = panel.lacking or {"example": [], "models": []}
    return _of_task(pd.DataFrame(columns), panel.task)
