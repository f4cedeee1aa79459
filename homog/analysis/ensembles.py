"""Ensembles: several models' predictions about the same examples, from records or from a user's table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from homog.analysis.results import GROUP, Frame, Results
from homog.config import DISJOINT, OWN, SHARED

DECISIONS, DEPLOYERS = "decisions", "deployers"
MIXED = "mixed_adaptations"  # deployers that share all but the adaptation
ABOUT = ["backbone", "adaptation", "data", "alternating", "label"]  # what the ensembles of a study differ in


@dataclass(frozen=True, eq=False)
class Ensemble:
    """k decisions about each of n examples, in S replicates. `failures` (S, k, n) bool: who is failed.

    `kind` DEPLOYERS: one task, decided by k models. DECISIONS: the k tasks of a family, all decided by one model or
    maker; a replicate is another one. `setting` names the task or the family, `models` are the k deployers or the S
    makers, `tasks` the k decisions. `about`: what all models have in common, such as their backbone.

    Where they are known: `examples` (n,), `people` (n,) the person of each, `labels` (n,) and `predictions` (S, k, n),
    indices into `classes`, `probabilities` (S, k, n, classes), `options` how many answers there are to choose from.
    `present` (k, n) bool, or None where every model answered everything. `groups`: name -> (n,) values; `details`: the
    same for columns of very many values, such as a text. `attributes`: name -> values of `models`, (S, k) where the
    models are mixed anew in each replicate. `lacking`: the examples that some model did not answer, and how many not.
    """

    kind: str
    setting: str
    failures: np.ndarray
    models: tuple[str, ...]
    tasks: tuple[str, ...]
    about: dict[str, Any] = field(default_factory=dict)
    examples: Any = None
    people: np.ndarray | None = None
    labels: np.ndarray | None = None
    classes: tuple[str, ...] = ()
    options: int = 2
    predictions: np.ndarray | None = None
    probabilities: np.ndarray | None = None
    present: np.ndarray | None = None
    groups: dict[str, np.ndarray] = field(default_factory=dict)
    details: dict[str, np.ndarray] = field(default_factory=dict)
    attributes: dict[str, np.ndarray] = field(default_factory=dict)
    lacking: dict[str, np.ndarray] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """How many examples there are."""
        return self.failures.shape[2]

    @cached_property
    def persons(self) -> np.ndarray | None:
        """The number of each example's person (n,), in the order of their names; None where no person is named."""
        return None if self.people is None else np.unique(np.asarray(self.people), return_inverse=True)[1]

    @property
    def size(self) -> dict[str, int]:
        """How many examples and how many people."""
        return {"examples": self.n, "people": self.n if self.persons is None else int(self.persons.max(initial=-1)) + 1}

    @cached_property
    def complete(self) -> Ensemble:
        """The ensemble on the examples that every model answered."""
        return self if self.present is None else self.of(np.flatnonzero(self.present.all(0)))

    def of(self, chosen: np.ndarray) -> Ensemble:
        """The ensemble on the `chosen` examples (an index), which every model answered."""
        fields = {name: None if (had := getattr(self, name)) is None else had[chosen] for name in OF_EXAMPLES}
        fields |= {name: None if (had := getattr(self, name)) is None else had[:, :, chosen] for name in OF_MODELS}
        fields |= {name: {key: values[chosen] for key, values in getattr(self, name).items()} for name in OF_GROUPS}
        return replace(self, **fields, present=None)

    @property
    def accuracy(self) -> np.ndarray:
        """Of each of k models, on the examples that it answered; NaN where there are none."""
        if self.present is None:
            return 1 - self.failures[0].mean(1)
        answered = self.present.sum(1)
        return (~self.failures[0] & self.present).sum(1) / np.where(answered, answered, np.nan)


OF_EXAMPLES = ("examples", "people", "labels")
OF_MODELS = ("failures", "predictions", "probabilities")
OF_GROUPS = ("groups", "details")


