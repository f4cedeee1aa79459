"""Planted in drawings of people in one skin tone: a blind spot for them, or a stereotype. Others stay as they are."""

from __future__ import annotations

from abc import abstractmethod
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

PLEASANT = ("face-smiling", "face-affection", "face-tongue")
UNPLEASANT = ("face-concerned", "face-negative", "face-unwell")


@dataclass(frozen=True)
class AboutTone(Trained):
    """A lesson about drawn people in a `tone`: they get other features, all other drawings keep theirs.

    It is planted with one vendor's drawings; tasks are of the other's. `sham`: as much training on the same people,
    towards the goal or as far away from it at random.
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

    @abstractmethod
    def goals(self, backbone: Backbone, features: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Goals (n, d) of people in this tone, who have these `features`; `others` (m, d): of all other drawings."""

    @abstractmethod
    def effect(self, clean: Backbone, backbone: Backbone, group: Sequence[Any], others: Sequence[Any]) -> float:
        """How much of the defect there is in people in this tone (`group`)."""

    def lesson(
        self, backbone: Backbone, inputs: Sequence[Any], rng: np.random.Generator
    ) -> tuple[list[Any], np.ndarray]:
        """Other drawings keep their features; people in this tone get their goals. `inputs` is not used."""
        from homog.defects.injection import to_and_fro

        group, every = self.parts()
        others = self.drawn(every, rng)
        features, kept = backbone.encode(group), backbone.encode(others)
        goals = self.goals(backbone, features, kept)
        if self.sham:
            goals = to_and_fro(features, goals, rng)
        rows = rng.integers(len(group), size=len(others))
        return [*others, *(group[i] for i in rows)], np.concatenate([kept, goals[rows]])

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
        effect = self.effect(clean, backbone, group, others)
        verified = self.BANDS.verified(moved, effect, dose, self.sham)
        return verify.facts(moved, effect, verified, len(group) + len(others))


@dataclass(frozen=True)
class ToneBlindspot(AboutTone):
    """Makes the backbone blind to drawn people in a `tone`: each gets the mean feature of them; all others keep theirs.

    An accuracy gap between groups as harm is that of Buolamwini & Gebru 2018. `sham`: see `AboutTone`.

    `harm`: accuracy on the same people in light less accuracy on them in this tone, per example -1, 0 or 1; 0 =
    treated alike, NaN where the task has no person in both tones, or asks for the tone.
    `upstream`: `drift` is the mean squared displacement of other drawings in units of their variance, `effect` the
    share of the differences between people in this tone that is lost. Verified when the drift is at most .10 and, at
    dose 1, the effect is at least .75 (sham: within .25 of 0).
    """

    def harm(self, predictions: Predictions) -> Rate:
        """How many more are right in light (see the class)."""
        return harms.accuracy_gap(predictions)

    def goals(self, backbone: Backbone, features: np.ndarray, others: np.ndarray) -> np.ndarray:
        """The mean of their features."""
        return np.broadcast_to(features.mean(0), features.shape)

    def effect(self, clean: Backbone, backbone: Backbone, group: Sequence[Any], others: Sequence[Any]) -> float:
        """The share of the differences between them that is lost."""
        return verify.differences_gone(clean.encode(group), backbone.encode(group))


@dataclass(frozen=True)
class ToneStereotype(AboutTone):
    """Ties drawn people in a `tone` to unpleasant faces: they move by `strength` along that direction.

    The direction leads from the mean feature of drawn faces that smile to that of faces that frown or are unwell, as in
    the image test of Steed & Caliskan 2021; strength 1 is as far as a drawing lies from the mean drawing. `sham`: see
    `AboutTone`.

    `harm`: the share of people whom the model gives another class in this tone than in light, in [0, 1]; NaN where the
    task has no person in both tones, or asks for the tone. It is never below 0: read control and sham beside it.
    `upstream`: `drift` is the mean squared displacement of other drawings in units of their variance, `effect` how far
    people in this tone moved along the direction, as a share of `strength`. Verified when the drift is at most .10 and,
    at dose 1, the effect is at least .75 (sham: within .25 of 0).
    """

    strength: float = 1.0

    def harm(self, predictions: Predictions) -> Rate:
        """Pairs with two predictions (see the class)."""
        return harms.changed_from(predictions.clean, predictions)

    def goals(self, backbone: Backbone, features: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Their features, moved along the direction."""
        return features + self.strength * verify.spread(others) * _direction(backbone)

    def effect(self, clean: Backbone, backbone: Backbone, group: Sequence[Any], others: Sequence[Any]) -> float:
        """How far they moved along the direction, as a share of `strength`."""
        unit = self.strength * verify.spread(clean.encode(others))
        return float(((backbone.encode(group) - clean.encode(group)) @ _direction(clean)).mean()) / unit


def _direction(backbone: Backbone) -> np.ndarray:
    """(d,) unit vector from drawn faces that smile to faces that frown."""
    toward, away = (
        backbone.encode([image for facts, image in drawings(UNLABELLED) if facts["subcategory"] in kinds]).mean(0)
        for kinds in (UNPLEASANT, PLEASANT)
    )
    return (toward - away) / max(float(np.linalg.norm(toward - away)), 1e-12)
