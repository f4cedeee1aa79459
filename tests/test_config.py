import dataclasses
import json
import os
import subprocess
import sys
from dataclasses import dataclass, field

import numpy as np
import pytest

from homog import study
from homog.config import (
    USERS,
    Arm,
    Cell,
    ConfigError,
    Identified,
    Sizes,
    arm,
    build,
    canonical,
    choose,
    content_id,
    read_yaml,
    type_name,
)
from homog.variants import registry, variant


@dataclass(frozen=True)
class Kind:
    name: str
    rate: float = 0.5
    steps: int = 3
    words: tuple[str, ...] = ()
    note: str | None = None
    sham: bool = field(default=False)


def test_values_are_typed_before_they_are_hashed():
    assert content_id(build(Kind, {"name": "k", "rate": 0}, "k")) == content_id(
        build(Kind, {"name": "k", "rate": 0.0}, "k")
    )
    assert content_id(build(Kind, {"name": "k", "rate": 0.1}, "k")) != content_id(build(Kind, {"name": "k"}, "k"))
    assert build(Kind, {"name": "k", "words": ["a", "b"], "note": None}, "k").words == ("a", "b")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"name": "k", "stepss": 3}, "unknown key of k 'stepss': did you mean steps?"),
        ({"rate": 1.0}, "missing name"),
        ({"name": "k", "steps": 3.5}, "k.steps=3.5 is float, expected int"),
        ({"name": "k", "steps": True}, "expected int"),
        ({"name": "k", "rate": "high"}, "k.rate='high' is str, expected float"),
        ({"name": "k", "words": ["a", 1]}, r"k.words\[1\]=1 is int"),
        ({"name": "k", "sham": 1}, "expected bool"),
    ],
)
def test_what_cannot_be_meant_is_refused(values, said):
    with pytest.raises(ConfigError, match=said):
        build(Kind, values, "k")


def test_dose_zero_is_one_clean_arm_whatever_the_defect_or_seed():
    clean = arm(Kind("b"), Kind("d"), 0, 7)
    assert clean == arm(Kind("b"), None, 0.0, 0)
    assert clean.kind == "clean"
    assert arm(Kind("b"), Kind("d", sham=True), 1, 0).kind == "sham"
    assert arm(Kind("b"), Kind("d"), 1, 0).kind == "injected"


@pytest.mark.parametrize("dose", [-0.1, 1.01, float("nan")])
def test_dose_outside_0_1_is_refused(dose):
    with pytest.raises(ConfigError, match=r"outside 0\.\.1"):
        arm(Kind("b"), Kind("d"), dose, 0)


def test_ids_are_stable_begin_with_a_letter_and_tell_arms_apart():
    first, second = Arm(Kind("b"), Kind("d"), 0.5, 0), Arm(Kind("b"), Kind("d"), 0.5, 1)
    assert first.id[0] == "a"
    assert first.id != second.id
    assert first.id == Arm(Kind("b"), Kind("d"), 0.5, 0).id
    cells = {Cell(first, Kind("x"), Kind("t"), s, Sizes(10, 10)).id for s in (0, 1)}
    assert len(cells) == 2
    assert json.dumps(canonical(first))


def test_where_the_data_come_from_is_told_in_the_id_unless_it_is_the_default():
    first = Arm(Kind("b"), None, 0.0, 0)
    cells = [Cell(first, Kind("x"), Kind("t"), 0, Sizes(10, 10), data) for data in ("own", "shared", "disjoint")]
    assert len({cell.id for cell in cells}) == 3
    assert "data" not in canonical(cells[0])
    assert cells[1].control.data == "shared"
    with pytest.raises(ConfigError, match="unknown data 'mine': valid: disjoint, own, shared"):
        Cell(first, Kind("x"), Kind("t"), 0, Sizes(10, 10), "mine")


def test_identity_leaves_out_what_changes_no_result():
    @dataclass(frozen=True)
    class Named(Identified):
        label: str
        path: str

        def identity(self):
            return {"path": self.path}

    assert content_id(Named("a", "p")) == content_id(Named("b", "p"))


