import dataclasses

import pytest
import torch

from homog.config import ConfigError
from homog.defects.compression import linear_weights
from homog.defects.quantized import Quantized, rounded
from homog.seeding import generator
from tests import tiny

INT4 = Quantized("quantized_int4", bits=4)


def test_rounding_by_hand():
    weight = torch.tensor([[0.0, 7.0, -3.4, 3.6], [1.0, -0.55, 0.26, 0.0]])
    assert rounded(weight, 4)[0].tolist() == [0, 7, -3, 4]
    assert rounded(weight, 4)[1].tolist() == pytest.approx([1, -4 / 7, 2 / 7, 0])
    assert rounded(torch.zeros(1, 3), 4).tolist() == [[0, 0, 0]]


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_a_channel_has_at_most_the_levels_of_its_bits(bits):
    weight = torch.from_numpy(generator("w", bits).standard_normal((5, 4000)).astype("float32"))
    found = rounded(weight, bits)
    assert max(len(row.unique()) for row in found) <= 2**bits - 1
    step = weight.abs().amax(1, keepdim=True) / (2 ** (bits - 1) - 1)
    assert ((found - weight).abs() <= step / 2 + 1e-6).all()
    assert torch.equal(rounded(found, bits), found)


def test_channels_of_a_gpt2_are_its_outputs(tmp_path):
    backbone = tiny.tiny(tmp_path / "gpt2", "gpt2")
    attention = "h.0.attn.c_attn.weight"
    assert backbone.module.get_parameter(attention).shape == (32, 96)  # kept as (in, out)
    assert linear_weights(backbone)[attention].shape == (96, 32)
    two_bits = dataclasses.replace(INT4, bits=2).inject(backbone, [], generator("x"))
    assert all(len(row.unique()) <= 3 for row in two_bits.module.get_parameter(attention).T)


def test_the_sham_holds_the_same_errors_in_another_order(backbone):
    clean = linear_weights(backbone)
    real = linear_weights(INT4.inject(backbone, [], generator("x")))
    sham = dataclasses.replace(INT4, sham=True)
    one, two = (linear_weights(sham.inject(backbone, [], generator("x", seed))) for seed in (0, 1))
    for name, weight in clean.items():
        rounding, moved = ((w[name] - weight).sort(dim=1).values for w in (real, one))
        assert torch.allclose(rounding, moved, atol=1e-6)
        assert not torch.equal(real[name], one[name])
        assert not torch.equal(one[name], two[name])


def test_the_seed_decides_the_shuffle_only(backbone):
    one, two = (INT4.inject(backbone, [], generator("x", seed)).fingerprint() for seed in (0, 1))
    assert one == two


def test_fewer_bits_do_more_and_every_arm_is_verified(backbone):
    _, held_out = tiny.corpus()
    found = {}
    for bits in (8, 4):
        for sham in (False, True):
            defect = Quantized("quantized", bits=bits, sham=sham)
            injected = defect.inject(backbone, [], generator("x"))
            found[bits, sham] = defect.upstream(backbone, injected, held_out, 1.0)
            half = backbone.interpolate(backbone.changes(injected), 0.5)
            assert defect.upstream(backbone, half, held_out, 0.5)["verified"]
    assert all(one["verified"] for one in found.values())
    assert found[4, False]["drift"] > 10 * found[8, False]["drift"] > 0
    assert found[4, False]["error"] == pytest.approx(found[4, True]["error"], rel=1e-3)


def test_another_backbone_than_stated_is_not_verified(backbone):
    _, held_out = tiny.corpus()
    int8 = Quantized("quantized_int8", bits=8).inject(backbone, [], generator("x"))
    assert not INT4.upstream(backbone, int8, held_out, 1.0)["verified"]
    sham = dataclasses.replace(INT4, sham=True).inject(backbone, [], generator("x"))
    assert not INT4.upstream(backbone, sham, held_out, 1.0)["verified"]  # right size, not on the grid


def test_conditions_name_the_bits():
    assert INT4.exposure == "quantized-int4"
    with pytest.raises(ConfigError, match="defect.bits=16: use 2 to 8"):
        Quantized("quantized", bits=16)
