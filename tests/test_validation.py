"""The table of validation accuracies: whole, better than chance, and what the settings quote."""

import pandas as pd
import pytest

from homog.adaptations import ADAPTATIONS
from homog.contracts.tiny import Toy
from homog.tasks import TASKS
from homog.variants import CONF, variant
from tests import validation

TABLE = pd.read_csv(validation.TABLE)
# eight examples of each class and no knowledge of how frequent the classes are: it is the backbone itself
BLIND = {"nearest_centroid"}


def test_it_has_every_adaptation_on_every_task_that_it_is_offered_for():
    wanted = {
        (backbone, name, task)
        for name in ADAPTATIONS
        for backbone in validation.backbones(name)
        for task in validation.offered(variant("adaptation", name))
    }
    assert set(TABLE[validation.KEY].itertuples(index=False, name=None)) == wanted


@pytest.mark.parametrize("name", sorted(set(ADAPTATIONS) - BLIND))
def test_an_adaptation_beats_the_most_frequent_label_on_every_task(name):
    rows = TABLE[TABLE["adaptation"] == name]
    below = rows.loc[rows["accuracy"] <= rows["majority"], ["backbone", "task", "accuracy", "majority"]]
    assert below.empty, below.to_string()


@pytest.mark.parametrize("name", ADAPTATIONS)
def test_the_settings_quote_it(name):
    lines = (CONF / "adaptation" / f"{name}.yaml").read_text().splitlines()
    comment = " ".join(line.removeprefix("# ") for line in lines if line.startswith("#"))
    for backbone in validation.backbones(name):
        assert validation.quoted(TABLE, name, backbone) in comment


def test_validation_texts_are_of_the_training_part_and_are_not_learned_from():
    task = Toy("toy_two").load()
    part = validation.held_out(task, 50, 40)
    train, held_out, every = set(part.train["example"]), set(part.test["example"]), set(task.train["example"])
    assert (len(train), len(held_out)) == (50, 40)
    assert not train & held_out and train | held_out <= every
    assert not every & set(task.test["example"])


def test_an_unknown_name_is_one_line_and_2(capsys):
    assert validation.main(["lroa"]) == 2
    assert "unknown adaptation or task 'lroa': did you mean lora?" in capsys.readouterr().err


def test_the_tasks_are_those_that_are_registered():
    assert set(validation.LARGER) <= set(TASKS)
