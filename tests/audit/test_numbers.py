"""The numbers of an audit, by hand and against the functions that they come from."""

import numpy as np
import pytest

from homog.analysis.joint_failure import rate_limits
from homog.audit import audit
from homog.metrics import agreement, diversity, outcomes
from homog.metrics.resampling import by_person, resampled_sums
from tests.audit.data import LABELS, by_hand, planted


@pytest.fixture(scope="module")
def found():
    return audit(by_hand())


def row(table, **where):
    for name, value in where.items():
        table = table[table[name] == value]
    assert len(table) == 1
    return table.iloc[0]


def test_error_rates(found):
    table = found.tables["error_rates"]
    assert table["model"].tolist() == ["A", "B", "C"]
    assert table["value"].tolist() == [0.5, 0.5, 0.5]
    assert table["errors"].tolist() == [4, 4, 4]
    assert table["company"].tolist() == ["acme", "bolt", "acme"]


def test_joint_failure_against_independence(found):
    table = found.tables["measures"].set_index("measure")
    assert table.loc["systemic_failure", "value"] == 0.25
    assert table.loc["systemic_failure", "independent"] == pytest.approx(0.125)
    assert table.loc["homogenization", "value"] == pytest.approx(2)
    assert table.loc["normalized_homogenization", "value"] == pytest.approx(1 / 3)
    assert table.loc["log_homogenization_per_model", "value"] == pytest.approx(np.log(2) / 2)
    assert table.loc["homogeneous_excess", "value"] == pytest.approx(0.25)
    assert found.tables["failure_distribution"]["observed"].tolist() == [0.25] * 4
    assert found.tables["failure_distribution"]["independent"].tolist() == pytest.approx([1 / 8, 3 / 8, 3 / 8, 1 / 8])


def test_systemic_failures_by_example_and_group(found):
    table = found.tables["systemic_failures"]
    assert table["example"].tolist() == ["e1", "e2"]
    assert table["label"].tolist() == ["x", "y"]
    assert table["prediction"].tolist() == ["y", "z"]
    assert table["models_agreeing"].tolist() == [2, 3]
    women = row(found.tables["groups"], group="sex", value_of_group="f")
    assert (women["examples"], women["failed_by_all"], women["value"]) == (4, 2, 0.5)
    assert women["independent"] == pytest.approx(1 * 0.5 * 0.75)
    assert women["homogenization"] == pytest.approx(4 / 3)
    assert women["ratio"] == pytest.approx(2)
    assert women["p"] == pytest.approx(12 / 28)
    assert row(found.tables["group_errors"], model="C", value_of_group="f")["error_rate"] == 0.75


def test_agreement_of_pairs(found):
    pair = {name: row(found.tables["pairs"], model_a=name[0], model_b=name[1]) for name in ("AB", "AC", "BC")}
    assert [pair[name]["error_consistency"] for name in pair] == pytest.approx([0, 0.5, 0.5])
    assert [pair[name]["disagreement"] for name in pair] == pytest.approx([0.5, 0.25, 0.25])
    assert [pair[name]["both_wrong_agreement"] for name in pair] == pytest.approx([1 / 2, 1, 2 / 3])
    assert [bool(pair[name]["same_company"]) for name in pair] == [False, True, False]
    assert found.tables["clustering"].loc[0, ["first", "second", "models"]].tolist() in (["A", "C", 2], ["C", "A", 2])


