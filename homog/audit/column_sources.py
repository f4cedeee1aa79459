"""Files and frames as columns that are read one at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from homog.analysis import Frame
from homog.audit.choices import CHOICES, AuditError
from homog.wording import line, some

MISSING = ("", "NaN", "nan", "NA", "null")  # in CSV
PROBABILITY = "probability_"


@dataclass(frozen=True)
class Source:
    """A table of predictions; `read(column)` gives its chunks, Arrow arrays of the same cuts for every column.

    `missing`: words that stand for nothing in it, unless they are a class.
    """

    name: str
    columns: tuple[str, ...]
    rows: int
    read: Callable[[str], Iterable[Any]]
    missing: tuple[str, ...] = ()


def source(path: Path) -> Source:
    """A file as a source, by its extension. Raises AuditError, naming the file, for one that is no table."""
    if path.suffix not in READERS:
        raise AuditError(f"{path}: unknown kind of file '{path.suffix}'; valid: {', '.join(READERS)}")
    if not path.is_file():
        raise AuditError(f"{path}: there is no such file")
    try:
        table = READERS[path.suffix](path)
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise _no_table(path, error) from error
    return checked(table)


def _no_table(path: Path, error: Exception) -> AuditError:
    return AuditError(f"{path}: not a table ({line(error)})")


def checked(table: Source) -> Source:
    """The source, if it has rows and its columns have different names."""
    twice = [name for i, name in enumerate(table.columns) if name in table.columns[:i]]
    if twice:
        raise AuditError(f"{table.name}: column {twice[0]} is there twice")
    if not table.rows or not table.columns:
        raise AuditError(f"{table.name}: the table has no rows")
    return table


def _parquet(path: Path) -> Source:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as plain:
        schema = plain.schema_arrow
        text = [
            field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
        ]
        rows, groups, metadata = plain.metadata.num_rows, plain.num_row_groups, plain.metadata

    def read(column: str) -> Iterable[Any]:
        try:
            with pq.ParquetFile(path, metadata=metadata, read_dictionary=text) as file:
                for group in range(groups):
                    table = file.read_row_group(group, columns=[column])
                    # by name: asked for "gpt-3", Parquet also gives "gpt-3.5"
                    yield from table.column(table.schema.get_field_index(column)).chunks
        except (pa.ArrowException, OSError) as error:  # a page is decoded only now
            raise _no_table(path, error) from error

    return Source(str(path), tuple(schema.names), rows, read)


def _csv(path: Path) -> Source:
    from pyarrow import csv

    blocks, cells = csv.ReadOptions(block_size=2**24), csv.ParseOptions(newlines_in_values=True)
    with csv.open_csv(path, blocks, cells) as file:
        names = file.schema.names
    text = pa.dictionary(pa.int32(), pa.string())
    kinds = {name: pa.float64() if name.startswith(PROBABILITY) else text for name in names}
    options = csv.ConvertOptions(column_types=kinds, null_values=MISSING)  # of numbers: a class may be called NA
    table = csv.read_csv(path, blocks, cells, options)
    return replace(_table(str(path), table), missing=MISSING)


def _json_lines(path: Path) -> Source:
    from pyarrow import json

    blocks = json.ReadOptions(block_size=2**24)
    table = json.read_json(path, blocks)
    dates = [field.name for field in table.schema if pa.types.is_temporal(field.type)]
    if dates:  # text that looks like a date is text
        schema = pa.schema([(name, pa.string()) for name in dates])
        table = json.read_json(path, blocks, json.ParseOptions(explicit_schema=schema))
    return _table(str(path), table)


READERS = {".csv": _csv, ".jsonl": _json_lines, ".ndjson": _json_lines, ".parquet": _parquet}


def _table(name: str, table: Any) -> Source:
    return Source(name, tuple(table.schema.names), table.num_rows, lambda column: table.column(column).chunks)


def of_frame(frame: Frame, name: str = "the frame") -> Source:
    """A pandas DataFrame as a source; its index is not a column."""
    places = {str(column): place for place, column in enumerate(frame.columns)}

    def read(column: str) -> Iterable[Any]:
        values = frame.iloc[:, places[column]]
        try:
            array = pa.array(values, from_pandas=True)
        except (pa.ArrowInvalid, pa.ArrowTypeError):  # numbers and text in one column
            array = pa.array([None if gone else str(value) for value, gone in zip(values, values.isna(), strict=True)])
        return array.chunks if isinstance(array, pa.ChunkedArray) else [array]

    return checked(Source(name, tuple(str(column) for column in frame.columns), len(frame), read))


def as_long(wide: Source, models: Sequence[str], kept: Sequence[str]) -> Source:
    """A wide source, one column per model, as the long one with the same predictions; `kept`: its other columns."""

    def whole(column: str) -> Any:
        chunks = pa.chunked_array(list(wide.read(column)))
        return pa.concat_arrays(chunks.unify_dictionaries().chunks)

    def read(column: str) -> Iterable[Any]:
        if column == "prediction":
            yield from (whole(model) for model in models)
        elif column == "model":
            places = pa.array(np.zeros(wide.rows, dtype=np.int8))
            yield from (pa.DictionaryArray.from_arrays(places, pa.array([model])) for model in models)
        else:
            values = whole(column)
            yield from (values for _ in models)

    return Source(wide.name, ("model", "prediction", *kept), wide.rows * len(models), read, wide.missing)


def missing_column(table: Source, needed: Sequence[str]) -> str:
    """The message for a source that lacks some of the `needed` columns."""
    absent = [name for name in needed if name not in table.columns]
    return (
        f"{table.name}: no column {' or '.join(absent)} (it has {some(table.columns, CHOICES)}); valid: model, "
        "example, label, prediction, or in the wide form example, label and a column per model"
    )