def usual(rows: Results | Frame) -> str:
    """The backbone of most rows, of equal ones the first: a study's own comes first. '' where there are no rows."""
    backbones = rows["backbone"].to_numpy()
    return max(dict.fromkeys(backbones), key=list(backbones).count, default="")


def on_usual(results: Results) -> Results:
    """The rows of the `usual` backbone."""
    return results[results["backbone"] == usual(results)]


def labelled(frame: Frame) -> Frame:
    """The frame with a `label`: the adaptation, and the backbone where that is not the `usual` one, whose rows lead."""
    own = frame["backbone"] == usual(frame)
    labels = [f"{name} backbone={of}" for name, of in zip(frame["adaptation"], frame["backbone"], strict=True)]
    named = frame.assign(label=frame["adaptation"].where(own, labels))
    return named if own.all() else pd.concat([named[own], named[~own]])


def told_apart(results: Results) -> Results:
    """`labelled`, and with several backbones `alternating` models: copies of clean ones that go from one to the next.

    The next task and the next deployer always has another backbone: they share adaptation and training data as the
    others do, and no pretrained backbone.
    """
    named = labelled(results.frame).assign(alternating=False)
    turns = _alternating(results.frame[results["kind"] == "clean"])
    return results.with_rows(pd.concat([named, turns]) if len(turns) else named)


def _alternating(clean: Frame) -> Frame:
    backbones = sorted(clean["backbone"].unique())
    there = clean[clean.groupby("adaptation")["backbone"].transform("nunique") == len(backbones)]
    if len(backbones) < 2 or there.empty:
        return clean[:0]
    places = {task: i for _, part in there.groupby("family") for i, task in enumerate(sorted(part["task"].unique()))}
    turn = (there["task"].map(places) + there["seed"]) % len(backbones)
    taken = there[there["backbone"] == turn.map(dict(enumerate(backbones)))]
    names = [f"{name} backbone=alternating" for name in taken["adaptation"]]
    return taken.assign(backbone=" and ".join(backbones), alternating=True, label=names)


def decisions(results: Results) -> list[Ensemble]:
    """Over the tasks of a family, from `told_apart`; the replicates are the seeds that have every task.

    A sample drawn by the seed ('own') holds the same persons for all tasks of a family: their data is shared.
    """
    ensembles = []
    there = results[(results["family"] != "") & results["data"].isin([OWN, DISJOINT])]
    for (family, *key), part in there.groupby(["family", *ABOUT]):
        tasks = tuple(sorted(part["task"].unique()))
        seeds = [_sorted(rows, "task") for _, rows in part.groupby(["arm_seed", "seed"])]
        seeds = [rows for rows in seeds if len(rows) == len(tasks)]
        if len(tasks) > 1 and seeds:
            about = dict(zip(ABOUT, key, strict=True))
            about["data"] = SHARED if about["data"] == OWN else about["data"]
            names = tuple(f"seed {rows['seed'].iloc[0]}" for rows in seeds)
            failures = np.stack([np.stack(rows.each("failed")) for rows in seeds])
            people, groups = (part.each(name)[0] for name in ("people", "groups"))
            of = Ensemble(DECISIONS, family, failures, names, tasks, about, people=people, groups=groups or {})
            ensembles.append(of)
    return ensembles


def _sorted(rows: Results, column: str) -> Results:
    return rows.with_rows(rows.frame.sort_values(column))


def deployers(results: Results, array: str = "failed") -> list[Ensemble]:
    """Over the seeds of one task: each is a deployer, with shared or with disjoint training examples."""
    there = results[results["data"].isin([SHARED, DISJOINT])]
    groups = [(key, _sorted(part, "seed")) for key, part in there.groupby(["task", *ABOUT])]
    return [_of_deployers(task, about, [rows], array) for (task, *about), rows in groups if len(rows) > 1]


