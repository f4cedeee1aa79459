"""Sources -> one long table of small integers: who predicted what for which example."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from pyarrow import compute

from homog.audit.choices import CHOICES, AuditError, Settings, note
from homog.audit.column_sources import PROBABILITY, Source, as_long, missing_column
from homog.audit.spelling import UNNAMED, alike, alike_examples, foreign, merged, no_answer, respelled
from homog.wording import counted, some

pc: Any = compute  # its functions are made at run time
LONG = ("model", "example", "label", "prediction")
KEYS = (*LONG, "task", "person")


@dataclass(frozen=True, eq=False)
class Column:
    """A column as `codes` (N,), indices into `names`, -1 where the value is missing."""

    codes: np.ndarray
    names: Any  # object array of str


@dataclass(frozen=True, eq=False)
class Rows:
    """One row per prediction. `columns`: KEYS that are there, and extra ones; label and prediction share names.

    `probability(name)` reads the column of a class, float32 (N,), NaN where it is missing; `options` names the classes
    that have one. `where(row)` says where a row comes from.
    """

    columns: dict[str, Column]
    options: tuple[str, ...]
    probability: Callable[[str], np.ndarray]
    where: Callable[[int], str]


def encoded(chunks: Iterable[Any], column: str = "") -> Column:
    """The values of Arrow arrays as text, numbered in natural order (1, 2, 10)."""
    names, parts = pa.array([], pa.string()), []
    last: Any = None
    dictionary: Any = None
    lookup = np.empty(0)
    for chunk in chunks:
        if chunk is last:
            parts.append(parts[-1])
            continue
        last = chunk
        coded = chunk if pa.types.is_dictionary(chunk.type) else _plain(chunk, column).dictionary_encode()
        if dictionary is None or not coded.dictionary.equals(dictionary):
            dictionary = coded.dictionary
            names, lookup = _numbered(_text(dictionary, column), names)
        parts.append(lookup[pc.fill_null(coded.indices.cast(pa.int32()), -1).to_numpy(zero_copy_only=False)])
    return _sorted(np.concatenate(parts), names.to_numpy(zero_copy_only=False).astype(object))


def column(sources: Sequence[Source], name: str, classes: Iterable[str] = ()) -> Column:
    """A column of all sources, as of `cleaned`."""
    return cleaned(encoded(_chunks(sources, name), name), sources, classes)


def cleaned(whole: Column, sources: Sequence[Source], classes: Iterable[str] = ()) -> Column:
    """An `encoded` column of all sources, missing where a source has none or a word that stands for nothing.

    `classes`: such words that are values here.
    """
    codes, names, start = whole.codes, whole.names, 0
    for source in sources:
        nothing = np.isin(names.astype(str), [word for word in source.missing if word not in classes])
        if nothing.any():
            part = slice(start, start + source.rows)
            codes[part] = np.where(np.append(nothing, False)[codes[part]], -1, codes[part])
        start += source.rows
    codes, names = merged(codes, names)
    there = np.zeros(len(names) + 1, dtype=bool)
    there[codes] = True
    if not there[:-1].all():
        lookup = np.append(np.cumsum(there[:-1]) - 1, -1).astype(codes.dtype)
        codes, names = lookup[codes], names[there[:-1]]
    return _sorted(codes, names)


def _numbered(values: Any, names: Any) -> tuple[Any, np.ndarray]:
    """`names` with those of `values` that are new, and the number of each value; then -1, for missing values."""
    place = pc.index_in(values, value_set=names, skip_nulls=True)
    if place.null_count:
        names = pa.concat_arrays([names, pc.unique(values.filter(place.is_null()).drop_null())])
        place = pc.fill_null(pc.index_in(values, value_set=names, skip_nulls=True), -1)
    kind = np.min_scalar_type(-max(2, len(names)))
    return names, np.append(place.to_numpy(zero_copy_only=False), -1).astype(kind)


def _plain(chunk: Any, column: str) -> Any:
    """Without NaN, which is a missing value; whole floats as integers."""
    kind = chunk.type
    if pa.types.is_nested(kind):
        raise AuditError(
            f"column {column} holds lists or objects; valid: text, numbers, or one {PROBABILITY}<class> each"
        )
    if not pa.types.is_floating(kind):
        return pa.nulls(len(chunk), pa.string()) if pa.types.is_null(kind) else chunk
    known = pc.if_else(pc.is_nan(chunk), pa.scalar(None, kind), chunk)
    whole = pc.all(pc.equal(pc.floor(known), known)).as_py()
    small = pc.max(pc.abs(known)).as_py()
    return known.cast(pa.int64()) if whole and (small or 0) < 2**53 else known


def _text(values: Any, column: str) -> Any:
    if pa.types.is_boolean(values.type):  # as Python and pandas write it
        return pc.if_else(values, "True", "False")
    return _plain(values, column).cast(pa.string())


def _sorted(codes: np.ndarray, names: np.ndarray) -> Column:
    numbers = len(names) and all(name.isdecimal() and len(name) < 18 for name in names.tolist())
    order = np.argsort(names.astype(np.int64) if numbers else names, kind="stable")
    if (np.diff(order) == 1).all():
        return Column(codes, names)
    rank = np.empty(len(names) + 1, dtype=codes.dtype)
    rank[order], rank[-1] = np.arange(len(names)), -1
    return Column(rank[codes], names[order])


def rows(sources: Sequence[Source], settings: Settings, notes: list) -> Rows:
    """The predictions of all sources; wide ones are made long. Adds to `notes` what is left out."""
    sources = [_without_index(source, notes) for source in sources]
    long = [_long(source, settings, notes) for source in sources]
    names = list(dict.fromkeys(name for source in long for name in source.columns if name not in settings.ignore))
    unknown = [name for name in settings.ignore if not any(name in source.columns for source in sources)]
    if unknown:
        raise AuditError(f"ignore: there is no column {some(unknown)}; valid: {some(names, CHOICES)}")
    notes += [note("ignored column", name, 1, "as asked") for name in settings.ignore]
    starts = np.cumsum([0, *(source.rows for source in long)])

    def where(row: int) -> str:
        place = int(np.searchsorted(starts, row, side="right")) - 1
        return f"{long[place].name} row {(row - starts[place]) % sources[place].rows + 1}"

    answers = {name: encoded(_chunks(long, name), name) for name in ("label", "prediction")}
    told = [set(answer.names.tolist()) for answer in answers.values()]
    classes = {word for source in long for word in source.missing if word} & told[0] & told[1]  # as NA may be
    others = [name for name in names if name not in answers and not name.startswith(PROBABILITY)]
    columns = {name: column(long, name) for name in others}
    columns |= _classes(*(cleaned(answer, long, classes) for answer in answers.values()))
    gaps = np.concatenate([np.full(source.rows, source is not raw) for source, raw in zip(long, sources, strict=True)])
    kept = _kept(columns, gaps, where)
    columns["prediction"] = _as_labels(columns, where, notes)
    options = tuple(name.removeprefix(PROBABILITY) for name in names if name.startswith(PROBABILITY))

    def probability(name: str) -> np.ndarray:
        return np.concatenate([_numbers(chunk, name) for chunk in _chunks(long, PROBABILITY + name)])[kept]

    if not isinstance(kept, slice):
        columns = {name: Column(column.codes[kept], column.names) for name, column in columns.items()}
        places = kept
        return Rows(columns, options, probability, lambda row: where(int(places[row])))
    return Rows(columns, options, probability, where)


def _as_labels(columns: dict[str, Column], where: Callable[[int], str], notes: list) -> Column:
    """The predictions in the spelling of the labels. AuditError for a model that never answers with a label."""
    labels, predictions = columns["label"], columns["prediction"]
    codes, said = respelled(labels.codes, predictions.codes, columns["model"], labels.names, where)
    foreign(labels.codes, codes, columns["model"], labels.names, where)
    ids = alike_examples(columns["example"].names.tolist())
    notes += [*said, *([ids] if ids else [])]
    return Column(codes, predictions.names)


def _chunks(sources: Sequence[Source], name: str) -> Iterable[Any]:
    parts = (source.read(name) if name in source.columns else [pa.nulls(source.rows)] for source in sources)
    return itertools.chain.from_iterable(parts)


def _numbers(chunk: Any, name: str) -> np.ndarray:
    if pa.types.is_dictionary(chunk.type):
        chunk = chunk.dictionary_decode()
    try:
        return chunk.cast(pa.float32(), safe=False).to_numpy(zero_copy_only=False).astype(np.float32)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise AuditError(f"column {PROBABILITY}{name} holds text; valid: numbers from 0 to 1") from error


def _classes(label: Column, prediction: Column) -> dict[str, Column]:
    """Both with the same names."""
    names = pa.chunked_array([pa.array(column.names, pa.string()) for column in (label, prediction)])
    both = encoded(names.chunks)
    kind = np.min_scalar_type(-max(2, len(both.names)))
    lookups = np.split(both.codes.astype(kind), [len(label.names)])
    joined = {}
    for key, column, lookup in zip(("label", "prediction"), (label, prediction), lookups, strict=True):
        joined[key] = Column(np.append(lookup, kind.type(-1))[column.codes], both.names)
    return joined


def _kept(columns: dict[str, Column], gaps: np.ndarray, where: Callable[[int], str]) -> Any:
    """The rows that hold a prediction, as an index; AuditError for a value that must not be missing.

    An empty cell of a wide table is a model that lacks the example.
    """
    absent = columns["prediction"].codes < 0
    for name in (name for name in KEYS if name in columns):
        gone = columns[name].codes < 0
        if name == "prediction":
            gone = gone & ~gaps
        if gone.any():
            first = where(int(gone.argmax()))
            raise AuditError(f"column {name}: {counted(int(gone.sum()), 'missing value')} (first: {first})")
    return np.flatnonzero(~absent) if absent.any() else slice(None)


def _without_index(source: Source, notes: list) -> Source:
    """The source without columns that have no name, as an index that pandas wrote."""
    kept = tuple(name for name in source.columns if not UNNAMED.match(name))
    if len(kept) < len(source.columns):
        gone = some([name or "without a name" for name in source.columns if name not in kept])
        notes.append(note("ignored column", gone, 1, "an index: it holds no predictions"))
    return replace(source, columns=kept)


def _long(source: Source, settings: Settings, notes: list) -> Source:
    """A source in the long form."""
    if "model" in source.columns or "prediction" in source.columns:
        if not set(LONG) <= set(source.columns):
            raise AuditError(missing_column(source, LONG))
        return source
    if not {"example", "label"} <= set(source.columns):
        raise AuditError(missing_column(source, ("example", "label")))
    extra = [name for name in source.columns if name not in (*KEYS, *settings.ignore)]
    if any(name.startswith(PROBABILITY) for name in extra):
        raise AuditError(
            f"{source.name}: {PROBABILITY}<class> columns need the long form (a column model, a row per prediction)"
        )
    groups = _groups(source, extra, settings, notes)
    kept = [name for name in source.columns if name in KEYS or name in groups]
    models = [name for name in extra if name not in groups]
    if not models:
        raise AuditError(f"{source.name}: no column of a model beside {some(kept)}")
    return as_long(source, models, kept)


def _groups(source: Source, extra: list[str], settings: Settings, notes: list) -> list[str]:
    """Which columns of a wide table are groups: those named, or those whose values are never labels."""
    if settings.groups is not None:
        unknown = [name for name in settings.groups if name not in extra]
        if unknown:
            raise AuditError(f"{source.name}: groups {some(unknown)}: no such column; valid: {some(extra, CHOICES)}")
        return list(settings.groups)
    labels = column([source], "label", [word for word in source.missing if word]).names.tolist()
    known, groups = set(map(alike, labels)), []
    for name in extra:
        values = column([source], name, labels).names.tolist()
        others = [value for value in values if alike(value) not in known]
        if values and len(others) == len(values):
            groups.append(name)
            notes.append(note("group column", name, len(values), "none of its values is a label"))
        elif odd := [value for value in others if not no_answer(value)]:
            held = some([value for value in values if value not in others])
            raise AuditError(
                f"{source.name}: column {name} holds labels ({held}) and other values ({some(odd)}): is it a model or "
                f"a group? name the group columns with --groups"
            )
    return groups
