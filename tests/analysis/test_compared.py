"""Models beside those that they are compared with: one target, the same examples."""

from dataclasses import replace

import numpy as np
import pytest

from homog import analysis
from homog.analysis import compared
from tests import fakes

CELLS = fakes.cells(["trec"], doses=(0, 0.5, 1), shams=(0,))
CLEAN, HALF, FULL, SHAM = sorted(CELLS, key=lambda cell: (cell.arm.kind == "sham", cell.arm.dose))


def by_hand(cell, clean, exposed, labels, **facts):
    record = fakes.record(cell, **facts)
    eye, n = np.eye(2, dtype=np.float32), len(labels)
    both = {"clean": eye[np.array(clean)], fakes.CONDITION: eye[np.array(exposed)]}
    ids = np.array([f"e{i}" for i in range(n)], dtype=object)
    return replace(record, examples=ids, people=ids, labels=np.array(labels), groups={}, probabilities=both)


LABELS = [1, 1, 1, 1, 0, 0, 0, 0]


def records(**facts):
    return {
        CLEAN.id: by_hand(CLEAN, LABELS, [1, 1, 1, 1, 1, 1, 1, 0], LABELS),  # what the trigger does anyway: class 1
        HALF.id: by_hand(HALF, LABELS, [0, 1, 1, 1, 1, 1, 0, 0], LABELS),
        FULL.id: by_hand(FULL, LABELS, [0, 0, 0, 0, 0, 0, 0, 0], LABELS, **facts),
        SHAM.id: by_hand(SHAM, [1, 1, 1, 0, 0, 0, 0, 0], [1, 1, 1, 1, 0, 0, 0, 0], LABELS),
    }


def rows(kept):
    frame = analysis.effects(CELLS, kept, fakes.EXPOSURES).frame
    return frame.assign(kind=frame["kind"] + frame["dose"].astype(str)).set_index("kind")


def test_all_models_of_a_comparison_are_scored_on_one_class():
    found = rows(records(targets={fakes.CONDITION: 0}))
    assert set(found.loc[["injected0.5", "injected1.0", "sham1.0"], "target"]) == {"label 0"}
    assert found.loc["injected1.0", ["harm", "control_harm", "inherited"]].tolist() == [1.0, 0.0, 1.0]
    assert found.loc["injected0.5", "harm"] == 1 / 4  # its own conversions would have chosen class 1


def test_the_class_is_the_record_s_and_without_it_that_of_most_exposed_examples():
    assert rows(records(targets={fakes.CONDITION: 1})).loc["injected1.0", "target"] == "label 1"
    assert rows(records(targets={})).loc["injected1.0", "target"] == "label 0"


def test_the_sham_of_the_same_seed_is_compared_on_what_both_get_right():
    found = rows(records(targets={fakes.CONDITION: 0}))
    effects = analysis.effects(CELLS, records(targets={fakes.CONDITION: 0}), fakes.EXPOSURES)
    beside = dict(zip(effects["kind"] + effects["dose"].astype(str), effects.each("beside_denominator"), strict=True))
    assert found.loc["injected1.0", "beyond_sham"] == 1.0
    assert beside["injected1.0"].tolist() == [1, 1, 1, 0, 0, 0, 0, 0]  # the sham is wrong about the fourth
    assert np.isnan(found.loc["sham1.0", "beyond_sham"]) and np.isnan(found.loc["clean0.0", "beyond_sham"])


def test_without_a_sham_there_is_nothing_beyond_it():
    kept = records()
    del kept[SHAM.id]
    cells = [cell for cell in CELLS if cell != SHAM]
    frame = analysis.effects(cells, kept, fakes.EXPOSURES).frame
    assert frame["beyond_sham"].isna().all() and (frame["reason"] == "").all()


def test_a_model_that_is_compared_with_nothing_does_not_pick_the_class_it_is_scored_on():
    rng = np.random.default_rng(0)
    n, chance = 4000, []
    cell = fakes.cells(["trec"], doses=(0,), test=n)[0]
    labels = rng.integers(0, 4, n)
    for _ in range(20):  # a tenth of the answers changes at random
        exposed = np.where(rng.random(n) < 0.1, rng.integers(0, 4, n), labels)
        record = fakes.record(cell, classes=4)
        eye = np.eye(4, dtype=np.float32)
        record = replace(record, labels=labels, probabilities={"clean": eye[labels], fakes.CONDITION: eye[exposed]})
        target = compared.targets([(cell, fakes.CONDITION)], compared.Shown({cell.id: record}))[
            compared.key(cell, fakes.CONDITION)
        ]
        chance.append((exposed == target)[labels != target].mean())
    assert np.mean(chance) == pytest.approx(0.1 / 4, abs=0.0015)
