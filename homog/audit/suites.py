"""Result files of other evaluation suites, recognised by what is in them, as tables of predictions.

lm-evaluation-harness (samples_*.jsonl of --log_samples), HELM (a run's folder), Inspect (.eval, .json), LightEval
(details_*.parquet), Every Eval Ever (instance-level .jsonl), and tables that know of each answer only whether it is
right. `suite_files` reads them.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from homog.audit import suite_files
from homog.audit.choices import AuditError, note
from homog.audit.column_sources import Source, of_frame, source
from homog.audit.suite_files import Row, named

RIGHT = "right"


def sources(path: Path, notes: list[Row]) -> list[Source]:
    """What a file or a folder holds: tables of predictions, or result files of a suite. Adds to `notes`.

    Raises AuditError, naming the file, for what is neither, or cannot be read.
    """
    if path.is_dir():
        files = [found for found in sorted(_inside(path)) if kind_of(found)]
        if not files:
            raise AuditError(
                f"{path}: no result files in this folder; valid: of lm-evaluation-harness (--log_samples), HELM, "
                f"Inspect, LightEval or Every Eval Ever, or name tables: .csv, .jsonl, .parquet"
            )
        return [read for found in _newest(files, notes) for read in sources(found, notes)]
    kind = kind_of(path) if path.is_file() else None
    if kind is None:
        return [graded(source(path), notes)]
    try:
        rows = list(kind(path, notes))
    except (KeyError, TypeError, ValueError, AttributeError, IndexError, OSError) as error:
        if isinstance(error, AuditError):
            raise
        raise AuditError(f"{path}: not read as {kind.__name__}: {type(error).__name__} {error}") from error
    return [of_frame(pd.DataFrame(rows), str(path))] if rows else []


def kind_of(path: Path) -> Callable[[Path, list[Row]], Iterable[Row]] | None:
    """The reader of a file of a suite; None for any other."""
    if path.name == "run_spec.json":
        return suite_files.helm
    if path.suffix == ".eval":
        return suite_files.inspect
    if path.suffix == ".json":
        with path.open("rb") as file:
            head = file.read(4096)
        return suite_files.inspect if b'"eval"' in head and b'"version"' in head else None
    if path.suffix == ".jsonl":
        first = _first(path)
        if {"doc_id", "filtered_resps"} <= set(first):
            return suite_files.lm_eval
        return suite_files.every_eval_ever if {"sample_id", "evaluation", "input"} <= set(first) else None
    if path.suffix == ".parquet" and path.name.startswith("details_"):
        import pyarrow.parquet as pq

        return suite_files.lighteval if {"doc", "model_response", "metric"} <= set(pq.read_schema(path).names) else None
    return None


def _inside(folder: Path) -> Iterator[Path]:
    for suffix in ("jsonl", "json", "eval", "parquet"):
        yield from folder.rglob(f"*.{suffix}")


def _newest(files: Sequence[Path], notes: list[Row]) -> list[Path]:
    """The files without those of an earlier run of the same: alike in folder and name but for the time."""
    last: dict[tuple[Path, str], Path] = {}
    for path in files:
        last[path.parent, suite_files.STAMP.sub("", path.stem)] = path  # sorted: later times come last
    for path in sorted({*files} - {*last.values()}):
        notes.append(note("ignored file", str(path), 1, "there is a later run of the same"))
    return list(last.values())


def _first(path: Path) -> Row:
    with path.open(encoding="utf-8", errors="replace") as file:
        try:
            row = json.loads(file.readline())
        except ValueError:
            return {}
    return row if isinstance(row, dict) else {}


def graded(table: Source, notes: list[Row]) -> Source:
    """A table as it is; one that says only what is right (columns model, example, correct) with answers made of it."""
    if not {"model", "example", "correct"} <= set(table.columns) or {"label", "prediction"} & set(table.columns):
        return table
    import pyarrow as pa

    given = pa.chunked_array(list(table.read("correct"))).to_pylist()
    known = {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False}
    odd = sorted({str(value) for value in given} - {value for value in map(str, given) if value.lower() in known})
    if odd:
        raise AuditError(f"{table.name}: column correct holds {named(odd[:3])}; valid: 1 and 0, or true and false")
    answers = pa.array([RIGHT if known[str(value).lower()] else suite_files.WRONG for value in given])
    notes.append(note("only correctness is known", table.name, len(given), "every wrong answer counts as the same one"))
    made = {"label": pa.array([RIGHT] * len(given)), "prediction": answers}
    columns = tuple(name for name in table.columns if name != "correct")

    def read(column: str) -> Iterable[Any]:
        return [made[column]] if column in made else [pa.chunked_array(list(table.read(column))).combine_chunks()]

    return Source(table.name, (*columns, *made), table.rows, read, table.missing)
