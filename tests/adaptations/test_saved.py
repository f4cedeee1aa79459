"""Adapted models that are saved and loaded predict as before."""

import copy
import json

import numpy as np
import pytest
import torch

from homog.adaptations import ADAPTATIONS, saved
from homog.config import ConfigError
from homog.contracts import tiny
from homog.variants import variant

TASK = tiny.Toy("toy", 3).load()
TEXTS = list(TASK.test["input"])
SAVED = [name for name, kind in ADAPTATIONS.items() if getattr(kind, "linear_head", True)]
FACTS = {"adaptation": "x", "label_names": ["a", "b", "c"]}


def adapted(name, backbone):
    ((_, model),) = variant("adaptation", name).fit(backbone, [TASK], 0)
    return model


@pytest.mark.parametrize("how", ["adapters", "models"])
@pytest.mark.parametrize("name", SAVED)
def test_a_saved_model_predicts_as_before(name, how, backbone, tmp_path):
    model = adapted(name, backbone)
    saved.save(tmp_path / "model", model, backbone, how, FACTS)
    assert not list(tmp_path.rglob("*.bin"))
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    alone = how == "models" or (tmp_path / "model" / "model.safetensors").is_file()
    found, facts = saved.load(tmp_path / "model", None if alone else backbone)
    np.testing.assert_allclose(found.predict(TEXTS), model.predict(TEXTS), atol=1e-6)
    assert facts["label_names"] == FACTS["label_names"]
    assert json.loads((tmp_path / "model" / "homog.json").read_text())["how"] == how


@pytest.mark.parametrize("how", ["adapters", "models"])
@pytest.mark.parametrize("name", ["linear_probe", "lora", "prefix", "full_finetune"])
@pytest.mark.parametrize("model_type", [*tiny.CAUSAL, "t5"])
def test_so_does_one_of_a_language_model_which_is_saved_whole(model_type, name, how, tmp_path):
    backbone = tiny.tiny(tmp_path / "backbone", model_type)
    model, folder = adapted(name, backbone), tmp_path / "models" / "model"
    saved.save(folder, model, backbone, how, FACTS)
    whole = folder if name == "full_finetune" else folder / "backbone"
    alone = (whole / "config.json").is_file()
    assert alone is (how == "models" or name == "full_finetune")
    found, _ = saved.load(folder, None if alone else backbone)
    np.testing.assert_allclose(found.predict(TEXTS), model.predict(TEXTS), atol=1e-6)
    if alone:
        kept = tiny.language_model(model_type).from_pretrained(whole).state_dict()
        decoder = {n: value for n, value in backbone.language.beside().items() if "decoder.block" in n}
        assert bool(decoder) is (model_type == "t5")  # other weights beside the backbone are tied to its embeddings
        assert all(torch.equal(kept[n], value) for n, value in decoder.items())


@pytest.mark.filterwarnings("ignore::FutureWarning")  # peft's own
def test_others_load_it_with_transformers_and_peft(backbone, tmp_path):
    from peft import PeftModel
    from transformers import AutoModel

    saved.save(tmp_path / "lora", adapted("lora", backbone), backbone, "adapters", FACTS)
    PeftModel.from_pretrained(copy.deepcopy(backbone.module), str(tmp_path / "lora"))
    saved.save(tmp_path / "full", adapted("full_finetune", backbone), backbone, "models", FACTS)
    AutoModel.from_pretrained(tmp_path / "full")


def test_an_adapter_without_its_backbone_is_refused(backbone, tmp_path):
    saved.save(tmp_path / "lora", adapted("lora", backbone), backbone, "adapters", FACTS)
    with pytest.raises(ConfigError, match=r"was saved without its backbone: load\(folder, backbone\)"):
        saved.load(tmp_path / "lora")


def test_what_cannot_be_saved_is_refused_at_once():
    with pytest.raises(
        ConfigError, match="models of handcrafted have no linear head on a backbone and would need a pickle"
    ):
        saved.check(variant("adaptation", "handcrafted"), "models")
    saved.check(variant("adaptation", "handcrafted"), "")
    with pytest.raises(ConfigError, match="unknown save 'model': did you mean models"):
        saved.check(variant("adaptation", "lora"), "model")
