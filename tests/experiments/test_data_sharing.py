"""The figure, tables and answers of the data_sharing study, on made-up decisions."""

from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

from homog import report
from homog.report import layout, plots
from tests import fakes
from tests.analysis.test_ensembles import PEOPLE, model

STUDY: Any = report.figures_of("data_sharing")
GROUPS = {name: np.where(np.arange(len(PEOPLE)) % 2 == 0, "a", "b") for name in STUDY.GROUPS}


def models(together, learners=("handcrafted", "handcrafted learner=svm")):
    """Two decisions in each of two families, two samples; with shared data a share `together` fails as one."""
    rng, rows = np.random.default_rng(0), []
    for label in learners:
        for family in ("adult", "compas"):
            for seed in (0, 1):
                hard = rng.random(len(PEOPLE)) < 0.3
                for data in ("own", "disjoint"):
                    for task in ("a", "b"):
                        alone = rng.random(len(PEOPLE)) < 0.3
                        shared = rng.random(len(PEOPLE)) < (together if data == "own" else 0)
                        failed = np.where(shared, hard, alone)
                        rows.append(model(failed, f"{family}_{task}", seed, data, family, label) | {"groups": GROUPS})
    return fakes.results(rows)


def test_persons_that_fail_together_under_shared_data_are_told_from_groups():
    said = STUDY.said(models(0.9))
    assert [answer.name for answer in said.answers] == ["Logistic regression", "SVM"]
    assert {answer.verdict for answer in said.answers} == {"homogenizes persons, more than groups"}
    assert said.outcome.startswith("met: ")
    assert said.table["n"].tolist() == ["800", "800"]  # over both families


def test_nothing_shared_is_undecided():
    said = STUDY.said(models(0.0))
    assert {answer.verdict for answer in said.answers} == {"undecided"} and said.outcome.startswith("not met")


@pytest.mark.parametrize(
    ("persons", "difference", "verdict"),
    [
        ((0.1, 0.3), (0.05, 0.2), "homogenizes persons, more than groups"),
        ((0.1, 0.3), (-0.1, 0.2), "homogenizes persons, against groups undecided"),
        ((0.1, 0.3), (-0.3, -0.2), "homogenizes persons, less than groups"),
        ((-0.3, -0.1), (-0.1, 0.2), "diversifies persons, against groups undecided"),
        ((-0.3, 0.1), (0.1, 0.2), "undecided"),
        ((np.nan, np.nan), (np.nan, np.nan), "undecided"),
    ],
)
def test_verdicts_follow_the_rule(persons, difference, verdict):
    sides = {"persons": persons, "difference": difference}
    limits = {f"{name}_{end}": side[at] for name, side in sides.items() for at, end in enumerate(("low", "high"))}
    assert STUDY.verdict(limits) == verdict


def test_figures_and_tables():
    some = models(0.9)
    tables = STUDY.tables(some)
    assert set(tables) == {"levels", "outcomes", "widths"}
    assert set(tables["levels"]["group"]) == set(STUDY.GROUPS)
    assert tables["widths"]["examples"].tolist() == [50, 100, 200, 400]
    for name, frame in tables.items():
        assert len(layout.display(frame)), name
    (figure,) = STUDY.figures(some).values()
    assert isinstance(figure, Figure) and plots.svg(figure)
    assert STUDY.figures(some[some["data"] == "nowhere"]) == {}
