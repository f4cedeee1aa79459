"""Your own task from a table: a CSV, Parquet or JSON Lines file, a folder of the datasets library, or a hub id."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from homog.config import ConfigError, choose, content_id, fields_of, files_digest
from homog.tasks.task import Task, TaskKind, task
from homog.wording import line, some

if TYPE_CHECKING:
    import pandas as pd

LEAST = 24  # rows: the smallest samples, 8 to train on and 8 to predict, out of a third of the rows
MOST = 100  # classes
NOT_STATED = "not stated"  # the group of whom the table says nothing


@dataclass(frozen=True)
class Table(TaskKind):
    """The rows of `path`, a text in the column `input` and a class in the column `label`.

    Labels are words or whole numbers. `person`: the column that names persons, who are never on both sides of the
    split. `groups`: columns of groups. `test`: a second file, or the name of a split, with the rows to predict; without
    it a third of the rows. `split` and `config` are for datasets, `revision` for a hub id. Of equal texts the first is
    kept, those of the test before all. The task's id is made from the content of its files.
    """

    name: str
    path: str
    input: str = "text"
    label: str = "label"
    person: str = ""
    groups: tuple[str, ...] = ()
    unfavourable: str | None = None
    test: str = ""
    split: str = "train"
    config: str = ""
    revision: str = "main"

    def identity(self) -> dict[str, Any]:
        """The fields, and the content of the files in place of where they are."""
        if not (where := Path(self.path)).exists():
            return fields_of(self)
        beside = Path(self.test)
        fields = fields_of(self, leave_out=("path", "revision")) | {"content": files_digest(where)}
        return fields | ({"test": files_digest(beside)} if self.test and beside.is_file() else {})

    def check(self) -> None:
        """Raise ConfigError, before any compute, for what is no task of classification; it names the rows."""
        self.load()

    def load(self) -> Task:
        """The task, read once a process. Raises ConfigError in one line that names rows and what to do."""
        return _task_of(self, content_id(self))

    def read(self) -> Task:
        """As `load`, from the files as they are now."""
        if self.path == "???":
            raise ConfigError(f"task {self.name} has no table: task.path=<file, folder of datasets or hub id>")
        rows, names = self._read(self.path, self.split, "path")
        held_out = self._read(self.test, self.test, "test")[0] if self.test else None
        frames = [rows] if held_out is None else [rows, held_out]
        labels = [self._labels(frame, names) for frame in frames]
        classes = _classes([label for part in labels for label in part], names, self._said("label"))
        given = [self._rows(frame, part, place) for place, (frame, part) in enumerate(zip(frames, labels, strict=True))]
        if self.unfavourable is not None:
            choose(self.unfavourable, classes, "class for task.unfavourable")
        for row in (row for part in given for row in part):
            row["label"] = classes.index(row["label"])
        columns = {"groups": self.groups, "unfavourable": self.unfavourable}
        unit = "person" if self.person else "example"
        made = task(self.name, given[0], classes, unit=unit, held_out=given[1] if self.test else None, **columns)
        self._usable(made)
        return made

    def _said(self, field: str) -> str:
        return f"task.{field}={getattr(self, field)}"

    def _read(self, place: str, split: str, field: str) -> tuple[pd.DataFrame, list[str]]:
        """(rows, names of classes where the source states them)."""
        path, said = Path(place), self._said(field)
        columns = [self.input, self.label, *([self.person] if self.person else []), *self.groups]
        if path.is_file() or path.suffix in READERS:
            rows, names = _file(path, said), []
        else:
            rows, names = _dataset(self.path, self.config, split, self.revision, self.label, said)
        missing = [name for name in columns if name not in rows.columns]
        if missing:
            choose(missing[0], map(str, rows.columns), f"column of {said}")
        return rows.reset_index(drop=True), names

    def _labels(self, rows: pd.DataFrame, names: Sequence[str]) -> list[str]:
        values, said = rows[self.label].tolist(), f"column {self.label} of {self._said('path')}"
        _refuse(values, said, _absent, "has no label: label or leave it out")
        what = "holds several labels: homog's tasks have one class per example; choose one, or make a task of each"
        _refuse(values, said, lambda v: isinstance(v, (list, tuple, dict)) or np.ndim(v), what)
        _refuse(values, said, lambda v: isinstance(v, str) and v.strip()[:1] == "[" and v.strip()[-1:] == "]", what)
        what = "is a number with decimals: homog's tasks are classification, so cut it into classes"
        numbers = [_number(value) for value in values]
        if all(number is not None for number in numbers):
            _refuse(values, said, lambda v: _number(v) % 1 != 0, what)
            what = "is below 0, which data sets write where a label is not known: leave these rows out"
            _refuse(values, said, lambda v: _number(v) < 0, what)
            whole = [int(number) for number in numbers]  # pyright: ignore[reportArgumentType]
            if names:
                _refuse(values, said, lambda v: _number(v) >= len(names), f"is not among the {len(names)} classes")
                return [names[number] for number in whole]
            return [str(number) for number in whole]
        return [str(value).strip() for value in values]

    def _rows(self, frame: pd.DataFrame, labels: Sequence[str], place: int) -> list[dict[str, Any]]:
        texts, said = frame[self.input].tolist(), f"column {self.input} of {self._said('test' if place else 'path')}"
        _refuse(texts, said, _absent, "has no text: leave it out")
        _refuse(texts, said, lambda v: not isinstance(v, str), "is no text: join tokens to a sentence, or name another")
        rows: list[dict[str, Any]] = [
            {"example": f"{'test-' * place}{number}", "input": text, "label": label}
            for number, (text, label) in enumerate(zip(texts, labels, strict=True))
        ]
        if self.person:
            people = frame[self.person].tolist()
            _refuse(people, f"column {self.person} of {self._said('path')}", _absent, "names no person")
            rows = [{**row, "person": str(person)} for row, person in zip(rows, people, strict=True)]
        for name in self.groups:
            values = [NOT_STATED if _absent(value) else str(value) for value in frame[name].tolist()]
            rows = [{**row, name: value} for row, value in zip(rows, values, strict=True)]
        return rows

    def _usable(self, made: Task) -> None:
        """Raise ConfigError where what is left after equal texts were dropped is too little."""
        for part, frame, least in (("train", made.train, LEAST * 2 // 3), ("test", made.test, LEAST // 3)):
            if len(frame) < least:
                raise ConfigError(
                    f"{self._said('path')}: {len(frame)} different texts to {part} on, at least {least} are needed"
                )
        absent = sorted(set(range(len(made.label_names))) - set(made.train["label"]))
        if absent:
            name = made.label_names[absent[0]]
            raise ConfigError(
                f"{self._said('path')}: no training example has the class {name!r}; add some, or leave out its rows"
            )


@functools.lru_cache(maxsize=16)
def _task_of(table: Table, content: str) -> Task:
    """The task of a table whose files hold this content; each job of a sweep checks it, and then takes it."""
    return table.read()


def _absent(value: Any) -> bool:
    from pandas import isna
    from pandas.api.types import is_scalar

    return isinstance(value, str) and not value.strip() or is_scalar(value) and bool(isna(value))


def _number(value: Any) -> Any:
    """A label as a number, or None for one that is a word."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if abs(number) < 2**53 else None


