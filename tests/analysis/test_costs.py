"""Operations counted by hand, and seconds that add up."""

from typing import Any

import pytest

from homog.adaptations.full_finetune import FullFinetune
from homog.adaptations.linear_probe import LinearProbe
from homog.analysis import costs
from tests import fakes

PROBE, FULL = LinearProbe("linear_probe"), FullFinetune("full_finetune", 1e-4, epochs=3)
BELOW, ABOVE = 100, 20  # weights


def facts(own=False, seconds=2.0, job="a", ended=10.0, **more) -> dict[str, Any]:
    work = {"parameters": [BELOW, ABOVE], "own": own, "train": ["t", 50], "shown": {"clean": ["c", 7], "cf": ["x", 8]}}
    said = {"backbone": "minilm_l6", "fitting": seconds / 2, "seconds": seconds, "ended": ended}
    return said | {"work": work, "job": {"id": job, "began": 1.0}} | more


def test_each_distinct_input_goes_once_through_each_distinct_set_of_weights():
    cells = fakes.cells(["trec", "spam"], [PROBE])
    assert len({cell.arm.id for cell in cells}) == 2
    kept = [fakes.record(cell, **facts()) for cell in cells]
    frame = costs.kinds({cell.id: cell for cell in cells}, kept)
    once = (50 + 7 + 8) * 2  # states that the two arms share below, and have each above
    assert frame["tflop"].sum() * 1e12 == pytest.approx(once * BELOW + 2 * once * ABOVE)
    assert (frame["models"].sum(), frame["seconds"].sum(), frame["fitting"].sum()) == (4, 8, 4)


def test_training_takes_three_passes_where_all_moves_and_two_where_nothing_of_the_backbone_does():
    for trainable, passes in ((10**6, 3), (0, 2)):
        (cell,) = fakes.cells(["trec"], [FULL], doses=[0])
        kept = [fakes.record(cell, **facts(own=True, trainable=trainable))]
        frame = costs.kinds({cell.id: cell}, kept)
        whole = BELOW + ABOVE
        expected = 2 * (
            3 * 50 * passes * whole + 15 * whole + 50 * whole
        )  # training, predictions, features of the head
        assert frame["tflop"].item() * 1e12 == pytest.approx(expected)


def test_seconds_outside_models_are_found_between_their_ends():
    cells = fakes.cells(["trec", "spam"], [PROBE])
    ends = [10.0, 13.0, 20.0, 26.0]  # two jobs, each began at 1
    jobs = ["a", "a", "b", "b"]
    upstream = {"injection": "i", "injection_seconds": 4.0}
    kept = [
        fakes.record(cell, **facts(job=job, ended=end, upstream=upstream if job == "b" else {}))
        for cell, job, end in zip(cells, jobs, ends, strict=True)
    ]
    told = costs.jobs(kept)
    assert told["jobs"] == 2 and told["injections"] == 4.0
    assert told["starting"] == (10 - 2 - 1) + (20 - 2 - 1) - 4
    assert told["between"] == (3 - 2) + (6 - 2)
    assert told["wall"] == 25


def test_records_of_earlier_versions_are_counted_and_their_work_is_not_known():
    cells = fakes.cells(["trec"], [PROBE])
    frame = costs.kinds({cell.id: cell for cell in cells}, [fakes.record(cell) for cell in cells])
    assert frame["models"].item() == 2 and frame["tflop"].isna().item()
    assert costs.jobs([fakes.record(cell) for cell in cells])["jobs"] == 0
