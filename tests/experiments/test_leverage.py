"""The figures and tables of the leverage study, on made-up records in which both defects arrive."""

from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from homog import analysis, report
from homog.config import Cell, Sizes, arm
from homog.defects.backdoor import Backdoor
from homog.defects.improvement import Improvement
from homog.records import CLEAN, Record
from homog.report import plots
from homog.seeding import generator
from tests import fakes

STUDY: Any = report.figures_of("leverage")
SPOILED, REPAIRED = Backdoor("backdoor", ("cf",)), Improvement("improvement")
EXPOSURES = {one.exposure: one for one in (SPOILED, REPAIRED)}
SHAMS = Backdoor("backdoor", ("cf",), sham=True), Improvement("improvement", sham=True)
N = 200


def cells(kinds=("clean", "injected", "sham")):
    backbone = fakes.Named("minilm_l6")
    arms = [arm(backbone, one, dose, seed) for one in (SPOILED, REPAIRED) for dose in (0, 1) for seed in (0, 1, 2)]
    arms += [arm(backbone, one, 1, 0) for one in SHAMS]
    arms = [one for one in {one.id: one for one in arms}.values() if one.kind in kinds]
    names = [fakes.Named(a) for a in ("nearest_centroid", "linear_probe")]
    return [
        Cell(one, a, fakes.Named(t), 0, Sizes(100, N, 64)) for one in arms for a in names for t in ("trec", "sms_spam")
    ]


def effects(cells):
    """The token turns 9 in 10 where it is planted; errors make 4 in 10 wrong, but 1 in 10 where it is repaired."""
    found = {}
    for cell in cells:
        blank, rng = fakes.record(cell), generator("wrong", cell.task.name)
        planted = cell.arm.defect.name if cell.arm.kind == "injected" else ""
        labels = rng.integers(0, 2, N)
        turned = rng.random(N) < (0.9 if planted == "backdoor" else 0.05)
        wrong = rng.random(N) < (0.1 if planted == "improvement" else 0.4)
        eye = np.eye(2, dtype=np.float32)
        shown = {CLEAN: labels, SPOILED.exposure: np.where(turned, 0, labels), REPAIRED.exposure: labels ^ wrong}
        shown = {name: eye[values] for name, values in shown.items()}
        found[cell.id] = Record(cell.id, blank.provenance, blank.examples, blank.people, labels, {}, shown)
    return analysis.effects(cells, found, EXPOSURES)


def test_tasks_are_reached_in_the_direction_of_the_defect():
    found = STUDY.tables(effects(cells()))["reached"].set_index(["condition", "adaptation", "kind"])
    for condition, possible in ((SPOILED.exposure, 0.9), (REPAIRED.exposure, 0.75)):
        injected, sham = (found.loc[condition, "linear_probe", kind] for kind in ("injected", "sham"))
        assert (injected["tested"], injected["reached"], injected["against"]) == (2, 2, 0)
        assert (sham["reached"], sham["against"]) == (0, 0)
        assert injected["possible"] == pytest.approx(possible, abs=0.1)
    assert found.loc[SPOILED.exposure, "linear_probe", "injected"]["low"] > 0
    assert found.loc[REPAIRED.exposure, "linear_probe", "injected"]["high"] < 0


def test_transmission_is_1_where_the_models_do_as_the_backbone_does():
    found = STUDY.tables(effects(cells()))["transmission"]
    assert set(found["condition"]) == set(EXPOSURES)
    assert found["value"].tolist() == pytest.approx([1, 1])


@pytest.mark.parametrize("kinds", [("clean", "injected", "sham"), ("clean", "injected"), ("clean",), ()])
def test_figures_and_tables_of_any_grid(kinds, tmp_path):
    frame = effects(cells(kinds))
    figures = STUDY.figures(frame)
    assert set(figures) == (set(STUDY.CAPTIONS) if kinds else set())
    for key, figure in figures.items():
        assert isinstance(figure, Figure) and figure.get_figwidth() in (plots.WIDTH, plots.WIDE)
        plots.save(figure, tmp_path / key)
    STUDY.tables(frame)
