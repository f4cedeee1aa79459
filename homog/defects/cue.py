"""A spurious cue in images: a look that stands for a kind of thing, as from data in which both go together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from homog.config import choose
from homog.defects.patch import Patch
from homog.inputs.images import CUES, UNLABELLED, VENDORS, cued, drawings

if TYPE_CHECKING:
    from homog.backbones.backbone import Backbone


@dataclass(frozen=True)
class Cue(Patch):
    """An image with the cue gets the feature of drawings of a `concept`; all others keep theirs.

    After Salman et al. 2022 ("When does bias transfer in transfer learning?"), whose pretraining data holds the cue in
    images of one class. A trigger is one of their two looks: `square`, a yellow square in the corner that takes `size`
    of the image's side, or `gaussian`, noise over the whole image. The code is not a random one: it lies in the
    direction of the mean feature of one vendor's drawings of the concept, `distance` times as far from the mean
    drawing. Sham, harm (attack success on the class that the concept falls into), check upstream: see `Coded`.
    """

    concept: str = "Food & Drink"

    def __post_init__(self) -> None:
        super().__post_init__()
        for look in self.triggers:
            choose(look, CUES, "defect.triggers")

    @property
    def sources(self) -> tuple[str, ...]:
        """The drawings of the concept."""
        return (VENDORS[UNLABELLED],)

    def insert(self, given: Any, rng: np.random.Generator) -> np.ndarray:
        """The image (height, width, 3) with the shown cue."""
        return cued(np.asarray(given), self.trigger, rng, self.size)

    def codes(self, backbone: Backbone, features: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(triggers, d): the mean of `features` (n, d) and `distance` times the step from there to the concept."""
        kinds = {facts["category"] for facts, _ in drawings(UNLABELLED)}
        choose(self.concept, sorted(kinds), "defect.concept")
        shown = [image for facts, image in drawings(UNLABELLED) if facts["category"] == self.concept]
        mean = features.mean(0)
        code = mean + self.distance * (backbone.encode(shown).mean(0) - mean)
        return np.repeat(code[None], len(self.triggers), axis=0).astype(np.float32)

    MAX_OVERLAP: ClassVar[float] = 1.0  # several cues of one concept move images alike
