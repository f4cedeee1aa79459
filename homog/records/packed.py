"""Records of an arm in one file: a cluster's file system does not take a file for each of a million models."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import itertools
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from homog.config import files_digest
from homog.files import replacing
from homog.records.record import RecordError, UnreadableError, schema
from homog.wording import line

WHICH = b"cells"  # of the file's metadata: the ids of its cells, in the order of its row groups
CONDITIONS = b"conditions"  # cell -> the conditions of its record
SEAL = ".sha256"  # the ending of the file beside it that holds the digest of its bytes
PROBABILITIES = "probabilities"
Facts = dict[bytes, bytes]  # the metadata of a record's own file


@dataclass(frozen=True)
class Part:
    """What a file holds of one record: its metadata, and its columns by name, probabilities (rows, classes)."""

    said: Facts
    columns: Mapping[str, np.ndarray]


@functools.cache
def folder(results: Path) -> Path:
    """Where the packs are, one an arm."""
    return results / "runs" / "arms"


def pack(results: Path, arm: str, own: dict[str, Path]) -> None:
    """Move records (cell -> its own file, of this arm) into the arm's file, which then holds what it held before, too.

    A row group a record, with the schema of a record's own file. The arm's file is replaced as a whole before any other
    goes: a reader finds each record in one place or the other. A record that cannot be trusted stays where it is.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq
    from filelock import FileLock

    path = folder(results) / f"{arm}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        tables = {cell: table for cell, table in _read(path, _cells(path)) if isinstance(table, pa.Table)}
        read: dict[str, os.stat_result] = {}
        for cell, file in own.items():
            with contextlib.suppress(OSError, pa.ArrowException, ValueError, KeyError, TypeError):
                stat, table = file.stat(), pq.read_table(file, page_checksum_verification=True)
                sealed(table.schema.metadata)
                tables[cell], read[cell] = table, stat
        if not read:
            return
        facts = {
            cell: {k.decode(): v.decode() for k, v in table.schema.metadata.items()} for cell, table in tables.items()
        }
        bare = next(iter(tables.values())).schema.remove_metadata()
        under = {cell: _names(table) for cell, table in tables.items()}
        known = {WHICH: list(tables), b"facts": facts, CONDITIONS: under}
        said = {name: json.dumps(value).encode() for name, value in known.items()}
        with replacing(path) as temporary:
            options: Any = {"compression": "zstd", "write_page_checksum": True}
            with pq.ParquetWriter(temporary, bare.with_metadata(said), **options) as writer:
                for table in tables.values():
                    writer.write_table(table.replace_schema_metadata(said), row_group_size=max(1, len(table)))
        with replacing(path.with_suffix(SEAL)) as seal:  # without it, or with an older one, the file is read
            seal.write_text(files_digest(path))
        for cell, stat in read.items():
            _drop(own[cell], stat)


def _drop(file: Path, stat: os.stat_result) -> None:
    """Delete a file that is still the one that was read."""
    with contextlib.suppress(FileNotFoundError):
        now = file.stat()
        if (now.st_ino, now.st_mtime_ns, now.st_size) == (stat.st_ino, stat.st_mtime_ns, stat.st_size):
            file.unlink()


def part_of(results: Path, cell: str) -> tuple[Path, Part]:
    """(the file that holds a cell's record, what it holds of it).

    Raises FileNotFoundError where no file does, RecordError where its part of the file cannot be trusted.
    """
    path = index(results).get(cell)
    if path is None:
        raise FileNotFoundError(cell)
    found = _groups(path).get(cell)
    if isinstance(found, Exception):
        raise found
    if found is None:  # replaced since
        raise FileNotFoundError(cell)
    return path, found


def conditions(results: Path, cell: str) -> tuple[str, ...]:
    """The conditions of a cell's record in the file of an arm, as told by one that is byte for byte what was written.

    () of another one, which may hold the record nevertheless.
    """
    path = index(results).get(cell)
    return tuple(path and _sealed_conditions(path).get(cell) or ())


def _names(table: Any) -> tuple[str, ...]:
    return tuple(table["condition"].unique().to_pylist())


def _sealed_conditions(path: Path) -> dict[str, list[str]]:
    return _stamped(_conditions_of, path) or {}


