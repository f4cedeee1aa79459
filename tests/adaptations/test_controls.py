"""What from_scratch, handcrafted and the BitFits share with the backbone, and what they do not."""

import numpy as np
import pytest
import torch

from homog.adaptations import ADAPTATIONS
from homog.config import ConfigError
from homog.contracts import tiny
from homog.variants import variant

TASK = tiny.Toy("toy").load()
TEXTS = list(TASK.test["input"])


def predictions(name, backbone, seed=0, **fields):
    adaptation = ADAPTATIONS[name](**{**vars(variant("adaptation", name)), **fields})
    ((_, model),) = adaptation.fit(backbone, [TASK], seed)
    return model.predict(TEXTS)


@pytest.mark.parametrize(("name", "shared"), [("from_scratch", False), ("handcrafted", False), ("linear_probe", True)])
def test_only_adaptations_of_the_backbone_depend_on_its_weights(name, shared, tmp_path):
    one, two = (tiny.tiny(tmp_path / str(seed), seed=seed) for seed in (0, 1))
    same = np.array_equal(predictions(name, one), predictions(name, two))
    assert same is not shared


def test_from_scratch_starts_anew_for_every_seed(backbone):
    assert not np.array_equal(predictions("from_scratch", backbone), predictions("from_scratch", backbone, seed=1))


def test_the_two_bitfits_share_the_parameters_out(backbone):
    names = [name for name, _ in backbone.module.named_parameters() if "pooler" not in name]
    one, other = (variant("adaptation", name) for name in ("bitfit", "bitfit_inverted"))
    assert all(one.trains(name) != other.trains(name) for name in names)
    assert [name for name in names if one.trains(name)] == [name for name in names if name.endswith(".bias")]


def test_a_backbone_without_biases_is_refused(backbone):
    bare = tiny.copied(backbone)
    for module in bare.module.modules():
        if getattr(module, "bias", None) is not None:
            module.bias = None
    with pytest.raises(ConfigError, match="backbone tiny-bert has no bias terms; choose lora"):
        predictions("bitfit", bare)


@pytest.mark.parametrize("name", ["prefix", "soft_prompt"])
def test_tokens_that_leave_no_room_for_the_text_are_refused(name, backbone):
    with pytest.raises(ConfigError, match="adaptation.tokens=60: backbone tiny-bert reads 66 tokens; use at most 56"):
        predictions(name, backbone, tokens=60)


def test_a_soft_prompt_shortens_texts_that_would_not_fit(backbone):
    from homog.adaptations.adapters import room

    assert room(backbone, 4).text_reader.max_length == 60
    assert room(backbone.at_length(16), 4).text_reader.max_length == 16


def test_modules_of_an_unknown_architecture_must_be_named_for_ia3(backbone, monkeypatch):
    from homog.adaptations import adapters

    monkeypatch.setattr(adapters, "model_type", lambda backbone: "mystery")
    monkeypatch.setattr(adapters, "linear_layers", lambda backbone: {"dense"})
    with pytest.raises(ConfigError, match="IA3 has none for model type 'mystery'; name the modules"):
        predictions("ia3", backbone)
    named = predictions("ia3", backbone, target_modules=("key", "value"))
    assert named.shape == (len(TEXTS), 2)


@pytest.mark.parametrize("name", ["embedding_reuse", "handcrafted"])
def test_an_unknown_learner_is_refused(name):
    with pytest.raises(ConfigError, match="unknown learner 'forest': valid: boosting, knn, logistic, mlp, svm"):
        variant("adaptation", name, learner="forest")


@pytest.mark.parametrize("learner", ["boosting", "knn", "logistic", "mlp", "svm"])
def test_learners_know_classes_that_training_lacks_and_training_of_one_class(learner):
    from homog.adaptations.learners import fitted, probabilities, size

    rng = np.random.default_rng(0)
    labels = np.repeat([0, 2], 30)
    features = rng.standard_normal((60, 4)) + labels[:, None]
    model = fitted(learner, 1.0, features, labels, ("test", 0))
    found = probabilities(model, features, 3)
    assert (found.argmax(1) == labels).mean() > 0.8
    assert found[:, 1].max() == 0
    assert size(model) > 0
    always = probabilities(fitted(learner, 1.0, features, np.ones(60, int), ("test", 0)), features, 3)
    assert (always == [0, 1, 0]).all()


def test_states_of_the_prompt_do_not_enter_the_features(backbone):
    mask = torch.ones((2, 5), dtype=torch.long)
    longer = torch.arange(2 * 9 * 3, dtype=torch.float).reshape(2, 9, 3)

    class Module(torch.nn.Module):
        def forward(self, **inputs):
            return type("Output", (), {"last_hidden_state": longer})

    features = backbone.features(Module(), {"attention_mask": mask})
    torch.testing.assert_close(features, longer[:, 4:].mean(1))
