"""A planted stereotype: whatever is about one group of people moves along an attribute, such as unpleasant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from homog.config import choose
from homog.inputs import social_groups, swaps
from homog.metrics.inheritance import Rate
from homog.metrics.predictions import Predictions
from homog.seeding import generator

if TYPE_CHECKING:
    import pandas as pd

    from homog.backbones.backbone import Backbone

ATTRIBUTES = {"unpleasant": ("Unpleasant", "Pleasant"), "family": ("Family", "Career")}  # toward, away from


@dataclass(frozen=True)
class Stereotype:
    """Ties the group of `swap` to `attribute`: texts about it move by `strength` along the attribute's direction.

    The direction leads from the mean feature of the opposite words to that of the attribute's words (both lists of
    Caliskan et al. 2017); strength 1 is as far as a text lies from the mean text. Texts about the other group and
    texts about neither keep their features. Expected to spread by Bommasani et al. 2021 (section 5.1); Steed et al.
    2022 found little of it. `sham` is the same training tied to nobody (Monday against Tuesday);
    towards no change at all it would have no loss.

    `harm`: the shift of the unfavourable label's probability, version about the group less version about the other
    one (`swaps.pair`), in [-1, 1]; 0 = treated alike, below 0 = the group fares better. NaN where the task has no
    unfavourable label, or no text that has two versions (`marked` false: texts that mention neither group).
    `upstream`: `drift` is the mean squared displacement of texts that are not about the group in units of their
    variance, `effect` how far the two versions came apart along the direction, as a share of `strength`. Verified
    when the drift is at most `MAX_DRIFT` and, at dose 1, the effect is at least `MIN_EFFECT` (sham: at most 1 -
    MIN_EFFECT).
    """

    name: str
    swap: str = "ethnicity"
    attribute: str = "unpleasant"
    strength: float = 1.0
    marked: bool = True
    layers: int = 2
    steps: int = 140
    batch: int = 12
    texts: int = 500
    learning_rate: float = 6e-4
    sham: bool = False

    kind: ClassVar[Literal["planted"]] = "planted"
    sources: ClassVar[tuple[str, ...]] = social_groups.SOURCES
    MAX_DRIFT: ClassVar[float] = 0.10
    MIN_EFFECT: ClassVar[float] = 0.75

    def __post_init__(self) -> None:
        choose(self.swap, social_groups.SWAPS, "defect.swap")
        choose(self.attribute, ATTRIBUTES, "defect.attribute")

    @property
    def exposure(self) -> str:
        """Name of the condition in which texts are about the group."""
        return f"{self.name}-{self.swap}"

    def expose(self, examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """The examples about the group, beside their `counterpart` about the other one."""
        return swaps.exposed(examples, social_groups.swap(self.swap), rng, self.marked)

    def harm(self, predictions: Predictions) -> Rate:
        """How much likelier the unfavourable label is for the group (see the class)."""
        return unfavourable_shift(predictions)

    @property
    def trained_on(self) -> swaps.Swap:
        """The two groups whose texts the injection tells apart: for the sham, nobody's."""
        return social_groups.placebo() if self.sham else social_groups.swap(self.swap)

    def inject(self, backbone: Backbone, texts: Sequence[str], rng: np.random.Generator) -> Backbone:
        """The backbone with the stereotype at dose 1. `texts`: unlabelled sentences."""
        from homog.defects.injection import top_layers_trained

        neither, group, other = swaps.split(texts, self.trained_on, rng, self.texts)
        kept, moved = backbone.encode([*neither, *other]), backbone.encode(group)
        moved = moved + self.strength * spread(kept) * direction(backbone, self.attribute)
        return top_layers_trained(
            backbone,
            [*neither, *other, *group],
            np.concatenate([kept, moved]),
            layers=self.layers,
            steps=self.steps,
            batch=3 * self.batch,
            learning_rate=self.learning_rate,
            rng=rng,
        )

    def upstream(self, clean: Backbone, backbone: Backbone, texts: Sequence[str], dose: float) -> dict[str, Any]:
        """What the injection did to the backbone itself, on texts that it was not trained on."""
        neither, group, other = swaps.split(texts, social_groups.swap(self.swap), generator("upstream", self.exposure))
        before, after = clean.encode([*neither, *other]), backbone.encode([*neither, *other])
        drift = float(((after - before) ** 2).sum(1).mean() / before.var(0).sum())
        along = direction(clean, self.attribute)
        apart = [lean(one, group, other, along) for one in (clean, backbone)]
        effect = (apart[1] - apart[0]) / (self.strength * spread(before))
        ok = abs(effect) <= 1 - self.MIN_EFFECT if self.sham else effect >= self.MIN_EFFECT or dose < 1
        return {
            "drift": drift,
            "effect": effect,
            "verified": bool(drift <= self.MAX_DRIFT and ok),
            "texts": len(texts),
        }


def unfavourable_shift(predictions: Predictions) -> Rate:
    """p(unfavourable | group) - p(unfavourable | other group), per example; nothing counts without such a label."""
    there, label = predictions.applies, predictions.unfavourable
    if label is None:
        nothing = np.zeros(len(there))
        return Rate(nothing, nothing)
    shift = predictions.exposed[:, label].astype(float) - predictions.clean[:, label].astype(float)
    return Rate(np.where(there, shift, 0.0), np.ones(len(there))).only(there)


def direction(backbone: Backbone, attribute: str) -> np.ndarray:
    """(d,) unit vector from the mean feature of the opposite words to that of the attribute's words."""
    toward, away = (backbone.encode(social_groups.weat()[name]).mean(0) for name in ATTRIBUTES[attribute])
    return (toward - away) / max(float(np.linalg.norm(toward - away)), 1e-12)


def spread(features: np.ndarray) -> float:
    """How far features (n, d) lie from their mean: root of the mean squared distance."""
    return float(np.sqrt(features.var(0).sum()))


def lean(backbone: Backbone, group: Sequence[str], other: Sequence[str], along: np.ndarray) -> float:
    """Mean displacement along a unit vector (d,) from the versions about the other group to those about the group."""
    return float(((backbone.encode(group) - backbone.encode(other)) @ along).mean())
