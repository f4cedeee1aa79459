"""Persons or groups: what sharing data adds to log H at either level, on made-up decisions and by hand."""

import numpy as np
import pytest

from homog.analysis.ensembles import DECISIONS, Ensemble
from homog.analysis.levels import levels
from homog.metrics.group_homogenization import group_homogenization

N = 2000
NAMED = np.where(np.arange(N) % 2 == 0, "one", "two")


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def ensemble(failures, data, family="adult", label="svm"):
    about = {"label": label, "data": data}
    names = tuple(f"seed {seed}" for seed in range(len(failures)))
    tasks = tuple("abcd"[: failures.shape[1]])
    people = np.arange(failures.shape[2]).astype(str)
    groups = {"race": NAMED[: failures.shape[2]]}
    return Ensemble(DECISIONS, family, failures, names, tasks, about, people=people, groups=groups)


def apart(rng, rate=0.3):
    return rng.random((2, 2, N)) < rate


def test_by_hand_and_as_the_measures_say(rng):
    shared = np.array([[[1, 1, 0, 0, 1, 0, 0, 0], [1, 0, 1, 0, 1, 0, 0, 0]]], dtype=bool)
    disjoint = np.array([[[1, 1, 0, 0, 1, 0, 0, 0], [1, 0, 0, 1, 0, 0, 1, 0]]], dtype=bool)
    row = levels([ensemble(shared, "shared"), ensemble(disjoint, "disjoint")], "race", resamples=50).iloc[0]
    # failed by both: 2 of 8 and 1 of 8; error rates 3/8 and 3/8 on either side
    assert row["persons_value"] == pytest.approx(np.log(2 / 1))
    named = [NAMED[:8]] * 2
    ratio = group_homogenization(shared[0], named).value / group_homogenization(disjoint[0], named).value
    assert row["groups_value"] == pytest.approx(np.log(ratio))
    assert row["difference_value"] == pytest.approx(row["persons_value"] - row["groups_value"])


def test_the_same_persons_are_told_from_the_same_groups(rng):
    hard = rng.random(N) < 0.3
    together = hard ^ (rng.random((2, 2, N)) < 0.05)
    row = levels([ensemble(together, "shared"), ensemble(apart(rng), "disjoint")], "race").iloc[0]
    assert row["persons_low"] > 0.5 and row["difference_low"] > 0.5
    assert row["groups_low"] < 0 < row["groups_high"]


def test_the_same_groups_are_told(rng):
    rates = np.where(NAMED == "one", 0.7, 0.15)
    grouped = rng.random((2, 2, N)) < rates
    row = levels([ensemble(grouped, "shared"), ensemble(apart(rng), "disjoint")], "race").iloc[0]
    assert row["groups_low"] > 0.2
    assert row["difference_low"] < 0 < row["difference_high"]  # persons fail together since their group does


def test_nothing_shared_is_not_told_from_0_and_families_are_averaged(rng):
    sides = [
        ensemble(apart(rng), data, family, label)
        for data in ("shared", "disjoint")
        for family in ("adult", "compas")
        for label in ("svm", "mlp")
    ]
    table = levels(sides, "race", resamples=500)
    assert table["people"].tolist() == ["adult", "compas", "all"] * 2 and set(table["replicates"]) == {2}
    assert ((table["persons_low"] < 0) & (table["persons_high"] > 0)).mean() > 0.8
    means = table[table["people"] != "all"].groupby("adaptation")["persons_value"].mean()
    assert table[table["people"] == "all"].set_index("adaptation")["persons_value"].to_dict() == pytest.approx(
        means.to_dict()
    )


def test_nobody_failed_by_all_is_nan_with_a_reason(rng):
    never = np.stack([np.arange(N) % 2 == 0, np.arange(N) % 2 == 1])[None]
    row = levels([ensemble(never, "shared"), ensemble(apart(rng)[:1], "disjoint")], "race", resamples=50).iloc[0]
    assert np.isnan(row["persons_value"]) and row["persons_reason"] == "nobody is failed by all"


def test_a_family_without_one_side_or_the_groups_has_no_row(rng):
    both = [ensemble(apart(rng), "shared"), ensemble(apart(rng), "disjoint")]
    assert levels(both[:1], "race").empty and levels(both, "age").empty
