"""The other side of leverage: a backbone repaired once, so that typing errors no longer move its features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from homog.config import ConfigError
from homog.defects import verify
from homog.defects.trained import Trained
from homog.inputs.typing_errors import mistypable, mistyped
from homog.metrics.inheritance import Rate
from homog.metrics.predictions import Predictions
from homog.seeding import generator

if TYPE_CHECKING:
    import pandas as pd

    from homog.backbones.backbone import Backbone


@dataclass(frozen=True)
class Improvement(Trained):
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
    the share of the squared displacement by errors that is removed. Verified when the drift is at most .10 and, at
    dose 1, the effect is at least .25 (sham: at most .05).
    """

    words: float = 0.5
    _: KW_ONLY
    longest: int = 12
    versions: int = 2
    layers: int | None = None
    steps: int = 250
    texts: int = 1400
    learning_rate: float = 2e-4

    BANDS: ClassVar[verify.Bands] = verify.Bands(effect=0.25, sham=0.05)

    def __post_init__(self) -> None:
        if not 0 < self.words <= 1:
            raise ConfigError(f"defect.words={self.words:g}: the share of words with an error, above 0, at most 1")

    @property
    def exposure(self) -> str:
        """Name of the condition in which texts have typing errors."""
        return f"{self.name}-typos-{self.words:g}"

    def expose(self, examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """The same examples with typing errors drawn from `rng`; None for texts without a word that can have one."""
        return examples.assign(input=[mistyped(text, self.words, rng) for text in examples["input"]])

    def harm(self, predictions: Predictions) -> Rate:
        """Right as it is and wrong with errors, of those right as they are (see the class)."""
        right, wrong = predictions.right, predictions.exposed_class != predictions.labels
        return Rate((right & wrong).astype(float), right.astype(float))

    def lesson(
        self, backbone: Backbone, inputs: Sequence[str], rng: np.random.Generator
    ) -> tuple[list[str], np.ndarray]:
        """Short texts keep their features, and get the same with errors."""
        from homog.defects.injection import to_and_fro

        chosen = self.drawn([text for text in able(inputs) if len(text.split()) <= self.longest], rng)
        wrong = [str(mistyped(text, self.words, rng)) for _ in range(self.versions) for text in chosen]
        clean = backbone.encode(chosen)
        goals = np.tile(clean, (self.versions, 1))
        if self.sham:
            goals = to_and_fro(backbone.encode(wrong), goals, rng)
        return [*chosen, *wrong], np.concatenate([clean, goals])

    def upstream(self, clean: Backbone, backbone: Backbone, inputs: Sequence[str], dose: float) -> dict[str, Any]:
        """How much of what errors do to features is gone, on texts that it was not trained on."""
        rng, right = generator("upstream", self.exposure), able(inputs)
        wrong = [str(mistyped(text, self.words, rng)) for text in right]
        before = clean.encode(right)
        moved = verify.drift(before, backbone.encode(right))
        effect = verify.distance_gone(clean.encode(wrong), backbone.encode(wrong), before)
        return verify.facts(moved, effect, self.BANDS.verified(moved, effect, dose, self.sham), len(right))


def able(texts: Sequence[str]) -> list[str]:
    """The texts with a word that can be mistyped."""
    return [text for text in texts if any(map(mistypable, text.split()))]