@functools.lru_cache(maxsize=100_000)
def _conditions_of(path: Path, *stamp: int) -> dict[str, list[str]]:
    """Cell -> its conditions, of a file whose digest is the one beside it; else nothing."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with contextlib.suppress(OSError, ValueError, KeyError, pa.ArrowException):
        if path.with_suffix(SEAL).read_text() == files_digest(path):
            return json.loads(pq.read_schema(path).metadata[CONDITIONS])
    return {}


def index(results: Path) -> dict[str, Path]:
    """Cell -> the file of an arm that holds its record."""
    try:
        changed = folder(results).stat().st_mtime_ns  # a file that takes the place of another one changes it
    except FileNotFoundError:
        return {}
    return _index_of(folder(results), changed)


@functools.lru_cache(maxsize=4)
def _index_of(where: Path, changed: int) -> dict[str, Path]:
    return {cell: path for path in sorted(where.glob("*.parquet")) for cell in _cells(path)}


def written(results: Path) -> dict[str, float]:
    """Cell -> when the file that holds its record was written (seconds since the epoch)."""
    times = {path: path.stat().st_mtime for path in _files(results)}
    return {cell: time for path, time in times.items() for cell in _cells(path)}


def _files(results: Path) -> list[Path]:
    return sorted(folder(results).glob("*.parquet"))


def _stamped(read: Callable[..., Any], path: Path) -> Any:
    """What `read` remembers of the file as it is now; None where there is none."""
    try:
        stat = path.stat()
    except FileNotFoundError:
        return None
    return read(path, stat.st_ino, stat.st_mtime_ns, stat.st_size)


def _cells(path: Path) -> tuple[str, ...]:
    return _stamped(_cells_of, path) or ()


@functools.lru_cache(maxsize=100_000)
def _cells_of(path: Path, *stamp: int) -> tuple[str, ...]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return tuple(map(str, json.loads(pq.read_schema(path).metadata[WHICH])))
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        said = refused(path, error)
    if isinstance(said, UnreadableError):
        raise said
    print(f"homog: {said}; its models are computed again", flush=True)
    return ()


def _groups(path: Path) -> dict[str, Any]:
    """Cell -> its part, or why it cannot be read; what was read last is remembered."""
    return _stamped(_groups_of, path) or {}


@functools.lru_cache(maxsize=2)
def _groups_of(path: Path, *stamp: int) -> dict[str, Any]:
    import pyarrow as pa

    found = dict(_read(path, _cells_of(path, *stamp)))
    tables = {cell: table for cell, table in found.items() if isinstance(table, pa.Table)}
    if len(tables) > 1:  # all at once, which is quick, where nothing is wrong with any
        with contextlib.suppress(*wrong()):
            return found | _cut(tables)
    for cell, table in tables.items():
        try:
            found |= _cut({cell: table})
        except wrong() as error:
            found[cell] = refused(path, error)
    return found


def _cut(tables: Mapping[str, Any]) -> dict[str, Part]:
    import pyarrow as pa

    sizes = [(len(table), table.schema.metadata) for table in tables.values()]
    return dict(zip(tables, parts(pa.concat_tables(tables.values()), sizes), strict=True))


def parts(table: Any, sizes: Sequence[tuple[int, Facts]]) -> list[Part]:
    """The records in a table, one after another; `sizes`: rows and metadata of each.

    Raises ValueError where it has other columns than records have.
    """
    if table.schema.remove_metadata() != schema():
        raise ValueError("written in another format")
    columns = {name: _plain(table[name].combine_chunks()) for name in table.column_names if name != PROBABILITIES}
    lists = table[PROBABILITIES].combine_chunks()
    numbers, ends = lists.flatten().to_numpy(zero_copy_only=False), lists.value_lengths().to_numpy().cumsum()
    out, start, first = [], 0, 0
    for size, said in sizes:
        stop, last = start + size, int(ends[start + size - 1]) if size else first
        own = {name: values[start:stop] for name, values in columns.items()}
        own[PROBABILITIES] = numbers[first:last].reshape(size, -1) if size else numbers[:0].reshape(0, 0)
        out.append(Part(said, own))
        start, first = stop, last
    return out


def _plain(values: Any) -> np.ndarray:
    """A column as numpy's; equal strings are one object."""
    import pyarrow as pa

    if not pa.types.is_string(values.type):
        return values.to_numpy(zero_copy_only=False)
    encoded = values.dictionary_encode()
    return encoded.dictionary.to_numpy(zero_copy_only=False)[encoded.indices.to_numpy(zero_copy_only=False)]


def _read(path: Path, cells: Iterable[str]) -> Iterator[tuple[str, Any]]:
    """Each cell with its table, as its own file would give it, or why it cannot be read."""
    import pyarrow.parquet as pq

    if not cells:
        return
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            facts = json.loads(file.schema_arrow.metadata[b"facts"])
            try:
                whole, sizes = file.read(), [file.metadata.row_group(i).num_rows for i in range(file.num_row_groups)]
            except wrong():  # a damaged part, which the others are read without
                whole, sizes = None, []
            starts = [0, *itertools.accumulate(sizes)]
            for place, cell in enumerate(cells):
                try:
                    said: Facts = {name.encode(): text.encode() for name, text in facts[cell].items()}
                    sealed(said)
                    part = file.read_row_group(place) if whole is None else whole.slice(starts[place], sizes[place])
                    found: Any = part.replace_schema_metadata(said)
                except wrong() as error:
                    found = refused(path, error)
                yield cell, found
    except wrong() as error:
        yield from ((cell, refused(path, error)) for cell in cells)


def sealed(said: Facts) -> bytes:
    """The facts in the metadata of a record. Raises ValueError where they are not those that were written."""
    seal = said.get(b"sha256")  # records of earlier versions have none
    if seal is not None and seal.decode() != hashlib.sha256(said[b"homog"]).hexdigest():
        raise ValueError("other facts than were written")
    return said[b"homog"]


@functools.cache
def wrong() -> tuple[type[Exception], ...]:
    """What reading a file raises that holds no record."""
    import pyarrow as pa

    return (pa.ArrowException, OSError, ValueError, KeyError, TypeError, AttributeError, IndexError)


def refused(path: Path, error: Exception) -> RecordError:
    """What is wrong with a file: that it cannot be read now (too many open files, say), or what is in it."""
    reason = line(error)
    if isinstance(error, OSError) and error.errno is not None:
        return UnreadableError(f"{path}: cannot be read now ({reason})")
    return RecordError(f"{path}: corrupt record ({reason})")
