"""The figures, tables and answers of the eras study, on made-up models of which some fail together."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from homog import report
from homog.report import layout, plots
from tests import fakes
from tests.analysis.test_ensembles import PEOPLE, model

STUDY: Any = report.figures_of("eras")


def models(kinds=("handcrafted", "from_scratch", "linear_probe")):
    """Two decisions and two deployers per adaptation: those that share the backbone fail together, the others apart."""
    rng, rows = np.random.default_rng(0), []
    hard = rng.random(len(PEOPLE)) < 0.3
    for name in kinds:
        for data in ("own", "shared", "disjoint"):
            for task, family, seeds in (("a", "adult", (0,)), ("b", "adult", (0,)), ("t", "", (0, 1))):
                for seed in seeds:
                    failed = hard ^ (rng.random(len(PEOPLE)) < 0.05)
                    if name != "linear_probe":
                        failed = rng.random(len(PEOPLE)) < 0.3
                    rows.append(model(failed, task, seed, data, family, name))
    return rows


def frame(*kinds):
    return fakes.results(models(*kinds))


def test_adaptations_that_fail_together_are_said_to_homogenize():
    said = STUDY.said(frame())
    assert {one.verdict for one in said.answers} == {"homogenizes"}
    assert said.outcome.startswith("met: ")
    assert len(said.answers) == len(said.table) == 4  # decisions and deployers, each with shared and with disjoint data
    assert set(STUDY.sharing(STUDY.of_models(frame()))["control"]) == {"handcrafted", "from_scratch"}


def test_nothing_shared_is_no_effect_or_undecided_and_not_met():
    apart = frame(("handcrafted", "from_scratch", "lora"))
    said = STUDY.said(apart)
    assert {one.verdict for one in said.answers} <= {"no effect", "undecided"}
    assert said.outcome == "not met: 0 of 4 homogenize"


def test_without_an_earlier_era_counts_stay_whole():
    shown = STUDY.said(frame(("handcrafted", "linear_probe")))
    assert len(shown.table) == 4 and not shown.table["n"].str.contains(".", regex=False).any()


def two_backbones():
    """Linear probes on two backbones: those on one fail together, those on different ones apart."""
    rows = models()
    probes = [row for row in rows if row["adaptation"] == "linear_probe"]
    return [*rows, *(row | {"backbone": "c", "failed": np.roll(row["failed"], 7)} for row in probes)]


def test_models_on_alternating_backbones_are_the_control_for_sharing_one():
    every = STUDY.of_models(fakes.results(two_backbones()))
    names = {one.about["label"] for one in every}
    assert {"linear_probe backbone=c", "linear_probe backbone=alternating"} < names
    found = STUDY.sharing(every)
    against = found[found["control"] == "linear_probe backbone=alternating"]
    assert set(against["adaptation"]) == {"linear_probe", "linear_probe backbone=c"}
    assert (against["low"] > 0.3).all()
    said = STUDY.said(fakes.results(two_backbones()))
    named = [one.name for one in said.answers]
    assert "Linear probe (c), deployers, disjoint data, against two backbones" in named
    assert not any(name.startswith("Linear probe (two backbones)") for name in named)
    assert said.outcome == "met: 8 of 8 homogenize"  # both backbones against era 1; the other control is not counted
    assert len(said.table) == 16 + 1  # and pairs on one backbone against pairs on two


def test_pairs_on_one_backbone_are_compared_with_pairs_on_two_up_the_ladder():
    rng, rows = np.random.default_rng(1), models()
    for backbone in "abcd":
        shared = rng.random(len(PEOPLE)) < 0.2  # what the models of one backbone fail together
        for seed in range(3):
            failed = shared ^ (rng.random(len(PEOPLE)) < 0.1)
            rows.append(model(failed, "u", seed, "disjoint", "", "linear_probe") | {"backbone": backbone})
    df = fakes.results(rows)
    found = STUDY.ladders(df)
    assert set(found["of"]) == {"all", "alike but for their seed"}  # of a, b, c and d none decides about people
    found = found[found["of"] == "all"].set_index(["task", "null"]).loc["u"]
    assert (found["difference_low"] > 0.3).all() and (found["others_value"].abs() < 0.1).all()
    assert found["sharing_pairs"].tolist() == [12] * 3 and found["other_pairs"].tolist() == [36] * 3
    assert found["values"].tolist() == [4] * 3
    answer = next(a for a in STUDY.said(df).answers if a.name == "Linear probes, U, one of 4 backbones (all)")
    assert answer.verdict == "holds on every rung"
    tables = STUDY.tables(df)
    by_term = tables["variance"].set_index("term")
    assert by_term.loc["same_backbone", "value"] > 0.3 > abs(by_term.loc["same_data", "value"])
    assert by_term.loc["same_backbone", "last"] > 0.3
    same = tables["measures"].set_index("measure").loc["error_consistency", "disagreement"]
    assert same < 0  # models that err alike disagree less
    ends = pd.DataFrame({"null": ["independent", "difficulty", "item_and_model"], "difference_low": [0.1, -0.1, -0.1]})
    assert STUDY.climbs(ends) == "ends at difficulty"
    assert STUDY.climbs(ends.assign(difference_low=-0.1)) == "no difference"


def test_deployers_with_adaptations_of_their_own_are_shown_beside_and_compared_with():
    rows = frame(("handcrafted", "from_scratch", "linear_probe", "lora", "bitfit_inverted"))
    every = STUDY.of_models(rows)
    (mixed, _) = (one for one in every if one.about["label"] == "mixed_adaptations")
    assert set(mixed.attributes["adaptation"].ravel()) == {"linear_probe", "lora"}
    found = STUDY.sharing(every)
    assert set(found.loc[found["control"] == "mixed_adaptations", "adaptation"]) == {"linear_probe", "lora"}
    named = [one.name for one in STUDY.said(rows).answers]
    assert "Mixed adaptations, deployers, disjoint data, against era 1" in named
    assert not any("against mixed" in name for name in named)


def test_models_on_other_backbones_are_not_compared_with_the_mixture():
    rows = fakes.results([*two_backbones(), *models(("lora",))])
    found = STUDY.sharing(STUDY.of_models(rows))
    assert set(found.loc[found["control"] == "mixed_adaptations", "adaptation"]) == {"linear_probe", "lora"}


@pytest.mark.parametrize("value", [0.2, -0.2, 0.0])
def test_verdicts(value):
    row = {"value": value, "low": value - 0.01, "high": value + 0.01}
    assert STUDY.verdict(row) == {0.2: "homogenizes", -0.2: "diversifies", 0.0: "no effect"}[value]
    assert STUDY.verdict(row | {"low": -0.3, "high": 0.3}) == "undecided"


@pytest.mark.parametrize(
    "kinds", [("handcrafted", "from_scratch", "linear_probe"), ("handcrafted",), ("lora",), (), "two"]
)
def test_figures_and_tables_of_any_grid(kinds, tmp_path):
    rows = (
        fakes.results(two_backbones())
        if kinds == "two"
        else frame(kinds)
        if kinds
        else frame().with_rows(frame().frame[:0])
    )
    figures = STUDY.figures(rows)
    drawn = set(STUDY.CAPTIONS) if kinds == "two" else set(STUDY.CAPTIONS) - {"ladder"}
    assert set(figures) == (drawn if kinds else set())
    for key, figure in figures.items():
        assert isinstance(figure, Figure)
        plots.save(figure, tmp_path / key)
    for table in STUDY.tables(rows).values():
        layout.display(table)
    STUDY.said(rows)


def test_settings_are_named_where_two_adaptations_differ_in_them_alone():
    names = ["from_scratch", "full_finetune learning_rate=3e-05", "lora rank=2", "lora rank=4"]
    shown = [STUDY._tick(name, names) for name in names]
    assert shown == ["From scratch (era 2)", "Full fine-tuning", "LoRA, rank 2", "LoRA, rank 4"]
