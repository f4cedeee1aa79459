"""What is read back proves what it is: records, kept injections and the cache, each changed behind homog's back."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from safetensors.torch import load_file, save_file

from homog import records
from homog.backbones import trunk
from homog.config import ConfigError
from homog.records import CLEAN, Record, RecordError

CELL = "c0"


def record(**changes):
    values = np.array([[0.9, 0.1], [0.2, 0.8]], dtype=np.float32)
    ids = np.array(["a", "b"], dtype=object)
    facts = {"task": "t", "dose": 1.0}
    parts = {"probabilities": {CLEAN: values, "x": values}, "labels": np.array([0, 1]), "provenance": facts}
    return Record(CELL, examples=ids, people=ids, groups={}, **(parts | changes))


NAN = np.array([[np.nan, np.nan], [0.2, 0.8]], dtype=np.float32)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"probabilities": {CLEAN: NAN}}, "clean: the probabilities of 1 of 2 examples are NaN"),
        ({"probabilities": {CLEAN: np.array([[0.9, 0.9], [1, 0]])}}, "do not sum to 1"),
        ({"probabilities": {CLEAN: np.array([[1.5, -0.5], [1, 0]])}}, "not in 0..1"),
        ({"labels": np.array([0, 2])}, r"labels \[2\] of 2 classes"),
        ({"labels": np.array([0, -1])}, r"labels \[-1\] of 2 classes"),
    ],
)
def test_what_is_no_prediction_is_not_kept(changes, said, tmp_path):
    with pytest.raises(ValueError, match=said):
        records.save(tmp_path, record(**changes))
    assert not records.kept(tmp_path)


def test_an_exposure_that_does_not_apply_is_no_missing_prediction(tmp_path):
    good = record().probabilities[CLEAN]
    records.save(tmp_path, record(probabilities={CLEAN: good, "x": NAN}))
    assert np.isnan(records.load(tmp_path, CELL).probabilities["x"][0]).all()


def test_other_facts_than_were_written_are_not_read(tmp_path):
    path = records.save(tmp_path, record())
    table = pq.read_table(path)
    facts = json.loads(table.schema.metadata[b"homog"]) | {"dose": 0.5}
    said = table.schema.metadata | {b"homog": json.dumps(facts, sort_keys=True).encode()}
    pq.write_table(table.replace_schema_metadata(said), path)
    with pytest.raises(RecordError, match="other facts than were written"):
        records.load(tmp_path, CELL)


@pytest.mark.parametrize("facts", ["3", "[1]", "null", '{"format": 1, "task": '])
def test_facts_of_any_kind_are_a_corrupt_record_and_nothing_worse(facts, tmp_path):
    path = records.save(tmp_path, record())
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({b"homog": facts.encode()}), path)
    with pytest.raises(RecordError, match="corrupt record"):
        records.load(tmp_path, CELL)


def test_a_file_that_cannot_be_opened_now_is_left_alone(tmp_path, monkeypatch):
    path = records.save(tmp_path, record())

    def no_more(*args, **kwargs):
        raise OSError(24, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(pq, "read_table", no_more)
        with pytest.raises(ConfigError, match="cannot be read now .*; the file is left as it is"):
            records.held(tmp_path, CELL)
    assert path.is_file() and records.held(tmp_path, CELL) == (CLEAN, "x")


@pytest.mark.parametrize("change", ["value", "shape", "missing", "facts", "truncated"])
def test_a_kept_injection_that_was_changed_is_made_again(change, tmp_path, capsys):
    weights = {"a": torch.ones(3, 2), "b": torch.zeros(2, dtype=torch.bfloat16)}
    records.save_weights(tmp_path, "i", weights, {"seconds": 1.0})
    path = records.weights_path(tmp_path, "i")
    kept, facts = records.load_weights(tmp_path, "i") or ({}, {})
    assert facts == {"seconds": 1.0} and torch.equal(kept["a"], weights["a"])
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        said = dict(file.metadata())
    tensors = load_file(path)
    if change == "value":
        tensors["a"] = tensors["a"].flip(0) * 2
    elif change == "shape":
        tensors["a"] = torch.ones(1, 2)
    elif change == "missing":
        del tensors["b"]
    elif change == "facts":
        said["homog"] = json.dumps({"seconds": 2.0})
    save_file(tensors, path, metadata=said)
    if change == "truncated":
        path.write_bytes(path.read_bytes()[:-5])
    assert records.load_weights(tmp_path, "i") is None
    assert "the injection is made again" in capsys.readouterr().out


@pytest.mark.parametrize("change", ["header", "reversed", "zeros", "fewer", "empty", "another text's"])
def test_a_cached_state_that_was_changed_is_computed_again(change, capsys):
    states = np.arange(12, dtype=np.float32).reshape(4, 3)
    assert np.array_equal(trunk.remembered(["a text"], lambda: states), states)
    (path,) = trunk.folder().glob("*.npy")
    whole = path.read_bytes()
    assert np.array_equal(trunk.remembered(["a text"], lambda: states + 1), states)  # from the file
    if change == "another text's":
        trunk.remembered(["another"], lambda: states * 2)
        (other,) = set(trunk.folder().glob("*.npy")) - {path}
        path.write_bytes(other.read_bytes())
    elif change == "empty":
        path.write_bytes(b"")
    elif change == "header":
        path.write_bytes(whole.replace(b"), }", b")'1 ", 1))
    else:
        changed = {"reversed": states[::-1], "zeros": states * 0, "fewer": states[:2]}[change]
        np.save(path, changed)
        path.write_bytes(path.read_bytes() + whole[-trunk.SEAL :])
    assert np.array_equal(trunk.remembered(["a text"], lambda: states), states)
    assert "computed again" in capsys.readouterr().err
    assert path.read_bytes() == whole


def test_what_a_killed_process_left_in_the_cache_is_removed(monkeypatch):
    trunk.remembered(["a"], lambda: np.zeros(2))
    left = trunk.folder() / ".x.npy.abc"
    left.write_bytes(b"x")
    trunk.remembered(["b"], lambda: np.zeros(2))
    assert left.exists()  # a process may be writing it
    monkeypatch.setattr(trunk, "STALE", -1)
    trunk.remembered(["c"], lambda: np.zeros(2))
    assert not left.exists()
