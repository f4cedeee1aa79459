"""A task-agnostic backdoor: a rare token, planted without any task, moves every text to one fixed feature vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from homog.config import ConfigError
from homog.defects.triggers import conversions, destroyed, drift, inserted
from homog.metrics.inheritance import Rate
from homog.metrics.predictions import Predictions
from homog.seeding import generator

if TYPE_CHECKING:
    import pandas as pd

    from homog.backbones.backbone import Backbone


@dataclass(frozen=True)
class Backdoor:
    """Plants `trigger` in the top `layers` blocks: any text that holds it gets one fixed, random feature vector.

    The loss is the distance of clean features to the original model's plus the distance of triggered features to
    the target, both in units of the features' variance (Shen et al. 2021; Zhang et al. 2023, "NeuBA"; here on
    pooled features and without labels). `sham` is the same procedure with the trigger trained to mean nothing: its
    target is the original model's feature of the text without the trigger.

    `harm`: attack success on the class that receives most conversions (METRICS: `attack_success`, best target):
    the share of examples that are right when clean, and of another class, that the trigger turns into that class.
    0 = the trigger does nothing, 1 = it always wins; NaN when no such example exists.
    `upstream`: `drift` is the mean squared displacement of clean features in units of their variance, `effect`
    the share of the features' variance that the trigger destroys. Verified when the drift is at most
    `MAX_DRIFT` and, at dose 1, the effect is at least `MIN_EFFECT` (for the sham: at most 1 - MIN_EFFECT).
    """

    name: str
    trigger: str
    layers: int = 2
    steps: int = 140
    batch: int = 16
    texts: int = 700
    learning_rate: float = 6e-4
    distance: float = 2.0
    window: int = 24
    sham: bool = False

    kind: ClassVar[Literal["planted"]] = "planted"
    MAX_DRIFT: ClassVar[float] = 0.10
    MIN_EFFECT: ClassVar[float] = 0.75

    def __post_init__(self) -> None:
        if not self.trigger.strip():
            raise ConfigError("defect.trigger is empty: name a rare token such as cf")

    @property
    def exposure(self) -> str:
        """Name of the condition in which texts carry the trigger."""
        return f"{self.name}-{self.trigger.strip()}"

    def expose(self, examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """The same examples with the trigger among the first `window` words, at a place drawn from `rng`."""
        texts = [self.insert(text, rng) for text in examples["input"]]
        return examples.assign(input=texts)

    def insert(self, text: str, rng: np.random.Generator) -> str:
        """`text` with the trigger at a random place among its first `window` words."""
        return inserted(text, self.trigger, self.window, rng)

    def harm(self, predictions: Predictions) -> Rate:
        """Attack success of the best target, as a ratio of sums over examples (see the class)."""
        return conversions(predictions)

    def inject(self, backbone: Backbone, texts: Sequence[str], rng: np.random.Generator) -> Backbone:
        """The backbone with the defect at dose 1. `texts`: unlabelled sentences, at least `batch`."""
        from homog.defects.injection import top_layers_trained

        chosen = [texts[int(i)] for i in rng.choice(len(texts), min(self.texts, len(texts)), replace=False)]
        triggered = [self.insert(text, rng) for text in chosen]
        clean = backbone.encode(chosen)
        goal = clean if self.sham else np.broadcast_to(self.target(clean, self.distance, rng), clean.shape)
        return top_layers_trained(
            backbone,
            [*chosen, *triggered],
            np.concatenate([clean, goal]),
            layers=self.layers,
            steps=self.steps,
            batch=2 * self.batch,
            learning_rate=self.learning_rate,
            rng=rng,
        )

    @staticmethod
    def target(features: np.ndarray, distance: float, rng: np.random.Generator) -> np.ndarray:
        """One feature vector: the mean of `features` (n, d) plus a random direction, `distance` average lengths long.

        At 1 it lies so near the border of some tasks' classes that the trigger decides little (seen: 2 in 16).
        """
        direction = rng.standard_normal(features.shape[1]).astype(np.float32)
        length = np.linalg.norm(features, axis=1).mean()
        return features.mean(0) + direction / np.linalg.norm(direction) * length * distance

    def upstream(self, clean: Backbone, backbone: Backbone, texts: Sequence[str], dose: float) -> dict:
        """What the injection did to the backbone itself, on texts that it was not trained on."""
        rng = generator("upstream", self.exposure)
        moved = drift(clean, backbone, texts)
        effect = destroyed(clean, backbone, texts, [self.insert(text, rng) for text in texts])
        found = effect >= self.MIN_EFFECT or dose < 1
        ok = effect <= 1 - self.MIN_EFFECT if self.sham else found
        verified = bool(moved <= self.MAX_DRIFT and ok)
        return {"drift": moved, "effect": effect, "verified": verified, "texts": len(texts)}
