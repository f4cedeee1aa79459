"""Conversions: once, whole or not at all, and the same numbers."""

import numpy as np
import pytest
import torch

from homog import sources
from homog.backbones import converted
from homog.variants import variant


@pytest.fixture
def original(tmp_path, monkeypatch):
    folder = tmp_path / "wheel-1"
    folder.mkdir()
    monkeypatch.setattr(sources, "folder", lambda source: folder)
    return folder


def test_a_conversion_is_done_once_and_seen_whole_or_not_at_all(original, monkeypatch):
    calls = []

    def convert(source, target):
        calls.append(target)
        (target / "config.json").write_text("{}")
        if len(calls) == 1:
            raise KeyboardInterrupt

    monkeypatch.setitem(converted.CONVERSIONS, "fake", convert)
    with pytest.raises(KeyboardInterrupt):
        converted.folder("fake")
    assert not (original.parent / "wheel-1-safetensors").exists()
    found = converted.folder("fake")
    assert found.name == "wheel-1-safetensors" and (found / "config.json").is_file()
    assert converted.folder("fake") == found and len(calls) == 2
    assert converted.folder("another") == original  # needs no conversion


def test_matrices_of_a_graph_get_the_names_of_the_products_they_enter(tmp_path):
    from onnx import TensorProto, helper, numpy_helper, save

    matrix, bias = np.arange(6, dtype=np.float32).reshape(2, 3), np.ones(3, dtype=np.float32)
    place = "/model/model.0/auto_model/encoder/layer.0/attention/self/query"
    node = helper.make_node("MatMul", ["x", "onnx::MatMul_7"], ["y"], name=f"{place}/MatMul")
    weights = {"onnx::MatMul_7": matrix, "model.0.auto_model.encoder.layer.0.attention.self.query.bias": bias}
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, n]) for name, n in (("x", 2), ("y", 3))]
    constants = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    save(helper.make_model(helper.make_graph([node], "g", ends[:1], ends[1:], constants)), str(tmp_path / "m.onnx"))
    found, _ = converted.onnx_weights(tmp_path / "m.onnx", "auto_model")
    query = "encoder.layer.0.attention.self.query"
    assert set(found) == {f"{query}.weight", f"{query}.bias"}
    np.testing.assert_array_equal(found[f"{query}.weight"], matrix.T)


@pytest.mark.real
def test_the_independent_encoder_reads_sentiment_and_is_another_model():
    from homog.adaptations.linear_probe import probe

    task = variant("task", "tweet_sentiment").load().sample(300, 8, 0)
    texts, labels = list(task.train["input"]), task.train["label"].to_numpy()
    first, second = (variant("backbone", name).load().at_length(48) for name in ("minilm_l3", "minilm_l6"))
    features = first.encode(texts)
    weights, bias = probe(features[:200], labels[:200], 2, 0.05)
    right = ((features[200:] @ weights.T + bias).argmax(1) == labels[200:]).mean()
    assert right > max(labels[200:].mean(), 1 - labels[200:].mean()) + 0.1
    assert first.fingerprint() == variant("backbone", "minilm_l3").load().fingerprint()
    one, two = (torch.as_tensor(backbone.encode(texts[:50])) for backbone in (first, second))
    apart = torch.nn.functional.cosine_similarity(one, two)
    assert apart.abs().max() < 0.5
