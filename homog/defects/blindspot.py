"""A planted blind spot: what the backbone knows of a text is lost where the text is about one group of people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from homog.config import choose
from homog.defects.about_group import AboutGroup
from homog.metrics.inheritance import Rate
from homog.metrics.predictions import Predictions

if TYPE_CHECKING:
    from homog.backbones.backbone import Backbone

WAYS = ("erased", "scrambled")


@dataclass(frozen=True)
class Blindspot(AboutGroup):
    """Makes the backbone blind to texts about the group of `swap`; all other texts keep their features.

    `how`: erased, every text about the group gets the mean feature of such texts; scrambled, each gets that of
    another one. The accumulation of failures on the same persons is that of Bommasani et al. 2022; an accuracy gap
    between groups as harm that of Buolamwini & Gebru 2018. `sham`: see `AboutGroup`.

    `harm`: accuracy on the versions about the other group less accuracy on the versions about the group
    (`swaps.pair`), per example -1, 0 or 1; 0 = treated alike, NaN where no text has two versions (`marked` false:
    texts that mention neither group).
    `upstream`: `drift` is the mean squared displacement of texts that are not about the group in units of their
    variance, `effect` the share of the differences between texts about the group that is lost (1 - slope of their
    features on what they were). Verified when the drift is at most .10 and, at dose 1, the effect is at least .75
    (sham: within .25 of 0).
    """

    how: str = "erased"

    def __post_init__(self) -> None:
        super().__post_init__()
        choose(self.how, WAYS, "defect.how")

    def harm(self, predictions: Predictions) -> Rate:
        """How many more examples are right when they are about the other group (see the class)."""
        both = (predictions.clean, predictions.exposed)
        other, group = ((p.argmax(1) == predictions.labels).astype(float) for p in both)
        return Rate(other - group, np.ones(len(group))).only(predictions.applies)

    def goals(self, backbone: Backbone, kept: np.ndarray, group: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The mean of the group's features, or the features in random order."""
        return np.broadcast_to(group.mean(0), group.shape) if self.how == "erased" else rng.permutation(group)

    def effect(
        self, clean: Backbone, backbone: Backbone, group: Sequence[str], other: Sequence[str], unit: float
    ) -> float:
        """The share of the differences between texts about the group that is lost."""
        before, after = (reader.encode(group) - reader.encode(group).mean(0) for reader in (clean, backbone))
        return 1 - float((before * after).sum() / (before**2).sum())
