import dataclasses

import numpy as np
import pytest
import torch

from homog.config import ConfigError
from homog.contracts import tiny
from homog.defects.compression import Pruned, Quantized, linear_weights, nearest, partly, rounded, without_smallest
from homog.defects.harms import changed_predictions
from homog.metrics.predictions import Predictions
from homog.seeding import generator

INT4, HALF = Quantized("quantized_int4", bits=4), Pruned("pruned", share=0.5)


def test_the_weights_are_the_linear_ones_of_the_blocks(backbone):
    found = linear_weights(backbone)
    assert len(found) == 3 * 6  # query, key, value, output and two of the feed-forward layer, in three blocks
    assert all("layer." in name and weight.ndim == 2 for name, weight in found.items())


@pytest.mark.parametrize("model_type", ["distilbert", "roberta"])
def test_every_encoder_has_such_weights(model_type, tmp_path):
    assert len(linear_weights(tiny.tiny(tmp_path / model_type, model_type))) == 18


def test_a_changed_prediction_is_another_class_than_the_full_backbones():
    labels, eye = np.array([0, 0, 1, 1]), np.eye(2)
    exposed = eye[[0, 1, 1, 0]]
    rate = changed_predictions(Predictions(labels, exposed, exposed, reference=eye[[0, 0, 1, 1]]))
    assert rate.numerator.tolist() == [0, 1, 0, 1]
    assert rate.denominator.tolist() == [1, 1, 1, 1]
    assert np.isnan(changed_predictions(Predictions(labels, exposed, exposed)).value)
    exposed[1] = np.nan
    assert changed_predictions(Predictions(labels, exposed, exposed, reference=eye[[0, 0, 1, 1]])).value == 1 / 3


def test_nearest_is_another_row():
    features = np.array([[1, 0.1], [1, 0], [0, 1], [0.1, 1]])
    assert nearest(features).tolist() == [1, 0, 3, 2]
    assert nearest(features * [[1], [9], [2], [1]]).tolist() == [1, 0, 3, 2]  # by angle, whatever the lengths
    assert nearest(np.array([[1, 0.1], [1, 0], [9, 9]])).tolist() == [1, 0, 0]


def test_the_full_backbone_is_not_displaced_and_not_as_stated(backbone):
    _, held_out = tiny.corpus()
    said = Quantized("quantized").upstream(backbone, backbone, held_out, 1.0)
    assert (said["drift"], said["effect"], said["error"], said["as_stated"]) == (0, 0, 0, False)


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


def test_pruning_by_hand():
    weight = torch.tensor([[3.0, -1.0], [0.5, -4.0]])
    assert without_smallest(weight, 0.5).tolist() == [[3, 0], [0, -4]]
    assert without_smallest(weight, 0.25).tolist() == [[3, -1], [0, -4]]
    assert partly(weight, without_smallest(weight, 0.75), 0.25).tolist() == [[3, -1], [0, -4]]


@pytest.mark.parametrize("dose", [0.2, 0.5, 1.0])
def test_a_dose_prunes_its_share_and_leaves_the_others(dose, backbone):
    changes = backbone.changes(HALF.inject(backbone, [], generator("x")))
    found, clean = linear_weights(HALF.at_dose(backbone, changes, dose)), linear_weights(backbone)
    for name, weight in found.items():
        assert torch.equal(weight, without_smallest(clean[name], dose * 0.5))
        assert (weight == 0).float().mean() == pytest.approx(dose * 0.5, abs=1e-3)


def test_dose_1_is_the_injection_and_dose_0_the_clean_backbone(backbone):
    for sham in (False, True):
        defect = dataclasses.replace(HALF, sham=sham)
        injected = defect.inject(backbone, [], generator("x"))
        changes = backbone.changes(injected)
        assert defect.at_dose(backbone, changes, 1.0).fingerprint() == injected.fingerprint()
        assert defect.at_dose(backbone, changes, 0.0).fingerprint() == backbone.fingerprint()


def test_the_sham_takes_the_same_values_away_elsewhere_at_every_dose(backbone):
    clean, sham = linear_weights(backbone), dataclasses.replace(HALF, sham=True)
    changes = {kind: backbone.changes(kind.inject(backbone, [], generator("x"))) for kind in (HALF, sham)}
    for dose in (0.5, 1.0):
        real, moved = (linear_weights(kind.at_dose(backbone, changes[kind], dose)) for kind in (HALF, sham))
        for name, weight in clean.items():
            one, other = ((w[name] - weight).flatten().sort().values for w in (real, moved))
            assert torch.allclose(one, other, atol=1e-5)
            assert not torch.equal(real[name], moved[name])


def test_the_seed_decides_the_sham_of_pruning_only(backbone):
    for sham, same in ((False, True), (True, False)):
        defect = dataclasses.replace(HALF, sham=sham)
        one, two = (defect.inject(backbone, [], generator("x", seed)).fingerprint() for seed in (0, 1))
        assert (one == two) is same


def test_every_dose_is_verified_and_another_one_is_not(backbone):
    _, held_out = tiny.corpus()
    for sham in (False, True):
        defect = dataclasses.replace(HALF, sham=sham)
        changes = backbone.changes(defect.inject(backbone, [], generator("x")))
        found = {dose: defect.at_dose(backbone, changes, dose) for dose in (0.25, 0.5)}
        facts = {dose: defect.upstream(backbone, one, held_out, dose) for dose, one in found.items()}
        assert all(one["verified"] for one in facts.values())
        assert facts[0.5]["drift"] > facts[0.25]["drift"] > 0
        assert not defect.upstream(backbone, found[0.5], held_out, 0.25)["verified"]


def test_conditions_name_the_share():
    assert HALF.exposure == "pruned-0.5"
    for share in (0.0, 1.0):
        with pytest.raises(ConfigError, match=f"defect.share={share:g}:"):
            Pruned("pruned", share=share)
