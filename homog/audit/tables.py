"""Ensembles -> every table of an audit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from homog.analysis import Frame, across_decisions, failed_by_all, failing_alike, joint_failure
from homog.analysis.across_decisions import group_homogenizations, sharing_across
from homog.analysis.against_control import SHARING, Market, market
from homog.analysis.ensembles import Ensemble
from homog.analysis.ladders import ladders
from homog.analysis.pair_regression import regression
from homog.audit.choices import BASES, NOTES, AuditError, Settings, note, place_of
from homog.audit.column_sources import Source
from homog.audit.columns import column, rows
from homog.audit.families import families
from homog.audit.pivot import ensembles
from homog.metrics.intervals import holm
from homog.metrics.outcomes import FailureDistribution, failure_distribution
from homog.report import layout
from homog.wording import some

SECTION = ("error_rates", "measures", "failure_distribution", "diversity", "systemic_failures", "groups")
SECTION += (
    "group_errors",
    "pairs",
    "clustering",
    "order",
    "ladder",
    "regression",
    "market",
    "market_models",
    "sharing",
)
ACROSS = {
    "across_tasks": (across_decisions.across_tasks, across_decisions.MODELS),
    "group_homogenization": (group_homogenizations, across_decisions.GROUPS),
}
UNANSWERED = "no example is answered by every model"


@dataclass(frozen=True, eq=False)
class Section:
    """One task: its models, the distribution of failures, agreement of pairs in the order of `order`, the market."""

    ensemble: Ensemble
    distribution: FailureDistribution
    matrices: dict[str, np.ndarray]
    order: np.ndarray
    market: Market
    tables: dict[str, Frame]


@dataclass(frozen=True, eq=False)
class Audit:
    """What `audit` returns. `tables`: name -> DataFrame, of all tasks (column task where there are several).

    error_rates, measures, failure_distribution, diversity, systemic_failures, groups, group_errors, pairs, clustering,
    order, ladder, regression, market, market_models, sharing, across_tasks, group_homogenization, lacking, notes. An
    undefined number is NaN, with a `reason`. `sections` (a task each) and `families` (tasks on the same people) are
    what the figures are drawn from.
    """

    tables: dict[str, Frame]
    sections: tuple[Section, ...]
    families: tuple[Ensemble, ...]
    settings: Settings
    sources: tuple[str, ...]

    def _repr_html_(self) -> str:
        """What a notebook shows: how often models err, the measures of joint failure, what was left out."""
        parts = []
        for name in ("error_rates", "measures", "notes"):
            if len(self.tables[name]):
                shown = layout.display(self.tables[name], most=20).to_html(index=False)
                parts.append(f"<h4>{layout.readable(name)}</h4>{shown}")
        return "".join(parts)


def audited(
    sources: Sequence[Source], settings: Settings, attributes: Source | None = None, known: Sequence[dict] = ()
) -> Audit:
    """The audit of the predictions in `sources`. Raises AuditError, one line, for input that cannot be audited."""
    notes: list[dict[str, Any]] = list(known)
    tasks = _ensembles(sources, settings, attributes, notes)
    sections = tuple(section(ensemble, settings, notes) for ensemble in tasks if len(ensemble.models) > 1)
    shared = tuple(families(tasks, notes)) if len(tasks) > 1 else ()
    if not sections and not shared:
        names = some(dict.fromkeys(model for ensemble in tasks for model in ensemble.models))
        raise AuditError(f"one model only ({names}); valid: at least 2, since an audit compares models")
    for ensemble in (ensemble for ensemble in tasks if len(ensemble.models) == 1):
        notes.append(
            note("task with one model", ensemble.setting, 1, f"{ensemble.models[0]}: compared across tasks only")
        )
    tables = _joined(sections, {name: _across(shared, name, settings) for name in ACROSS})
    tables["sharing"] = _stacked(
        [
            pd.DataFrame(columns=SHARING),
            tables["sharing"],
            *(sharing_across(ensemble, settings.bootstrap) for ensemble in shared),
        ]
    )
    tables["sharing"] = tables["sharing"].assign(holm=holm_by_kind(tables["sharing"]))
    tables["lacking"] = _stacked([_lacking(ensemble) for ensemble in tasks])
    tables["notes"] = pd.DataFrame(sorted(notes, key=lambda row: place_of(row["what"])), columns=NOTES)
    said = tuple(f"{ensemble.name} ({ensemble.rows:,} rows)" for ensemble in sources)
    return Audit(tables, sections, shared, settings, said)


def holm_by_kind(sharing: Frame) -> np.ndarray:
    """p corrected for the number of main rows, and for the number of those about one pair of several tasks."""
    p, detail = sharing["p"].to_numpy(dtype=float), sharing["detail"].to_numpy(dtype=bool)
    corrected = np.full(len(p), np.nan)
    for chosen in (detail, ~detail):
        corrected[chosen] = holm(p[chosen])
    return corrected


def _ensembles(sources: Sequence[Source], settings: Settings, attributes: Source | None, notes: list) -> list[Ensemble]:
    table = rows(sources, settings, notes)
    known = attribute_table(attributes, table.columns["model"].names.tolist(), notes) if attributes else {}
    return ensembles(table, settings, known, notes)


def attribute_table(source: Source, models: Sequence[str], notes: list) -> dict[str, dict[str, str]]:
    """Attribute -> model -> value, from a source with a column model and a column per attribute."""
    if "model" not in source.columns or len(source.columns) < 2:
        raise AuditError(f"{source.name}: columns {some(source.columns)}; valid: model and one or more attributes")
    columns = {name: column([source], name) for name in source.columns}
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
    values = {}
    for name, known in columns.items():
        gone = [model for model, code in zip(named, known.codes, strict=True) if code < 0 and model in models]
        if gone:
            raise AuditError(f"{source.name}: no {name} for model {some(gone)}; valid: a value for every model")
        if name != "model":
            values[name] = {
                model: known.names[code] for model, code in zip(named, known.codes, strict=True) if code >= 0
            }
    return values


def section(ensemble: Ensemble, settings: Settings, notes: list) -> Section:
    """The audit of one task."""
    matrices = failing_alike.matrices(ensemble)
    order, linkage = failing_alike.tree(matrices[failing_alike.similarity(ensemble)])
    pairs = failing_alike.pair_table(ensemble, matrices, settings.bootstrap)
    if f"{failing_alike.SHOWN[0]}_low" not in pairs:
        notes.append(note("pairs without intervals", ensemble.setting, len(pairs), "pairs x examples are too many"))
    moved = moved_onto(ensemble, settings)
    whole = ensemble.complete
    distribution = failure_distribution(whole.failures[0])
    tables = {
        "pairs": pairs,
        "clustering": failing_alike.clustering(ensemble, linkage),
        "order": pd.DataFrame({"place": np.arange(1, len(order) + 1), "model": np.array(ensemble.models)[order]}),
        "ladder": ladders(ensemble, settings.level),
        "regression": regression(ensemble, pairs),
        "market": moved.curve,
        "market_models": moved.sides,
        "sharing": moved.sharing,
    }
    if whole.n:
        tables |= _of_failures(whole, distribution, settings)
    else:
        notes.append(note("no measure of joint failure", ensemble.setting, ensemble.n, UNANSWERED))
    return Section(ensemble, distribution, matrices, order, moved, tables)


def moved_onto(ensemble: Ensemble, settings: Settings) -> Market:
    """The market of the attribute whose sharing is studied, or why there is none."""
    known = ensemble.attributes
    if settings.base and settings.base not in known:
        raise AuditError(f"base = {settings.base!r}; valid: {', '.join(known) or 'no model has attributes'}")
    names = [settings.base] if settings.base else BASES
    base = next((name for name in names if len(set(known.get(name, ()))) > 1), "")
    if not base:
        why = "no attribute such as base_model, backbone or arm tells which models share what (--base)"
        return Market("", reason=why)
    whole = ensemble.complete
    return market(whole, base, settings.bootstrap) if whole.n else Market(base, reason=UNANSWERED)


def _of_failures(whole: Ensemble, distribution: FailureDistribution, settings: Settings) -> dict[str, Frame]:
    bootstrap = settings.bootstrap
    (sums,) = joint_failure.failure_sums(whole, bootstrap, added=failed_by_all.group_columns(whole))
    return {
        "error_rates": joint_failure.error_rates(whole, sums, bootstrap),
        "measures": joint_failure.measures(whole, sums, bootstrap),
        "failure_distribution": joint_failure.distribution_table(distribution),
        "diversity": joint_failure.diversity_table(whole, distribution, bootstrap),
        "systemic_failures": failed_by_all.systemic_failures(whole),
        "groups": failed_by_all.group_table(whole, sums, bootstrap),
        "group_errors": failed_by_all.group_errors(whole),
    }


def _joined(sections: Sequence[Section], tables: dict[str, Frame]) -> dict[str, Frame]:
    """Each table of all sections, with a column task where there are tasks, and `tables`."""
    parts = {name: [(section.ensemble.setting, section.tables.get(name)) for section in sections] for name in SECTION}
    joined = {
        name: _stacked([_of_task(frame, task) for task, frame in every if frame is not None])
        for name, every in parts.items()
    }
    return joined | tables


def _stacked(frames: Sequence[Frame]) -> Frame:
    """One below the other; the columns of the first where all are empty."""
    kept = [frame for frame in frames if len(frame)] or frames[:1]
    return pd.concat(kept, ignore_index=True) if kept else pd.DataFrame()


def _of_task(frame: Frame, task: str) -> Frame:
    if "tasks" in frame:  # of several tasks, or of this one
        return frame if task else frame.drop(columns="tasks")
    return frame.assign(task=task)[["task", *frame.columns]] if task else frame


def _across(families: Sequence[Ensemble], name: str, settings: Settings) -> Frame:
    table, columns = ACROSS[name]
    parts = [table(family, settings.bootstrap) for family in families]
    if len(families) > 1:
        named = zip(families, parts, strict=True)
        parts = [part.assign(family=one.setting)[["family", *part.columns]] for one, part in named]
    return _stacked(parts) if parts else pd.DataFrame(columns=columns)


def _lacking(ensemble: Ensemble) -> Frame:
    """The examples that some model did not answer, and how many models did not."""
    return _of_task(pd.DataFrame(ensemble.lacking or {"example": [], "models": []}), ensemble.setting)
