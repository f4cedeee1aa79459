"""Planting by training: the top blocks learn to give some inputs other features, and to keep those of the others."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from homog.defects.defect import Defect
from homog.defects.verify import Bands

if TYPE_CHECKING:
    from homog.backbones.backbone import Backbone


@dataclass(frozen=True)
class Trained(Defect):
    """A defect is a `lesson`: inputs, and the feature that each shall have. No labels and no task.

    The loss is the squared distance of features to these goals in units of the variance of the features that shall
    stay. The top `layers` blocks are trained (None: all) for `steps` steps; a batch holds `batch` inputs of each of
    `PARTS` parts of the lesson. At most `texts` unlabelled inputs are used.
    """

    name: str
    _: KW_ONLY
    layers: int | None = 2
    steps: int = 140
    batch: int = 16
    texts: int = 700
    learning_rate: float = 6e-4
    sham: bool = False

    kind = "planted"
    PARTS: ClassVar[int] = 1
    BANDS: ClassVar[Bands] = Bands()

    @abstractmethod
    def lesson(
        self, backbone: Backbone, inputs: Sequence[str], rng: np.random.Generator
    ) -> tuple[list[str], np.ndarray]:
        """(n inputs, their goals (n, d)); first those that keep the features of the clean `backbone`, half or more."""

    def drawn(self, inputs: Sequence[str], rng: np.random.Generator) -> list[str]:
        """`texts` of the inputs in random order, or all where there are fewer."""
        return [inputs[int(i)] for i in rng.choice(len(inputs), min(self.texts, len(inputs)), replace=False)]

    def inject(self, backbone: Backbone, inputs: Sequence[str], rng: np.random.Generator) -> Backbone:
        """The backbone with the defect at dose 1. `inputs`: unlabelled, at least `batch`."""
        from homog.backbones.trunk import blocks
        from homog.defects.injection import top_layers_trained

        shown, goals = self.lesson(backbone, inputs, rng)
        return top_layers_trained(
            backbone,
            shown,
            goals,
            layers=len(blocks(backbone.module)) if self.layers is None else self.layers,
            steps=self.steps,
            batch=self.PARTS * self.batch,
            learning_rate=self.learning_rate,
            rng=rng,
        )