def _refuse(values: Sequence[Any], said: str, wrong: Callable[[Any], Any], what: str) -> None:
    """Raise ConfigError naming the rows, counted from 1, of values that are `wrong`."""
    rows = [row for row, value in enumerate(values, 1) if wrong(value)]
    if rows:
        named = some([str(row) for row in rows], 3)
        raise ConfigError(f"{said}: row {named} {what}" if len(rows) == 1 else f"{said}: each of rows {named} {what}")


def _classes(labels: Sequence[str], stated: Sequence[str], said: str) -> list[str]:
    """The classes in the order that the source states; without one, numbers by size and words by the alphabet."""
    names = [name for name in stated if name in set(labels)] or sorted(
        set(labels), key=lambda name: (_number(name) is None, _number(name) or 0, name)
    )
    alike: dict[str, str] = {}
    for name in names:
        other = alike.setdefault(name.casefold(), name)
        if other != name:
            raise ConfigError(f"{said}: {other!r} and {name!r} differ in spelling alone; write one class in one way")
    if len(names) < 2:
        raise ConfigError(f"{said}: every row has the class {names[0] if names else ''!r}; a task needs two classes")
    if len(names) > MOST or len(names) > len(labels) / 4:
        few = f"{len(names)} classes in {len(labels)} rows"
        raise ConfigError(f"{said}: {few}; valid: at most {MOST}, and 4 rows of each in the mean. Is it the right one?")
    return names


def _file(path: Path, said: str) -> pd.DataFrame:
    """A file as rows; in CSV every cell is text, so that 'NA' is a word."""
    import pyarrow as pa

    if path.suffix not in READERS:
        raise ConfigError(f"{said}: unknown kind of file '{path.suffix}'; valid: {', '.join(READERS)}")
    if not path.is_file():
        raise ConfigError(f"{said}: there is no such file")
    try:
        return READERS[path.suffix](path)
    except (ValueError, OSError, pa.ArrowException) as error:  # pandas' ParserError is a ValueError
        raise ConfigError(f"{said}: not a table ({line(error)})") from error


def _csv(path: Path) -> pd.DataFrame:
    import pandas as pd

    separator = "\t" if path.suffix == ".tsv" else ","
    return pd.read_csv(path, sep=separator, dtype=str, keep_default_na=False, encoding="utf-8-sig")


def _parquet(path: Path) -> pd.DataFrame:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:  # what pandas wrote of an index and of types may be damaged, and is not needed
        return file.read().to_pandas(ignore_metadata=True)


def _json_lines(path: Path) -> pd.DataFrame:
    import pandas as pd

    return pd.read_json(path, lines=True, dtype=cast(Any, False), encoding="utf-8-sig")


READERS: Mapping[str, Callable[[Path], Any]] = {
    ".csv": _csv,
    ".tsv": _csv,
    ".parquet": _parquet,
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
}


def _dataset(
    path: str, config: str, split: str, revision: str, label: str, said: str
) -> tuple[pd.DataFrame, list[str]]:
    """(a split of a dataset as rows, the names of its classes where it states them)."""
    import datasets

    datasets.disable_progress_bars()
    try:
        if Path(path).is_dir():
            whole: Any = datasets.load_from_disk(path)
        else:
            whole = datasets.load_dataset(path, config or None, revision=revision)
    except (OSError, ValueError, RuntimeError) as error:  # what datasets raises for what it cannot find or read
        raise ConfigError(
            f"{said}: not a file, a folder of datasets or a hub id that is reached ({line(error)})"
        ) from error
    chosen = whole[choose(split, whole, f"split of {said}")] if isinstance(whole, dict) else whole
    names = getattr(chosen.features.get(label), "names", None) or []
    return chosen.to_pandas(), list(names)
