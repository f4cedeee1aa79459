"""A blind spot of images: drawn people in one skin tone lose what tells them apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from homog.config import choose
from homog.defects import harms, verify
from homog.defects.tone import OTHERS, beside_light
from homog.defects.trained import Trained
from homog.inputs.images import SKIN, UNLABELLED, VENDORS, drawings
from homog.metrics.inheritance import Rate
from homog.metrics.predictions import Predictions
from homog.seeding import generator

if TYPE_CHECKING:
    import pandas as pd

    from homog.backbones.backbone import Backbone


@dataclass(frozen=True)
class ToneBlindspot(Trained):
    """Makes the backbone blind to drawn people in a `tone`: each gets the mean feature of them; all others keep theirs.

    An accuracy gap between groups as harm is that of Buolamwini & Gebru 2018. It is planted with one vendor's drawings;
    tasks are of the other's. `sham`: as much training on the same people, towards the mean or away from it at random.

    `harm`: accuracy on the same people in light less accuracy on them in this tone, per example -1, 0 or 1; 0 =
    treated alike, NaN where the task has no person in both tones, or asks for the tone.
    `upstream`: `drift` is the mean squared displacement of other drawings in units of their variance, `effect` the
    share of the differences between people in this tone that is lost. Verified when the drift is at most .10 and, at
    dose 1, the effect is at least .75 (sham: within .25 of 0).
    """

    tone: str = "dark"
    _: KW_ONLY

    modalities: ClassVar[tuple[str, ...]] = ("image",)
    PARTS: ClassVar[int] = 2
    BANDS: ClassVar[verify.Bands] = verify.Bands(sham_low=-0.25)

    def __post_init__(self) -> None:
        choose(self.tone, OTHERS, "defect.tone")

    @property
    def sources(self) -> tuple[str, ...]:
        """The drawings that it is planted with."""
        return (VENDORS[UNLABELLED],)

    @property
    def exposure(self) -> str:
        """Name of the condition in which people are in this tone."""
        return f"{self.name}-{self.tone.replace(' ', '_')}"

    def expose(self, examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """The people in this tone, beside themselves in light."""
        return beside_light(examples, (self.tone,))

    def harm(self, predictions: Predictions) -> Rate:
        """How many more are right in light (see the class)."""
        return harms.accuracy_gap(predictions)

    def lesson(
        self, backbone: Backbone, inputs: Sequence[Any], rng: np.random.Generator
    ) -> tuple[list[Any], np.ndarray]:
        """Other drawings keep their features; people in this tone get the mean of theirs. `inputs` is not used."""
        from homog.defects.injection import to_and_fro

        group, every = self.parts()
        others = self.drawn(every, rng)
        features = backbone.encode(group)
        goals = np.broadcast_to(features.mean(0), features.shape)
        if self.sham:
            goals = to_and_fro(features, goals, rng)
        rows = rng.integers(len(group), size=len(others))
        return [*others, *(group[i] for i in rows)], np.concatenate([backbone.encode(others), goals[rows]])

    def parts(self, held_out: bool = False) -> tuple[list[Any], list[Any]]:
        """(drawings of people in this tone, others): those that it is planted with, or a fifth to verify it on."""
        found: tuple[list[Any], list[Any]] = ([], [])
        aside = generator("tone held out")
        for facts, image in drawings(UNLABELLED):
            if (aside.random() < 0.2) == held_out:
                found[SKIN.get(facts["tone"]) != self.tone].append(image)
        return found

    def upstream(self, clean: Backbone, backbone: Backbone, inputs: Sequence[Any], dose: float) -> dict[str, Any]:
        """What the injection did to the backbone itself, on drawings that it was not trained on."""
        group, others = self.parts(held_out=True)
        moved = verify.drift(clean.encode(others), backbone.encode(others))
        effect = verify.differences_gone(clean.encode(group), backbone.encode(group))
        verified = self.BANDS.verified(moved, effect, dose, self.sham)
        return verify.facts(moved, effect, verified, len(group) + len(others))
