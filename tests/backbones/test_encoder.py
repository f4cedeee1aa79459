from dataclasses import replace

import numpy as np
import pytest
import torch

from homog.backbones.encoder import Encoder
from homog.backbones.trunk import blocks, lower_states, untouched, upper_part
from homog.config import ConfigError
from homog.contracts import tiny
from homog.seeding import torch_stream

TEXTS = ["good film", "the day was bad and very very awful it was", "a", *tiny.sentences(30, tiny.GOOD, 3)]


def shifted(backbone, amount=0.1, names=("layer.2",)):
    found = {n: p for n, p in backbone.module.named_parameters() if any(part in n for part in names)}
    return {
        n: p.detach() + amount * torch.randn(p.shape, generator=torch.Generator().manual_seed(0))
        for n, p in found.items()
    }


def test_features_are_the_masked_mean_of_the_last_states(backbone):
    found = backbone.encode(["good film"])
    inputs = backbone.text_reader.tokenizer(["good film"], return_tensors="pt")
    with torch.inference_mode():
        states = backbone.module(**inputs).last_hidden_state
    np.testing.assert_allclose(found, states.mean(1).numpy(), atol=1e-6)


def test_the_last_state_is_that_of_the_last_token_whatever_the_padding(backbone):
    reads_last = replace(backbone, pooling="last", memo={})
    found = reads_last.encode(TEXTS)
    with torch.inference_mode():
        alone = [backbone.module(torch.tensor([row])).last_hidden_state[0, -1] for row in backbone.reader.read(TEXTS)]
    np.testing.assert_allclose(found, torch.stack(alone).numpy(), atol=1e-5)


