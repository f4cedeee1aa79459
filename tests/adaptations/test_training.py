import copy

import numpy as np
import pytest
import torch

from homog.adaptations.full_finetune import FullFinetune
from homog.adaptations.linear_probe import probe, softmax
from homog.adaptations.training import Embeddings, epochs, fit, ramp
from homog.config import ConfigError
from homog.contracts import tiny
from homog.seeding import generator


@pytest.mark.parametrize("classes", [2, 3])
def test_the_probe_is_scikit_learns(classes):
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    rng = np.random.default_rng(0)
    features, labels = rng.standard_normal((90, 5)) * 3 + 1, rng.integers(0, classes, 90)
    weights, bias = probe(features, labels, classes, C=0.5)
    theirs = make_pipeline(StandardScaler(), LogisticRegression(C=0.5, max_iter=1000)).fit(features, labels)
    np.testing.assert_allclose(softmax(features @ weights.T + bias), theirs.predict_proba(features), atol=1e-4)


def test_a_class_without_examples_is_never_predicted_and_one_class_is_always():
    features = np.random.default_rng(0).standard_normal((20, 4))
    weights, bias = probe(features, np.array([0, 2] * 10), 3, C=1)
    assert softmax(features @ weights.T + bias)[:, 1].max() == 0
    weights, bias = probe(features, np.ones(20, int), 3, C=1)
    assert (softmax(features @ weights.T + bias).argmax(1) == 1).all()


@pytest.mark.parametrize("model_type", ["bert", "roberta", "distilbert"])
def test_training_only_the_used_rows_of_the_table_gives_the_same_model(model_type, tmp_path, monkeypatch):
    backbone, task = tiny.tiny(tmp_path, model_type), tiny.Toy("toy").load().sample(40, 20, 0)
    found = []
    for trick in (True, False):
        module = copy.deepcopy(backbone.module).requires_grad_(True)
        if not trick:
            monkeypatch.setattr(Embeddings, "inputs", lambda self, batch: batch)
            monkeypatch.setattr(Embeddings, "parameters", lambda self: [self.full])
            monkeypatch.setattr(Embeddings, "write_back", lambda self: None)
        fit(backbone, module, task, FullFinetune("any", 1e-3, epochs=2), ("order", 0))
        found.append({name: p.detach().clone() for name, p in module.named_parameters()})
    for name, value in found[0].items():
        torch.testing.assert_close(value, found[1][name], atol=2e-5, rtol=1e-3, msg=name)
    table = next(n for n, p in found[0].items() if len(p) == len(tiny.WORDS) and p.ndim == 2)
    assert not torch.equal(found[0][table], backbone.module.get_parameter(table))


def test_every_example_is_seen_once_an_epoch():
    rows = list(epochs([5, 9, 3, 4, 8], FullFinetune("any", 1e-3, epochs=2, batch=2), generator("x")))
    assert sorted(i for part in rows for i in part) == sorted([0, 1, 2, 3, 4] * 2)


def test_the_learning_rate_rises_and_falls_to_nothing():
    rates = [ramp(i, 20, 0.1) for i in range(20)]
    assert max(rates) == 1
    assert rates[0] == 0.5
    assert rates[-1] < 0.1
    assert all(a >= b for a, b in zip(rates[2:], rates[3:], strict=False))


def test_an_unknown_head_is_refused():
    with pytest.raises(ConfigError, match="unknown head 'random': valid: probe, zero"):
        FullFinetune("any", 1e-3, head="random")


@pytest.mark.parametrize("name", ["lora", "full_finetune", "prefix"])
@pytest.mark.parametrize("kind", ["bert", "llama"])
def test_states_that_are_computed_again_give_the_same_model(name, kind, tmp_path, monkeypatch):
    from homog.adaptations import training
    from homog.backbones import trunk
    from homog.variants import variant

    backbone, task = tiny.tiny(tmp_path, kind), tiny.Toy("toy").load().sample(20, 10, 0)
    passes, found = [], []
    again = trunk.recomputed
    for least in (10**12, 0):
        ran = []

        def watched(module, least=least, ran=ran):
            first = next(part for part in trunk.blocks(module)[0].modules() if not list(part.children()))
            first.register_forward_hook(lambda *_: ran.append(1))
            again(module, least)

        monkeypatch.setattr(training, "recomputed", watched)
        ((_, model),) = variant("adaptation", name, epochs=1).fit(backbone, [task], 0)
        passes.append(len(ran))
        found.append(model.predict(list(task.test["input"])))
    np.testing.assert_array_equal(*found)
    if name != "prefix":
        assert passes[1] > passes[0]  # on the way back
