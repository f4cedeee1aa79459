"""Text-to-text models: features of the encoder, likelihood of a target."""

import numpy as np
import pytest
import torch

from homog.contracts import tiny
from tests.backbones.test_causal import PAIRS, moved
from tests.backbones.test_encoder import TEXTS


@pytest.fixture(scope="module")
def t5(tmp_path_factory):
    return tiny.tiny(tmp_path_factory.mktemp("t5") / "tiny-t5", "t5")


def test_features_are_the_mean_of_the_encoders_states(t5):
    with torch.inference_mode():
        alone = [t5.module(torch.tensor([row])).last_hidden_state[0].mean(0) for row in t5.reader.read(TEXTS)]
    np.testing.assert_allclose(t5.encode(TEXTS), torch.stack(alone).numpy(), atol=1e-5)


def by_definition(model, tokenizer, context, target):
    """Sum of log p(token | input, the target's tokens before it), a token at a time; the end counts."""
    source, wanted, given = tokenizer([context], return_tensors="pt"), tokenizer(target)["input_ids"], [0]
    total = 0.0
    for token in wanted:
        logits = model(**source, decoder_input_ids=torch.tensor([given])).logits[0, -1]
        total += float(logits.log_softmax(0)[token])
        given.append(token)
    return total


def test_likelihoods_of_targets_use_the_weights_of_the_encoder_at_hand(t5):
    before = t5.fingerprint()
    for backbone in (t5, t5.with_weights(moved(t5, ".2."))):
        found = backbone.log_likelihoods(PAIRS)
        with torch.inference_mode():
            alone = [by_definition(backbone.whole, t5.text_reader.tokenizer, a, b.strip()) for a, b in PAIRS]
        np.testing.assert_allclose(found[:, 0], alone, rtol=1e-4)
        assert found[:, 1].tolist() == [2, 2, 4, 5]
    assert np.abs(found - t5.log_likelihoods(PAIRS))[:, 0].max() > 1e-3
    assert t5.fingerprint() == before
