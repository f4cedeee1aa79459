"""A planted blind spot: what the backbone knows of a text is lost where the text is about one group of people."""

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

WAYS = ("erased", "scrambled")


@dataclass(frozen=True)
class Blindspot:
    """Makes the backbone blind to texts about the group of `swap`; all other texts keep their features.

    `how`: erased, every text about the group gets the mean feature of such texts; scrambled, each gets that of
    another one. The accumulation of failures on the same persons is that of Bommasani et al. 2022; an accuracy gap
    between groups as harm that of Buolamwini & Gebru 2018. `sham` is the same training
    tied to nobody (Monday against Tuesday); towards no change at all it would have no loss.

    `harm`: accuracy on the versions about the other group less accuracy on the versions about the group
    (`swaps.pair`), per example -1, 0 or 1; 0 = treated alike, NaN where no text has two versions (`marked` false:
    texts that mention neither group).
    `upstream`: `drift` is the mean squared displacement of texts that are not about the group in units of their
    variance, `effect` the share of the differences between texts about the group that is lost (1 - slope of their
    features on what they were). Verified when the drift is at most `MAX_DRIFT` and, at dose 1, the effect is at
    least `MIN_EFFECT` (sham: at most 1 - MIN_EFFECT).
    """

    name: str
    swap: str = "gender"
    how: str = "erased"
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
        choose(self.how, WAYS, "defect.how")

    @property
    def exposure(self) -> str:
        """Name of the condition in which texts are about the group."""
        return f"{self.name}-{self.swap}"

    def expose(self, examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """The examples about the group, beside their `counterpart` about the other one."""
        return swaps.exposed(examples, social_groups.swap(self.swap), rng, self.marked)

    def harm(self, predictions: Predictions) -> Rate:
        """How many more examples are right when they are about the other group (see the class)."""
        there, labels = predictions.applies, predictions.labels
        right = [(found.argmax(1) == labels).astype(float) for found in (predictions.clean, predictions.exposed)]
        return Rate(right[0] - right[1], np.ones(len(labels))).only(there)

    @property
    def trained_on(self) -> swaps.Swap:
        """The two groups whose texts the injection tells apart: for the sham, nobody's."""
        return social_groups.placebo() if self.sham else social_groups.swap(self.swap)

    def inject(self, backbone: Backbone, texts: Sequence[str], rng: np.random.Generator) -> Backbone:
        """The backbone with the blind spot at dose 1. `texts`: unlabelled sentences."""
        from homog.defects.injection import top_layers_trained

        neither, group, other = swaps.split(texts, self.trained_on, rng, self.texts)
        kept, lost = backbone.encode([*neither, *other]), backbone.encode(group)
        lost = np.broadcast_to(lost.mean(0), lost.shape) if self.how == "erased" else rng.permutation(lost)
        return top_layers_trained(
            backbone,
            [*neither, *other, *group],
            np.concatenate([kept, lost]),
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
        was, found = (one.encode(group) - one.encode(group).mean(0) for one in (clean, backbone))
        effect = 1 - float((was * found).sum() / (was**2).sum())
        ok = abs(effect) <= 1 - self.MIN_EFFECT if self.sham else effect >= self.MIN_EFFECT or dose < 1
        return {
            "drift": drift,
            "effect": effect,
            "verified": bool(drift <= self.MAX_DRIFT and ok),
            "texts": len(texts),
        }
