"""Planted structure is found, and absent structure is not: clusters, shared bases, people failed everywhere."""

import numpy as np
import pandas as pd
import pytest

from homog.analysis.pair_regression import independent
from homog.audit import audit
from tests.audit.data import by_hand, decisions, planted


def terms(found, outcome="both_wrong_agreement"):
    table = found.tables["regression"]
    return table[table["outcome"] == outcome].set_index("term")


def test_two_blocks_of_duplicated_models_are_apart():
    one, other = (planted(models=1, examples=300, seed=seed) for seed in (1, 2))
    label = one["label"]
    frames = [one.assign(model=f"a{i}") for i in (1, 3, 5)]
    frames += [other.assign(model=f"a{i}", label=label) for i in (2, 4, 6)]
    found = audit(pd.concat(frames).drop(columns="base_model"))
    order = found.tables["order"]["model"].tolist()
    assert {frozenset(order[:3]), frozenset(order[3:])} == {
        frozenset(["a1", "a3", "a5"]),
        frozenset(["a2", "a4", "a6"]),
    }
    assert found.tables["clustering"]["similarity"][:4].tolist() == pytest.approx([1] * 4)
    assert found.tables["clustering"]["similarity"][4] < 0.5


def test_a_shared_base_is_found_and_a_shuffled_one_is_not():
    frame = planted(models=20, bases=5)
    found = terms(audit(frame, resamples=100))
    assert found.loc["same_base_model", "low"] > 0.1
    assert found.loc["same_base_model", "p"] < 0.001
    assert found["pairs"].unique().tolist() == [190]
    bases, covered = frame.groupby("model")["base_model"].first(), []
    for seed in range(5):
        shuffled = dict(zip(bases.index, np.random.default_rng(seed).permutation(bases), strict=True))
        row = terms(audit(frame.assign(base_model=frame["model"].map(shuffled)), resamples=100)).loc["same_base_model"]
        covered.append(row["low"] <= 0 <= row["high"] or not np.isfinite(row["low"]))
        assert abs(row["value"]) < 0.3 * found.loc["same_base_model", "value"]
    assert sum(covered) >= 4


def test_dyadic_errors_stand_beside_plain_ones():
    rows = terms(audit(planted(models=20, bases=5), resamples=100), "error_consistency")
    assert rows["error_dyadic"].notna().any()
    assert rows["error_plain"].notna().all()
    assert list(rows.index) == ["same_base_model", "accuracy_higher", "accuracy_lower", "accuracy_product"]


def test_a_term_that_says_nothing_new_is_left_out_and_said():
    frame = planted(models=12)
    frame["company"] = frame["base_model"].str.upper()
    rows = terms(audit(frame, resamples=100))
    assert rows.loc["same_company", "reason"] == "follows from the terms above"
    assert np.isnan(rows.loc["same_company", "value"]) and rows.loc["same_base_model", "low"] > 0
    kept, left = independent({"a": np.array([0.0, 1, 0, 1]), "b": np.ones(4), "c": np.array([2.0, 0, 2, 0])})
    assert list(kept) == ["a"]
    assert left == {"b": "the same for all pairs", "c": "follows from the terms above"}


def test_two_options_have_no_wrong_answer_to_agree_on():
    outcomes = audit(planted(models=6, classes="ab"), resamples=100).tables["regression"]["outcome"].unique()
    assert outcomes.tolist() == ["error_consistency", "capa_discrete"]


def test_few_pairs_are_said():
    rows = audit(planted(models=3), resamples=100).tables["regression"]
    assert rows["value"].isna().all()
    assert rows["reason"].str.contains("3 rows for|same for all|follows from").all()


def test_the_market_moves_onto_the_most_frequent_base():
    frame = planted(models=9, bases=3, shared=0.9, examples=1500)
    frame = frame[frame["model"].isin(["m00", "m03", "m06", "m01", "m02"])]  # three of one base, two of others
    found = audit(frame, resamples=500)
    assert found.sections[0].market.shared == "base 0"
    assert "2 models, each of another base_model (base 1, base 2)" in found.tables["sharing"]["control"][0]
    curve = found.tables["market"]
    assert curve["deployers"].tolist() == [0, 1, 2]
    assert curve["systemic_failure"].iloc[-1] > 2 * curve["systemic_failure"].iloc[0]
    assert curve["homogenization_low"].iloc[-1] > 1
    effect = found.tables["sharing"].iloc[0]
    assert effect["low"] > 0 and effect["holm"] == effect["p"]


def test_no_sharing_gives_no_effect():
    frame = planted(models=6, bases=3, shared=0.0, examples=1500)
    frame.loc[frame["model"] == "m05", "base_model"] = "alone"
    effect = audit(frame, resamples=500).tables["sharing"].iloc[0]
    assert effect["low"] < 0 < effect["high"]


def test_control_models_are_alike_in_other_attributes():
    frame = planted(models=8, bases=2, shared=0.0)
    kinds = {f"m{i:02d}": "tuned" if i in (0, 4, 3, 7) else "plain" for i in range(8)}
    frame["tuning"] = frame["model"].map(kinds)
    sides = audit(frame, resamples=100).tables["market_models"]
    assert len(sides) == 4
    assert [kinds[name] for name in sides["shared_model"]] == [kinds[name] for name in sides["control_model"]]


