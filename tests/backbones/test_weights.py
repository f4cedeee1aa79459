"""Weights are never copied to be left alone."""

import pytest
import torch

from homog.backbones.weights import differ, sharing
from homog.contracts import tiny
from homog.variants import variant

TASK = tiny.Toy("toy").load()


def storages(module: torch.nn.Module) -> dict[int, int]:
    """Where each tensor of a module lies in memory -> its bytes."""
    tensors = (*module.parameters(), *module.buffers())
    return {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors}


def test_a_sharing_module_copies_what_it_is_told_and_nothing_else(backbone):
    names = [name for name, _ in backbone.module.named_parameters()]
    made = sharing(backbone.module, names[:2])
    for name, parameter in made.named_parameters():
        own = backbone.module.get_parameter(name)
        assert torch.equal(parameter, own)
        assert (parameter is own) == (name not in names[:2])
    with torch.no_grad():
        made.get_parameter(names[0]).zero_()
    assert backbone.module.get_parameter(names[0]).any()
    with pytest.raises(AttributeError):
        sharing(backbone.module, ["no.such.parameter"])


def test_tensors_differ_by_value_not_by_place():
    ones = torch.ones(3)
    assert not differ(ones, ones) and not differ(ones, torch.ones(3)) and differ(ones, torch.zeros(3))


@pytest.mark.parametrize("name", ["lora", "ia3", "prefix", "soft_prompt", "bitfit"])
def test_twenty_cells_over_one_backbone_hold_its_weights_once(name, backbone):
    shared, adaptation = storages(backbone.module), variant("adaptation", name, epochs=1)
    models = [model for seed in range(20) for _, model in adaptation.fit(backbone, [TASK], seed)]
    added = [{place: size for place, size in storages(m.module).items() if place not in shared} for m in models]
    biases = sum(4 * p.numel() for n, p in backbone.module.named_parameters() if adaptation.trains(n))
    for model, places in zip(models, added, strict=True):
        assert shared.keys() & storages(model.module).keys()
        assert 0 < sum(places.values()) <= 4 * model.added + biases
    assert sum(sum(places.values()) for places in added) < 0.6 * 20 * sum(shared.values())