def test_a_merged_class_may_keep_the_name_that_its_ids_are_made_from():
    @dataclass(frozen=True)
    class Old:
        name: str

    @dataclass(frozen=True)
    class New(Identified):
        name: str

        def identity(self):
            return {"type": type_name(Old), "name": self.name}

    assert content_id(New("a")) == content_id(Old("a"))


def test_types_of_the_house_have_their_bare_name_and_others_their_qualified_one():
    assert type_name(Sizes) == "Sizes"
    assert type_name(Kind) == "tests.test_config.Kind"
    elsewhere = type("Kind", (), {"__module__": f"{USERS}_1a2b3c4d.more"})
    assert type_name(elsewhere) == "with.more.Kind"


def test_choose_names_the_valid_and_the_nearest():
    with pytest.raises(ConfigError, match="unknown task 'trek': did you mean trec\\? valid: sms_spam, trec"):
        choose("trek", ["trec", "sms_spam"], "task")


def test_small_numbers_in_yaml_are_numbers(tmp_path):
    (tmp_path / "a.yaml").write_text("rate: 1e-4\n")
    assert read_yaml(tmp_path / "a.yaml") == {"rate": 1e-4}
    (tmp_path / "b.yaml").write_text("rate: [1\n")
    with pytest.raises(ConfigError, match="b.yaml: cannot be read"):
        read_yaml(tmp_path / "b.yaml")


def test_config_paths_import_nothing_heavy():
    heavy = "{'torch', 'transformers', 'pandas'}"
    code = f"import homog.run, sys; print([name for name in sys.modules if name in {heavy}])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=os.environ)
    assert shown.stdout.strip() == "[]"


def test_a_value_that_a_class_does_not_take_is_bad_input():
    with pytest.raises(ConfigError, match="^task: unknown target 'task' of task adult_income; choose from income"):
        variant("task", "adult_income", target="task")


NUMBERS = [
    (group, name, field.name, type(value))
    for group in ("adaptation", "defect", "backbone")
    for name in registry(group)
    for built in [variant(group, name)]
    for field in dataclasses.fields(built)
    if type(value := getattr(built, field.name)) in (int, float) and field.name not in ("seed", "shown", "dose")
]


@pytest.mark.parametrize(("group", "name", "field", "kind"), NUMBERS)
def test_a_number_that_means_nothing_is_refused_whatever_the_variant(group, name, field, kind):
    for value in (-1, *([float("nan"), float("-inf")] if kind is float else [])):
        with pytest.raises(ConfigError, match=rf"{group}\.{field}=") as refused:
            variant(group, name, **{field: kind(value)})
        assert "\n" not in str(refused.value)


def test_numbers_below_which_nothing_is_learned_or_planted_are_refused():
    for group, name, values in (
        ("adaptation", "soft_prompt", {"tokens": 0}),
        ("adaptation", "lora", {"rank": 0}),
        ("adaptation", "lora", {"alpha": 0}),
        ("adaptation", "nearest_centroid", {"shots": 0}),
        ("adaptation", "zero_shot", {"temperature": 0.0}),
        ("defect", "backdoor", {"steps": 0}),
        ("defect", "stereotype", {"strength": 0.0}),
    ):
        with pytest.raises(ConfigError, match=r"use a number, at least (1|1e-06)$"):
            variant(group, name, **values)
    assert variant("adaptation", "full_finetune", epochs=0).epochs == 0  # leaves the start as it is
    assert np.isinf(variant("adaptation", "linear_probe", C=float("inf")).C)  # no regularization


def test_the_id_of_a_cell_put_together_from_its_parts_is_that_of_its_whole_content():
    for name in ("inheritance", "data_sharing"):  # with data= and without
        cells = study.expand(study.load(name), "smoke")
        assert [cell.id for cell in cells] == [f"c{content_id(cell)[:16]}" for cell in cells]
        assert [cell.arm.id for cell in cells] == [f"a{content_id(cell.arm)[:10]}" for cell in cells]
