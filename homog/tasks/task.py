"""Task: labelled examples with a fixed split into train and test, and how a task is made from raw rows."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from homog.seeding import generator

if TYPE_CHECKING:
    import pandas as pd

TRAIN_POOL, TEST_POOL = 4000, 2000  # enough for every preset, small enough to load in a second
LONGEST = 80  # words: nearly always within 128 word pieces, so that a trigger inserted anywhere is not cut off


@dataclass(frozen=True)
class Task:
    """A text classification task.

    `train` and `test` share no text, no person and no document. Their columns: `example` (str, stable id),
    `person` (str; the example's id where there are no persons), `text` (str), `label` (int, index of
    `label_names`), and one str column per group. Tasks of a `family` have the same persons in the same order.
    `unfavourable` is the label that a person would rather not get, where the task has one.
    """

    name: str
    family: str
    train: pd.DataFrame
    test: pd.DataFrame
    label_names: tuple[str, ...]
    unfavourable: int | None = None

    def sample(self, train: int, test: int, seed: int) -> Task:
        """Return the task with at most `train` and `test` examples.

        The training sample depends on `seed`; it may miss a rare label. The test sample does not depend on
        `seed`. Smaller samples are prefixes of larger ones. Tasks of one family get the same persons.
        """
        stream = self.family or self.name
        drawn = generator("sample", stream, "train", seed).permutation(len(self.train))[:train]
        fixed = generator("sample", stream, "test").permutation(len(self.test))[:test]
        return replace(
            self,
            train=self.train.iloc[drawn].reset_index(drop=True),
            test=self.test.iloc[fixed].reset_index(drop=True),
        )


def task(
    name: str,
    rows: Iterable[Mapping[str, Any]],
    label_names: Sequence[str],
    *,
    unit: str = "example",
    family: str = "",
    groups: Sequence[str] = (),
    unfavourable: str | None = None,
) -> Task:
    """Return the task of `rows`: mappings with example (its number or name in the source), text and label.

    `groups` names further keys that become columns. Texts are cleaned and of equal ones the first is kept.
    Rows with the same value of `unit` go to the same side of the split. `unfavourable` is one of `label_names`.
    """
    kept: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        text = clean(row["text"])
        kept.setdefault(text.casefold(), {**row, "text": text, "example": f"{family or name}-{row['example']}"})
    kept.pop("", None)
    train, test = _split(list(kept.values()), unit, family or name)
    bad = None if unfavourable is None else list(label_names).index(unfavourable)
    return Task(name, family, _frame(train, groups), _frame(test, groups), tuple(label_names), bad)


def clean(text: str) -> str:
    """Return `text` without HTML entities and repeated white space, cut to LONGEST words."""
    return " ".join(html.unescape(text).split()[:LONGEST])


def _split(rows: list[Mapping[str, Any]], unit: str, stream: str) -> tuple[list, list]:
    units = list(dict.fromkeys(row[unit] for row in rows))
    place = dict(zip(units, generator("split", stream).permutation(len(units)).tolist(), strict=True))
    rows = sorted(rows, key=lambda row: place[row[unit]])
    border = place[rows[min(TEST_POOL, len(rows) // 3)][unit]]
    test = [row for row in rows if place[row[unit]] < border]
    return rows[len(test) :][:TRAIN_POOL], test


def _frame(rows: list[Mapping[str, Any]], groups: Sequence[str]) -> pd.DataFrame:
    import pandas as pd  # late: it takes half a second, and a look at the configuration needs none of it

    columns = ["example", "person", "text", "label", *groups]
    return pd.DataFrame([{"person": row["example"], **row} for row in rows], columns=columns)
