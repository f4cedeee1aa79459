"""The only module that knows a path: records, injected weights, models and reports under one results folder."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from homog.config import ConfigError
from homog.files import replacing
from homog.records import packed
from homog.records.record import CLEAN, FORMAT, Record, RecordError, UnreadableError, check, schema
from homog.wording import line

STARTED = "started, and not finished: still being computed, or its process was killed"
BY_CONDITION = ("found", "samples", "targets")  # facts that an earlier study, with other exposures, may have added


def record_path(results: Path, cell: str) -> Path:
    """Where the record of a cell is kept."""
    return _records(results) / f"{cell}.parquet"


@functools.cache
def _records(results: Path) -> Path:
    return results / "runs" / "records"


def save(results: Path, record: Record) -> Path:
    """Write a record atomically: a reader sees the whole file or none. Raises ValueError for what is no prediction."""
    import pyarrow as pa

    check(record)
    import pyarrow.parquet as pq

    n, k = len(record.labels), len(record.conditions)
    groups = [
        json.dumps(dict(zip(record.groups, row, strict=True))) for row in zip(*record.groups.values(), strict=True)
    ]
    stacked = [row for name in record.conditions for row in record.probabilities[name].astype(np.float32)]
    columns = {
        "cell": [record.cell] * (n * k),
        "condition": np.repeat(np.array(record.conditions, dtype=object), n),
        "example": np.tile(record.examples.astype(object), k),
        "person": np.tile(record.people.astype(object), k),
        "label": np.tile(record.labels.astype(np.int32), k),
        "groups": (groups or ["{}"] * n) * k,
        "probabilities": stacked,
    }
    facts = json.dumps({"format": FORMAT, **record.provenance}, sort_keys=True)
    sealed = {"homog": facts, "sha256": hashlib.sha256(facts.encode()).hexdigest()}
    table = pa.table(columns, schema=schema().with_metadata(sealed))
    path = record_path(results, record.cell)
    with replacing(path) as temporary:
        pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)
    return path


def load(results: Path, cell: str) -> Record:
    """The record of a cell. Raises FileNotFoundError where there is none, RecordError where it cannot be trusted."""
    import pyarrow.parquet as pq

    path = record_path(results, cell)
    try:
        try:
            path.stat()  # pyarrow takes long to say that there is none
            table = pq.read_table(path, page_checksum_verification=True)
            part = packed.parts(table, [(len(table), table.schema.metadata)])[0]
        except FileNotFoundError:
            path, part = packed.part_of(results, cell)
        facts = json.loads(packed.sealed(part.said))
        if facts.pop("format") != FORMAT:
            raise ValueError("written in another format")
        record = _record(cell, facts, part.columns)
        check(record)
        return record
    except (FileNotFoundError, RecordError):
        raise
    except packed.wrong() as error:
        raise packed.refused(path, error) from error


def load_or_none(results: Path, cell: str) -> Record | None:
    """The record of a cell, or None where there is none that can be read."""
    try:
        return load(results, cell)
    except (FileNotFoundError, RecordError):
        return None


def failure_path(results: Path, cell: str) -> Path:
    """Where it is said why a cell failed when it was last tried."""
    return results / "runs" / "failures" / f"{cell}.json"


def save_failure(results: Path, cell: str, facts: Mapping[str, Any]) -> Path:
    """Keep why a cell failed: `reason` in a line, and whatever else there is to say. Returns where."""
    path = failure_path(results, cell)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(dict(facts)))  # plainly: a torn one is none
    return path


def failure(results: Path, cell: str) -> str:
    """Why a cell failed when it was last tried; '' where it did not."""
    try:
        return str(json.loads(failure_path(results, cell).read_text())["reason"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""


def clear_failure(results: Path, cell: str) -> None:
    """Forget that a cell failed: it is tried again, or has a record."""
    failure_path(results, cell).unlink(missing_ok=True)


def kept(results: Path) -> list[str]:
    """The ids of all cells that have a record, readable or not."""
    own = (path.stem for path in record_path(results, "any").parent.glob("*.parquet"))
    try:
        return sorted({*own, *packed.index(results)})
    except UnreadableError as error:
        raise ConfigError(f"{error}; the file is left as it is") from None


def pack(results: Path, arm: str, cells: Iterable[str]) -> None:
    """Put the records of an arm's cells, where there are some, into one file: `load` finds them there as well."""
    own = {cell: record_path(results, cell) for cell in cells}
    packed.pack(results, arm, {cell: path for cell, path in own.items() if path.exists()})


def written(results: Path, cells: Iterable[str]) -> dict[str, float]:
    """Cell -> when its record was written (seconds since the epoch), of the cells that have one, readable or not."""
    times, there = packed.written(results), {}
    for cell in cells:
        try:
            there[cell] = record_path(results, cell).stat().st_mtime
        except FileNotFoundError:
            there |= {cell: times[cell]} if cell in times else {}
    return there


def _record(cell: str, facts: dict[str, Any], columns: Mapping[str, np.ndarray]) -> Record:
    conditions, values = columns["condition"], columns["probabilities"]
    names = list(dict.fromkeys(conditions))
    if set(columns["cell"]) != {cell}:
        raise ValueError("it holds another cell")
    places = {name: conditions == name for name in names}
    first = places[names[0]]
    if len({int(place.sum()) for place in places.values()}) > 1 or CLEAN not in names:
        raise ValueError("conditions of different length")
    groups = [_group(text) for text in columns["groups"][first]]
    return Record(
        cell=cell,
        provenance=facts,
        examples=_ids(tuple(columns["example"][first])),
        people=_ids(tuple(columns["person"][first])),
        labels=columns["label"][first],
        groups={name: np.array([row[name] for row in groups], dtype=object) for name in groups[0]},
        probabilities={name: values[place] for name, place in places.items()},
    )


