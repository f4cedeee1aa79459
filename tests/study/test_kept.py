"""homog.load: frames from the records alone."""

import numpy as np
import pandas as pd
import pytest

import homog
from homog import records, study
from homog.adaptations.lora import Lora
from homog.config import Cell, Sizes, arm, canonical
from homog.contracts import tiny
from homog.defects.backdoor import Backdoor
from tests.fakes import record


def cell(epochs=2, dose=1.0):
    shared = arm(tiny.kind("bert")("tiny", "source"), Backdoor("backdoor", ("cf",)), dose, 3)
    return Cell(shared, Lora("lora", 3e-3, epochs=epochs), tiny.Toy("toy"), 1, Sizes(60, 40, 16))


def kept(folder, which, **facts):
    made = record(which, accuracy=0.75)
    made.provenance.update(facts)
    records.save(folder, made)
    return made


def test_a_record_that_holds_its_cell_needs_no_study(tmp_path):
    first, second = cell(), cell(epochs=8)
    made = kept(tmp_path, first, cell=canonical(first), kind="injected", dose=1.0, sizes={"train": 60})
    kept(tmp_path, second, cell=canonical(second))
    found = homog.load(tmp_path)
    assert set(found.records) == {first.id, second.id} and not found.unreadable
    rows = found.frame.set_index(["cell", "condition"])
    assert list(rows.loc[first.id].index) == ["clean", "backdoor-cf"]
    one = rows.loc[(first.id, "clean")]
    assert one["accuracy"] == (made.probabilities["clean"].argmax(1) == made.labels).mean()
    assert (one["n"], one["train"], one["kind"]) == (40, 60, "injected")
    assert (one["adaptation.type"], one["defect.trigger"], one["backbone.source"]) == ("Lora", "cf", "source")
    assert set(found.frame.groupby("cell")["adaptation.epochs"].first()) == {2, 8}
    assert all(np.isscalar(value) or value is None for value in found.frame.to_numpy().ravel())


def test_old_records_are_read_and_torn_ones_named(tmp_path):
    first, second = cell(), cell(dose=0.5)
    kept(tmp_path, first)
    path = records.save(tmp_path, record(second))
    path.write_bytes(path.read_bytes()[:100])
    found = homog.load(tmp_path)
    assert list(found.records) == [first.id]
    assert "adaptation.epochs" not in found.frame
    assert list(found.unreadable) == [second.id] and str(path) in found.unreadable[second.id]


def test_accuracy_is_that_of_examples_that_the_exposure_applies_to(tmp_path):
    made = record(cell(), accuracy=1.0)
    made.probabilities["backdoor-cf"][5:] = np.nan
    made.probabilities["none"] = np.full_like(made.probabilities["clean"], np.nan)
    records.save(tmp_path, made)
    rows = homog.load(tmp_path).frame.set_index("condition")
    assert (rows.loc["backdoor-cf", "n"], rows.loc["none", "n"]) == (5, 0)
    assert pd.isna(rows.loc["none", "accuracy"])


def test_the_cells_of_one_study_alone(tmp_path):
    some = study.expand(study.load("tokens"), "smoke")[0]
    for which in (some, cell()):
        kept(tmp_path, which)
    assert list(homog.load(tmp_path, "tokens").records) == [some.id]
    assert homog.load(tmp_path / "nothing").frame.empty
    with pytest.raises(ValueError, match="did you mean tokens"):
        homog.load(tmp_path, "token")
