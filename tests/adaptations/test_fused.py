"""Adapters that are trained side by side are those that are trained alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from homog.adaptations import fused
from homog.contracts import tiny
from homog.variants import variant

ADAPTATIONS = ["lora", "ia3", "bitfit", "soft_prompt"]


@pytest.fixture
def double():
    """New tensors are float64, so that the order of sums does not show."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def wanted(name, **more):
    """Models that differ in task, classes, seed, number of examples, length and rate of training."""
    two, three = tiny.Toy("toy_two").load(), tiny.Toy("toy_three", classes=3).load()
    kind = variant("adaptation", name, learning_rate=1e-2, **more)
    return [
        (replace(kind, epochs=2), two.sample(24, 10, 0), 0),
        (replace(kind, epochs=1, learning_rate=3e-3, batch=5), three.sample(23, 10, 1), 1),
        (replace(kind, epochs=3, warmup=0.5, weight_decay=0.1, head="zero"), two.sample(9, 10, 2), 2),
    ]


def moved(model):
    """What was trained in a model, in float64."""
    return [p.detach().double() for p in model.module.parameters() if p.requires_grad] + [
        torch.as_tensor(part).double() for part in model.head
    ]


def both(backbone, cells):
    """(models that were trained as one, the same trained alone)."""
    as_one = [model for models in fused.fit(backbone, cells) for model in models]
    alone = [model for a, task, seed in cells for _, model in a.fit(backbone, [task], seed)]
    return as_one, alone


@pytest.mark.parametrize("kind", ["bert", "llama", "gpt2"])
@pytest.mark.parametrize("name", ADAPTATIONS)
def test_trained_as_one_is_trained_alone(name, kind, tmp_path, double):
    if (name, kind) == ("bitfit", "llama"):
        pytest.skip("it has no biases")
    backbone = tiny.tiny(tmp_path, kind)
    backbone = replace(backbone, module=backbone.module.double(), memo={})
    as_one, alone = both(backbone, wanted(name))
    assert [model.together for model in as_one] == [3, 3, 3]
    start = [variant("adaptation", name, epochs=0, learning_rate=1e-2)]
    for first, second, (_, task, seed) in zip(as_one, alone, wanted(name), strict=True):
        for a, b in zip(moved(first), moved(second), strict=True):
            torch.testing.assert_close(a, b, atol=1e-5, rtol=0)
        ((_, untrained),) = start[0].fit(backbone, [task], seed)
        assert any((a - b).abs().max() > 1e-3 for a, b in zip(moved(first), moved(untrained), strict=True))
        np.testing.assert_allclose(
            first.predict(list(task.test["input"])), second.predict(list(task.test["input"])), atol=1e-5
        )


def test_in_float32_the_answers_are_the_same(backbone):
    as_one, alone = both(backbone, wanted("lora"))
    for first, second, (_, task, _) in zip(as_one, alone, wanted("lora"), strict=True):
        inputs = list(task.test["input"])
        np.testing.assert_allclose(first.predict(inputs), second.predict(inputs), atol=1e-2)


def test_a_model_of_them_is_an_ordinary_adapter(backbone, tmp_path):
    from homog.adaptations import saved

    models = next(fused.fit(backbone, wanted("lora")))
    saved.save(tmp_path / "model", models[1], backbone, "adapters", {})
    found, _ = saved.load(tmp_path / "model", backbone)
    inputs = list(wanted("lora")[1][1].test["input"])
    np.testing.assert_allclose(found.predict(inputs), models[1].predict(inputs), atol=1e-6)


def test_as_many_at_once_as_memory_holds(backbone, monkeypatch):
    tried = []

    def short_of_memory(trunk, made):
        tried.append(len(made))
        if len(made) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return train(trunk, made)

    train = fused.train
    monkeypatch.setattr(fused, "train", short_of_memory)
    cells = wanted("lora") + wanted("lora")[:2]
    found = [model for models in fused.fit(backbone, cells) for model in models]
    assert tried == [5, 2, 2] and [model.together for model in found] == [2, 2, 2, 2, 1]


def test_what_no_hook_is_known_for_is_trained_alone(backbone, monkeypatch):
    monkeypatch.setattr(fused, "kind_of", lambda part: "")
    (models,) = fused.fit(backbone, wanted("lora"))
    assert [model.together for model in models] == [1, 1, 1]


def test_models_of_another_shape_are_not_trained_together():
    lora = variant("adaptation", "lora")
    assert lora.shape == replace(lora, learning_rate=1e-5, epochs=9).shape != replace(lora, rank=2).shape
    assert variant("adaptation", "full_finetune").shape is None and variant("adaptation", "linear_probe").shape is None
