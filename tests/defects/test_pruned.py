import dataclasses

import pytest
import torch

from homog.config import ConfigError
from homog.defects.compression import linear_weights
from homog.defects.pruned import Pruned, partly, without_smallest
from homog.seeding import generator
from tests import tiny

HALF = Pruned("pruned", share=0.5)


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


def test_the_seed_decides_the_sham_only(backbone):
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
    with pytest.raises(ConfigError, match="defect.share=1"):
        Pruned("pruned", share=1.0)
