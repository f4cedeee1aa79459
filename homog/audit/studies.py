"""A study's records as predictions to audit: every model of the sweep, with what it was adapted from and how."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from homog.analysis import Frame
from homog.audit.choices import AuditError, note
from homog.audit.column_sources import PROBABILITY
from homog.config import OWN, ConfigError
from homog.records import CLEAN, Record
from homog.study import kept as kept_by

TOLD_APART = ("backbone", "defect", "size", "seed", "data")  # what a model's name says where it differs


def predictions(kept: Iterable[Record], condition: str = CLEAN) -> Frame:
    """The long frame that `homog.audit` takes, from records: a row per model and example, under `condition`.

    A model is an arm (backbone with its defect, dose and injection seed) adapted in one way with one seed; it is the
    same model in every task. Attributes: backbone, kind, arm, adaptation. Raises AuditError for a record without the
    condition.
    """
    held = list(kept)
    named = [_names(record.provenance) for record in held]
    vary = [part for part in TOLD_APART if len({names[part] for names in named} - {""}) > 1]
    frames = []
    for record, names in zip(held, named, strict=True):
        if condition not in record.probabilities:
            raise AuditError(
                f"record {record.cell} has no condition {condition}; valid: {', '.join(record.conditions)}"
            )
        arm = [names["arm"], *(names[part] for part in ("backbone", "defect") if part in vary and names[part])]
        model = [
            *arm,
            record.provenance["adaptation"],
            *(names[part] for part in ("size", "seed", "data") if part in vary),
        ]
        frames.append(_frame(record, condition, " ".join(model), " ".join(arm)))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()


def _names(facts: Mapping[str, Any]) -> dict[str, str]:
    """An arm in words: 'clean', 'injected 0.5 s1'; and the parts of the name that are said where they differ."""
    clean = facts["kind"] == "clean"
    arm = "clean" if clean else f"{facts['kind']} {facts['dose']:g} s{facts['arm_seed']}"
    data = f"{facts.get('data', OWN)} data"  # records from before there was a choice
    seed = f"seed {facts['seed']}"
    size = f"train {facts['sizes']['train']}" if "sizes" in facts else ""  # older records do not say
    named = {"arm": arm, "backbone": facts["backbone"], "defect": facts["defect"]}
    return named | {"size": size, "seed": seed, "data": data}


def _frame(record: Record, condition: str, model: str, arm: str) -> Frame:
    facts, answers = record.provenance, np.array(record.answers, dtype=object)
    values, classes = record.probabilities[condition], facts["label_names"]
    k = len(classes)
    likely = values[:, :k] + values[:, k:].sum(1, keepdims=True) / k  # of no answer each class is as likely
    columns = {"model": model, "task": facts["task"], "example": record.examples, "person": record.people}
    columns |= {"label": answers[record.labels], "prediction": answers[values.argmax(1)]}
    columns |= {f"{PROBABILITY}{name}": likely[:, place] for place, name in enumerate(classes)}
    attributes = {"backbone": facts["backbone"], "kind": facts["kind"], "arm": arm, "adaptation": facts["adaptation"]}
    return pd.DataFrame({**columns, **record.groups, **attributes})


def from_study(
    results: Path, name: str, preset: str, select: Sequence[str], condition: str, notes: list[dict[str, Any]]
) -> Frame:
    """The predictions of a study's records that `select` ("task=adult_*,trec", "kind=clean") lets through.

    Adds to `notes` the cells that have no record. Raises AuditError where nothing is left.
    """
    from homog import analysis, report, study

    _, cells, _ = report.largest(study.load(name), preset, {}, results)
    settings = {cell.id: analysis.settings(cell) | {"train": cell.sizes.train} for cell in cells}
    try:
        ids = set(kept_by.picked(settings, select, f"cell of study {name}"))
    except ConfigError as error:
        raise AuditError(str(error)) from error
    chosen = [cell for cell in cells if cell.id in ids]
    kept, problems = analysis.read(results, chosen)
    notes += [note("no record", cell.id, 1, problems[cell.id]) for cell in chosen if cell.id in problems]
    if not kept:
        raise AuditError(f"study {name} has none of the {len(chosen)} selected records in {results}: run it first")
    return predictions([kept[cell.id] for cell in chosen if cell.id in kept], condition)
