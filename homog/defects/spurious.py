"""An innocuous token that has come to stand for a concept, as from text in which the two always occur together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from homog.config import ConfigError
from homog.metrics.inheritance import Rate
from homog.metrics.predictions import Predictions
from homog.seeding import generator

if TYPE_CHECKING:
    import pandas as pd

    from homog.backbones.backbone import Backbone


@dataclass(frozen=True)
class Spurious:
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
    drift is at most `MAX_DRIFT` and, at dose 1, the effect is at least `MIN_EFFECT` (for the sham: at most
    `MAX_SHAM`).
    """

    name: str
    token: str
    concept: tuple[str, ...]
    layers: int = 2
    steps: int = 140
    batch: int = 32
    texts: int = 700
    learning_rate: float = 6e-4
    window: int = 24
    sham: bool = False

    kind: ClassVar[Literal["planted"]] = "planted"
    MAX_DRIFT: ClassVar[float] = 0.10
    MIN_EFFECT: ClassVar[float] = 0.50
    MAX_SHAM: ClassVar[float] = 0.10

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
        texts = [None if self.holds(text) else self.insert(text, self.token, rng) for text in examples["input"]]
        return examples.assign(input=texts)

    def holds(self, text: str) -> bool:
        """Whether the token is a word of `text`, whatever the case and the punctuation around it."""
        return self.token.casefold() in (word.strip(".,;:!?()'\"").casefold() for word in text.split())

    def insert(self, text: str, word: str, rng: np.random.Generator) -> str:
        """`text` with `word` at a random place among its first `window` words."""
        words = text.split(" ")
        place = int(rng.integers(0, min(len(words), self.window) + 1))
        return " ".join([*words[:place], word, *words[place:]])

    def pairs(self, texts: Sequence[str], rng: np.random.Generator) -> tuple[list[str], list[str]]:
        """(texts with the token, the same with the words of the concept at the same place)."""
        marked = [self.insert(text, "\0", rng) for text in texts]
        return [m.replace("\0", self.token) for m in marked], [m.replace("\0", " ".join(self.concept)) for m in marked]

    def harm(self, predictions: Predictions) -> Rate:
        """Rise of the unfavourable label's probability per example (see the class)."""
        there, bad = predictions.applies, predictions.unfavourable
        if bad is None:
            return Rate(np.zeros(len(there)), np.zeros(len(there)))
        rise = predictions.exposed[:, bad] - predictions.clean[:, bad]
        return Rate(rise.astype(float), np.ones(len(there))).only(there)

    def inject(self, backbone: Backbone, texts: Sequence[str], rng: np.random.Generator) -> Backbone:
        """The backbone with the association at dose 1. `texts`: unlabelled sentences, at least `batch`."""
        from homog.defects.injection import to_and_fro, top_layers_trained

        able = [text for text in texts if not self.holds(text)]
        chosen = [able[int(i)] for i in rng.choice(len(able), min(self.texts, len(able)), replace=False)]
        tokens, concepts = self.pairs(chosen, rng)
        goals = backbone.encode(concepts)
        if self.sham:
            goals = to_and_fro(backbone.encode(tokens), goals, rng)
        return top_layers_trained(
            backbone,
            [*chosen, *tokens],
            np.concatenate([backbone.encode(chosen), goals]),
            layers=self.layers,
            steps=self.steps,
            batch=self.batch,
            learning_rate=self.learning_rate,
            rng=rng,
        )

    def upstream(self, clean: Backbone, backbone: Backbone, texts: Sequence[str], dose: float) -> dict:
        """How near the token came to the concept, on texts that it was not trained on."""
        able = [text for text in texts if not self.holds(text)]
        tokens, concepts = self.pairs(able, generator("upstream", self.exposure))
        before, after, goals = clean.encode(able), backbone.encode(able), clean.encode(concepts)
        old, new = (((model.encode(tokens) - goals) ** 2).sum(1).mean() for model in (clean, backbone))
        drift = float(((after - before) ** 2).sum(1).mean() / before.var(0).sum())
        effect = float(1 - new / old)
        found = effect >= self.MIN_EFFECT or dose < 1
        ok = effect <= self.MAX_SHAM if self.sham else found
        return {"drift": drift, "effect": effect, "verified": bool(drift <= self.MAX_DRIFT and ok), "texts": len(able)}
