"""The figures, tables and answers of the survival study, on made-up effects."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from homog import analysis, report, study
from homog.adaptations import label
from homog.analysis import facts
from homog.analysis.results import usual_rows
from homog.report import layout, plots
from homog.variants import variant
from tests import fakes

STUDY: Any = report.figures_of("survival")
TASKS = ["tweet_sentiment", "amazon_sentiment"]
LEFT = {0: 0.9, 4: 0.6, 16: 0.1}  # epochs -> what the backdoor still does


def effects(names, success, shams=(0,), seeds=(0, 1, 2)):
    cells = fakes.cells(TASKS, names, seeds=seeds, shams=shams, test=400)
    return analysis.effects(cells, fakes.found(cells, success), fakes.EXPOSURES)


def fading(cell):
    return LEFT[cell.adaptation.epochs] * cell.arm.dose if cell.arm.kind == "injected" else 0.02


EPOCHS = [variant("adaptation", "lora", epochs=amount) for amount in LEFT]
RANKS = [variant("adaptation", "lora", epochs=4, rank=rank) for rank in (2, 32)]


def test_a_harm_that_fades_is_halved_and_its_half_life_is_between_the_amounts():
    frame = effects(EPOCHS, fading)
    (row,) = STUDY.lives(frame).to_dict("records")
    assert (row["knob"], row["from"], row["to"], row["tasks"]) == ("epochs", 0, 16, 2)
    assert row["answer"] == "halved at 16"
    assert row["half_life"] == pytest.approx(4 + 12 * 0.15 / 0.5, abs=1)
    assert row["half_life_from"] <= row["half_life"] <= row["half_life_to"]
    assert row["remaining"] == pytest.approx(0.1, abs=0.06)
    said = STUDY.said(frame)
    assert said.outcome == "not met: 0 of 1 survive"


def test_a_harm_that_stays_survives_and_one_that_never_was_has_nothing_to_survive():
    stays = STUDY.lives(effects(EPOCHS, fakes.fired)).iloc[0]
    assert stays["answer"] == "survives" and np.isposinf(stays["half_life"])
    assert STUDY.said(effects(EPOCHS, fakes.fired)).outcome == "met: 1 of 1 survive"
    never = STUDY.lives(effects(EPOCHS, lambda cell: 0.02)).iloc[0]
    assert never["answer"] == "nothing to survive"
    assert STUDY.said(effects(EPOCHS, lambda cell: 0.02)).outcome == "not met: 0 of 0 survive"


def test_an_adaptation_without_a_knob_has_no_curve():
    assert STUDY.curves(effects(["linear_probe"], fakes.fired)).empty


def test_only_one_knob_is_turned_in_a_curve():
    found = STUDY.curves(effects([*EPOCHS, *RANKS], fakes.fired))
    mine = found[found["kind"] == "injected"].groupby("knob")["amount"].agg(list)
    assert mine["epochs"] == [0, 4, 16]
    assert mine["rank"] == [2, 8, 32]  # 8 is what the adaptation has where its label does not say
    assert set(mine.index) == {"epochs", "rank"}


def test_a_missing_cell_leaves_its_task_out_of_the_curve():
    frame = effects(EPOCHS, fakes.fired)
    gone = (frame["adaptation"] == label(EPOCHS[1])) & (frame["task"] == TASKS[0]) & (frame["arm_seed"] == 1)
    found = STUDY.curves(frame[~(gone & (frame["kind"] == "injected"))])
    assert found.loc[found["kind"] == "injected", "tasks"].tolist() == [1, 1, 1]


@pytest.mark.parametrize("names", [[*EPOCHS, *RANKS], EPOCHS, EPOCHS[:1], []])
@pytest.mark.parametrize("shams", [(0,), ()])
def test_figures_and_tables_of_any_grid(names, shams, tmp_path):
    frame = effects(names, fakes.fired, shams) if names else effects(EPOCHS, fakes.fired)[:0]
    figures = STUDY.figures(frame)
    assert set(figures) == (set(STUDY.CAPTIONS) if len(names) > 1 else set())
    for key, figure in figures.items():
        assert isinstance(figure, Figure)
        plots.save(figure, tmp_path / key)
    for table in STUDY.tables(frame).values():
        layout.display(table)
    STUDY.said(frame)


@pytest.mark.parametrize("preset", ["smoke", "laptop", "paper"])
def test_every_curve_of_the_grid_has_its_middle(preset):
    cells = study.expand(study.load("survival"), preset)
    labels = {label(cell.adaptation) for cell in cells}
    for base in {one.split(" ")[0] for one in labels if "=" in one}:
        assert f"{base} epochs=4" in labels
    assert len({cell.adaptation.name for cell in cells}) == len({one.split(" ")[0] for one in labels})


def test_what_is_planted_is_compared_with_what_the_other_studies_plant():
    clean = fakes.cells(TASKS, ["linear_probe"], seeds=(0, 1, 2), test=400)
    planted = [c for c in clean if c.arm.kind == "injected"]
    near, far = (replace(fakes.BACKDOOR, distance=amount) for amount in (0.5, 4.0))
    turned = [replace(c, arm=replace(c.arm, defect=defect)) for c in planted for defect in (near, far)]
    cells = [*clean, *turned]
    frame = analysis.effects(
        cells,
        fakes.found(cells, lambda cell: min(0.9, 0.25 * getattr(cell.arm.defect, "distance", 0.0))),
        fakes.EXPOSURES,
    )
    points = STUDY.curves(frame)
    assert points["amount"].tolist() == [0.5, 2.0, 4.0] and points["usual"].tolist() == [False, True, False]
    assert points["value"].tolist() == pytest.approx([0.12, 0.5, 0.9], abs=0.06)
    (row,) = STUDY.lives(frame).to_dict("records")
    assert (row["knob"], row["from"], row["to"]) == ("defect.distance", 2.0, 4.0)
    assert row["answer"] == "halved at 0.5" and np.isnan(row["half_life"])
    assert isinstance(STUDY.survival(points), Figure)
    usual = usual_rows(frame)
    assert set(usual["arm"]) == {c.arm.id for c in clean}
    assert set(facts.upstream(frame)["defect.distance"]) == {0.5, 2.0, 4.0}
