"""Folders as people bring them, each with one fault: it works, or it is refused in one line that says what to do."""

import json
import shutil

import numpy as np
import pytest
import torch

from homog.backbones.causal import Causal
from homog.backbones.encoder import Encoder
from homog.config import ConfigError
from homog.contracts import tiny
from homog.variants import variant


def edit(folder, name="config.json", **values):
    path = folder / name
    known = json.loads(path.read_text()) | values
    path.write_text(json.dumps({key: value for key, value in known.items() if value is not None}))


def resaved(folder, change):
    from transformers import AutoModel

    model = AutoModel.from_pretrained(folder)
    with torch.no_grad():
        change(model)
    model.save_pretrained(folder)


def more_tokens(folder):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["free", "call"])
    tokenizer.save_pretrained(folder)


def pointer(folder):
    (folder / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:53aa\nsize 908\n")


def truncated(folder):
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-5000])


def nothing_to_read_with(folder):
    for path in [*folder.glob("*token*"), *folder.glob("vocab*")]:
        path.unlink()


def adapter(folder):
    (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "acme/base"}))


def index_of_more(folder):
    (folder / "model.safetensors.index.json").write_text(
        json.dumps({"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model.safetensors"}})
    )


def not_finite(model):
    model.encoder.layer[2].output.dense.weight[0, 0] = float("nan")


FAULTS = {
    "more layers": (
        lambda f: edit(f, num_hidden_layers=4),
        r"16 tensors of the config's BertModel are not in the weight",
    ),
    "fewer layers": (
        lambda f: edit(f, num_hidden_layers=2),
        r"the weights hold 16 tensors that the config's BertModel",
    ),
    "wider": (lambda f: edit(f, intermediate_size=128), r"of another shape .*\(64, 32\) for \(128, 32\)"),
    "not a number": (
        lambda f: resaved(f, not_finite),
        r"1 tensor with NaN or infinite values \(encoder.layer.2.output",
    ),
    "tokens added": (
        more_tokens,
        r"the tokenizer has \d+ tokens and the model 20 embeddings .*resize_token_embeddings",
    ),
    "LFS pointer": (pointer, "model.safetensors: a Git LFS pointer, no weights: git lfs pull"),
    "truncated": (truncated, "model.safetensors: damaged .*; download it again"),
    "shards missing": (index_of_more, "names model-00001-of-00002.safetensors, not there; download the rest"),
    "broken config": (lambda f: (f / "config.json").write_text('{"model_type": "bert",'), "config.json cannot be read"),
    "a list": (lambda f: (f / "config.json").write_text("[]"), "config.json holds no object"),
    "own code": (
        lambda f: edit(f, model_type="xmodel", architectures=["XModel"], auto_map={"AutoModel": "x.X"}),
        "model_type 'xmodel' is unknown to this transformers, and homog runs no code of a folder",
    ),
    "quantized": (
        lambda f: edit(f, quantization_config={"quant_method": "bitsandbytes", "load_in_4bit": True}),
        r"its weights are quantized \(bitsandbytes\)",
    ),
    "no tokenizer": (nothing_to_read_with, "no tokenizer .* put it there with tokenizer.save_pretrained"),
    "an adapter": (adapter, "an adapter of acme/base, no model; merge it"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_damaged_folder_is_refused_in_a_line(fault, tmp_path):
    damage, said = FAULTS[fault]
    folder = tiny.save_tiny(tmp_path / "brought")
    damage(folder)
    with pytest.raises(ConfigError, match=said) as refused:
        Encoder("x", str(folder)).check()
    assert "\n" not in str(refused.value) and str(folder) in str(refused.value)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_weights_of_other_types_and_in_shards_work(dtype, tmp_path):
    from transformers import AutoModel

    folder = tiny.save_tiny(tmp_path / "brought")
    model = AutoModel.from_pretrained(folder).to(dtype)
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder, max_shard_size="20KB")
    assert (folder / "model.safetensors.index.json").is_file()
    kind = Encoder("x", str(folder))
    kind.check()
    first, again = (kind.load().encode(["a good film"]) for _ in range(2))
    assert np.isfinite(first).all() and np.array_equal(first, again)


@pytest.mark.parametrize("name", ["lr=0.001", "a,b", "with space", "[x]", "it's"])
def test_folders_of_any_name_work(name, tmp_path):
    kind = Encoder("x", str(tiny.save_tiny(tmp_path / name)))
    kind.check()
    assert kind.load().encode(["good"]).shape == (1, 32)


def test_a_head_that_nothing_uses_may_be_there_or_not(tmp_path):
    from transformers import AutoModelForMaskedLM, AutoModelForSequenceClassification

    for i, kind in enumerate((AutoModelForSequenceClassification, AutoModelForMaskedLM)):
        folder = tiny.save_tiny(tmp_path / str(i))
        kind.from_pretrained(folder).save_pretrained(folder)
        Encoder("x", str(folder)).check()


def test_a_language_model_without_its_head_is_asked_for_features_alone(tmp_path):
    folder = tiny.save_tiny(tmp_path / "llama", "llama")
    edit(folder, tie_word_embeddings=False)
    resaved(folder, lambda model: None)
    backbone = Causal("x", str(folder)).load()
    assert not backbone.speaks and backbone.encode(["good film"]).shape == (1, 32)
    with pytest.raises(ConfigError, match="no language-model head"):
        variant("adaptation", "zero_shot").check(backbone)


def test_roberta_reads_as_many_tokens_as_have_a_position(tmp_path):
    folder = tiny.save_tiny(tmp_path / "roberta", "roberta")
    edit(folder, "tokenizer_config.json", model_max_length=None)
    backbone = Encoder("x", str(folder)).load()
    assert backbone.reader.max_length == 65  # of 66 positions; they begin after the number of the pad token, 0
    assert np.isfinite(backbone.encode(["good " * 200])).all()


def test_an_embedding_model_of_a_family_that_writes_is_no_decoder(tmp_path):
    folder = tiny.save_tiny(tmp_path / "llama", "llama")
    edit(folder, use_bidirectional_attention=True, architectures=["Gemma3TextModel"], model_type="gemma3_text")
    with pytest.raises(ConfigError, match="is no causal but of family encoder"):
        Causal("x", str(folder)).check()


def test_a_model_of_the_hub_that_cannot_be_reached_is_a_line(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(ConfigError, match=r"backbone.source=acme/base: not in the cache of the hub"):
        Encoder("x", "acme/base").check()


def test_what_is_in_a_folder_is_what_it_is(tmp_path):
    from homog.config import content_id

    folder = tiny.save_tiny(tmp_path / "a")
    before = content_id(Encoder("x", str(folder)))
    shutil.copytree(folder, tmp_path / "b")
    assert content_id(Encoder("x", str(tmp_path / "b"))) == before
    resaved(folder, lambda model: model.encoder.layer[0].output.dense.bias.add_(1))
    assert content_id(Encoder("x", str(folder))) != before
