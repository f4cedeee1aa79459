"""Group homogenization by hand, with empty groups, and its interval."""

import numpy as np
import pytest

from homog.metrics.group_homogenization import group_homogenization, group_homogenization_interval

FAILURES = ([1, 0, 1, 0, 0], [1, 0, 0, 1])
GROUPS = (["a", "a", "b", "b", "b"], ["a", "a", "b", "b"])


def test_by_hand():
    # task 1: a 1/2 (share 2/5), b 1/3 (3/5), all 2/5; task 2: a 1/2 (1/2), b 1/2 (1/2), all 1/2
    errors, both = 0.4 * 0.5, {"a": 0.5 * 0.5, "b": 1 / 3 * 0.5}
    average = (0.4 * 0.5 * both["a"] + 0.6 * 0.5 * both["b"]) / (errors * (0.2 + 0.3))
    for weighting, value in (
        ("average", average),
        ("uniform", np.mean(list(both.values())) / errors),
        ("worst", both["a"] / errors),
    ):
        found = group_homogenization(FAILURES, GROUPS, weighting)
        assert found.value == pytest.approx(value, abs=1e-12)
        assert (found.groups, found.excluded, found.n) == (("a", "b"), (), 9)


def test_groups_empty_in_a_task_are_excluded_and_listed():
    groups = (["a", "a", "b", "b", "c"], ["a", "a", "b", "b"])
    found = group_homogenization(FAILURES, groups, "uniform")
    assert found.excluded == ("c",) and found.groups == ("a", "b")
    assert found.value == pytest.approx(np.mean([0.25, 0.5 * 0.5]) / (0.4 * 0.5))


def test_undefined():
    assert group_homogenization(([0, 0], [0, 1]), (["a", "b"], ["a", "b"])).reason == "a task has no failure"
    apart = group_homogenization(([1, 0], [0, 1]), (["a", "a"], ["b", "b"]), "worst")
    assert np.isnan(apart.value) and apart.reason == "no group is in every task"


def test_a_group_that_a_task_lacks_counts_in_no_sum():
    failures = [[True, False, True, True], [True, False]]
    groups = [["a", "a", "b", "b"], ["a", "a"]]  # nobody of b in the second task
    errors = (3 / 4) * (1 / 2)
    joint, shares = (1 / 4) * (1 / 2), (2 / 4) * 1.0  # of group a: failed and present in both tasks
    found = group_homogenization(failures, groups, "average")
    assert found.value == pytest.approx(joint / (errors * shares))
    assert (found.groups, found.excluded) == (("a",), ("b",))
    assert group_homogenization(failures, groups, "worst").value == pytest.approx((1 / 2) * (1 / 2) / errors)


def test_independent_tasks_are_not_told_from_one(rng):
    failures, groups = [rng.random(800) < 0.3 for _ in range(2)], [rng.integers(0, 2, 800) for _ in range(2)]
    assert group_homogenization_interval(failures, groups, resamples=500).p > 0.1


def test_one_group_is_one(rng):
    failures = [rng.random(50) < 0.4, rng.random(30) < 0.2]
    for weighting in ("average", "uniform", "worst"):
        value = group_homogenization(failures, [np.zeros(50), np.zeros(30)], weighting).value
        assert value == pytest.approx(1, abs=1e-12)


def test_interval(rng):
    failures, groups = [], []
    for _ in range(2):
        group = rng.integers(0, 2, 600)
        groups.append(group)
        failures.append(rng.random(600) < np.where(group, 0.5, 0.1))
    for people in (None, [np.arange(600), np.arange(300, 900)]):
        interval = group_homogenization_interval(failures, groups, people_by_task=people, resamples=500)
        assert 1 < interval.low < interval.value < interval.high and interval.p < 0.05
        assert interval.value == group_homogenization(failures, groups).value and interval.examples == 1200


def test_people_tie_tasks_together(rng):
    failed, group = rng.random(400) < 0.4, rng.integers(0, 3, 400)
    tasks = [failed, failed], [group, group]
    apart = group_homogenization_interval(*tasks, "uniform", resamples=800)
    people = [np.arange(400), np.arange(400)]
    tied = group_homogenization_interval(*tasks, "uniform", people, resamples=800)
    assert tied.high - tied.low != pytest.approx(apart.high - apart.low, rel=0.05)


def test_errors():
    with pytest.raises(ValueError, match="'mean'; valid: average, uniform, worst"):
        group_homogenization(FAILURES, GROUPS, "mean")
    with pytest.raises(ValueError, match="2 tasks of failures and 1"):
        group_homogenization(FAILURES, GROUPS[:1])
    with pytest.raises(ValueError, match="without examples"):
        group_homogenization(([], [1]), ([], ["a"]))
    with pytest.raises(ValueError, match="groups has 4 values"):
        group_homogenization(FAILURES, GROUPS[::-1])


@pytest.mark.parametrize("weighting", ["average", "uniform", "worst"])
def test_hundreds_of_tasks_do_not_underflow(weighting):
    failures, names = np.array([True, False, True, False]), np.array(["a", "a", "b", "b"])
    found = group_homogenization([failures] * 400, [names] * 400, weighting)
    assert found.value == pytest.approx(1) and found.reason == ""
