"""Harm that nobody planted, by condition, backbone, adaptation and task."""

import pytest

from homog import analysis
from homog.analysis.natural import natural
from tests import fakes


def effects(harm):
    cells = fakes.cells(["trec", "sms_spam"], doses=(0,), test=200)
    of_cells = analysis.effects(cells, fakes.found(cells, lambda cell: harm), fakes.EXPOSURES)
    return fakes.copied(of_cells, defect_kind="natural", condition="noise")


def test_the_harm_of_clean_models_under_a_natural_exposure():
    table = natural(effects(0.5)).set_index("task")
    assert set(table["condition"]) == {"noise"} and set(table["samples"]) == {1}
    assert (table["value"] - 0.5).abs().max() < 0.12 and (table["low"] > 0.3).all()
    assert table.loc["trec", "accuracy"] == pytest.approx(0.9, abs=0.06)


def test_what_is_planted_and_no_rows_at_all_have_no_row():
    cells = fakes.cells(["trec"])
    planted = analysis.effects(cells, fakes.found(cells), fakes.EXPOSURES)
    assert natural(planted).empty and natural(planted[planted["task"] == "none"]).empty