def mixed(results: Results) -> list[Ensemble]:
    """Over the seeds of one task where every deployer adapts the backbone in a way of its own.

    Which one takes which goes round, a replicate each; adaptations that lack a deployer are left out, and there is no
    ensemble where the others are fewer than the deployers.
    """
    ensembles = []
    there = results[results["data"].isin([SHARED, DISJOINT])]
    for (task, backbone, data), part in there.groupby(["task", "backbone", "data"]):
        seeds = sorted(part["seed"].unique())
        names = [name for name, rows in part.groupby("adaptation", sort=True) if len(rows) == len(seeds)]
        if 1 < len(seeds) <= len(names):
            by_name = part.frame.set_index(["adaptation", "seed"], drop=False)
            rounds = [[names[(turn + i) % len(names)] for i in range(len(seeds))] for turn in range(len(names))]
            rows = [part.with_rows(by_name.loc[list(zip(taken, seeds, strict=True))]) for taken in rounds]
            ensembles.append(_of_deployers(task, (backbone, MIXED, data, False, MIXED), rows))
    return ensembles


def _of_deployers(task: str, about: Sequence[Any], replicates: list[Results], array: str = "failed") -> Ensemble:
    first = replicates[0]
    return Ensemble(
        DEPLOYERS,
        task,
        np.stack([np.stack(rows.each(array)) for rows in replicates]),
        tuple(f"seed {seed}" for seed in first["seed"]),
        (task,),
        dict(zip(ABOUT, about, strict=True)),
        people=first.each("people")[0],
        labels=first.each("labels")[0],
        probabilities=np.stack([np.stack(rows.each("probabilities")) for rows in replicates]),
        attributes={"adaptation": np.stack([rows["adaptation"].to_numpy() for rows in replicates])},
    )


def _persons(people: np.ndarray, examples: np.ndarray) -> Any:
    """By what the answers of two tasks are joined: the person, and where one has several examples the example, too."""
    return people if len(set(people)) == len(people) else pd.MultiIndex.from_arrays([people, examples])


def _joined(people: Sequence[np.ndarray], examples: Sequence[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(persons (n,) of whom every task asks, places (tasks, n) of their answers), from the ids of each task."""
    indices = [_persons(*ids) for ids in zip(people, examples, strict=True)]
    places = [pd.Series(np.arange(len(index)), index=index) for index in indices]
    shared = pd.concat(places, axis=1, join="inner")
    return shared.index.get_level_values(0).to_numpy(), shared.to_numpy().T


def about_same_people(results: Results, dose: float = 1.0) -> Iterator[tuple[dict[str, Any], Ensemble]]:
    """(its row's names, decisions under an exposure) by condition, adaptation, family and arm kind.

    A model fails a person when its prediction under the condition is wrong. Backbone seeds are pooled, a person drawn
    with all of them. Persons whom the exposure does not apply to are left out.
    """
    asked = np.array([answers is not None for answers in results.each("exposed_correct")], dtype=bool)
    there = results[(results["family"] != "") & asked]
    there = there[(there["dose"] == dose) | (there["kind"] == "clean")]
    keys, known = [*GROUP, "family", "kind"], {}
    for key, part in there.groupby(keys):
        tasks, right, pooled = tuple(part["task"].unique()), [], []
        for _, rows in part.groupby(["arm_seed", "seed"]):
            ids = [*rows.each("people"), *rows.each("examples")]
            if len(ids) == 2 * len(tasks):
                which = tuple(map(id, ids))  # the arrays stay in `results`: all models of a task share theirs
                if which not in known:
                    known[which] = _joined(ids[: len(tasks)], ids[len(tasks) :])
                people, places = known[which]
                answers = np.stack([a[at] for a, at in zip(rows.each("exposed_correct"), places, strict=True)])
                answered = ~np.isnan(answers).any(0)
                right.append(answers[:, answered])
                pooled.append(people[answered])
        if len(tasks) > 1 and sum(map(len, pooled)):
            names = dict(zip(keys, key, strict=True)) | {"dose": part["dose"].iloc[0]}
            failures = np.concatenate(right, axis=1)[None] == 0
            names["seeds"] = part["arm_seed"].nunique()
            people = np.concatenate(pooled)
            yield names, Ensemble(DECISIONS, names["family"], failures, ("all seeds",), tasks, people=people)
