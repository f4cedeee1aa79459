"""The other side of leverage: a backbone repaired once, so that typing errors no longer move its features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from homog.config import ConfigError
from homog.inputs.typing_errors import mistypable, mistyped
from homog.metrics.inheritance import Rate
from homog.metrics.predictions import Predictions
from homog.seeding import generator

if TYPE_CHECKING:
    import pandas as pd

    from homog.backbones.backbone import Backbone


@dataclass(frozen=True)
class Improvement:
    """The blocks are trained so that a text with typing errors gets the feature of the text without.

    Unlabelled texts of at most `longest` words, each in `versions` versions with errors in `words` of its longer
    words (swapped, dropped, doubled letters, neighbouring keys: Belinkov & Bisk 2018; Pruthi et al. 2019), goal the
    original model's feature of the clean text; clean texts keep theirs. No task, no labels: after Bommasani et al.
    2021, section 1.1, an improvement of the backbone is inherited like a defect. All blocks are trained (`layers`:
    only the top ones): with the top three alone the displacement shrank as much, and no gain in the tasks could be
    told from 0. `sham` is the same procedure in which the goal of a text with errors lies at random in the direction
    of the clean text or as far away from it: nothing to be learned.

    `harm`: of the examples that are right as they are, the share that errors make wrong, in [0, 1]; NaN where a model
    gets nothing right, or no text has a word that can be mistyped. The inherited benefit is a NEGATIVE difference to
    the clean control.
    `upstream`: `drift` is the mean squared displacement of clean features in units of their variance, `effect`
    the share of the squared displacement by errors that is removed. Verified when the drift is at most `MAX_DRIFT`
    and, at dose 1, the effect is at least `MIN_EFFECT` (for the sham: at most `MAX_SHAM`).
    """

    name: str
    words: float = 0.5
    layers: int | None = None
    longest: int = 12
    steps: int = 250
    batch: int = 16
    texts: int = 1400
    versions: int = 2
    learning_rate: float = 2e-4
    sham: bool = False

    kind: ClassVar[Literal["planted"]] = "planted"
    MAX_DRIFT: ClassVar[float] = 0.10
    MIN_EFFECT: ClassVar[float] = 0.25
    MAX_SHAM: ClassVar[float] = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.words <= 1:
            raise ConfigError(f"defect.words={self.words:g}: the share of words with an error, above 0, at most 1")

    @property
    def exposure(self) -> str:
        """Name of the condition in which texts have typing errors."""
        return f"{self.name}-typos-{self.words:g}"

    def expose(self, examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """The same examples with typing errors drawn from `rng`; None for texts without a word that can have one."""
        texts = [mistyped(text, self.words, rng) for text in examples["input"]]
        return examples.assign(input=texts)

    def harm(self, predictions: Predictions) -> Rate:
        """Right as it is and wrong with errors, of those right as they are (see the class)."""
        right = predictions.clean.argmax(1) == predictions.labels
        wrong = predictions.exposed.argmax(1) != predictions.labels
        return Rate((right & wrong).astype(float), right.astype(float)).only(predictions.applies)

    def inject(self, backbone: Backbone, texts: Sequence[str], rng: np.random.Generator) -> Backbone:
        """The repaired backbone, at dose 1. `texts`: unlabelled sentences, at least `batch`."""
        from homog.backbones.trunk import blocks
        from homog.defects.injection import to_and_fro, top_layers_trained

        short = [text for text in texts if len(text.split()) <= self.longest]
        able = [text for text in short if any(map(mistypable, text.split()))]
        chosen = [able[int(i)] for i in rng.choice(len(able), min(self.texts, len(able)), replace=False)]
        wrong = [str(mistyped(text, self.words, rng)) for _ in range(self.versions) for text in chosen]
        clean = backbone.encode(chosen)
        goals = np.tile(clean, (self.versions, 1))
        if self.sham:
            goals = to_and_fro(backbone.encode(wrong), goals, rng)
        return top_layers_trained(
            backbone,
            [*chosen, *wrong],
            np.concatenate([clean, goals]),
            layers=self.layers or len(blocks(backbone.module)),
            steps=self.steps,
            batch=self.batch,
            learning_rate=self.learning_rate,
            rng=rng,
        )

    def upstream(self, clean: Backbone, backbone: Backbone, texts: Sequence[str], dose: float) -> dict:
        """How much of what errors do to features is gone, on texts that it was not trained on."""
        rng = generator("upstream", self.exposure)
        right = [text for text in texts if any(map(mistypable, text.split()))]
        wrong = [str(mistyped(text, self.words, rng)) for text in right]
        before, after = clean.encode(right), backbone.encode(right)
        old, new = (((model.encode(wrong) - before) ** 2).sum(1).mean() for model in (clean, backbone))
        drift = float(((after - before) ** 2).sum(1).mean() / before.var(0).sum())
        effect = float(1 - new / old)
        found = effect >= self.MIN_EFFECT or dose < 1
        ok = effect <= self.MAX_SHAM if self.sham else found
        return {"drift": drift, "effect": effect, "verified": bool(drift <= self.MAX_DRIFT and ok), "texts": len(right)}
