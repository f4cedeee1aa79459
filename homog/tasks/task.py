"""Task: labelled examples with a fixed split into train and test, and how a task is made from raw rows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

from homog.config import DISJOINT, OWN, ConfigError, Identified
from homog.inputs.corpora import clean
from homog.inputs.reader import content
from homog.seeding import generator

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

TRAIN_POOL, TEST_POOL = 4000, 2000  # enough for every preset, small enough to load in a second
HELD_OUT = "held out"  # the key of rows that the source itself puts into the test


@dataclass(frozen=True)
class Prompt:
    """A task in words, one answer and one phrase per label: what a model is told that learns nothing else of it.

    `question` stands under a text and ends so that an answer goes on, e.g. "The mood of this tweet is" with the answers
    "bad", "good". `phrases` say what a text of the class is about. Classes are told best by answers of one word piece.
    """

    question: str
    answers: tuple[str, ...]
    phrases: tuple[str, ...]


@dataclass(frozen=True)
class Task:
    """A classification task whose inputs are of one `modality`.

    `train` and `test` share no input, no person and no document. Their columns: `example` (str, stable id),
    `person` (str; the example's id where there are no persons), `input`, `label` (int, index of
    `label_names`), and one str column per group. Tasks of a `family` have the same persons in the same order.
    `unfavourable` is the label that a person would rather not get, where the task has one. `place`: its number in the
    family and how many tasks that has. `prompt`: the task in words, where it can be done without training.

    Where inputs are captions, `train` has a column `drawn`, the image that each asks for. Where a model makes something
    of inputs, `judge` maps that to probabilities (n, classes), which are the prediction: images (n, height, width, 3)
    that it draws, or n translations; these may have a column more, for none of the classes.
    """

    name: str
    family: str
    train: pd.DataFrame
    test: pd.DataFrame
    label_names: tuple[str, ...]
    unfavourable: int | None = None
    place: tuple[int, int] = (0, 1)
    prompt: Prompt | None = None
    modality: str = "text"
    judge: Callable[[Any], np.ndarray] | None = None

    def sample(self, train: int, test: int, seed: int, data: str = OWN) -> Task:
        """Return the task with at most `train` and `test` examples.

        The training sample depends on `seed` and `data` (see `Cell`); it may miss a rare label. The test sample depends
        on neither. Smaller samples are prefixes of larger ones, but for disjoint ones. Tasks of one family get the same
        persons, unless disjoint. Raises ConfigError where there are too few examples for disjoint samples.
        """
        stream = self.family or self.name
        if data == OWN:
            drawn = generator("sample", stream, "train", seed).permutation(len(self.train))[:train]
        else:
            part = seed * self.place[1] + self.place[0] if data == DISJOINT else 0
            drawn = self._part(generator("sample", stream, data).permutation(len(self.train)), part, train)
        fixed = generator("sample", stream, "test").permutation(len(self.test))[:test]
        return replace(
            self,
            train=self.train.iloc[drawn].reset_index(drop=True),
            test=self.test.iloc[fixed].reset_index(drop=True),
        )

    def _part(self, order: np.ndarray, part: int, train: int) -> np.ndarray:
        if (part + 1) * train > len(order) and part:
            seeds = len(order) // train // self.place[1]
            raise ConfigError(
                f"task {self.name} has {len(order)} training examples: {seeds} disjoint samples of {train} for each "
                f"task of its family; use fewer seeds or a smaller train size"
            )
        return order[part * train : (part + 1) * train]


class TaskKind(Identified, ABC):
    """What loads a task: derive a frozen dataclass with its settings from this class and define `load`."""

    name: str
    sources: ClassVar[tuple[str, ...]] = ()  # the pinned public files that it needs
    modality: ClassVar[str] = "text"
    prompt: Prompt | None = None  # the task in words, known before it is loaded

    def check(self) -> None:  # noqa: B027
        """Raise ConfigError, before any compute, for settings that give no task."""

    @abstractmethod
    def load(self) -> Task:
        """The task: the same examples each time."""


def task(
    name: str,
    rows: Iterable[Mapping[str, Any]],
    label_names: Sequence[str],
    *,
    unit: str = "example",
    family: str = "",
    groups: Sequence[str] = (),
    unfavourable: str | None = None,
    place: tuple[int, int] = (0, 1),
    prompt: Prompt | None = None,
    modality: str = "text",
    held_out: Iterable[Mapping[str, Any]] | None = None,
) -> Task:
    """Return the task of `rows`: mappings with example (its number or name in the source), input and label.

    `groups` names further keys that become columns. Texts are cleaned; of equal inputs the first is kept, and an empty
    text is left out. Rows with the same value of `unit` go to the same side of the split. `unfavourable` is one of
    `label_names`. `held_out` are the rows of the test, where the source has a split of its own: of inputs and units
    on both sides those of the test are kept.
    """
    kept: dict[bytes, Mapping[str, Any]] = {}
    for row in chain(({**row, HELD_OUT: True} for row in held_out or ()), rows):
        given = clean(row["input"]) if modality == "text" else row["input"]
        known_by = content(given.casefold() if modality == "text" else given)
        kept.setdefault(known_by, {**row, "input": given, "example": f"{family or name}-{row['example']}"})
    kept.pop(b"", None)
    parted = _split if held_out is None else _parted
    train, test = parted(list(kept.values()), unit, family or name)
    bad = None if unfavourable is None else list(label_names).index(unfavourable)
    frames = _frame(train, groups), _frame(test, groups)
    return Task(name, family, *frames, tuple(label_names), bad, place, prompt, modality)


def _split(rows: list[Mapping[str, Any]], unit: str, stream: str) -> tuple[list, list]:
    units = list(dict.fromkeys(row[unit] for row in rows))
    place = dict(zip(units, generator("split", stream).permutation(len(units)).tolist(), strict=True))
    rows = sorted(rows, key=lambda row: place[row[unit]])
    border = place[rows[min(TEST_POOL, len(rows) // 3)][unit]]
    test = [row for row in rows if place[row[unit]] < border]
    return rows[len(test) :][:TRAIN_POOL], test


def _parted(rows: list[Mapping[str, Any]], unit: str, stream: str) -> tuple[list, list]:
    """The source's own split; units of the test are in it alone."""
    rows = [rows[place] for place in generator("split", stream).permutation(len(rows))]
    test = [row for row in rows if row.get(HELD_OUT)]
    units = {row[unit] for row in test}
    return [row for row in rows if row[unit] not in units][:TRAIN_POOL], test[:TEST_POOL]


def _frame(rows: list[Mapping[str, Any]], groups: Sequence[str]) -> pd.DataFrame:
    import pandas as pd  # late: it takes half a second, and a look at the configuration needs none of it

    columns = ["example", "person", "input", "label", *groups]
    return pd.DataFrame([{"person": row["example"], **row} for row in rows], columns=columns)
