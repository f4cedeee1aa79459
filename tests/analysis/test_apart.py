"""Models on several backbones, named apart and alternating."""

import pandas as pd

from homog.analysis import apart
from tests.analysis.test_deployers import independent, model


def test_the_usual_backbone_is_that_of_most_rows_and_of_equals_the_first():
    rows = pd.DataFrame({"backbone": ["z", "a", "z", "a"], "adaptation": "lora"})
    assert apart.usual(rows) == "z" and apart.usual(rows[1:]) == "a" and apart.usual(rows[:0]) == ""
    assert apart.named_apart(rows)["adaptation"].tolist() == ["lora", "lora", *["lora backbone=a"] * 2]


def test_every_other_model_has_another_backbone():
    names = [(task, family, seed) for task, family in (("a", "f"), ("b", "f"), ("t", "")) for seed in (0, 1)]
    rows = [model(independent(1)[0], task, seed, family=family) for task, family, seed in names]
    both = pd.concat([pd.DataFrame(rows).assign(cell="on b"), pd.DataFrame(rows).assign(backbone="c", cell="on c")])
    found = apart.told_apart(pd.concat([both, pd.DataFrame(rows).assign(adaptation="lora")]))
    names_of = found.groupby("adaptation")["cell"].nunique(dropna=False).to_dict()
    mixed = found[found["adaptation"] == "linear_probe backbone=alternating"]
    assert set(names_of) == {"linear_probe", "linear_probe backbone=c", "linear_probe backbone=alternating", "lora"}
    turns = mixed.set_index(["task", "seed"])["cell"].to_dict()
    assert turns["a", 0] != turns["b", 0] != turns["b", 1]  # the next task, and the next deployer
    assert turns["t", 0] != turns["t", 1] and len(turns) == len(names)
    pd.testing.assert_frame_equal(apart.told_apart(pd.DataFrame(rows)), pd.DataFrame(rows))
