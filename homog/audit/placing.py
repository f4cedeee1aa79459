"""Where each row of the long table goes: model x example of one task; which columns are groups, which attributes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from homog.audit.choices import BASES, AuditError, note
from homog.audit.columns import KEYS, Column, Rows
from homog.wording import some

SHARED = "every model shares it, so nothing here is a control for it"
_BLOCK = 8_000_000  # rows looked at together: bounds the memory of index arithmetic


@dataclass(frozen=True, eq=False)
class Grid:
    """Where the rows of one task go: `chosen` rows, the cell `model * n + example` of each, sizes, names."""

    rows: Rows
    task: str
    chosen: Any  # index into the rows
    model: np.ndarray
    example: np.ndarray
    models: Any  # (k,) codes of those of the task
    examples: Any  # (n,)

    @property
    def shape(self) -> tuple[int, int]:
        """(k, n)."""
        return len(self.models), len(self.examples)

    def blocks(self) -> Iterator[tuple[slice, np.ndarray]]:
        """(rows, their cells) piece by piece."""
        for start in range(0, len(self.model), _BLOCK):
            part = slice(start, start + _BLOCK)
            yield part, self.model[part].astype(np.int64) * len(self.examples) + self.example[part]

    def values(self, name: str) -> np.ndarray:
        """The codes of a column for the rows of the task."""
        return self.rows.columns[name].codes[self.chosen]

    @property
    def prefix(self) -> str:
        """'task x: ', where there are tasks."""
        return f"task {self.task}: " if self.task else ""

    @property
    def suffix(self) -> str:
        """', task x', where there are tasks."""
        return f", task {self.task}" if self.task else ""

    def said(self, cell: int) -> str:
        """'model a, example e3'."""
        model, example = divmod(int(cell), len(self.examples))
        names = [self.rows.columns[name].names for name in ("model", "example")]
        return f"model {names[0][self.models[model]]}, example {names[1][self.examples[example]]}{self.suffix}"


def kinds(rows: Rows, notes: list) -> tuple[list[str], list[str]]:
    """(group columns, attributes of models) among the extra columns, told apart by what they are constant within."""
    unit, size = _units(rows)
    if "person" in rows.columns and (bad := conflict(rows.columns["person"], unit, size)) >= 0:
        raise AuditError(f"person is not the same in all rows of an example (first: {rows.where(bad)})")
    columns: dict[str, list[str]] = {"group": [], "attribute": []}
    for name, column in rows.columns.items():
        if name in KEYS:
            continue
        if len(column.names) < 2 and (column.codes == column.codes[0]).all():
            said = SHARED if name in BASES else "it compares nothing"
            value, models = some(column.names) or "missing", len(rows.columns["model"].names)
            notes.append(note("constant column", name, models, f"always {value}: {said}"))
        else:
            columns[_kind(rows, name, unit, size)].append(name)
    return columns["group"], columns["attribute"]


def _kind(rows: Rows, name: str, unit: np.ndarray, size: int) -> str:
    column, model, bad = rows.columns[name], rows.columns["model"], 0
    # a missing value is a value like any other; where that is neither, it is as in the other rows
    for strict in (True, False) if (column.codes < 0).any() else (False,):
        if (bad := conflict(column, unit, size, strict)) < 0:
            return "group"
        if conflict(column, model.codes, len(model.names), strict) < 0:
            return "attribute"
    raise AuditError(
        f"column {name} differs within models and within examples (first: {rows.where(bad)}); valid: one value for an "
        f"example (a group) or for a model (an attribute), or --ignore {name}"
    )


def _units(rows: Rows) -> tuple[np.ndarray, int]:
    """The code of each row's example, told apart by task, and how many codes there may be."""
    example = rows.columns["example"]
    if "task" not in rows.columns:
        return example.codes, len(example.names)
    task, size = rows.columns["task"], len(example.names)
    return task.codes.astype(np.int64) * size + example.codes, len(task.names) * size


def conflict(column: Column, keys: np.ndarray, size: int, strict: bool = False) -> int:
    """The first row with another value than its key's last row, -1 if there is none; `strict`: missing is a value."""
    codes = column.codes.astype(np.int64) + 1 if strict else column.codes
    return differing(codes, keys, per_key(codes, keys, size))


def per_key(values: np.ndarray, keys: np.ndarray, size: int) -> np.ndarray:
    """The last known value (not -1) of each key, -1 where there is none: (size,)."""
    values_of = np.full(size, -1, dtype=values.dtype)
    for start in range(0, len(values), _BLOCK):
        part = slice(start, start + _BLOCK)
        known = values[part] >= 0
        if known.all():
            values_of[keys[part]] = values[part]
        else:
            values_of[keys[part][known]] = values[part][known]
    return values_of


def differing(values: np.ndarray, keys: np.ndarray, expected: np.ndarray) -> int:
    """The first row whose value is known and another than `expected` for its key; -1 if there is none."""
    for start in range(0, len(values), _BLOCK):
        part = slice(start, start + _BLOCK)
        bad = (values[part] >= 0) & (expected[keys[part]] != values[part])
        if bad.any():
            return start + int(bad.argmax())
    return -1


def grid_of(rows: Rows, task: str, number: int) -> Grid:
    """The grid of a task, the `number`-th of the column task if there is one."""
    chosen = np.flatnonzero(rows.columns["task"].codes == number) if "task" in rows.columns else slice(None)
    model, models = _compact(rows.columns["model"], chosen)
    example, examples = _compact(rows.columns["example"], chosen)
    return Grid(rows, task, chosen, model, example, models, examples)


def _compact(column: Column, chosen: Any) -> tuple[np.ndarray, np.ndarray]:
    """Codes among the names that occur in the chosen rows, and those names' codes."""
    codes, size = column.codes[chosen], len(column.names)
    there = np.zeros(size, dtype=bool)
    there[codes] = True
    if there.all():
        return codes, np.arange(size)
    rank = (np.cumsum(there) - 1).astype(codes.dtype)
    return rank[codes], np.flatnonzero(there)
