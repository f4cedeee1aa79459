"""Inputs that nobody meant, a hundred thousand of them: the project's own errors or the right answer, and nothing else.

`make test-faults` runs it; the inputs are the same each time. FUZZ=10 draws ten times as many.
"""

import contextlib
import io
import json
import os
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from homog import command, records, variants
from homog.audit import audit
from homog.audit.choices import AuditError
from homog.audit.column_sources import source
from homog.audit.suites import sources
from homog.backbones import trunk
from homog.config import ConfigError, build, canonical, content_id, read_yaml
from homog.records import CLEAN, Record, RecordError
from homog.records.record import FORMAT
from homog.study import grid, kept
from homog.tasks.table import READERS, Table
from tests.audit import test_suites as written
from tests.audit.data import by_hand, wide
from tests.audit.test_suites import ABOUT, choice, eee, helm, samples

TIMES = float(os.environ.get("FUZZ", "1"))
CELL, INJECTION = "c0", "i0"


def drawn(examples):
    """Settings of a test over so many inputs, the same each time; none of them may take longer than 10 seconds."""
    return settings(
        max_examples=int(examples * TIMES),
        deadline=10_000,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
JSON = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)


@st.composite
def damage(draw):
    """What to do to a file: bytes changed, cut off, left out or added."""
    kind = draw(st.sampled_from(["change", "cut", "drop", "add"]))
    return kind, draw(st.floats(0, 1)), draw(st.binary(min_size=1, max_size=6))


def damaged(content: bytes, how) -> bytes:
    kind, share, new = how
    place = min(int(share * len(content)), len(content) - 1)
    after = {"change": place + len(new), "cut": len(content), "drop": place + len(new), "add": place}[kind]
    return content[:place] + (b"" if kind in ("cut", "drop") else new) + content[after:]


def write(frame, path):
    """The frame as a file of the kind that its name says."""
    if path.suffix in (".jsonl", ".ndjson"):
        frame.to_json(path, orient="records", lines=True)
    elif path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    else:
        frame.to_csv(path, sep="\t" if path.suffix == ".tsv" else ",", index=False)


def quietly(call, *arguments):
    with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
        return call(*arguments)


@pytest.fixture(scope="module")
def place():
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def record(**changes) -> Record:
    values = np.random.default_rng(0).dirichlet([1, 1, 1], 30).astype(np.float32)
    ids = np.array([f"e{i}" for i in range(30)], dtype=object)
    facts = {"task": "t", "dose": 1.0, "cell": {"task": {"name": "t"}}}
    parts = {"probabilities": {CLEAN: values, "x": values[::-1]}, "labels": np.arange(30) % 3, "provenance": facts}
    return Record(CELL, examples=ids, people=ids, groups={"g": ids}, **(parts | changes))


# --- what is read back ------------------------------------------------------------------------------------------------
@drawn(12_000)
@given(how=damage())
def test_a_damaged_record_is_refused_or_as_it_was(place, how):
    path, first = records.save(place, record()), record()
    path.write_bytes(damaged(path.read_bytes(), how))
    try:
        again = records.load(place, CELL)
    except RecordError:
        return
    assert again.provenance == first.provenance and again.labels.tolist() == first.labels.tolist()
    assert (
        again.examples.tolist() == first.examples.tolist() and again.groups["g"].tolist() == first.groups["g"].tolist()
    )
    assert all((again.probabilities[name] == first.probabilities[name]).all() for name in first.probabilities)


@drawn(4_000)
@given(how=damage())
def test_a_damaged_file_of_an_arm_costs_no_more_than_its_records(place, how):
    results, first = place / "packed", record()
    own = records.save(results, first)
    path = results / "runs" / "arms" / "a.parquet"
    path.unlink(missing_ok=True)
    records.pack(results, "a", [CELL])
    assert path.exists() and not own.exists()
    path.write_bytes(damaged(path.read_bytes(), how))
    try:
        again = quietly(records.load, results, CELL)
    except (RecordError, FileNotFoundError):
        assert not quietly(records.finished, results, CELL, [CLEAN])
        return
    assert again.provenance == first.provenance and again.labels.tolist() == first.labels.tolist()
    assert all((again.probabilities[name] == first.probabilities[name]).all() for name in first.probabilities)


