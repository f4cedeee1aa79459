"""Decoders: features of the last token, likelihoods of the weights at hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from homog.adaptations.linear_probe import probe
from homog.backbones.causal import Causal
from homog.backbones.encoder import Encoder
from homog.backbones.encoder_decoder import EncoderDecoder
from homog.config import ConfigError
from homog.contracts import tiny
from homog.variants import variant
from tests.backbones.test_encoder import TEXTS

PAIRS = [("the film was", " good"), ("the film was", " bad"), ("a day", " was it a"), ("it", " was very very poor")]


@pytest.fixture(scope="module", params=tiny.CAUSAL)
def decoder(request, tmp_path_factory):
    return tiny.tiny(tmp_path_factory.mktemp("decoder") / request.param, request.param)


def moved(backbone, part):
    """Weights of some parameters, shifted at random."""
    found = {n: p for n, p in backbone.module.named_parameters() if part in n}
    noise = torch.Generator().manual_seed(0)
    return {n: p.detach() + 0.3 * torch.randn(p.shape, generator=noise) for n, p in found.items()}


def test_features_are_the_last_tokens_state_whatever_the_padding(decoder):
    found = decoder.encode(TEXTS)
    tokens = decoder.reader.read(TEXTS)
    assert {row[0] for row in tokens} == {tiny.WORDS.index("[CLS]")}
    assert [len(row) for row in tokens] == [1 + len(text.split()) for text in TEXTS]
    assert len(decoder.at_length(8).reader.read(["the day was " * 9])[0]) == 8
    with torch.inference_mode():
        alone = [decoder.module(torch.tensor([row])).last_hidden_state[0, -1] for row in tokens]
    np.testing.assert_allclose(found, torch.stack(alone).numpy(), atol=1e-5)
    assert decoder.encode([""]).shape == (1, decoder.dimension)


def test_likelihoods_are_those_of_the_weights_at_hand(decoder):
    before, clean = decoder.fingerprint(), decoder.log_likelihoods(PAIRS)
    whole = decoder.language.model
    for part in (".2.", "embed" if "embed_tokens.weight" in dict(decoder.module.named_parameters()) else "wte"):
        other = decoder.with_weights(moved(decoder, part))
        found = other.log_likelihoods(PAIRS)
        assert np.abs(found - clean)[:, 0].min() > 1e-3
        reference = type(whole)(whole.config).eval()
        state = dict(whole.state_dict()) | {
            f"{decoder.language.inside}.{n}": p for n, p in other.module.state_dict().items()
        }
        if "lm_head.weight" in state:  # tied to the embeddings, so that it moves with them
            state["lm_head.weight"] = other.module.get_input_embeddings().weight
        reference.load_state_dict(state)
        np.testing.assert_allclose(
            found, decoder.language.score(reference, decoder.text_reader.tokenizer, PAIRS), rtol=1e-5
        )
    assert decoder.interpolate(moved(decoder, ".2."), 0).log_likelihoods(PAIRS).tolist() == clean.tolist()
    assert decoder.fingerprint() == before


def test_nothing_is_computed_twice_across_processes_and_weights_are_never_confused(decoder, monkeypatch):
    decoder = replace(decoder, memo={})
    injected = decoder.with_weights(moved(decoder, ".2."))
    found = [(b.encode(TEXTS), b.log_likelihoods(PAIRS)) for b in (decoder, injected)]
    assert np.abs(found[0][0] - found[1][0]).max() > 1e-3
    twice = injected.with_weights(moved(injected, ".1."))
    assert np.abs(twice.encode(TEXTS) - found[1][0]).max() > 1e-3
    monkeypatch.setattr(type(decoder), "_encode", None)
    again = [replace(b, memo={}, language=replace(b.language, score=None)) for b in (decoder, injected)]
    for backbone, (features, likelihoods) in zip(again, found, strict=True):
        np.testing.assert_array_equal(backbone.encode(TEXTS), features)
        np.testing.assert_array_equal(backbone.log_likelihoods(PAIRS), likelihoods)


def test_a_folder_of_another_family_is_refused_with_the_right_one(tmp_path):
    folders = {kind: tiny.save_tiny(tmp_path / kind, kind) for kind in ("bert", "llama", "gpt2", "t5")}
    right = {"bert": Encoder, "llama": Causal, "gpt2": Causal, "t5": EncoderDecoder}
    for kind in (Encoder, Causal, EncoderDecoder):
        for model_type, folder in folders.items():
            backbone = kind("x", str(folder))
            if kind is right[model_type]:
                backbone.check()
                continue
            said = f"is no {kind.family} but of family {right[model_type].family}; use backbone="
            with pytest.raises(ConfigError, match=said):
                backbone.check()
            with pytest.raises(ConfigError, match=said):
                backbone.load()


def test_an_encoder_has_no_likelihood(backbone):
    with pytest.raises(ConfigError, match="family encoder gives texts no likelihood"):
        backbone.log_likelihoods(PAIRS)


@pytest.mark.real
def test_the_packaged_language_model_knows_english_and_its_features_tell_sentiment():
    backbone = variant("backbone", "smollm2").load()
    sense, nonsense = backbone.log_likelihoods(
        [("The capital of France is", " Paris"), ("The capital of France is", " soup")]
    )
    assert sense[0] > nonsense[0] + 5
    task = variant("task", "tweet_sentiment").load().sample(120, 8, 0)
    labels = task.train["label"].to_numpy()
    features = backbone.at_length(32).encode(list(task.train["input"]))
    weights, bias = probe(features[:80], labels[:80], 2, 0.05)
    right = ((features[80:] @ weights.T + bias).argmax(1) == labels[80:]).mean()
    assert right > max(labels[80:].mean(), 1 - labels[80:].mean())
