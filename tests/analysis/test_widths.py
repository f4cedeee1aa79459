"""The width of the interval of a pair's error consistency, by the number of examples."""

import numpy as np
import pytest

from homog.analysis.widths import widths
from homog.metrics.agreement import agreement_interval
from tests import fakes
from tests.analysis.test_ensembles import PEOPLE, model


def models(count=4, shared=0.0):
    rng = np.random.default_rng(0)
    hard = rng.random(len(PEOPLE)) < 0.3
    each = [np.where(rng.random(len(PEOPLE)) < shared, hard, rng.random(len(PEOPLE)) < 0.3) for _ in range(count)]
    return fakes.results([model(failed, seed=seed) for seed, failed in enumerate(each)])


def test_the_width_falls_as_the_root_of_the_sample_and_is_that_of_the_measure():
    table = widths(models(), (100, 400)).set_index("examples")
    assert table["pairs"].tolist() == [6, 6]
    assert table.loc[100, "value"] / table.loc[400, "value"] == pytest.approx(2, rel=0.2)
    two = models(2)
    alone = agreement_interval("error_consistency", *(~failed for failed in two.each("failed")), resamples=400)
    assert widths(two, (400,)).loc[0, "value"] == pytest.approx((alone.high - alone.low) / 2, rel=0.15)


def test_models_that_err_alike_are_told_from_chance_with_enough_examples():
    table = widths(models(shared=0.6), (50, 400)).set_index("examples")
    assert table.loc[400, "told_apart"] == 1 and table.loc[400, "error_consistency"] > 0.2
    assert widths(models(), (400,)).loc[0, "told_apart"] < 0.4


def test_no_row_where_no_task_is_so_large_or_all_models_are_one():
    assert widths(models(), (1000,)).empty
    one = fakes.results([model(PEOPLE == "p1", seed=seed) for seed in range(3)])
    assert widths(one, (100,)).empty
