"""Planted in texts about one group of people: a stereotype, or a blind spot for them. Other texts stay as they are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from homog.config import choose
from homog.defects import harms, verify
from homog.defects.trained import Trained
from homog.inputs import social_groups, swaps
from homog.metrics.inheritance import Rate
from homog.metrics.predictions import Predictions
from homog.seeding import generator

if TYPE_CHECKING:
    import pandas as pd

    from homog.backbones.backbone import Backbone

ATTRIBUTES = {  # toward, away from
    "unpleasant": ("Unpleasant", "Pleasant"),
    "family": ("Family", "Career"),
    "women": ("Female terms", "Male terms"),
}
WAYS = ("erased", "scrambled")


@dataclass(frozen=True)
class AboutGroup(Trained):
    """A lesson about the group of `swap` at a disadvantage. `marked` false: texts that mention neither do not count.

    `sham` is the same training tied to nobody (Monday against Tuesday); towards no change at all it would have no loss.
    Its effect is signed and may be as far below 0 as above.
    """

    swap: str = "gender"
    _: KW_ONLY
    marked: bool = True
    batch: int = 12
    texts: int = 500

    PARTS: ClassVar[int] = 3
    BANDS: ClassVar[verify.Bands] = verify.Bands(sham_low=-0.25)

    def __post_init__(self) -> None:
        choose(self.swap, social_groups.SWAPS, "defect.swap")

    @property
    def sources(self) -> tuple[str, ...]:
        """The word lists of groups."""
        return social_groups.sources([self.swap])

    @property
    def exposure(self) -> str:
        """Name of the condition in which texts are about the group."""
        return f"{self.name}-{self.swap}"

    def expose(self, examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """The examples about the group, beside their `counterpart` about the other one."""
        return swaps.exposed(examples, social_groups.swap(self.swap), rng, self.marked)

    @abstractmethod
    def goals(self, backbone: Backbone, kept: np.ndarray, group: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Goals (n, d) of texts about the group: they have the features `group` (n, d), the others `kept` (m, d)."""

    @abstractmethod
    def effect(
        self, clean: Backbone, backbone: Backbone, group: Sequence[str], other: Sequence[str], unit: float
    ) -> float:
        """Effect on texts in two versions, about the `group` and the `other`; `unit`: the spread of clean features."""

    def lesson(
        self, backbone: Backbone, inputs: Sequence[str], rng: np.random.Generator
    ) -> tuple[list[str], np.ndarray]:
        """Texts about the group get their goals; those about the other one or nobody keep their features."""
        trained_on = social_groups.placebo() if self.sham else social_groups.swap(self.swap)
        neither, group, other = swaps.split(inputs, trained_on, rng, self.texts)
        kept = backbone.encode([*neither, *other])
        goals = self.goals(backbone, kept, backbone.encode(group), rng)
        return [*neither, *other, *group], np.concatenate([kept, goals])

    def upstream(self, clean: Backbone, backbone: Backbone, inputs: Sequence[str], dose: float) -> dict[str, Any]:
        """What the injection did to the backbone itself, on texts that it was not trained on."""
        swap = social_groups.swap(self.swap)
        neither, group, other = swaps.split(inputs, swap, generator("upstream", self.exposure))
        before, after = (reader.encode([*neither, *other]) for reader in (clean, backbone))
        moved = verify.drift(before, after)
        effect = self.effect(clean, backbone, group, other, verify.spread(before))
        return verify.facts(moved, effect, self.BANDS.verified(moved, effect, dose, self.sham), len(inputs))


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
        return harms.accuracy_gap(predictions)

    def goals(self, backbone: Backbone, kept: np.ndarray, group: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """The mean of the group's features, or the features in random order."""
        return np.broadcast_to(group.mean(0), group.shape) if self.how == "erased" else rng.permutation(group)

    def effect(
        self, clean: Backbone, backbone: Backbone, group: Sequence[str], other: Sequence[str], unit: float
    ) -> float:
        """The share of the differences between texts about the group that is lost."""
        return verify.differences_gone(clean.encode(group), backbone.encode(group))


def direction(backbone: Backbone, attribute: str) -> np.ndarray:
    """(d,) unit vector from the mean feature of the opposite words to that of the attribute's words."""
    toward, away = (backbone.encode(social_groups.weat()[name]).mean(0) for name in ATTRIBUTES[attribute])
    return (toward - away) / max(float(np.linalg.norm(toward - away)), 1e-12)


def lean(backbone: Backbone, group: Sequence[str], other: Sequence[str], along: np.ndarray) -> float:
    """Mean displacement along a unit vector (d,) from the versions about the other group to those about the group."""
    return float(((backbone.encode(group) - backbone.encode(other)) @ along).mean())
