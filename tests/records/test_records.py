import os
import random
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from homog import files, records
from homog.config import ConfigError
from homog.records import Record, RecordError
from homog.records.provenance import unanswered


def fake(cell="c1", n=7, conditions=("clean", "backdoor-cf"), seed=0):
    rng = np.random.default_rng(seed)
    names = np.array([f"e{i}" for i in range(n)], dtype=object)
    probabilities = {name: rng.dirichlet(np.ones(3), n).astype(np.float32) for name in conditions}
    groups = {"sex": np.array(["f", "m"] * n, dtype=object)[:n]}
    return Record(cell, {"task": "toy", "dose": 0.5}, names, names, np.arange(n) % 3, groups, probabilities)


def test_a_record_comes_back_to_the_bit(tmp_path):
    record = fake()
    records.save(tmp_path, record)
    back = records.load(tmp_path, "c1")
    assert back.provenance == record.provenance
    assert back.conditions == ("clean", "backdoor-cf")
    for condition, values in record.probabilities.items():
        np.testing.assert_array_equal(back.probabilities[condition], values)
    np.testing.assert_array_equal(back.groups["sex"], record.groups["sex"])
    np.testing.assert_array_equal(back.labels, record.labels)
    assert [p.name for p in (tmp_path / "runs" / "records").iterdir()] == ["c1.parquet"]


def test_a_record_without_groups(tmp_path):
    names = np.array(["a", "b"], dtype=object)
    record = Record("c1", {}, names, names, np.array([0, 1]), {}, {"clean": np.eye(2)})
    records.save(tmp_path, record)
    assert records.load(tmp_path, "c1").groups == {}


def test_finished_asks_for_every_condition(tmp_path):
    assert not records.finished(tmp_path, "c1", ["clean"])
    records.save(tmp_path, fake())
    assert records.finished(tmp_path, "c1", ["clean", "backdoor-cf"])
    assert not records.finished(tmp_path, "c1", ["clean", "other"])


def test_a_condition_is_added_only_to_the_same_model(tmp_path, capsys):
    records.save(tmp_path, fake(conditions=("clean", "a"), seed=1))
    same = fake(conditions=("clean", "b"), seed=1)
    assert records.extended(tmp_path, same).conditions == ("clean", "a", "b")
    assert records.extended(tmp_path, fake(conditions=("clean", "b"), seed=2)).conditions == ("clean", "b")
    assert "other clean predictions" in capsys.readouterr().out


@pytest.mark.parametrize("cut", [0, 1, 100, -200, -9, -1])
def test_a_torn_record_is_named_set_aside_and_computed_again(tmp_path, capsys, cut):
    path = records.save(tmp_path, fake())
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(RecordError, match=str(path)):
        records.load(tmp_path, "c1")
    assert records.held(tmp_path, "c1") == ()
    assert str(path) in capsys.readouterr().out
    assert not path.exists()
    assert path.with_suffix(".corrupt").exists()


def rewritten(path, change):
    """The record's file with its table changed."""
    import pyarrow.parquet as pq

    table = change(pq.read_table(path))
    pq.write_table(table, path, write_page_checksum=True)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda table: table.append_column("note", table["person"]), "another format"),
        (lambda table: table.slice(0, 12), "different length"),  # of 7 examples under two conditions
        (lambda table: table.slice(7), "different length"),  # the exposed ones alone
        (lambda table: table.replace_schema_metadata({"homog": '{"format": 99}'}), "another format"),
    ],
)
def test_a_whole_file_that_holds_something_else_is_no_record(tmp_path, change, reason):
    path = records.save(tmp_path, fake())
    rewritten(path, change)
    with pytest.raises(RecordError, match=reason):
        records.load(tmp_path, "c1")


def test_a_record_of_another_cell_is_not_taken_for_this_one(tmp_path):
    records.save(tmp_path, fake("c2")).replace(records.record_path(tmp_path, "c1"))
    with pytest.raises(RecordError, match="another cell"):
        records.load(tmp_path, "c1")


