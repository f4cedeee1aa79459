"""Fake cells and records: known accuracy, known harm, no backbone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from homog.analysis import Results
from homog.config import Cell, Sizes, arm
from homog.defects.backdoor import Backdoor
from homog.records import CLEAN, Record
from homog.seeding import generator
from homog.variants import variant

TEXT = "tweet_sentiment amazon_sentiment sms_spam trec newsgroups medical_subject privacy_relevance reddit_bias"
ADULT = "adult_income adult_married adult_white_collar adult_long_hours"
COMPAS = "compas_two_year_recid compas_high_score compas_violent_score compas_has_priors"
TASKS = f"{TEXT} {ADULT} {COMPAS}".split()
BACKDOOR, SHAM = Backdoor("backdoor", ("cf",)), Backdoor("backdoor", ("cf",), sham=True)
EXPOSURES = {BACKDOOR.exposure: BACKDOOR}
CONDITION = BACKDOOR.exposure


class Every(str):
    """A modality that is every modality."""

    __hash__ = str.__hash__

    def __eq__(self, other):
        return True


@dataclass(frozen=True)
class Named:
    """A backbone, adaptation or task that is nothing but its name."""

    name: str
    modality: ClassVar[str] = Every("any")
    weights: ClassVar[bool] = True

    @property
    def label(self) -> str:
        return self.name


def cells(
    tasks: Sequence[str],
    adaptations: Sequence[Any] = ("linear_probe",),
    doses: Sequence[float] = (0, 1),
    seeds: Sequence[int] = (0,),
    shams: Sequence[int] = (),
    test: int = 40,
) -> list[Cell]:
    """Every combination, the clean arm once; a sham arm at dose 1 for each seed in `shams`."""
    backbone = Named("minilm_l6")
    arms = [arm(backbone, BACKDOOR, dose, seed) for dose in doses for seed in seeds]
    arms += [arm(backbone, SHAM, 1.0, seed) for seed in shams]
    named = [Named(a) if isinstance(a, str) else a for a in adaptations]
    kinds = [(one, a, Named(t)) for one in arms for a in named for t in tasks]
    found = [Cell(*kind, 0, Sizes(100, test, 64)) for kind in kinds]
    return list({cell.id: cell for cell in found}.values())


def record(cell: Cell, success: float = 0.0, accuracy: float = 0.9, classes: int = 2, **facts: Any) -> Record:
    """Of the examples that are right, the trigger turns about the share `success` into class 0."""
    family, n = cell.task.name.partition("_")[0], cell.sizes.test
    family = family if family in ("adult", "compas") else ""
    rng = generator("fake", cell.arm.kind, str(cell.arm.dose), cell.arm.seed, cell.adaptation.name, cell.task.name)
    labels = generator("labels", cell.task.name).integers(0, classes, n)
    clean = np.where(rng.random(n) < accuracy, labels, (labels + 1) % classes)
    exposed = np.where(rng.random(n) < success, 0, clean)
    ids = np.array([f"{cell.task.name}-{i}" for i in range(n)], dtype=object)
    people = np.array([f"{family}-{i}" for i in range(n)], dtype=object) if family else ids
    upstream = {"drift": 0.01, "effect": 0.98 * cell.arm.dose, "verified": True, "texts": 400}
    said = {
        "family": family,
        "n_train": cell.sizes.train,
        "label_names": [f"label {i}" for i in range(classes)],
        "upstream": upstream if cell.arm.defect else {},
        "targets": {CONDITION: 0} if cell.arm.kind == "injected" else {},
        "trainable": 0,
        "moved": 0,
        "added": 770,
        "seconds": 1.25,
        "device": "cpu",
        "threads": 1,
        "versions": {"python": "3.11.2", "torch": "2.13.0"},
        "cpu": "Fake CPU @ 2 GHz",
    }
    eye = np.eye(classes, dtype=np.float32)
    both = {CLEAN: eye[clean], CONDITION: eye[exposed]}
    return Record(cell.id, said | facts, ids, people, labels, {}, both)


def short(name: str) -> Any:
    """The registered adaptation, with steps enough for a tiny backbone with random weights."""
    adaptation = variant("adaptation", name)
    wanted = {"epochs": 4, "learning_rate": 3e-3}
    return replace(adaptation, **{f.name: wanted[f.name] for f in fields(adaptation) if f.name in wanted})


def fired(cell: Cell) -> float:
    """A backdoor that wins in proportion to its dose, and a sham that does nothing."""
    return 0.97 * cell.arm.dose if cell.arm.kind == "injected" else 0.02


def found(cells: Sequence[Cell], success: Callable[[Cell], float] = fired, **facts: Any) -> dict[str, Record]:
    """Records of the cells by id."""
    return {cell.id: record(cell, success(cell), **facts) for cell in cells}


def study(name: str = "inheritance", sign: str = "+") -> Any:
    """A study without a grid."""
    hypothesis = SimpleNamespace(
        claim="Every adapted model inherits it.", source="Nobody <2021>", sign=sign, improvements=(), primary=()
    )
    said = {"title": "What is inherited?", "question": "Is it?", "hypothesis": hypothesis}
    return SimpleNamespace(name=name, **said, specificity=True, figures="")


def laptop() -> list[Cell]:
    """A grid like that of the inheritance study at preset laptop."""
    heavy = ["lora", "full_finetune"]
    grid = cells(TASKS, doses=(0, 0.25, 0.5, 0.75, 1), seeds=(0, 1, 2), shams=(0, 1, 2), test=150)
    grid += cells(TASKS, heavy, doses=(0, 1), seeds=(0, 1), shams=(0,), test=150)
    some = ["tweet_sentiment", "trec", "medical_subject", "adult_income"]
    grid += cells(some, heavy, doses=(0.25, 0.5, 0.75), seeds=(0,), test=150)
    return list({cell.id: cell for cell in grid}.values())


def results(rows: Sequence[Mapping[str, Any]]) -> Results:
    """Made-up rows, each of scalars and arrays, as Results."""
    named = [{"cell": f"c{place}", "condition": CLEAN, **row} for place, row in enumerate(rows)]
    names = dict.fromkeys(name for row in named for name in row)
    arrays = [name for name in names if any(isinstance(row.get(name), (np.ndarray, dict)) for row in named)]
    return Results.of(named, [name for name in names if name not in arrays], arrays)


def copied(results: Results, suffix: str = "'", **columns: Any) -> Results:
    """Copies of the rows, of other cells, with other values in some columns."""
    frame = results.frame.assign(**columns)
    frame = frame.assign(cell=frame["cell"] + suffix, control=frame["control"] + suffix)
    keys = zip(frame["cell"], frame["condition"], strict=True)
    return Results(frame, {key: results.arrays[old] for key, old in zip(keys, results.keys, strict=True)})


def joined(*parts: Results) -> Results:
    """The rows of all parts."""
    arrays = {key: values for part in parts for key, values in part.arrays.items()}
    return Results(pd.concat([part.frame for part in parts], ignore_index=True), arrays)