def test_without_a_base_there_is_no_market_and_it_is_said():
    found = audit(planted().drop(columns="base_model"), resamples=100)
    assert found.tables["market"].empty
    assert "--base" in found.sections[0].market.reason
    lonely = by_hand()
    assert "at least 2 models" in audit(lonely, base="company", resamples=100).sections[0].market.reason


def across(frame, **options):
    return audit(frame, resamples=500, **options)


def verdict(found, shared="the same model"):
    rows = found.tables["sharing"]
    return rows[(rows["shared"] == shared) & rows["tasks"].str.startswith("all pairs")].iloc[0]


def test_people_failed_by_chance():
    found = across(decisions())
    pairs = found.tables["across_tasks"].iloc[0]
    assert pairs["measure"] == "homogenization_of_pairs" and pairs["low"] < 1 < pairs["high"]
    assert verdict(found)["low"] < 0 < verdict(found)["high"]


def test_people_failed_everywhere_without_sharing():
    found = across(decisions(person=0.5))
    assert found.tables["across_tasks"].iloc[0]["low"] > 1.1
    assert abs(verdict(found)["value"]) < 0.05 and verdict(found)["low"] < 0 < verdict(found)["high"]


def test_people_failed_by_the_shared_model():
    found = across(decisions(model=0.5))
    assert found.tables["across_tasks"].iloc[0]["low"] > 1.1
    assert verdict(found)["low"] > 0.1
    assert verdict(found)["holm"] < 0.05


def test_what_is_shared_is_told_apart():
    frame = decisions(models=6, model=0.5)
    frame["arm"] = frame["model"].map({f"m{i}": f"arm {i // 2}" for i in range(6)})
    frame["way"] = frame["model"].map({f"m{i}": f"way {i % 2}" for i in range(6)})
    found = across(frame)
    assert verdict(found)["low"] > 0.1
    for shared in ("different models, same arm", "different models, same way"):
        row = verdict(found, shared)
        assert row["low"] < 0 < row["high"], row
        assert row["control"] == "models that share none of arm, way"


def test_across_tasks_by_hand():
    failures = {"a": "1100", "b": "1010"}  # two tasks, four people, one model beside a perfect one
    rows = []
    for task, fails in failures.items():
        for person, fail in enumerate(fails):
            rows += [
                ("m", task, f"{task}{person}", person, 1, 1 - int(fail)),
                ("n", task, f"{task}{person}", person, 1, 1),
            ]
    frame = pd.DataFrame(rows, columns=["model", "task", "example", "person", "label", "prediction"])
    table = across(frame).tables["across_tasks"]
    mine = table[table["model"] == "m"].set_index("measure")
    assert mine.loc["systemic_failure", "value"] == 0.25
    assert mine.loc["homogenization", "value"] == pytest.approx(1)
    assert table[table["model"] == "n"].set_index("measure").loc["homogenization", "reason"] == "no failure in a, b"
    assert table.iloc[0]["value"] == pytest.approx(1)


def test_tasks_of_other_people_are_other_families():
    first, second = decisions(tasks=2), decisions(tasks=2, seed=1)
    second = second.assign(task="u" + second["task"], person="q" + second["person"], example="u" + second["example"])
    found = across(pd.concat([first, second]))
    assert [family.tasks for family in found.families] == [("t0", "t1"), ("ut0", "ut1")]
    assert set(found.tables["across_tasks"]["family"]) == {"t0, t1", "ut0, ut1"}
    assert found.tables["error_rates"]["task"].unique().tolist() == ["t0", "t1", "ut0", "ut1"]


def test_who_is_not_in_every_task_is_said():
    frame = decisions(tasks=2)
    frame = frame[~((frame["task"] == "t1") & frame["person"].isin(["p1", "p2"]))]
    frame = frame[~((frame["task"] == "t1") & (frame["model"] == "m5"))]
    found = across(frame)
    notes = found.tables["notes"].set_index("what")
    assert notes.loc["people not in every task", "count"] == 2
    assert notes.loc["models not in every task", "detail"].endswith("m5")
    assert found.families[0].n == 498 and len(found.families[0].models) == 5
    asked_twice = pd.concat([frame, frame[frame["task"] == "t0"].assign(example=lambda x: x["example"] + "b")])
    assert "asks a person twice" in across(asked_twice).tables["notes"]["detail"].str.cat()


def test_one_model_per_task():
    frame = decisions(models=3, tasks=3, person=0.5)
    frame = frame[frame["model"].str[1:] == frame["task"].str[1:]]
    found = across(frame)
    assert found.sections == ()
    assert found.families[0].models == ("m0 + m1 + m2",)
    assert found.tables["across_tasks"].iloc[0]["low"] > 1.1
    assert found.tables["sharing"].empty
    assert (found.tables["notes"]["what"] == "task with one model").sum() == 3


def test_groups_failed_in_all_tasks():
    frame = decisions(models=2, tasks=2)
    women = frame["sex"] == "f"
    frame.loc[women, "prediction"] = np.where(frame.index[women] % 10 < 9, 1 - frame.loc[women, "label"], 0)
    table = across(frame).tables["group_homogenization"]
    assert table["weighting"].unique().tolist() == ["average", "uniform", "worst"]
    assert (table["low"] > 1).all()
