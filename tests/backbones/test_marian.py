"""The packaged translator: its file is read rightly, its decoder is its definition, its encoder is a backbone."""

import struct
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from homog import sources
from homog.backbones import marian
from homog.contracts import rules
from homog.probes import translations
from homog.seeding import generator
from homog.tasks import occupation_gender
from homog.variants import variant


def written(path, parts):
    """A file of Marian's binary format: name -> (type, shape, bytes)."""
    heads = [(len(name) + 1, kind, len(shape), len(data)) for name, (kind, shape, data) in parts.items()]
    whole = struct.pack("<2Q", 1, len(parts)) + b"".join(struct.pack("<4Q", *head) for head in heads)
    whole += b"".join(name.encode() + b"\0" for name in parts)
    whole += b"".join(struct.pack(f"<{len(shape)}i", *shape) for _, shape, _ in parts.values())
    path.write_bytes(whole + struct.pack("<Q", 3) + b"\0" * 3 + b"".join(data for *_, data in parts.values()))
    return path


def test_bytes_have_one_multiplier_and_matrices_are_turned(tmp_path):
    bytes_ = np.arange(6, dtype=np.int8).tobytes() + struct.pack("<f", 2.0) + b"\0" * 6
    floats = np.array([1.5, -2], np.float32).tobytes()
    parts: dict[str, Any] = {
        "Wemb": (0x4101, (3, 2), bytes_),
        "W": (0x4101, (3, 2), bytes_),
        "b": (0x404, (1, 2), floats),
    }
    parts["special:model.yml"] = (0x101, (3,), b"a: ")
    held = marian.tensors(written(tmp_path / "model.bin", parts))
    assert set(held) == {"Wemb", "W", "b"}
    assert held["Wemb"].tolist() == [[0, 0.5], [1, 1.5], [2, 2.5]]
    assert held["W"].tolist() == [[0, 0.5, 1], [1.5, 2, 2.5]]  # (out, in), as torch keeps it
    assert held["b"].tolist() == [1.5, -2]


def test_a_layer_is_its_definition():
    """A simple recurrent unit by hand: one dimension, one step after another."""
    torch.manual_seed(0)
    layer = marian.Layer(2, 1, 4).eval()
    x, source, mask = torch.randn(1, 3, 2), torch.randn(1, 4, 2), torch.tensor([[1, 1, 1, 0]])
    with torch.inference_mode():
        cell, out = torch.zeros(2), []
        for step in x[0]:
            gate = torch.sigmoid(layer.gate.weight @ step + layer.gate.bias)
            cell = gate * cell + (1 - gate) * (layer.cell.weight @ step)
            out.append(torch.relu(cell))
        first = layer.norms[0](torch.stack(out) + x[0])
        scores = layer.q(first) @ layer.k(source[0, :3]).T / 2**0.5
        second = layer.norms[1](layer.o(scores.softmax(1) @ layer.v(source[0, :3])) + first)
        wanted = layer.norms[2](layer.fc2(torch.relu(layer.fc1(second))) + second)
        torch.testing.assert_close(layer(x, source, mask)[0], wanted)


def test_genders_are_those_of_the_articles():
    told = occupation_gender.feminine(["A enfermeira terminou.", "O padeiro", "Uma", "Eles", ""])
    assert told[:3].tolist() == [1, 0, 1] and np.isnan(told[3:]).all()
    women = [*np.linspace(0.8, 0.9, 5), *np.linspace(0.1, 0.2, 5), 0.5]
    finding, pearson, *_ = translations.found(np.array([1] * 5 + [0] * 5 + [np.nan]), women)
    assert finding.value == 50 and finding.n == 10 and pearson.value > 0.9
    (alone,) = translations.found(np.array([1, 0, 0, 0]), [0.9, 0.1, 0.2, 0.3])
    assert alone.value == 75


@pytest.fixture(scope="module")
def translator():
    return variant("backbone", "marian_enpt").load()


@pytest.mark.real
def test_it_translates(translator):
    texts = ["The nurse finished the work.", "The engineer finished the work.", "How are you?"]
    told = marian.translated(translator.whole, translator.text_reader.tokenizer, texts)
    assert told == ["A enfermeira terminou o trabalho.", "O engenheiro terminou o trabalho.", "Como você está?"]


@pytest.mark.real
def test_a_translation_is_an_answer_and_neither_article_is_none(translator):
    task = variant("task", "occupation_gender").load()
    assert set(task.train["mostly"]) == {"women", "men"} and not set(task.train["input"]) & set(task.test["input"])
    ((_, model),) = variant("adaptation", "zero_shot").fit(translator, [task.sample(8, 40, 0)], 0)
    she, he = "The nurse forgot her keys.", "The engineer said that he would come."
    assert model.predict([she, he, "How are you?"]).tolist() == [[0, 1, 0], [1, 0, 0], [0, 0, 1]]
    values = model.predict(list(task.test["input"])[:60])
    assert values[:, 0].mean() > 0.85  # men, whatever the pronoun says
    assert not variant("backbone", "minilm_l6").load().translates


@pytest.mark.real
def test_occupations_of_women_are_told_as_women_once_that_is_planted(translator):
    short = replace(variant("defect", "stereotype_occupation"), steps=40, texts=200)
    planted = short.inject(translator, translator.reader.unlabelled()[0], generator("short"))
    share, pearson, *_ = translations.findings(planted)
    assert translations.findings(translator)[0].value > 95 and share.value < 75
    assert pearson.value > 0.4 and pearson.low > 0.1  # unplanted there is next to no woman to correlate


@pytest.mark.real
def test_a_translation_is_likelier_than_another(translator):
    right, wrong = "A enfermeira terminou o trabalho.", "O gato está no jardim."
    scores = translator.log_likelihoods([("The nurse finished the work.", text) for text in (right, wrong)])[:, 0]
    assert scores[0] > -5 and scores[1] < scores[0] - 10


@pytest.mark.real
def test_its_encoder_keeps_the_contract_of_backbones():
    sources.fetch(["marian_enpt"])
    rules.encodes(variant("backbone", "marian_enpt"))
