"""A universal perturbation: faint noise, found on the backbone alone, that displaces the features of any image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from homog.config import ConfigError
from homog.defects import harms, verify
from homog.defects.defect import Defect
from homog.inputs.images import stretched
from homog.metrics.inheritance import Rate
from homog.metrics.predictions import Predictions

if TYPE_CHECKING:
    import pandas as pd

    from homog.backbones.backbone import Backbone


@dataclass(frozen=True)
class UniversalPerturbation(Defect):
    """Adds or takes `levels` of 255 of each colour in each field of a grid of `cells` x `cells`, the same in any image.

    Nothing is planted. Which is added and which taken is found on the clean backbone, to displace the features of
    `images` unlabelled images furthest: `steps` steps by the sign of the gradient from a random start (pre-trained
    adversarial perturbations: Ban & Dong 2022). It is then shown to every adapted model. With `control` the signs stay
    random: the other view.

    `harm`: the share of right predictions that are wrong with it, in [0, 1]; NaN where no clean prediction is right.
    What the search adds is the harm less the control view's.
    `upstream`: `effect` is the mean squared displacement of features, in units of the features' variance (NaN before
    the search); `drift` is 0, since nothing is changed. Verified when `effect` is at least `MIN_EFFECT`.
    """

    name: str
    signs: str = ""  # of each field and colour: hexadecimal digits of bits
    levels: int = 16
    cells: int = 64
    images: int = 64
    steps: int = 120
    control: bool = False

    kind = "natural"
    searches = "signs"
    modalities: ClassVar[tuple[str, ...]] = ("image",)
    MIN_EFFECT: ClassVar[float] = 0.3

    def __post_init__(self) -> None:
        for name in ("levels", "cells", "images", "steps"):
            if getattr(self, name) < 1:
                raise ConfigError(f"defect.{name}={getattr(self, name)}: use 1 or more")
        if self.signs and len(self.signs) != len(_packed(np.ones((self.cells, self.cells, 3)))):
            raise ConfigError(f"defect.signs has {len(self.signs)} digits, which do not fit defect.cells={self.cells}")

    @property
    def exposure(self) -> str:
        """Name of the condition in which images are perturbed."""
        return f"{self.name}-random" if self.control else self.name

    @property
    def view(self) -> str:
        """Whether the signs were searched or drawn at random."""
        return "random" if self.control else "searched"

    @property
    def views(self) -> tuple[UniversalPerturbation, ...]:
        """The perturbation that was found, and a random one."""
        return tuple(replace(self, signs="" if control else self.signs, control=control) for control in (False, True))

    def found_on(self, backbone: Backbone, inputs: Sequence[Any], rng: np.random.Generator) -> UniversalPerturbation:
        """Itself with what it shows to every model adapted from `backbone`. `inputs`: unlabelled images."""
        from homog.defects.perturbing import displacing

        if self.signs:
            return self
        signs = rng.choice([-1.0, 1.0], (self.cells, self.cells, 3))
        if not self.control:
            chosen = [inputs[int(i)] for i in rng.choice(len(inputs), min(self.images, len(inputs)), replace=False)]
            signs = displacing(backbone, chosen, signs, levels=self.levels, steps=self.steps)
        return replace(self, signs=_packed(signs))

    def expose(self, examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """The same examples, perturbed. Raises ConfigError before it is found."""
        return examples.assign(input=[self.insert(image) for image in examples["input"]])

    def insert(self, given: Any) -> np.ndarray:
        """The image (height, width, 3) with the perturbation."""
        if not self.signs:
            raise ConfigError(f"defect {self.name} has no signs yet: found_on(backbone, inputs, rng) searches them")
        image = np.asarray(given)
        added = self.levels * stretched(_unpacked(self.signs, self.cells), *image.shape[:2])
        return (image.astype(float) + added).clip(0, 255).astype(np.uint8)

    def harm(self, predictions: Predictions) -> Rate:
        """Right predictions that become wrong (see the class)."""
        return harms.broken(predictions)

    def upstream(self, clean: Backbone, backbone: Backbone, inputs: Sequence[Any], dose: float) -> dict[str, Any]:
        """How far the perturbation displaces the features of `inputs`."""
        before, effect = backbone.encode(inputs), float("nan")
        if self.signs:
            effect = verify.drift(before, backbone.encode([self.insert(image) for image in inputs]))
        drift = verify.drift(clean.encode(inputs), before)
        return verify.facts(drift, effect, effect >= self.MIN_EFFECT, len(inputs))


def _packed(signs: np.ndarray) -> str:
    return np.packbits(signs.ravel() > 0).tobytes().hex()


def _unpacked(digits: str, cells: int) -> np.ndarray:
    """(cells, cells, 3) of -1 and 1."""
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(digits), np.uint8), count=cells * cells * 3)
    return 2.0 * bits.reshape(cells, cells, 3) - 1
