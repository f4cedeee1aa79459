"""The figures, tables and answers of the market_share study, on made-up deployers."""

import itertools
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from homog import report
from homog.report import layout, plots
from tests import fakes
from tests.analysis.test_ensembles import PEOPLE, model

STUDY: Any = report.figures_of("market_share")
KINDS = ("clean", "injected", "sham")


def frame(kinds=KINDS, deployers=3, backbones=1):
    """Makers on the injected backbone fail and reject the same third of the people; all others fail at random."""
    rng, rows = np.random.default_rng(0), []
    hard = np.arange(len(PEOPLE)) % 3 == 0
    for name, kind in [("handcrafted", "clean"), *(("linear_probe", kind) for kind in kinds)]:
        for condition in ("clean", "group"):
            for seed, arm_seed in itertools.product(range(deployers), range(backbones if kind == "injected" else 1)):
                failed = np.roll(hard, arm_seed) if kind == "injected" else rng.random(len(PEOPLE)) < 0.3
                one = model(failed, "t", seed, "disjoint", "", name) | {"arm_seed": arm_seed}
                rows.append(one | {"kind": kind, "condition": condition, "rejected": failed})
    return fakes.results(rows)


def test_a_backbone_that_fails_the_same_people_lets_systemic_failure_grow():
    found = STUDY.moved(frame()).set_index(["kind", "condition"])
    for what in ("failed", "rejected"):
        assert found.loc[("injected", "group"), f"{what}_value"] == pytest.approx(1 / 3, abs=0.06)
        assert abs(found.loc[("clean", "group"), f"{what}_value"]) < 0.05
    said = STUDY.said(frame())
    verdicts = {one.name: one.verdict for one in said.answers}
    assert verdicts["backbone blind to the group, Linear probe, Group"] == "failure grows, rejection grows"
    assert said.outcome == (
        "primary (backbone blind to the group): failure grows, rejection grows; "
        "all: met in part: systemic failure grows in 2 of 6"
    )


def test_the_curve_runs_from_the_old_market_to_the_new():
    rows = frame(("injected",))
    curve = STUDY.curves(rows)
    curve = curve[curve["condition"] == "group"]
    assert curve["share"].tolist() == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert curve["systemic_failure_value"].idxmax() == curve.index[-1]
    assert curve["systemic_failure_value"].iloc[-1] == pytest.approx((np.arange(400) % 3 == 0).mean())


def test_each_of_several_injected_backbones_is_a_replicate():
    three, alone = frame(("injected",), backbones=3), frame(("injected",))
    row, one = (STUDY.moved(df).query("condition == 'group'").iloc[0] for df in (three, alone))
    assert (row["backbones"], one["backbones"]) == (3, 1)
    assert row["failed_low"] < row["failed_value"] == pytest.approx(one["failed_value"], abs=0.03)
    assert row["log_h"] == pytest.approx(one["log_h"], abs=0.2)
    assert STUDY.curves(three)["replicate"].nunique() == 3


@pytest.mark.parametrize("kinds", [KINDS, ("clean",), ()])
def test_figures_and_tables_of_any_grid(kinds, tmp_path):
    rows = frame(kinds)
    figures = STUDY.figures(rows)
    assert set(figures) == (set(STUDY.CAPTIONS) if kinds else set())
    for key, figure in figures.items():
        assert isinstance(figure, Figure)
        plots.save(figure, tmp_path / key)
    for table in STUDY.tables(rows).values():
        layout.display(table)
    STUDY.said(rows)
