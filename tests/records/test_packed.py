"""Records of an arm in one file: found, replaced and refused as those with files of their own."""

import json

import numpy as np
import pytest

from homog import records
from homog.records import RecordError, packed
from tests.records.test_records import fake

CELLS = ("c1", "c2", "c3")


@pytest.fixture
def there(tmp_path):
    for seed, cell in enumerate(CELLS):
        records.save(tmp_path, fake(cell, seed=seed))
    records.pack(tmp_path, "a1", CELLS)
    return tmp_path


def own(results):
    return sorted(path.name for path in (results / "runs" / "records").glob("*"))


def same(one, other):
    assert one.provenance == other.provenance and one.conditions == other.conditions
    assert all(np.array_equal(one.probabilities[name], other.probabilities[name]) for name in one.conditions)
    assert (
        one.examples.tolist() == other.examples.tolist() and one.groups["sex"].tolist() == other.groups["sex"].tolist()
    )


def test_packed_records_are_what_they_were_and_their_files_are_gone(there):
    assert own(there) == []
    assert [path.name for path in packed.folder(there).glob("*.parquet")] == ["a1.parquet"]
    assert records.kept(there) == list(CELLS)
    for seed, cell in enumerate(CELLS):
        same(records.load(there, cell), fake(cell, seed=seed))
    assert records.finished(there, "c2", ["clean", "backdoor-cf"]) and not records.finished(there, "c4", ["clean"])
    assert records.count(there, [*CELLS, "c4"], before={}) == 3


def test_the_file_of_an_arm_can_be_read_as_a_table(there):
    import pandas as pd

    frame = pd.read_parquet(packed.folder(there) / "a1.parquet")
    assert frame.groupby("cell").size().to_dict() == dict.fromkeys(CELLS, 14)


def test_a_record_that_is_written_again_counts_and_is_packed_in_place_of_the_old_one(there):
    records.save(there, fake("c2", seed=9))
    same(records.load(there, "c2"), fake("c2", seed=9))
    records.pack(there, "a1", [*CELLS, "c4"])
    assert own(there) == [] and records.kept(there) == list(CELLS)
    same(records.load(there, "c2"), fake("c2", seed=9))
    same(records.load(there, "c1"), fake("c1", seed=0))


def test_conditions_are_added_to_a_packed_record(there):
    new = records.extended(there, fake("c1", conditions=("clean", "other"), seed=0))
    assert new.conditions == ("clean", "backdoor-cf", "other")


def test_a_damaged_record_in_a_pack_is_named_computed_again_and_the_others_are_kept(there, capsys):
    path = packed.folder(there) / "a1.parquet"
    content = bytearray(path.read_bytes())
    content[40] ^= 255  # in the first row group
    path.write_bytes(content)
    with pytest.raises(RecordError, match="a1.parquet: corrupt record"):
        records.load(there, "c1")
    same(records.load(there, "c3"), fake("c3", seed=2))
    assert not records.finished(there, "c1", ["clean"])
    assert "a1.parquet: corrupt record" in capsys.readouterr().out
    records.save(there, fake("c1", seed=0))
    records.pack(there, "a1", CELLS)
    same(records.load(there, "c1"), fake("c1", seed=0))


def test_other_facts_than_were_written_are_refused(there):
    import pyarrow.parquet as pq

    path = packed.folder(there) / "a1.parquet"
    table = pq.read_table(path)
    facts = json.loads(table.schema.metadata[b"facts"])
    facts["c1"]["homog"] = facts["c1"]["homog"].replace("0.5", "1.0")
    said = dict(table.schema.metadata) | {b"facts": json.dumps(facts).encode()}
    pq.write_table(table.replace_schema_metadata(said), path, row_group_size=14)
    with pytest.raises(RecordError, match="other facts than were written"):
        records.load(there, "c1")
    assert not records.finished(there, "c1", ["clean"]) and records.finished(there, "c2", ["clean"])


def test_a_file_that_is_what_was_written_says_its_conditions_without_its_pages_being_read(there, monkeypatch):
    packed._groups_of.cache_clear()
    packed._conditions_of.cache_clear()

    def read(*_):
        raise AssertionError("pages were read")

    monkeypatch.setattr(packed, "_read", read)
    assert all(records.finished(there, cell, ["clean", "backdoor-cf"]) for cell in CELLS)
    assert not records.finished(there, "c1", ["clean", "other"])
    path = packed.folder(there) / "a1.parquet"
    assert set(packed._sealed_conditions(path)) == set(CELLS)
    path.with_suffix(".sha256").write_text("0" * 64)
    packed._conditions_of.cache_clear()
    with pytest.raises(AssertionError, match="pages were read"):
        records.finished(there, "c1", ["clean"])
    assert packed._sealed_conditions(path) == {}


@pytest.mark.parametrize("content", [b"", b"PAR1", b"no table at all"])
def test_a_file_that_is_no_pack_holds_nothing_and_is_named(there, content, capsys):
    (packed.folder(there) / "a1.parquet").write_bytes(content)
    assert records.kept(there) == []
    assert "a1.parquet: corrupt record" in capsys.readouterr().out


def test_a_record_that_cannot_be_trusted_is_not_packed(tmp_path):
    records.save(tmp_path, fake("c1"))
    records.save(tmp_path, fake("c2")).write_bytes(b"torn")
    records.pack(tmp_path, "a1", ["c1", "c2"])
    assert own(tmp_path) == ["c2.parquet"] and records.kept(tmp_path) == ["c1", "c2"]


def test_a_file_that_was_replaced_while_it_was_packed_stays(tmp_path, monkeypatch):
    path = records.save(tmp_path, fake("c1"))
    drop = packed._drop

    def late(file, stat):
        records.save(tmp_path, fake("c1", seed=5))
        drop(file, stat)

    monkeypatch.setattr(packed, "_drop", late)
    records.pack(tmp_path, "a1", ["c1"])
    assert path.exists()
    same(records.load(tmp_path, "c1"), fake("c1", seed=5))
