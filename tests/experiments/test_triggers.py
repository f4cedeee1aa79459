"""Several triggers: which classes some trigger can force, on made-up effects."""

from typing import Any

import pytest
from matplotlib.figure import Figure

from homog import report
from homog.report import plots
from tests import fakes

STUDY: Any = report.figures_of("triggers")


def row(trigger, harm, label, kind="injected", arm_seed=0, task="trec"):
    provenance = {"label_names": ["a", "b", "c", "d"]}
    names = {"adaptation": "linear_probe", "task": task, "kind": kind, "arm_seed": arm_seed}
    return names | {
        "condition": f"backdoor_codes-{trigger}",
        "harm": harm,
        "exposed_label": label,
        "provenance": provenance,
        "n": 50,
    }


ROWS = [
    *(row("x", 0.9, "a"), row("y", 0.8, "b"), row("z", 0.7, "b"), row("w", 0.2, "c")),
    *(row("x", 0.9, "a", arm_seed=1), row("y", 0.1, "b", arm_seed=1)),
    row("x", 0.1, "a", kind="clean"),
]
EFFECTS = fakes.results(ROWS)


def test_a_class_is_forced_by_a_trigger_that_decides_and_counted_once():
    found = STUDY.covered(EFFECTS).set_index("kind")
    injected = found.loc["injected"]
    assert (injected["forced"], injected["classes"], injected["share"]) == (1.5, 4, pytest.approx(1.5 / 4))
    assert (injected["triggers"], injected["seeds"], injected["n"]) == (2, 2, 50)
    assert injected["best"] == pytest.approx(0.9)
    assert found.loc["clean", "forced"] == 0


def test_the_figure_has_a_cell_per_task_and_adaptation_and_hatches_what_was_not_run(tmp_path):
    other = ROWS[0] | {"task": "newsgroups", "adaptation": "lora"}
    figure = STUDY.several_triggers(STUDY.covered(fakes.results([*ROWS, other])))
    assert isinstance(figure, Figure)
    patches = figure.axes[0].patches
    assert len(patches) == 4
    assert sum(bool(patch.get_hatch()) for patch in patches) == 2
    assert "1.5 of 4" in {text.get_text() for text in figure.axes[0].texts}
    plots.save(figure, tmp_path / "several_triggers")