@drawn(4_000)
@given(facts=JSON, groups=st.none() | JSON | st.text(max_size=5))
def test_a_record_of_other_facts_or_groups_is_refused_or_read(place, facts, groups):
    path = records.save(place, record())
    table = pq.read_table(path)
    said = facts if not isinstance(facts, dict) else {"format": FORMAT, **facts}
    table = table.replace_schema_metadata({b"homog": json.dumps(said).encode()})
    if groups is not None:
        text = groups if isinstance(groups, str) else json.dumps(groups)
        column = table.schema.get_field_index("groups")
        field = table.schema.field(column)
        table = table.set_column(column, field, [[text] * len(table)])
    pq.write_table(table, path)
    with contextlib.suppress(RecordError):
        list(kept.rows(records.load(place, CELL)))


@drawn(10_000)
@given(how=damage())
def test_a_damaged_injection_is_made_again_or_as_it_was(place, how):
    weights = {"a": torch.arange(12.0).reshape(3, 4), "b": torch.ones(2)}
    records.save_weights(place, INJECTION, weights, {"seconds": 1.5})
    path = place / "runs" / "injections" / f"{INJECTION}.safetensors"
    path.write_bytes(damaged(path.read_bytes(), how))
    again = quietly(records.load_weights, place, INJECTION)
    assert again is None or (again[1] == {"seconds": 1.5} and all((again[0][n] == weights[n]).all() for n in weights))


@drawn(10_000)
@given(how=damage())
def test_a_damaged_cache_is_computed_again(place, how, monkeypatch_module):
    values = np.arange(40, dtype=np.float32).reshape(8, 5)
    quietly(trunk.remembered, ["facts"], lambda: values)
    (path,) = trunk.folder().glob("*.npy")
    path.write_bytes(damaged(path.read_bytes(), how))
    assert (quietly(trunk.remembered, ["facts"], lambda: values) == values).all()


@pytest.fixture(scope="module")
def monkeypatch_module(place):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trunk, "folder", lambda: place / "trunk")
        (place / "trunk").mkdir(exist_ok=True)
        yield


# --- settings ---------------------------------------------------------------------------------------------------------
VARIANTS = [(group, name) for group in variants.REGISTRIES for name in variants.registry(group)]
FIELDS = {pair: sorted(read_yaml(variants.yaml_of(*pair))) for pair in VARIANTS}
FIELDS_OF_STUDY = read_yaml(variants.EXPERIMENTS / "tokens" / "study.yaml")
WORDS = st.sampled_from(["task", "name", "trec", "seed", "sham", "layers", "../x", "a/b", "=", "cf", "1e9", "-1"])


@drawn(25_000)
@given(pair=st.sampled_from(VARIANTS), key=WORDS | st.integers(0, 12), value=JSON | WORDS)
def test_a_setting_of_any_value_is_taken_or_refused(pair, key, value):
    names = FIELDS[pair]
    field = names[key % len(names)] if isinstance(key, int) else key
    try:
        values = read_yaml(variants.yaml_of(*pair)) | {field: value}
        built = build(variants.registry(pair[0])[pair[1]], values, pair[0])
        json.dumps(canonical(built))
        content_id(built)
    except ConfigError as error:
        assert "\n" not in str(error).strip()


@drawn(800)
@given(
    values=st.dictionaries(
        st.sampled_from(["title", "question", "hypothesis", "backbone", "exposures", "blocks"]), JSON
    )
)
def test_a_study_of_any_content_is_taken_or_refused(values):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(grid, "read_yaml", lambda path: {**FIELDS_OF_STUDY, **values})
        with contextlib.suppress(ConfigError):
            grid.load("tokens")


@drawn(20_000)
@given(
    words=st.lists(
        st.text(max_size=10) | st.sampled_from(["--with", "results=", "preset=x", "--level=2", "a=b=c"]), max_size=4
    )
)
def test_a_command_line_of_any_words_is_taken_or_refused(words):
    from homog.audit.__main__ import COMMAND

    with contextlib.suppress(ConfigError):
        command.parsed(COMMAND, words)


# --- tables -----------------------------------------------------------------------------------------------------------
CELLS = st.sampled_from(
    ["x", "y", "z", "X", "1", "1.0", "01", "yes", "Yes ", "NA", "nan", "", "=1", "a\x00b", "$x$", "é", "<b>"]
)


