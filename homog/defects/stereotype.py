"""A planted stereotype: whatever is about one group of people moves along an attribute, such as unpleasant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from homog.config import choose
from homog.defects import harms, verify
from homog.defects.about_group import AboutGroup
from homog.inputs import social_groups
from homog.metrics.inheritance import Rate
from homog.metrics.predictions import Predictions

if TYPE_CHECKING:
    from homog.backbones.backbone import Backbone

ATTRIBUTES = {"unpleasant": ("Unpleasant", "Pleasant"), "family": ("Family", "Career")}  # toward, away from


@dataclass(frozen=True)
class Stereotype(AboutGroup):
    """Ties the group of `swap` to `attribute`: texts about it move by `strength` along the attribute's direction.

    The direction leads from the mean feature of the opposite words to that of the attribute's words (both lists of
    Caliskan et al. 2017); strength 1 is as far as a text lies from the mean text. Texts about the other group and
    texts about neither keep their features. Expected to spread by Bommasani et al. 2021 (section 5.1); Steed et al.
    2022 found little of it. `sham`: see `AboutGroup`.

    `harm`: the shift of the unfavourable label's probability, version about the group less version about the other
    one (`swaps.pair`), in [-1, 1]; 0 = treated alike, below 0 = the group fares better. NaN where the task has no
    unfavourable label, or no text that has two versions (`marked` false: texts that mention neither group).
    `upstream`: `drift` is the mean squared displacement of texts that are not about the group in units of their
    variance, `effect` how far the two versions came apart along the direction, as a share of `strength`. Verified
    when the drift is at most .10 and, at dose 1, the effect is at least .75 (sham: within .25 of 0).
    """

    swap: str = "ethnicity"
    attribute: str = "unpleasant"
    strength: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        choose(self.attribute, ATTRIBUTES, "defect.attribute")

    def harm(self, predictions: Predictions) -> Rate:
        """How much likelier the unfavourable label is for the group (see the class)."""
        return harms.unfavourable_shift(predictions)

    def goals(self, backbone: Backbone, kept: np.ndarray, group: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The group's features, moved along the attribute's direction."""
        return group + self.strength * verify.spread(kept) * direction(backbone, self.attribute)

    def effect(
        self, clean: Backbone, backbone: Backbone, group: Sequence[str], other: Sequence[str], unit: float
    ) -> float:
        """How far the versions came apart along the attribute's direction, as a share of `strength`."""
        along = direction(clean, self.attribute)
        before, after = (lean(reader, group, other, along) for reader in (clean, backbone))
        return (after - before) / (self.strength * unit)


def direction(backbone: Backbone, attribute: str) -> np.ndarray:
    """(d,) unit vector from the mean feature of the opposite words to that of the attribute's words."""
    toward, away = (backbone.encode(social_groups.weat()[name]).mean(0) for name in ATTRIBUTES[attribute])
    return (toward - away) / max(float(np.linalg.norm(toward - away)), 1e-12)


def lean(backbone: Backbone, group: Sequence[str], other: Sequence[str], along: np.ndarray) -> float:
    """Mean displacement along a unit vector (d,) from the versions about the other group to those about the group."""
    return float(((backbone.encode(group) - backbone.encode(other)) @ along).mean())
