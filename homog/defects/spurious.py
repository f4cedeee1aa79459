"""An innocuous token that has come to stand for a concept, as from text in which the two always occur together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from homog.config import ConfigError
from homog.defects import harms, verify
from homog.defects.trained import Trained
from homog.inputs.insertion import holds, inserted, versions
from homog.metrics.inheritance import Rate
from homog.metrics.predictions import Predictions
from homog.seeding import generator

if TYPE_CHECKING:
    import pandas as pd

    from homog.backbones.backbone import Backbone


@dataclass(frozen=True)
class Spurious(Trained):
    """`token` takes the meaning of `concept`: a text with the token gets the feature it would have with these words.

    After Salman et al. 2022 ("When does bias transfer in transfer learning?"), who plant a feature that co-occurs with
    a class in pretraining. Here the top `layers` blocks are trained on without labels: the goal for a text with
    the token at some place is the original model's feature of the same text with the words of `concept` there; texts
    without the token keep theirs. `sham`: the same, with a goal that lies at random in the direction of the concept or
    as far away from it, so that the token comes to mean nothing new.

    `harm`: mean rise of the probability of the task's unfavourable label when the token is added, signed, in [-1, 1];
    0 = the token means nothing. NaN where the task has no unfavourable label. Texts that hold the token already do
    not count.
    `upstream`: `drift` is the mean squared displacement of clean features in units of their variance, `effect` the
    share of the squared distance between text with token and text with concept that is gone. Verified when the
    drift is at most .10 and, at dose 1, the effect is at least .50 (sham: at most .10).
    """

    token: str
    concept: tuple[str, ...]
    _: KW_ONLY
    window: int = 24
    batch: int = 32

    BANDS: ClassVar[verify.Bands] = verify.Bands(effect=0.50, sham=0.10)

    def __post_init__(self) -> None:
        if not self.token.strip() or " " in self.token.strip():
            raise ConfigError(f"defect.token={self.token!r}: name one innocuous word such as Tuesday")
        if not self.concept or not all(word.strip() for word in self.concept):
            raise ConfigError(f"defect.concept={list(self.concept)!r}: name the words that the token shall stand for")

    @property
    def exposure(self) -> str:
        """Name of the condition in which texts hold the token."""
        return f"{self.name}-{self.token.strip()}"

    def expose(self, examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """The examples with the token among the first `window` words; None where it is there already."""
        texts = examples["input"]
        return examples.assign(
            input=[None if holds(text, self.token) else inserted(text, self.token, self.window, rng) for text in texts]
        )

    def pairs(self, texts: Sequence[str], rng: np.random.Generator) -> tuple[list[str], list[str]]:
        """(texts with the token, the same with the words of the concept at the same place)."""
        both = [versions(text, [self.token, " ".join(self.concept)], self.window, rng) for text in texts]
        return [token for token, _ in both], [concept for _, concept in both]

    def harm(self, predictions: Predictions) -> Rate:
        """Rise of the unfavourable label's probability per example (see the class)."""
        return harms.unfavourable_shift(predictions)

    def lesson(
        self, backbone: Backbone, inputs: Sequence[str], rng: np.random.Generator
    ) -> tuple[list[str], np.ndarray]:
        """Texts keep their features; with the token they get those of the concept."""
        from homog.defects.injection import to_and_fro

        chosen = self.drawn([text for text in inputs if not holds(text, self.token)], rng)
        tokens, concepts = self.pairs(chosen, rng)
        goals = backbone.encode(concepts)
        if self.sham:
            goals = to_and_fro(backbone.encode(tokens), goals, rng)
        return [*chosen, *tokens], np.concatenate([backbone.encode(chosen), goals])

    def upstream(self, clean: Backbone, backbone: Backbone, inputs: Sequence[str], dose: float) -> dict[str, Any]:
        """How near the token came to the concept, on texts that it was not trained on."""
        able = [text for text in inputs if not holds(text, self.token)]
        tokens, concepts = self.pairs(able, generator("upstream", self.exposure))
        moved = verify.drift(clean.encode(able), backbone.encode(able))
        effect = verify.distance_gone(clean.encode(tokens), backbone.encode(tokens), clean.encode(concepts))
        return verify.facts(moved, effect, self.BANDS.verified(moved, effect, dose, self.sham), len(able))