@st.composite
def tables(draw):
    """A table of predictions in which cells, names of columns and rows were changed."""
    frame = by_hand() if draw(st.booleans()) else wide(by_hand())
    frame = frame.astype(object)
    for _ in range(draw(st.integers(0, 4))):
        frame.iloc[draw(st.integers(0, len(frame) - 1)), draw(st.integers(0, frame.shape[1] - 1))] = draw(CELLS)
    if draw(st.booleans()):
        name = draw(st.sampled_from(list(frame.columns)))
        frame = frame.rename(columns={name: draw(CELLS)})
    keep = draw(st.integers(1, len(frame)))
    return frame.iloc[:keep]


@drawn(1_500)
@given(frame=tables())
def test_a_table_of_predictions_is_audited_or_refused(frame):
    try:
        audit(frame, resamples=20)
    except AuditError as error:
        assert "\n" not in str(error)


@drawn(4_000)
@given(how=damage(), kind=st.sampled_from(["csv", "parquet", "jsonl"]))
def test_a_damaged_file_of_predictions_is_read_or_refused(place, how, kind):
    path, frame = place / f"predictions.{kind}", by_hand()
    write(frame, path)
    path.write_bytes(damaged(path.read_bytes(), how))
    try:
        table = source(path)
        for column in table.columns:
            list(table.read(column))
    except AuditError as error:
        assert "\n" not in str(error)


def of_suites(folder):
    """A result file of each suite, name -> (path, its content)."""
    rows = [choice(i, i % 2, [-1.0, -2.0]) for i in range(3)]
    logs = {"version": 2, **ABOUT, "samples": samples()}
    files = [
        written.write(folder / "a" / "samples_boolq_2026-01-02T03-04-05.6.jsonl", *rows),
        written.write(folder / "b" / "log.json", logs),
        written.write(folder / "c" / "records.jsonl", *eee("m", [True, False])),
        helm(folder / "d"),
    ]
    return [(path, path.read_bytes()) for path in files]


@drawn(6_000)
@given(st.integers(0, 3), damage())
def test_a_damaged_result_file_of_a_suite_is_read_or_refused(which, how):
    with tempfile.TemporaryDirectory() as folder:
        path, content = of_suites(Path(folder))[which]
        path.write_bytes(damaged(content, how))
        with contextlib.suppress(AuditError):
            for table in sources(path, []):
                [list(table.read(name)) for name in table.columns]


@drawn(6_000)
@given(st.integers(0, 2), st.integers(0, 2), st.text(max_size=12), JSON)
def test_a_result_file_of_any_content_is_read_or_refused(which, row, key, value):
    with tempfile.TemporaryDirectory() as folder:
        path, content = of_suites(Path(folder))[which]
        lines = [json.loads(line) for line in content.splitlines()]
        told = lines[min(row, len(lines) - 1)]
        names = [*told] if isinstance(told, dict) else [key]
        told[names[len(key) % len(names)]] = value
        path.write_text("\n".join(json.dumps(line) for line in lines))
        with contextlib.suppress(AuditError):
            for table in sources(path, []):
                [list(table.read(name)) for name in table.columns]


@drawn(12_000)
@given(
    rows=st.lists(st.tuples(JSON | st.text(max_size=12), JSON | CELLS), max_size=40),
    kind=st.sampled_from([".csv", ".tsv", ".jsonl"]),
    how=st.none() | damage(),
)
def test_a_task_of_any_table_is_taken_or_refused(place, rows, kind, how):
    path = place / f"task{kind}"
    frame = pd.DataFrame(rows, columns=["text", "label"], dtype=object)
    if kind == ".jsonl":
        path.write_text("\n".join(json.dumps(dict(zip(("text", "label"), row, strict=True))) for row in rows))
    else:
        write(frame, path)
    if how and path.stat().st_size:
        path.write_bytes(damaged(path.read_bytes(), how))
    try:
        Table("csv", str(path)).check()
    except ConfigError as error:
        assert "\n" not in str(error)


@drawn(4_000)
@given(how=damage(), kind=st.sampled_from(sorted(READERS)))
def test_a_damaged_task_is_taken_or_refused(place, how, kind):
    path = place / f"damaged{kind}"
    frame = pd.DataFrame({"text": [f"thing {i}" for i in range(40)], "label": [i % 2 for i in range(40)]})
    write(frame, path)
    path.write_bytes(damaged(path.read_bytes(), how))
    try:
        Table("csv", str(path)).check()
    except ConfigError as error:
        assert "\n" not in str(error)


def test_a_build_of_no_mapping_is_refused():
    with pytest.raises(ConfigError):
        build(Table, {"name": 3, "path": None}, "task")
