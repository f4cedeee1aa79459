"""Log-likelihoods of a tiny GPT-2 against the definition, a text at a time."""

from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel

from homog import probes
from homog.backbones.likelihood import log_likelihoods
from homog.config import ConfigError
from homog.contracts import tiny
from homog.seeding import torch_stream
from tests.probes.test_preferences import small

PAIRS = [("", "the film was good"), ("the day was", " fine . a very good day"), ("the film", " was bad"), ("", "it")]

SIZE: Any = {"vocab_size": len(tiny.WORDS), "n_positions": 16, "n_embd": 16, "n_layer": 2, "n_head": 2}


@pytest.fixture(scope="module")
def model():
    config = GPT2Config(**SIZE, initializer_range=0.5)
    with torch_stream("tiny", "gpt2", 0):
        return GPT2LMHeadModel(config).eval()


@pytest.fixture(scope="module")
def tokenizer():
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: i for i, word in enumerate(tiny.WORDS)}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(tokenizer_object=words, unk_token="[UNK]", bos_token="[CLS]")


def by_definition(model, tokens, start):
    """Sum of log p(token | the tokens before it) from `start` on."""
    with torch.inference_mode():
        steps = [
            model(torch.tensor([tokens[:i]])).logits[0, -1].log_softmax(0)[tokens[i]]
            for i in range(len(tokens))[start:]
        ]
    return float(sum(steps))


def ids(text):
    return [tiny.WORDS.index("[CLS]"), *(tiny.WORDS.index(word) for word in text.split())]


def test_a_batch_gives_each_text_what_the_definition_gives_it_alone(model, tokenizer):
    found = log_likelihoods(model, tokenizer, PAIRS)
    assert found.dtype == np.float64 and found[:, 1].tolist() == [4, 6, 2, 1]
    alone = [by_definition(model, ids(context + more), len(ids(context))) for context, more in PAIRS]
    np.testing.assert_allclose(found[:, 0], alone, rtol=1e-5)
    assert np.ptp(found[:, 0] / found[:, 1]) > 0.1  # a model that does tell texts apart


def test_what_all_texts_begin_with_is_read_once_and_changes_nothing(model, tokenizer):
    # a longer model: the others of this file have room for 16 tokens
    config = GPT2Config(**SIZE | {"n_positions": 64}, initializer_range=0.5)
    with torch_stream("tiny", "gpt2", 1):
        long = GPT2LMHeadModel(config).eval()
    before = "the day was a very good film " * 3
    pairs = [(before + context, more) for context, more in PAIRS[1:]] + [(before + "it was", " bad"), (before, "it")]
    seen = []
    hook = long.register_forward_pre_hook(
        lambda _, __, given: seen.append(given["input_ids"].numel()), with_kwargs=True
    )
    found = log_likelihoods(long, tokenizer, pairs)
    hook.remove()
    alone = [by_definition(long, ids(context + more), len(ids(context))) for context, more in pairs]
    np.testing.assert_allclose(found[:, 0], alone, rtol=1e-5)
    assert seen[0] == len(ids(before)) - 1 and sum(seen) < 3 * len(ids(before))


def test_context_and_continuation_add_up(model, tokenizer):
    whole, first, second = log_likelihoods(model, tokenizer, [("", "the film was bad"), ("", "the film"), PAIRS[2]])
    np.testing.assert_allclose(whole, first + second, rtol=1e-5)


def test_a_text_that_is_too_long_loses_its_beginning(model, tokenizer):
    long = "the day was " * 6
    found = log_likelihoods(model, tokenizer, [(long, "a film"), ("", long + "a film")])
    assert found[:, 1].tolist() == [2, 15]  # what is left of the context stands before the continuation
    kept = ids(long + "a film")[-16:]
    np.testing.assert_allclose(found[:, 0], [by_definition(model, kept, start) for start in (14, 1)], rtol=1e-5)


def test_what_cannot_be_scored_is_said(model, tokenizer):
    with pytest.raises(ValueError, match="no word piece"):
        log_likelihoods(model, tokenizer, [("the film", " ")])
    bare = type(tokenizer)(tokenizer_object=tokenizer.backend_tokenizer, unk_token="[UNK]")
    with pytest.raises(ConfigError, match="neither bos_token nor eos_token"):
        log_likelihoods(model, bare, PAIRS)


def test_a_causal_backbone_gets_every_benchmark(model, tokenizer, monkeypatch):
    small(monkeypatch)
    found = probes.findings(
        SimpleNamespace(family="causal", log_likelihoods=partial(log_likelihoods, model, tokenizer))
    )
    assert len({one.probe for one in found}) == 6 and all(one.n > 0 for one in found)
    with pytest.raises(ConfigError, match="unknown family .* 'vision'.*causal, dual_encoder, encoder"):
        probes.findings(SimpleNamespace(family="vision"))