def test_intervals_are_those_of_the_measures():
    frame = planted(models=4, examples=300)
    frame["person"] = "p" + (frame["example"].str[1:].astype(int) // 2).astype(str)
    for data, people in ((frame.drop(columns="person"), None), (frame, frame["person"][:300])):
        found = audit(data, resamples=500, seed=3)
        correct = (data["prediction"] == data["label"]).to_numpy().reshape(4, 300)
        order = np.argsort(found.sections[0].ensemble.examples)
        assert sorted(found.sections[0].ensemble.examples[order]) == sorted(data["example"][:300])
        place = {name: i for i, name in enumerate(data["example"][:300])}
        sort = [place[name] for name in found.sections[0].ensemble.examples]
        failures, ids = ~correct[:, sort], None if people is None else people.to_numpy()[sort]
        table = found.tables["measures"].set_index("measure")
        for name in ("homogenization", "normalized_homogenization", "homogeneous_excess"):
            whole = outcomes.outcome_interval(name, failures, ids, resamples=500, seed=3)
            kept = table.loc[name, ["value", "low", "high", "p"]].astype(float).to_numpy()
            np.testing.assert_allclose(kept, [whole.value, whole.low, whole.high, whole.p], rtol=1e-12)
        kappa = diversity.diversity_interval("interrater_kappa", ~failures, ids, resamples=500, seed=3)
        mine = found.tables["diversity"].set_index("measure").loc["interrater_kappa"]
        assert mine["value"] == pytest.approx(kappa.value)
        assert [mine["low"], mine["high"]] == pytest.approx([kappa.low, kappa.high], abs=0.02)
        one = agreement.agreement_interval("error_consistency", *~failures[:2], people=ids, resamples=500, seed=3)
        pair = row(found.tables["pairs"], model_a="m00", model_b="m01")
        assert [pair["error_consistency_low"], pair["error_consistency_high"]] == pytest.approx([one.low, one.high])


def test_many_persons_are_drawn_in_blocks_with_the_same_spread():
    rng = np.random.default_rng(0)
    columns = rng.random((10_000, 3)) < [0.1, 0.5, 1.0]
    mine = resampled_sums(by_person(columns, None), 3000, np.random.default_rng(0))
    usual = resampled_sums(columns.astype(float), 3000, np.random.default_rng(1))
    assert (mine[:, 2] == 10_000).all()
    np.testing.assert_allclose(mine.mean(0), columns.sum(0), rtol=0.002)
    np.testing.assert_allclose(mine.std(0), usual.std(0), rtol=0.1)
    assert np.corrcoef(mine[:, :2].T)[0, 1] == pytest.approx(np.corrcoef(usual[:, :2].T)[0, 1], abs=0.1)
    people = np.repeat(np.arange(5000), 2)
    pairs = np.repeat(rng.random((5000, 1)) < 0.3, 2, axis=0)
    assert resampled_sums(by_person(pairs, people), 2000, np.random.default_rng(0)).std() == pytest.approx(
        2 * np.sqrt(5000 * 0.3 * 0.7), rel=0.1
    )


def test_a_rate_of_zero_has_the_exact_limit():
    low, high = rate_limits(np.array([0.0, 1.0]), np.array([[0.0, 1.0]] * 10), np.array([10, 10]), 0.95)
    assert low.tolist() == pytest.approx([0, 0.025**0.1])
    assert high.tolist() == pytest.approx([1 - 0.025**0.1, 1])


def test_pairwise_complete_compares_each_pair_on_what_both_answered():
    frame = by_hand()
    frame = frame[~((frame["model"] == "A") & (frame["example"] == "e3"))]
    found = audit(frame, pairwise_complete=True)
    table = found.tables["pairs"]
    assert row(table, model_a="A", model_b="C")["examples"] == 7
    assert row(table, model_a="B", model_b="C")["examples"] == 8
    assert row(table, model_a="B", model_b="C")["error_consistency"] == pytest.approx(0.5)
    assert row(table, model_a="A", model_b="B")["accuracy_a"] == pytest.approx(4 / 7)
    assert found.tables["measures"]["examples"].unique().tolist() == [7]
    assert found.tables["lacking"].values.tolist() == [["e3", 1]]


def test_options_count_in_the_agreement_expected_by_chance():
    labels, a, b = (["xyz".index(x) for x in text] for text in (LABELS, "yzxyyzxy", "zzzxzxxy"))
    for options in (3, 6):
        found = row(audit(by_hand(), options=options).tables["pairs"], model_a="A", model_b="B")["capa_discrete"]
        assert found == pytest.approx(agreement.capa_discrete(a, b, labels, options))


def test_probabilities_give_capa():
    frame = by_hand()
    rng = np.random.default_rng(0)
    values = rng.dirichlet(np.ones(3), len(frame)).astype(np.float32)
    for place, name in enumerate("zyx"):  # in any order
        frame[f"probability_{name}"] = values[:, place]
    found = audit(frame)
    order = [2, 1, 0]
    a, b = values[:8][:, order], values[8:16][:, order]
    labels = ["xyz".index(label) for label in frame["label"][:8]]
    expected = agreement.capa(a, b, labels)
    assert row(found.tables["pairs"], model_a="A", model_b="B")["capa"] == pytest.approx(expected, abs=1e-6)
    assert found.tables["pairs"]["capa_low"].notna().all()
