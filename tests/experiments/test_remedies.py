"""The figures and tables of the remedies study, on made-up effects."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest
from matplotlib.figure import Figure

from homog import analysis, report
from homog.config import arm
from homog.report import layout, plots
from tests import fakes

STUDY: Any = report.figures_of("remedies")
TASKS = ["tweet_sentiment", "amazon_sentiment"]
EVERY = [*TASKS, *(f"{name}_debiased" for name in TASKS)]


def effects(success, adaptations=("linear_probe",), seeds=(0, 1, 2)):
    """Effects in which `success` (debiased?, pruned share) says how often the trigger works."""
    cells = fakes.cells(EVERY, adaptations, seeds=seeds, test=200)
    planted = [cell for cell in cells if cell.arm.kind == "injected"]
    pruned = replace(fakes.BACKDOOR, pruned=0.3)
    cells += [replace(cell, arm=arm(cell.arm.backbone, pruned, 1.0, cell.arm.seed)) for cell in planted]
    kept = {}
    for cell in cells:
        cured = (cell.task.name.endswith("_debiased"), getattr(cell.arm.defect, "pruned", 0))
        kept[cell.id] = fakes.record(cell, success(*cured) if cell.arm.kind == "injected" else 0.0)
    return analysis.effects(cells, kept, fakes.EXPOSURES)


def test_a_remedy_is_compared_with_doing_nothing_on_the_same_tasks():
    found = STUDY.remedies(effects(lambda debiased, pruned: 0.0 if debiased else 0.9)).set_index("remedy")
    assert found.loc["nothing", "value"] == pytest.approx(0.9, abs=0.05)
    assert found.loc["debiased data", "value"] == pytest.approx(0.0, abs=0.05)
    assert found.loc["debiased data", "change_value"] == pytest.approx(-0.9, abs=0.05)
    assert set(found["names"]) == {", ".join(TASKS)}
    assert found["answer"].to_dict() == {
        "nothing": "",
        "debiased data": "rids of it",
        "pruned 0.3": "no help",
        "pruned 0.3, debiased data": "rids of it",
    }


def test_settings_of_an_adaptation_are_remedies_of_the_same_adaptation():
    every = effects(lambda debiased, pruned: 0.4 if debiased else 0.9, ("full_finetune",))
    decayed = every.frame.assign(adaptation="full_finetune learning_rate=3e-05 weight_decay=100.0")
    usual = every.frame.assign(adaptation="full_finetune learning_rate=3e-05")
    found = STUDY.remedies(every.with_rows(pd.concat([usual, decayed], ignore_index=True)))
    assert set(found["adaptation"]) == {"full_finetune learning_rate=3e-05"}
    found = found.set_index("remedy")
    assert found.loc["weight decay 100", "change_value"] == pytest.approx(0.0, abs=0.01)
    assert found.loc["weight decay 100", "answer"] == "no help"
    assert found.loc["weight decay 100, debiased data", "value"] == found.loc["debiased data", "value"]


def test_what_is_left_decides_between_help_and_cure():
    found = STUDY.remedies(effects(lambda debiased, pruned: 0.4 if debiased else 0.9)).set_index("remedy")
    assert found.loc["debiased data", "answer"] == "helps"


def test_a_remedy_that_harms_is_told():
    found = STUDY.remedies(effects(lambda debiased, pruned: 0.9 if pruned else 0.3)).set_index("remedy")
    assert found.loc["pruned 0.3", "answer"] == "makes it worse"


def test_two_backbones_have_no_interval_and_decide_nothing():
    found = STUDY.remedies(effects(lambda debiased, pruned: 0.0 if debiased else 0.9, seeds=(0, 1)))
    assert found["change_low"].isna().all()
    assert set(found["answer"]) == {"", "undecided"}
    said = STUDY.said(effects(lambda debiased, pruned: 0.0 if debiased else 0.9, seeds=(0, 1)))
    assert said.outcome == "undecided: 0 of 3 leave it in a probe"


def test_the_hypothesis_is_about_probes():
    said = STUDY.said(effects(lambda debiased, pruned: 0.0 if debiased else 0.9, ("linear_probe", "lora")))
    assert said.outcome == "met in part: 1 of 3 leave it in a probe"
    assert len(said.answers) == 6


def test_figures_and_tables_are_whole(tmp_path):
    frame = effects(lambda debiased, pruned: 0.5 + 0.4 * pruned, ("linear_probe", "full_finetune"))
    figures = STUDY.figures(frame)
    assert set(figures) == set(STUDY.CAPTIONS)
    for key, figure in figures.items():
        assert isinstance(figure, Figure)
        plots.save(figure, tmp_path / key)
    for table in STUDY.tables(frame).values():
        layout.display(table)
    assert STUDY.figures(frame[frame["n"] < 0]) == {}
