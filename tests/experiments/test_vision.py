"""The figures and tables of the vision study, on made-up effects of a planted patch and a natural change of tone."""

from typing import Any

import pytest
from matplotlib.figure import Figure

from homog import analysis, report
from homog.report import layout, plots
from tests import fakes

STUDY: Any = report.figures_of("vision")
TASKS = ["emoji_category", "emoji_gender"]


def effects(natural=True):
    cells = fakes.cells(TASKS, ["nearest_centroid", "linear_probe"], seeds=(0, 1, 2), shams=(0, 1, 2), test=200)
    frame = analysis.effects(cells, fakes.found(cells), fakes.EXPOSURES)
    clean = fakes.copied(frame[frame["kind"] == "clean"], defect_kind="natural", condition="tone")
    return fakes.joined(frame, clean) if natural else frame


def test_what_nobody_planted_has_a_table_of_its_own():
    frame = effects()
    tables = STUDY.tables(frame) | STUDY.beside(frame)
    assert set(tables["inheritance"]["condition"]) == {fakes.CONDITION}
    tone = tables["tone"].set_index(["adaptation", "task"])
    assert len(tone) == 4 and set(tone["samples"]) == {1}
    clean = frame.frame[(frame["condition"] == "tone") & (frame["adaptation"] == "linear_probe")].set_index("task")
    for task in TASKS:
        row = tone.loc[("linear_probe", task)]
        assert row["value"] == pytest.approx(clean.loc[task, "harm"])
        assert row["low"] <= row["value"] <= row["high"]


@pytest.mark.parametrize("natural", [True, False])
def test_figures_and_tables_of_any_grid(natural, tmp_path):
    frame = effects(natural)
    figures = STUDY.figures(frame)
    assert set(figures) == set(STUDY.CAPTIONS)
    for key, figure in figures.items():
        assert isinstance(figure, Figure)
        plots.save(figure, tmp_path / key)
    for table in (STUDY.tables(frame) | STUDY.beside(frame)).values():
        layout.display(table)


def test_no_record_is_no_figure():
    frame = effects()
    assert STUDY.figures(frame[frame["n"] < 0]) == {}
