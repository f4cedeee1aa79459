import numpy as np
import pytest

from homog import analysis
from homog.analysis.joint_failure import same_people
from tests import fakes

TASKS = ["adult_income", "adult_married", "adult_white_collar"]


def frame(correct, kind="clean", seeds=(0,)):
    """Effects of three tasks with given correctness (tasks, persons) under the exposure."""
    cells = fakes.cells(TASKS, doses=(0,) if kind == "clean" else (1,), seeds=seeds, test=correct.shape[1])
    effects = analysis.effects(cells, fakes.found(cells), fakes.EXPOSURES)
    rows = {task: row.astype(float) for task, row in zip(TASKS, correct, strict=True)}
    for key, task in zip(effects.keys, effects["task"], strict=True):
        effects.arrays[key]["exposed_correct"] = rows[task]
    return effects


def only(found):
    assert len(found) == 1
    return found.iloc[0]


def test_by_hand():
    correct = np.ones((3, 40))
    correct[:, :4] = 0  # four persons fail everywhere
    correct[0, 4:10] = 0
    row = only(same_people(frame(correct)))
    assert (row["family"], row["tasks"], row["people"], row["seeds"]) == ("adult", 3, 40, 1)
    assert row["value"] == pytest.approx(0.1) and row["low"] < 0.1 < row["high"]
    assert row["independent"] == pytest.approx(0.25 * 0.1 * 0.1)
    assert row["homogenization"] == pytest.approx(0.1 / 0.0025)
    assert row["normalized"] == pytest.approx(1)  # every failure of the best model is shared


def test_independent_failures_are_told_from_shared_ones():
    rng = np.random.default_rng(0)
    row = only(same_people(frame(rng.random((3, 2000)) > 0.4)))
    assert row["value"] == pytest.approx(row["independent"], abs=0.02) and abs(row["normalized"]) < 0.1


def test_persons_to_whom_the_exposure_does_not_apply_are_left_out():
    correct = np.ones((3, 40))
    correct[:, :4] = 0
    correct[:, 20:] = np.nan
    row = only(same_people(frame(correct)))
    assert row["people"] == 20 and row["value"] == pytest.approx(0.2)


def test_seeds_are_pooled_and_a_missing_task_is_no_zero():
    correct = np.ones((3, 40))
    correct[:, :4] = 0
    both = frame(correct, "injected", seeds=(0, 1))
    row = only(same_people(both))
    assert (row["kind"], row["seeds"], row["people"]) == ("injected", 2, 40) and row["value"] == pytest.approx(0.1)
    gone = (both["arm_seed"] == 1) & (both["task"] == TASKS[0])
    part = only(same_people(both[~gone]))
    assert part["value"] == pytest.approx(0.1)


def test_tasks_without_persons_have_no_row():
    cells = fakes.cells(["trec", "sms_spam"])
    effects = analysis.effects(cells, fakes.found(cells), fakes.EXPOSURES)
    assert same_people(effects).empty
