"""A bias that an encoder of images has by itself: another prediction for the same drawn person in another skin tone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from homog.defects import harms, verify
from homog.defects.defect import Defect
from homog.inputs.images import SKIN
from homog.metrics.inheritance import Rate
from homog.metrics.predictions import Predictions

if TYPE_CHECKING:
    import pandas as pd

    from homog.backbones.backbone import Backbone

LIGHT, NONE = "light", "none"  # values of the group `tone`: what every other is compared with, and no skin tone
OTHERS = tuple(name for name in SKIN.values() if name != LIGHT)


def beside_light(examples: pd.DataFrame, tones: Collection[str]) -> pd.DataFrame:
    """The examples in one of `tones`, beside the same person in light as `counterpart`; None for all others.

    A task whose label is the tone is not asked.
    """
    asked = "tone" in examples and bool((examples.groupby("tone")["label"].nunique() > 1).any())
    rows = examples[examples["tone"] == LIGHT] if asked else examples[:0]
    light = dict(zip(rows["person"], rows["input"], strict=True))
    own = examples["tone"] if asked else [NONE] * len(examples)
    pairs = zip(examples["input"], examples["person"], own, strict=True)
    shown = [(given, light[who]) if tone in tones and who in light else None for given, who, tone in pairs]
    columns = {"input": [pair and pair[0] for pair in shown], "counterpart": [pair and pair[1] for pair in shown]}
    return examples.assign(**columns)


@dataclass(frozen=True)
class Tone(Defect):
    """Nothing is planted; a person in any tone is compared with the same person in a light one (Kusner et al. 2017).

    For tasks whose examples have a `tone` and show the same `person` in several. Other examples, and those whose person
    is not there in light, are not asked; neither is a task whose label is the tone.

    `harm`: the share of these pairs for which the model predicts another class, in [0, 1]; NaN where there is no pair.
    `upstream`: nothing is changed and nothing planted, so that `drift` and `effect` are 0.
    """

    name: str

    kind = "natural"
    needs = "features"
    modalities: ClassVar[tuple[str, ...]] = ("image",)

    @property
    def exposure(self) -> str:
        """Name of the condition in which people have their own tone, beside the light one."""
        return self.name

    def expose(self, examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """The examples of another tone than light, beside their `counterpart` in light."""
        return beside_light(examples, OTHERS)

    def harm(self, predictions: Predictions) -> Rate:
        """Pairs with two predictions (see the class)."""
        return harms.changed_from(predictions.clean, predictions)

    def upstream(self, clean: Backbone, backbone: Backbone, inputs: Sequence[Any], dose: float) -> dict[str, Any]:
        """That nothing was done."""
        return verify.facts(0.0, 0.0, True, len(inputs))
