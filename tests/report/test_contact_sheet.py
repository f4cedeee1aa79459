"""Images that records keep are shown in a line for each arm and condition, the same captions in each column."""

import numpy as np

from homog import analysis
from homog.inputs.images import strip, unstripped
from homog.records import CLEAN
from homog.report.contact_sheet import contact_sheets
from tests import fakes


def drawn(cells, kept=True):
    level = {kind: 60 * i for i, kind in enumerate(("clean", "injected", "sham"))}
    samples = {
        cell.id: {
            name: strip(np.full((4, 6, 6, 3), level[cell.arm.kind] + add, np.uint8))
            for name, add in ((CLEAN, 0), (fakes.CONDITION, 30))
        }
        for cell in cells
    }
    if not kept:
        return {c.id: fakes.record(c) for c in cells}
    return {c.id: fakes.record(c, samples=samples[c.id]) for c in cells}


def test_a_line_for_each_adaptation_arm_and_condition():
    cells = fakes.cells(["trec", "sms_spam"], ["linear_probe", "lora"], seeds=(0, 1), shams=(0, 1))
    sheets = contact_sheets(analysis.effects(cells, drawn(cells), fakes.EXPOSURES))
    (name,) = sheets
    assert name == f"contact_sheet_{fakes.CONDITION}"
    lines = {axes.get_ylabel(): np.asarray(axes.get_images()[0].get_array()) for axes in sheets[name].axes}
    assert len(lines) == 2 * 3 * 2
    assert (lines["lora sham exposed"] == 150).all() and lines["lora sham exposed"].shape == (6, 24, 3)
    assert (lines["linear_probe clean plain"] == 0).all()


def test_models_that_draw_nothing_have_no_sheet():
    cells = fakes.cells(["trec"])
    assert contact_sheets(analysis.effects(cells, drawn(cells, kept=False), fakes.EXPOSURES)) == {}
    assert contact_sheets(analysis.effects([], {}, fakes.EXPOSURES)) == {}


def test_a_strip_comes_back():
    images = np.random.default_rng(0).integers(0, 255, (3, 5, 4, 3)).astype(np.uint8)
    assert np.array_equal(unstripped(strip(images)), np.concatenate(list(images), axis=1))
