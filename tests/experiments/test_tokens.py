"""The figures and tables of the tokens study, on made-up effects of a planted and a found token."""

from typing import Any

import pytest
from matplotlib.figure import Figure

from homog import analysis, report
from homog.report import layout, plots
from tests import fakes

STUDY: Any = report.figures_of("tokens")
TASKS = ["tweet_sentiment", "amazon_sentiment", "trec"]


def effects(shams=(0,), found=True):
    cells = fakes.cells(TASKS, ["nearest_centroid", "linear_probe"], seeds=(0, 1), shams=shams)
    frame = analysis.effects(cells, fakes.found(cells), fakes.EXPOSURES)
    clean = frame[frame["kind"] == "clean"]
    natural = [fakes.copied(clean, defect_kind="natural", condition=name) for name in ("found", "found-random")]
    return fakes.joined(frame, *natural) if found else frame


def test_harm_is_averaged_by_the_distance_from_the_attackers_task():
    found = STUDY.tables(effects())["domains"].set_index(["adaptation", "distance"])
    assert found.loc[("linear_probe", "its own"), "tasks"] == 1
    assert found.loc[("linear_probe", "other tasks"), "value"] == pytest.approx(0.95, abs=0.1)
    assert len(found) == 6


def test_the_found_sequence_is_measured_on_the_clean_backbone_alone():
    found = STUDY.tables(effects())["found"]
    assert set(found["condition"]) == {"found", "found-random"}
    assert len(found) == 2 * 2 * len(TASKS)


@pytest.mark.parametrize(("shams", "found"), [((0,), True), ((), True), ((0,), False)])
def test_figures_and_tables_of_any_grid(shams, found, tmp_path):
    frame = effects(shams, found)
    figures = STUDY.figures(frame)
    assert set(figures) == (set(STUDY.CAPTIONS) if found else {"by_task"})
    for key, figure in figures.items():
        assert isinstance(figure, Figure)
        plots.save(figure, tmp_path / key)
    for table in STUDY.tables(frame).values():
        layout.display(table)


def test_no_record_is_no_figure():
    assert STUDY.figures(effects()[effects()["n"] < 0]) == {}
