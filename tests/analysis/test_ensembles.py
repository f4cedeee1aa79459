"""Ensembles of models that judge the same people, on made-up failures."""

import numpy as np
import pandas as pd
import pytest

from homog.analysis import ensembles
from homog.analysis.against_control import bounded_sharing
from homog.analysis.ensembles import labelled, told_apart, usual
from homog.analysis.joint_failure import mean_bounded, outcome_table
from homog.metrics.outcomes import normalized_homogenization
from tests import fakes

PEOPLE = np.array([f"p{i}" for i in range(400)])


def model(failed, task="t", seed=0, data="disjoint", family="", adaptation="linear_probe"):
    names = {
        "arm_seed": 0,
        "kind": "clean",
        "backbone": "b",
        "adaptation": adaptation,
        "task": task,
        "seed": seed,
        "data": data,
    }
    labels = np.zeros(len(failed), dtype=int)
    probabilities = np.where(failed[:, None], [0.2, 0.8], [0.9, 0.1])
    return names | {
        "family": family,
        "failed": failed,
        "people": PEOPLE,
        "labels": labels,
        "probabilities": probabilities,
    }


def frame(rows):
    """The rows as the studies' figures have them: told apart by backbone."""
    return told_apart(fakes.results(rows))


def independent(k, error=0.4):
    rng = np.random.default_rng(0)
    return [rng.random(len(PEOPLE)) < error for _ in range(k)]


def rivals(failures, **names):
    return [model(failed, seed=i, **names) for i, failed in enumerate(failures)]


def test_one_model_for_all_makers_is_1_and_independent_ones_are_0():
    rows = rivals([independent(1)[0]] * 3, data="shared") + rivals(independent(3))
    shared, own = ensembles.deployers(frame(rows))
    found = outcome_table([shared, own]).set_index("data")
    assert found.loc["shared", "value"] == pytest.approx(1)
    assert found.loc["shared", ["error_consistency", "low", "high"]].tolist() == pytest.approx([1, 1, 1])
    assert found.loc["disjoint", "low"] < 0 < found.loc["disjoint", "high"]
    assert abs(found.loc["disjoint", "homogenization"] - 1) < 0.5
    assert found.loc["disjoint", "value"] == pytest.approx(normalized_homogenization(own.failures[0]))
    assert found["models"].tolist() == [3, 3]


def test_decisions_are_every_of_complete_seeds_and_own_samples_are_shared_data():
    failures = independent(5)
    rows = [model(failures[i], task, s, "own", "adult") for i, (task, s) in enumerate([("a", 0), ("b", 0), ("a", 1)])]
    rows += [model(failures[3], "a", 0, "disjoint", "adult"), model(failures[4], "b", 0, "disjoint", "adult")]
    shared, own = ensembles.decisions(frame(rows))
    assert (shared.about["data"], own.about["data"]) == ("shared", "disjoint")
    assert shared.failures.shape == (1, 2, 400)
    np.testing.assert_array_equal(shared.failures[0], failures[:2])
    assert shared.tasks == ("a", "b") and shared.models == ("seed 0",)