@functools.lru_cache(maxsize=4096)
def _group(text: str) -> dict[str, Any]:
    return json.loads(text)


@functools.lru_cache(maxsize=256)
def _ids(values: tuple[str, ...]) -> np.ndarray:
    """The array of these values: all models of a task share one."""
    return np.array(values, dtype=object)


def extended(results: Path, record: Record) -> Record:
    """`record` with the conditions that the cell's stored record holds besides.

    The clean predictions must be the stored ones, which proves that it is the same model; if they are not (another
    machine or version), the old conditions are left out, and that is said.
    """
    old = load_or_none(results, record.cell)
    if old is None:
        return record
    same = np.array_equal(old.examples, record.examples)
    if not same or not np.array_equal(old.probabilities[CLEAN], record.probabilities[CLEAN]):
        print(
            f"homog: cell {record.cell}: other clean predictions than its record; the record is replaced",
            flush=True,
        )
        return record
    known = {name: {**old.provenance.get(name, {}), **record.provenance.get(name, {})} for name in BY_CONDITION}
    kept = record.provenance | {name: facts for name, facts in known.items() if facts}
    return replace(record, provenance=kept, probabilities={**old.probabilities, **record.probabilities})


def conditions(results: Path, cell: str) -> tuple[str, ...]:
    """The conditions of a cell's record, which can be read or is byte for byte what was written. Raises as `load`."""
    told = () if record_path(results, cell).exists() else packed.conditions(results, cell)
    return told or load(results, cell).conditions


def held(results: Path, cell: str) -> tuple[str, ...]:
    """The conditions that a cell's record holds; () where it has none. A corrupt record is set aside and named.

    A corrupt one among others in the file of an arm is named and left: the record that is made anew counts, not it.
    """
    try:
        return conditions(results, cell)
    except FileNotFoundError:
        return ()
    except UnreadableError as error:
        raise ConfigError(f"{error}; the file is left as it is") from None
    except RecordError as error:
        path = record_path(results, cell)
        aside = "set aside as *.corrupt, " if path.exists() else ""
        print(f"homog: {error}; {aside}the cell is computed again", flush=True)
        with contextlib.suppress(FileNotFoundError):  # a worker beside this one was faster
            path.replace(path.with_suffix(".corrupt"))
        return ()


def finished(results: Path, cell: str, conditions: Iterable[str]) -> bool:
    """Whether a readable record of the cell holds all these conditions."""
    return set(conditions) <= set(held(results, cell))


def count(results: Path, cells: Iterable[str], before: Mapping[str, float]) -> int:
    """How many of the cells have another record than `before` (as of `written`); cheap, for progress.

    No time is compared with the clock: it may be set back.
    """
    return sum(time != before.get(cell) for cell, time in written(results, cells).items())


def weights_path(results: Path, injection: str) -> Path:
    """Where the weights that an injection changed are kept."""
    return results / "runs" / "injections" / f"{injection}.safetensors"


def save_weights(results: Path, injection: str, weights: Mapping[str, Any], facts: Mapping[str, Any]) -> None:
    """Write the changed weights of an injection atomically, with its facts and their own digest as metadata."""
    from safetensors.torch import save_file

    tensors = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    said = {"homog": json.dumps(facts), "sha256": _digest(tensors, json.dumps(facts))}
    with replacing(weights_path(results, injection)) as temporary:
        save_file(tensors, temporary, metadata=said)


def load_weights(results: Path, injection: str) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """(changed weights, facts) of an injection, or None where there is none that is what was written."""
    from safetensors import SafetensorError, safe_open

    path = weights_path(results, injection)
    try:
        with safe_open(path, framework="pt") as file:
            said = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if "sha256" in said and said["sha256"] != _digest(tensors, said["homog"]):
            raise ValueError("other content than was written")
        return tensors, json.loads(said["homog"])
    except FileNotFoundError:
        return None
    except (SafetensorError, ValueError, KeyError) as error:
        print(f"homog: {path}: {line(error)}; the injection is made again", flush=True)
        return None


def _digest(tensors: Mapping[str, Any], facts: str) -> str:
    from homog.backbones.weights import raw  # late: it needs torch

    digest = hashlib.sha256(facts.encode())
    for name in sorted(tensors):
        value = tensors[name]
        digest.update(f"{name}{tuple(value.shape)}{value.dtype}".encode())
        digest.update(raw(value))
    return digest.hexdigest()


def lock(results: Path, injection: str) -> Any:
    """A lock held while an injection is made, so that parallel runs make it once."""
    from filelock import FileLock

    path = weights_path(results, injection).with_suffix(".lock")
    path.parent.mkdir(parents=True, exist_ok=True)
    return FileLock(path)


def model_folder(results: Path, cell: str) -> Path:
    """Where the adapted model of a cell is kept, if it is."""
    return results / "runs" / "models" / cell


def model_kept(results: Path, cell: str, how: str) -> bool:
    """Whether the adapted model of a cell was saved in this way."""
    try:
        return json.loads((model_folder(results, cell) / "homog.json").read_text())["how"] == how
    except (OSError, ValueError, KeyError):
        return False


def report_folder(results: Path, study: str) -> Path:
    """Where the report of a study goes."""
    return results / study
