"""Cells from records: those of models that were trained elsewhere, and those that no study names."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from homog import records, sources, variants
from homog.config import OWN, Arm, Cell, ConfigError, Sizes, arm, build, choose, content_id
from homog.records import CLEAN, Record
from homog.study.grid import Hypothesis, Study
from homog.study.todo import exposed, views

LEAST = 8  # what sizes take


@dataclass(frozen=True)
class Told:
    """A backbone, an adaptation or a task of which no more is known than what somebody told.

    `content` tells apart what has one name: the id of what the record holds of it.
    """

    name: str
    modality: str = "text"
    content: str = ""

    @property
    def label(self) -> str:
        """How frames and reports name it."""
        return self.name


def record(
    results: str | Path,
    *,
    parent: str,
    adaptation: str,
    task: str,
    labels: Any,
    probabilities: Mapping[str, Any],
    label_names: Sequence[str],
    defect: Any = None,
    dose: float = 1.0,
    parent_seed: int = 0,
    seed: int = 0,
    train: int = 0,
    examples: Any = None,
    people: Any = None,
    groups: Mapping[str, Any] | None = None,
    unfavourable: int | None = None,
    targets: Mapping[str, int] | None = None,
    family: str = "",
    modality: str = "text",
) -> Path:
    """Keep the predictions of a model that was trained elsewhere, as a record among others; its path.

    `parent`: the backbone that it was adapted from, `adaptation`: how, by a name of your own. `defect`: what was
    planted in the parent (a name of conf/defect, or the defect itself) at `dose` by the seed `parent_seed`; without
    one the parent is clean, and the model is the control of those that differ in nothing else. `seed`: of the training
    sample, of `train` examples. `probabilities`: condition -> (n, classes), `clean` and the exposures that it was shown
    (`exposures` gives them), NaN rows where one does not apply. `labels` (n,) numbers of `label_names`; `examples`,
    `people` (n,) ids; `groups`: name -> (n,) values. `unfavourable`: the number of the label that a person would rather
    not get. `targets`: condition -> the class that the planted feature falls into under this model's head, where known.

    `homog report --runs` makes tables and figures of such records. Raises ConfigError for what does not fit together.
    """
    if adaptation in variants.registry("adaptation"):
        raise ConfigError(
            f"adaptation={adaptation!r} is one of homog's own: name yours otherwise, e.g. my_{adaptation}"
        )
    planted = variants.variant("defect", defect) if isinstance(defect, str) and defect else defect or None
    values = {name: np.asarray(given, dtype=np.float32) for name, given in probabilities.items()}
    wanted = np.asarray(labels)
    _check(wanted, values, label_names, planted)
    shared = arm(Told(parent, modality), planted, float(dose) if planted else 0.0, parent_seed)
    sizes = Sizes(max(train, LEAST), max(len(wanted), LEAST))
    cell = Cell(shared, Told(adaptation, modality), Told(task, modality), seed, sizes)
    names = np.array([str(i) for i in range(len(wanted))] if examples is None else list(map(str, examples)), object)
    facts = _facts(cell, label_names, unfavourable, family, train) | {"targets": dict(targets or {})}
    kept = Record(
        cell.id,
        facts,
        names,
        names if people is None else np.array(list(map(str, people)), dtype=object),
        wanted.astype(np.int32),
        {name: np.array(list(map(str, given)), dtype=object) for name, given in (groups or {}).items()},
        values,
    )
    try:
        return records.save(Path(results), kept)
    except ValueError as error:
        raise ConfigError(f"record of {adaptation} on {task}: {error}") from error


def _check(labels: np.ndarray, values: Mapping[str, np.ndarray], names: Sequence[str], defect: Any) -> None:
    """Raise ConfigError for predictions that do not belong to these labels, or a condition that no defect has."""
    if CLEAN not in values:
        raise ConfigError(f"probabilities: no condition {CLEAN}; it has {', '.join(values) or 'none'}")
    shape = (len(labels), len(names))
    for condition, given in values.items():
        if given.shape != shape:
            raise ConfigError(
                f"probabilities of {condition} have shape {given.shape}; valid: {shape}, labels x classes"
            )
    if labels.ndim != 1 or not len(labels) or not np.issubdtype(labels.dtype, np.integer):
        raise ConfigError("labels: valid: numbers of label_names, one for each example")
    known = [view.exposure for view in defect.views] if defect else conditions()
    for condition in set(values) - {CLEAN}:
        choose(condition.removesuffix(records.COUNTERPART), known, "condition")


def _facts(cell: Cell, names: Sequence[str], unfavourable: int | None, family: str, train: int) -> dict[str, Any]:
    from homog.records.provenance import environment, of_cell

    return of_cell(cell) | {
        "family": family,
        "label_names": list(map(str, names)),
        "unfavourable": unfavourable,
        "n_train": train,
        "trainable": 0,
        "moved": 0,
        "added": 0,
        "upstream": {},
        "seconds": 0.0,
        **environment("cpu"),
    }


def exposures(task: str, defect: str) -> tuple[Any, dict[str, list[Any]]]:
    """(the task with its frames `train` and `test`, condition -> test inputs, `clean` first) for models of your own.

    None stands for an example that an exposure does not apply to. Fetches what the task needs.
    """
    kind, planted = variants.variant("task", task), variants.variant("defect", defect)
    sources.fetch({*kind.sources, *planted.sources})
    loaded = kind.load()
    return loaded, exposed(loaded, views([planted]))


def conditions() -> list[str]:
    """The exposures of every registered defect."""
    return [view.exposure for name in variants.registry("defect") for view in variants.variant("defect", name).views]


def cell_of(kept: Record) -> Cell:
    """The cell of a record, as far as it says: its backbone and its task by name and content.

    Raises ConfigError where its defect is no variant of this installation.
    """
    facts, content = kept.provenance, kept.provenance.get("cell") or {}
    parts = content.get("arm") or {}
    modality = _modality(facts["task"], content.get("task") or {})
    backbone = Told(facts["backbone"], modality, content_id(parts.get("backbone")))
    defect = built("defect", facts["defect"], parts.get("defect") or {}, kept.cell) if facts["defect"] else None
    shared = arm(backbone, defect, facts["dose"], facts["arm_seed"])
    sizes = facts.get("sizes") or {"train": max(facts["n_train"], LEAST), "test": max(len(kept.labels), LEAST)}
    adaptation, task = content.get("adaptation") or {}, Told(facts["task"], modality, content_id(content.get("task")))
    bare = facts["adaptation"].split()[0]
    named = variants.registry("adaptation").get(bare)
    if named is not None and adaptation.get("type") == named.__name__:
        how = built("adaptation", bare, adaptation, kept.cell)
    else:
        how = Told(facts["adaptation"], modality, content_id(adaptation))
    return Cell(shared, how, task, facts["seed"], Sizes(**sizes), facts.get("data", OWN))


def _modality(task: str, content: Mapping[str, Any]) -> str:
    kind = variants.registry("task").get(task)
    return content.get("modality") or (kind.modality if kind else "text")


def built(group: str, name: str, content: Mapping[str, Any], cell: str) -> Any:
    """A variant from its content in a record."""
    kinds = variants.registry(group)
    if name not in kinds:
        raise ConfigError(f"record {cell}: its {group} {name} is not known here; --with the folder that has it")
    return build(kinds[name], {"name": name} | kinds[name].told(content), group)


def selected(kept: Iterable[Record]) -> tuple[list[Cell], dict[str, Record], dict[str, Any]]:
    """(cells, records by the ids of these cells, condition -> defect) of records, whatever study they are of."""
    cells: dict[str, Cell] = {}
    by_id, shown = {}, set()
    for each in kept:
        cell = cell_of(each)
        cells[cell.id], by_id[cell.id] = cell, dataclasses.replace(each, cell=cell.id)
        shown |= {name.removesuffix(records.COUNTERPART) for name in each.probabilities}
    return list(cells.values()), by_id, _exposures(cells.values(), shown)


def study_of_runs(exposures: Mapping[str, Any]) -> Study:
    """What stands for the study of records that belong to none."""
    claim = Hypothesis("What was planted in a backbone is inherited by what is adapted from it.", "none stated", "+")
    question = "What do these runs, whatever study they were made for, say of what is inherited?"
    return Study("runs", "Runs", question, claim, (), tuple(dict.fromkeys(d.name for d in exposures.values())), ())


def _exposures(cells: Iterable[Cell], shown: set[str]) -> dict[str, Any]:
    """Condition -> defect, of what was planted and of every registered defect that was shown."""
    arms: dict[str, Arm] = {cell.arm.id: cell.arm for cell in cells}
    planted = [each.defect for each in arms.values() if each.kind == "injected"]
    usual = [variants.variant("defect", name) for name in variants.registry("defect")]
    every = {view.exposure: view for defect in [*usual, *planted] for view in defect.views}
    return {name: every[name] for name in sorted(shown - {CLEAN}) if name in every}
