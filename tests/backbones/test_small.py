"""Encoders pretrained here: the same from the same seed, others from another, kept whole."""

import dataclasses

import numpy as np
import pytest
import torch

from homog.backbones import small
from homog.backbones.small import SmallEncoder
from homog.config import content_id
from homog.contracts import rules
from homog.variants import variant

SHORT = SmallEncoder("short", 0, layers=1, width=32, steps=4, batch=6)


@pytest.fixture
def texts():
    rng = np.random.default_rng(0)
    topics = rng.integers(1000, 6000, (8, 40))
    return [rng.choice(topics[i % 8], 60) for i in range(32)]


@pytest.fixture
def cache(tmp_path, monkeypatch, texts):
    monkeypatch.setattr(small, "kept", lambda: tmp_path / "pretrained")
    monkeypatch.setattr(small, "documents", lambda: texts)
    return tmp_path / "pretrained"


def test_the_seed_decides_the_weights(texts):
    first, again, other = (
        small.pretrained(kind, texts).state_dict() for kind in (SHORT, SHORT, dataclasses.replace(SHORT, seed=1))
    )
    assert all(torch.equal(first[name], again[name]) for name in first)
    name = "embeddings.word_embeddings.weight"
    assert not torch.allclose(first[name], other[name], atol=1e-2)


def test_pretraining_brings_spans_of_one_document_together(texts):
    torch.manual_seed(0)
    long = dataclasses.replace(SHORT, steps=60, batch=16, learning_rate=5e-3)

    def told_apart(model):
        rng, states = np.random.default_rng(1), []
        spans = torch.from_numpy(small._spans(texts, 16, rng))
        with torch.no_grad():
            states = model(input_ids=spans).last_hidden_state.mean(1)
        first, second = torch.nn.functional.normalize(states, dim=1).chunk(2)
        return float((first * second).sum(1).mean() - (first @ second.T).mean())

    fresh = small.pretrained(dataclasses.replace(long, steps=1, learning_rate=1e-9), texts)
    assert told_apart(small.pretrained(long, texts)) > told_apart(fresh) + 0.1


def test_it_is_a_backbone_that_is_pretrained_once_and_kept(cache, capfd):
    rules.encodes(SHORT)
    assert capfd.readouterr().err.count("pretraining short, once") == 1
    assert [path.name for path in cache.iterdir() if path.is_dir()] == [content_id(SHORT)[:20]]
    before = SHORT.load().fingerprint()
    (cache / content_id(SHORT)[:20] / "config.json").stat()
    assert SHORT.load().fingerprint() == before


def test_the_registered_ones_differ_in_the_seed_alone():
    kinds = [variant("backbone", f"small_{i}") for i in range(5)]
    assert [kind.seed for kind in kinds] == list(range(5))
    assert len({(kind.layers, kind.width, kind.steps, kind.batch) for kind in kinds}) == 1
