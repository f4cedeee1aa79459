"""The figures and tables of the compression study, on made-up flips whose overlap is known."""

from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from homog import analysis, report
from homog.config import Cell, Sizes, arm
from homog.defects.compression import Pruned, Quantized
from homog.records import CLEAN, Record
from homog.report import plots
from homog.seeding import generator
from tests import fakes

STUDY: Any = report.figures_of("compression")
INT4, PRUNED = Quantized("quantized_int4", bits=4), Pruned("pruned")
SHAM = Quantized("quantized_int4", bits=4, sham=True)
EXPOSURES = {one.exposure: one for one in (INT4, PRUNED)}
TASKS = ["trec", "compas_high_score", "compas_has_priors"]
N = 200


def cells(doses=(0, 1), backbone="minilm_l6", adaptations=("linear_probe", "lora")):
    shared = fakes.Named(backbone)
    arms = [arm(shared, INT4, 1, 0), arm(shared, SHAM, 1, 0), arm(shared, SHAM, 1, 1)]
    arms += [arm(shared, PRUNED, dose, 0) for dose in doses]
    kinds = [(one, fakes.Named(a), fakes.Named(t)) for one in arms for a in adaptations for t in TASKS]
    return [Cell(*kind, 0, Sizes(100, N, 64)) for kind in kinds]


def two_backbones():
    return [*cells(), *cells(backbone="another", adaptations=("linear_probe",))]


def effects(cells, fragile):
    """With `fragile`, the same tenth of the examples flips in every compressed model but not in its shams."""
    found: dict[str, Record] = {}
    for cell in cells:
        blank, kind = fakes.record(cell), cell.arm.kind
        labels = generator("labels", cell.task.name).integers(0, 2, N)
        where = generator("flips", "all" if fragile and kind == "injected" else cell.id).random(N) < 0.1
        predicted = labels ^ (where & (kind != "clean"))
        eye = np.eye(2, dtype=np.float32)[predicted]
        found[cell.id] = Record(
            cell.id,
            blank.provenance,
            blank.examples,
            blank.people,
            labels,
            {},
            {CLEAN: eye} | dict.fromkeys(EXPOSURES, eye),
        )
    return analysis.effects(cells, found, EXPOSURES)


def row(frame, **values):
    for name, value in values.items():
        frame = frame[frame[name] == value]
    assert len(frame) == 1
    return frame.iloc[0]


@pytest.mark.parametrize("fragile", [True, False])
def test_shared_flips_are_told_from_independent_ones(fragile):
    tables = STUDY.tables(effects(cells(), fragile))
    for between in ("adaptations", "tasks"):
        found = row(tables["same_examples"], condition=INT4.exposure, between=between, adaptation="all")
        assert found["value"] == 1 if fragile else abs(found["value"]) < 0.2
    assert row(tables["same_examples"], condition=INT4.exposure, between="adaptations", adaptation="all")["pairs"] == 3
    sham = row(tables["same_examples"], condition=INT4.exposure, between="sham", adaptation="all")
    assert sham["pairs"] == 3 * 2 * 2 and abs(sham["value"]) < 0.2
    people = row(tables["people"], condition=INT4.exposure, family="compas", adaptation="all")
    assert people["models"] == 4 and people["examples"] == N
    if fragile:
        assert people["low"] > 0
        assert people["ever"] == pytest.approx(people["mean_flips"])
        assert people["ever_if_independent"] > 2 * people["ever"]
    else:
        assert abs(people["value"]) < 0.1


@pytest.mark.parametrize("fragile", [True, False])
def test_two_backbones_are_compared_and_leave_the_pairs_on_one_as_they_are(fragile):
    alone, both = (STUDY.same_examples(effects(grid, fragile)) for grid in (cells(), two_backbones()))
    found = row(both, condition=INT4.exposure, between="backbones", adaptation="all")
    assert found["pairs"] == len(TASKS)
    assert found["value"] == 1 if fragile else abs(found["value"]) < 0.2
    assert np.isnan(row(alone, condition=INT4.exposure, between="backbones", adaptation="all")["value"])
    for between in ("adaptations", "tasks", "sham"):
        one, two = (row(x, condition=INT4.exposure, between=between, adaptation="all") for x in (alone, both))
        assert one["value"] == two["value"]
    named = STUDY.tables(effects(two_backbones(), fragile))["who"]["adaptation"]
    assert set(named) == {"linear_probe", "lora", "linear_probe backbone=another"}


def test_kappa_of_one_pair_is_error_consistency():
    from homog.metrics.agreement import error_consistency

    frame = effects(cells(), False)
    frame = frame[(frame["task"] == "trec") & (frame["kind"] == "injected") & (frame["condition"] == INT4.exposure)]
    found = row(STUDY.same_examples(frame), between="adaptations")
    one, two = (flips.astype(bool) for flips in frame.each("numerator"))
    assert found["value"] == pytest.approx(error_consistency(~one, ~two))


def test_no_change_at_all_has_no_overlap():
    frame = effects([cell for cell in cells() if cell.arm.kind == "clean"], True)
    copies = frame.with_rows(frame.frame.assign(kind="injected", dose=1.0))
    found = row(STUDY.same_examples(copies), condition=INT4.exposure, between="adaptations")
    assert np.isnan(found["value"]) and "none of these models" in found["reason"]


def test_who_changes_is_counted_by_what_the_full_backbone_got_right():
    found = row(STUDY.who(effects(cells(), True)), condition=INT4.exposure, adaptation="lora")
    assert found["flips_of_right"] == found["flips"] / found["examples"]
    assert np.isnan(found["flips_of_wrong"])  # the full backbone's models make no errors here
    assert (found["to_wrong"], found["to_right"]) == (found["flips"], 0)


@pytest.mark.parametrize("name", ["doses", "one dose", "two", "no sham", "clean only", "no family", "nothing"])
def test_figures_and_tables_of_any_grid(name, tmp_path):
    chosen = two_backbones() if name == "two" else cells((0, 0.5, 1) if name == "doses" else (0, 1))
    keep = {
        "no sham": lambda cell: cell.arm.kind != "sham",
        "clean only": lambda cell: cell.arm.kind == "clean",
        "no family": lambda cell: cell.task.name == "trec",
        "nothing": lambda cell: False,
    }.get(name, lambda cell: True)
    frame = effects([cell for cell in chosen if keep(cell)], True)
    figures = STUDY.figures(frame)
    assert set(figures) <= set(STUDY.CAPTIONS)
    assert ("pruned_dose_response" in figures) is (name == "doses")
    assert ("people" in figures) is (name in ("doses", "one dose", "two", "no sham"))
    for key, figure in figures.items():
        assert isinstance(figure, Figure) and figure.get_figwidth() in (plots.WIDTH, plots.WIDE)
        plots.save(figure, tmp_path / key)
    STUDY.tables(frame)