def test_replicates_are_averaged():
    failures = independent(4)
    rows = [model(failures[i], "ab"[i % 2], i // 2, "own", "adult") for i in range(4)]
    (one,) = ensembles.decisions(frame(rows))
    by_hand = np.mean([normalized_homogenization(np.stack(failures[i : i + 2])) for i in (0, 2)])
    assert mean_bounded([one]).value == pytest.approx(by_hand)


def test_sharing_is_the_difference_to_the_control_on_the_same_people():
    same = independent(1)[0]
    rows = rivals([same] * 3) + rivals(independent(3), adaptation="handcrafted")
    every = ensembles.deployers(frame(rows))
    found = bounded_sharing(every[:1], every[1:]).iloc[0]
    measured = outcome_table(every).set_index("adaptation")["value"]
    assert found["value"] == pytest.approx(measured["linear_probe"] - measured["handcrafted"])
    assert found["low"] > 0.5
    assert found["log_h"] > 0
    assert found["settings"] == found["log_h_settings"] == 1
    nothing = bounded_sharing(every[:1], every[:1]).iloc[0]
    assert nothing[["value", "low", "high", "log_h"]].tolist() == [0, 0, 0, 0]


def test_a_setting_with_other_models_in_the_control_is_left_out_by_name():
    whole = rivals(independent(2), task="a") + rivals(independent(2), task="a", adaptation="handcrafted")
    torn = rivals(independent(3), task="b") + rivals(independent(2), task="b", adaptation="handcrafted")
    every = ensembles.deployers(frame(whole + torn))
    mine = [one for one in every if one.about["adaptation"] == "linear_probe"]
    found = bounded_sharing(mine, [one for one in every if one.about["adaptation"] == "handcrafted"]).iloc[0]
    assert (found["settings"], found["left_out"]) == (1, "b")


def test_a_model_that_never_fails_leaves_it_undefined():
    rows = rivals([np.zeros(400, dtype=bool), *independent(1)])
    found = mean_bounded(ensembles.deployers(frame(rows)))
    assert np.isnan(found.value)
    assert found.reason == "a model never fails"


def test_single_models_and_samples_that_may_overlap_are_no_ensemble():
    rows = rivals(independent(1)) + rivals(independent(2), data="own")
    assert ensembles.deployers(frame(rows)) == []
    assert outcome_table([]).empty


@pytest.mark.parametrize("alike", [True, False])
def test_deployers_that_each_adapt_in_a_way_of_their_own(alike):
    every, names = independent(6), ("a", "b", "c")
    rows = [
        model(every[0 if alike else 2 * i + seed], seed=seed, adaptation=n)
        for i, n in enumerate(names)
        for seed in (0, 1)
    ]
    (mixed,) = ensembles.mixed(frame(rows))
    assert mixed.failures.shape == (3, 2, len(PEOPLE))  # who takes which goes round
    assert mixed.attributes["adaptation"].tolist() == [["a", "b"], ["b", "c"], ["c", "a"]]
    np.testing.assert_array_equal(mixed.failures[1], np.stack([every[0 if alike else 2], every[0 if alike else 5]]))
    found = outcome_table([mixed]).iloc[0]
    assert found["value"] == 1 if alike else abs(found["value"]) < 0.2
    single = ensembles.deployers(frame(rows))
    against = bounded_sharing(single, [mixed])
    assert len(against) == 3 and not against["left_out"].any()


def test_there_is_no_mixture_of_fewer_adaptations_than_deployers():
    rows = [model(failed, seed=seed, adaptation=n) for n in ("a", "b") for seed, failed in enumerate(independent(3))]
    assert ensembles.mixed(frame(rows)) == []
    whole = frame([*rows, *(row | {"adaptation": "c"} for row in rows[:2])])
    assert ensembles.mixed(whole) == []  # the third lacks a deployer


def test_the_usual_backbone_is_that_of_most_rows_and_of_equals_the_first():
    rows = pd.DataFrame({"backbone": ["z", "a", "z", "a"], "adaptation": "lora"})
    assert usual(rows) == "z" and usual(rows[1:]) == "a" and usual(rows[:0]) == ""
    assert labelled(rows)["label"].tolist() == ["lora", "lora", *["lora backbone=a"] * 2]


def test_every_other_model_has_another_backbone():
    names = [(task, family, seed) for task, family in (("a", "f"), ("b", "f"), ("t", "")) for seed in (0, 1)]
    rows = [model(independent(1)[0], task, seed, family=family) for task, family, seed in names]
    other = [row | {"backbone": "c"} for row in rows]
    found = told_apart(fakes.results([*rows, *other, *(row | {"adaptation": "lora"} for row in rows)])).frame
    names_of = found.groupby("label")["cell"].nunique(dropna=False).to_dict()
    mixed = found[found["alternating"]]
    assert set(names_of) == {"linear_probe", "linear_probe backbone=c", "linear_probe backbone=alternating", "lora"}
    on = {f"c{place}": "on b" if place < len(rows) else "on c" for place in range(2 * len(rows))}
    turns = mixed.assign(cell=mixed["cell"].map(on)).set_index(["task", "seed"])["cell"].to_dict()
    assert turns["a", 0] != turns["b", 0] != turns["b", 1]  # the next task, and the next deployer
    assert turns["t", 0] != turns["t", 1] and len(turns) == len(names)
    alone = fakes.results(rows)
    pd.testing.assert_frame_equal(told_apart(alone).frame.drop(columns=["alternating", "label"]), alone.frame)