def test_no_flipped_bit_goes_unseen_in_the_data(tmp_path):
    path = records.save(tmp_path, fake(n=40))
    whole, good = path.read_bytes(), records.load(tmp_path, "c1")
    rng = random.Random(0)
    for _ in range(60):
        place = rng.randrange(len(whole))
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << rng.randrange(8)]) + whole[place + 1 :])
        try:
            found = records.load(tmp_path, "c1")
        except RecordError:
            continue
        for condition, values in good.probabilities.items():  # a bit in a label of the file, not in the data
            np.testing.assert_array_equal(found.probabilities[condition], values)


def test_a_record_of_another_cell_is_no_record(tmp_path):
    path = records.save(tmp_path, fake("c2"))
    path.rename(records.record_path(tmp_path, "c1"))
    with pytest.raises(RecordError, match="another cell"):
        records.load(tmp_path, "c1")


WRITER = """
import sys; sys.path.insert(0, {root!r})
from pathlib import Path
from tests.records.test_records import fake
from homog import records
records.save(Path({folder!r}), fake("c0", n=300))
print("ready", flush=True)
while True:
    for i in range(8): records.save(Path({folder!r}), fake(f"c{{i}}", n=300))
"""


def test_kill_9_while_writing_never_leaves_a_torn_record(tmp_path):
    rng = random.Random(1)
    code = WRITER.format(root=str(Path.cwd()), folder=str(tmp_path))
    for _ in range(4):
        writer = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0.0, 0.4))
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        for path in (tmp_path / "runs" / "records").glob("*.parquet"):
            assert records.load(tmp_path, path.stem).conditions == ("clean", "backdoor-cf")
    assert records.kept(tmp_path)


def test_weights_come_back_and_torn_ones_are_made_again(tmp_path, capsys):
    torch = pytest.importorskip("torch")
    assert records.load_weights(tmp_path, "i1") is None
    records.save_weights(tmp_path, "i1", {"layer.weight": torch.eye(3)}, {"seconds": 1.5})
    found = records.load_weights(tmp_path, "i1")
    assert found is not None
    assert found[1] == {"seconds": 1.5}
    assert torch.equal(found[0]["layer.weight"], torch.eye(3))
    path = records.weights_path(tmp_path, "i1")
    path.write_bytes(path.read_bytes()[:-5])
    assert records.load_weights(tmp_path, "i1") is None
    assert str(path) in capsys.readouterr().out


def test_jobs_that_start_together_do_not_trip_over_the_check(tmp_path):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: files.check_writable(tmp_path), range(200)))
    assert not list((tmp_path / "runs" / "records").iterdir())


def test_an_unwritable_or_full_folder_is_refused_before_compute(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="cannot write there"):
        files.check_writable(tmp_path / "file")
    monkeypatch.setattr(files, "SPARE_BYTES", 2**62)
    with pytest.raises(ConfigError, match="MiB free"):
        files.check_writable(tmp_path / "results")


def test_progress_counts_only_what_is_new(tmp_path):
    records.save(tmp_path, fake("c1"))
    before = records.written(tmp_path, ["c1", "c2"])
    assert records.count(tmp_path, ["c1", "c2"], before) == 0
    os.utime(records.save(tmp_path, fake("c2")), (0, 0))  # the clock was set back to 1970
    assert records.count(tmp_path, ["c1", "c2"], before) == 1
    os.utime(records.save(tmp_path, fake("c1", seed=1)), (0, 0))
    assert records.count(tmp_path, ["c1", "c2"], before) == 2


def test_examples_without_an_answer_are_counted_by_condition():
    some, none = np.array([[0.9, 0.1, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]), np.array([[0.2, 0.8]])
    assert unanswered({"clean": some, "exposed": none}, 2) == {"clean": 2, "exposed": 0}
