import math
from typing import Any

import pytest
from matplotlib.figure import Figure

from homog import analysis, report
from homog.report import charts, plots
from homog.report.layout import number, readable
from tests import fakes

STUDY: Any = report.figures_of("inheritance")
THREE = ["linear_probe", "lora", "full_finetune"]
GRIDS = {
    "one of everything": fakes.cells(["trec"]),
    "no sham": fakes.cells(["trec", "adult_income"], THREE, doses=(0, 0.5, 1), seeds=(0, 1, 2)),
    "sham": fakes.cells(["trec", "adult_income"], THREE, shams=(0,)),
    "no injected arm": fakes.cells(["trec"], doses=(0,), shams=(0,)),
    "clean only": fakes.cells(["trec"], doses=(0,)),
    "no cell": [],
}


@pytest.mark.parametrize("name", GRIDS)
def test_figures_and_tables_of_any_grid(name, tmp_path):
    cells = GRIDS[name]
    effects = analysis.effects(cells, fakes.found(cells), fakes.EXPOSURES)
    figures = STUDY.figures(effects)
    assert set(figures) == (set(charts.CAPTIONS) if cells else set())  # several triggers have a test of their own
    for key, figure in figures.items():
        assert isinstance(figure, Figure) and figure.get_figwidth() in (plots.WIDTH, plots.WIDE)
        plots.save(figure, tmp_path / key)
    assert len(list(tmp_path.iterdir())) == 2 * len(figures)
    assert set(STUDY.tables(effects)) - {"dose_slopes"} == {"inheritance", "dose_response", "clean_cost"}


def test_a_cell_without_a_number_is_hatched_and_says_why():
    cells = fakes.cells(["trec", "sms_spam", "newsgroups"], ["linear_probe", "lora"])
    found = fakes.found(cells)
    for cell in cells:
        no_record = cell.task.name == "trec" and cell.adaptation.name == "lora"
        if no_record or (cell.task.name == "sms_spam" and cell.arm.kind == "clean"):
            del found[cell.id]
    effects = analysis.effects(cells, found, fakes.EXPOSURES)
    axes = STUDY.figures(effects)["inheritance_matrix"].axes[0]
    texts = [text.get_text() for text in axes.texts]
    assert texts.count("no record") == 1 and texts.count("no control") == 2
    assert sum(patch.get_hatch() is not None for patch in axes.patches) == 3 + 8  # and 8 of the sham
    assert "0.00" not in texts


def test_files_are_the_same_on_a_second_run(tmp_path):
    def files(folder):
        with plots.style():
            figure = plots.figure(1.5)
            axes = figure.add_subplot()
            plots.dots(axes, 0, [0.1, 0.2], "injected")
            axes.add_patch(plots.hatched(xy=(0, 0), width=0.1, height=0.1))
            plots.note(figure, "n = 2")
        return [path.read_bytes() for path in plots.save(figure, folder / "one")], plots.svg(figure, "one")

    saved, svg = files(tmp_path / "a")
    assert (saved, svg) == files(tmp_path / "b")
    assert svg.startswith("<svg") and 'id="one-' in svg and "url(#one-" in svg


def test_numbers_and_names():
    assert number(-0.004) == "0.00" and number(-0.02) == "\N{MINUS SIGN}0.02" and number(math.nan) == "n/a"
    assert plots.brief(-0.02, 1.0) == "[\N{MINUS SIGN}.02, 1.0]" and plots.brief(0.0, 0.93) == "[.00, .93]"
    assert readable("sms_spam") == "SMS spam" and readable("adult_long_hours", "adult") == "Long hours"
    assert readable("full_finetune") == "Full fine-tuning" and readable("lora") == "LoRA"