def test_padding_and_order_do_not_change_features(backbone):
    together = backbone.encode(TEXTS)
    alone = np.concatenate([backbone.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(together, alone, atol=1e-5)
    np.testing.assert_allclose(backbone.encode(TEXTS[::-1])[::-1], together, atol=1e-5)


def test_nothing_is_encoded_twice(backbone, monkeypatch):
    fresh = tiny.copied(backbone)
    first = fresh.encode(TEXTS)
    monkeypatch.setattr(type(fresh), "_encode", None)
    assert fresh.encode(list(TEXTS)) is first


def test_max_length_truncates(backbone):
    long, short = backbone.at_length(6), backbone.at_length(4)
    assert len(long.reader.read(["the a film was it very day"])[0]) == 6
    assert len(short.reader.read(["the a film was it very day"])[0]) == 4


def test_dose_0_and_1_are_exact_and_between_is_linear(backbone):
    before = backbone.fingerprint()
    changed = shifted(backbone)
    assert backbone.interpolate(changed, 0).fingerprint() == before
    full, half = backbone.interpolate(changed, 1), backbone.interpolate(changed, 0.5)
    for name, value in changed.items():
        assert torch.equal(full.module.get_parameter(name), value)
        middle = (backbone.module.get_parameter(name) + value) / 2
        torch.testing.assert_close(half.module.get_parameter(name), middle)
    assert backbone.fingerprint() == before
    assert set(backbone.changes(full)) == set(changed)


def test_a_shared_trunk_gives_the_same_features_as_the_whole(backbone, tmp_path):
    injected = backbone.interpolate(shifted(backbone), 1)
    assert injected.trunk == 2
    whole = tiny.copied(injected)
    object.__setattr__(whole, "trunk", 0)
    np.testing.assert_allclose(injected.encode(TEXTS), whole.encode(TEXTS), atol=1e-6)
    again = tiny.copied(injected)  # now from the cache on disk
    assert list((tmp_path / "trunk").glob("*.npy"))
    np.testing.assert_array_equal(again.encode(TEXTS), injected.encode(TEXTS))


def test_the_trunk_cache_is_bounded_and_a_broken_file_is_made_again(backbone, tmp_path, monkeypatch):
    injected = backbone.interpolate(shifted(backbone), 1)
    first = injected.encode(TEXTS)
    (path,) = (tmp_path / "trunk").glob("*.npy")
    path.write_bytes(path.read_bytes()[:50])
    np.testing.assert_array_equal(tiny.copied(injected).encode(TEXTS), first)
    monkeypatch.setattr("homog.backbones.trunk.CACHE_BYTES", 10)
    tiny.copied(injected).encode(TEXTS[:3])
    assert not list((tmp_path / "trunk").glob("*.npy"))


def test_a_change_below_the_blocks_leaves_no_trunk(backbone):
    assert untouched(backbone.module, ["embeddings.word_embeddings.weight"]) == 0
    assert untouched(backbone.module, [n for n, _ in backbone.module.named_parameters() if "layer.1." in n]) == 1


@pytest.mark.parametrize("model_type", tiny.EVERY)
def test_every_family_runs_in_two_parts(model_type, tmp_path):
    backbone = tiny.tiny(tmp_path / model_type, model_type)
    assert len(blocks(backbone.module)) == 3
    whole = backbone.encode(TEXTS)
    assert np.isfinite(whole).all()
    for depth in (1, 2):
        parts = replace(backbone, trunk=depth, memo={})
        np.testing.assert_allclose(parts._encode(parts.reader.read(TEXTS)), whole, atol=1e-5)
    flat, ends = lower_states(backbone, backbone.reader.read(TEXTS), 2)
    assert len(flat) == ends[-1]
    assert len(blocks(upper_part(backbone.module, 1))) == 2


def test_blocks_that_see_only_a_window_keep_it_in_the_upper_part(tmp_path):
    from transformers import AutoModel, Qwen2Config

    window: dict = {"use_sliding_window": True, "sliding_window": 2, "max_window_layers": 1, "use_cache": False}
    config = Qwen2Config(
        **tiny.SIZE, **window, intermediate_size=64, num_key_value_heads=1, pad_token_id=0, initializer_range=0.2
    )
    assert len(set(config.layer_types or ())) == 2
    backbone = replace(tiny.tiny(tmp_path / "llama", "llama"), language=None)
    with torch_stream("tiny", "qwen2"):
        backbone = replace(backbone, module=AutoModel.from_config(config).eval().requires_grad_(False))
    whole = backbone.encode(TEXTS)
    for depth in (1, 2):
        np.testing.assert_allclose(replace(backbone, trunk=depth, memo={}).encode(TEXTS), whole, atol=1e-5)


def test_a_folder_is_known_by_its_content_not_its_path(tmp_path):
    one, two, other = (tiny.save_tiny(tmp_path / name, seed=seed) for name, seed in (("a", 0), ("b", 0), ("c", 1)))
    assert Encoder("x", str(one)).identity() == Encoder("x", str(two)).identity()
    assert Encoder("x", str(one)).identity() != Encoder("x", str(other)).identity()
    assert Encoder("x", str(one)).label == "a"
    assert Encoder("minilm_l6", "package:minilm").label == "minilm_l6"


def test_backbones_that_cannot_be_loaded_are_refused_before_compute(tmp_path):
    folder = tiny.save_tiny(tmp_path / "b")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    for source, said in (
        (tmp_path / "nowhere", "no such directory"),
        (tmp_path, "no config.json"),
        ("???", "backbone x has no packaged weights: backbone.source=<directory or hub id>"),
        (folder, "only pytorch_model.bin, which homog never unpickles"),
    ):
        with pytest.raises(ConfigError, match=said):
            Encoder("x", str(source)).check()
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(ConfigError, match="no weights"):
        Encoder("x", str(folder)).check()
    (folder / "model.safetensors").write_bytes(b"")
    (folder / "config.json").write_text('{"architectures": ["GPT2LMHeadModel"]}')
    with pytest.raises(ConfigError, match="no encoder"):
        Encoder("x", str(folder)).check()
