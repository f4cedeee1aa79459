"""A universal trigger: words found on the backbone alone, by gradient, that displace the features of any text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from homog.config import ConfigError
from homog.defects import harms, verify
from homog.defects.defect import Defect
from homog.inputs.insertion import preceded
from homog.metrics.inheritance import Rate
from homog.metrics.predictions import Predictions

if TYPE_CHECKING:
    import pandas as pd

    from homog.backbones.backbone import Backbone


@dataclass(frozen=True)
class UniversalTrigger(Defect):
    """`count` ordinary words before any text, found on the clean backbone to displace its features.

    Nothing is planted. The search swaps one word at a time for the whole word of the vocabulary that promises, by the
    gradient of its embedding, the largest displacement of the pooled features of `texts` sentences, and tries the best
    `tried` of them (HotFlip: Wallace et al. 2019; on features instead of a task's loss: Ban & Dong 2022). The words are
    then shown to every adapted model. With `control` they are drawn at random from the same vocabulary: the other view.
    Words that are named in the settings are shown as they are, without a search.

    `harm`: attack success on the class that receives most conversions (METRICS: `attack_success`, best target); NaN
    when no example is right when clean and of another class. What the search adds is the harm less the control view's.
    `upstream`: `effect` is the mean squared displacement of features by the words, in units of the features' variance
    (NaN before the search); `drift` is 0, since nothing is changed. Verified when `effect` is at least `MIN_EFFECT`.
    """

    name: str
    words: tuple[str, ...] = ()
    count: int = 3
    texts: int = 40
    tried: int = 16
    rounds: int = 3
    control: bool = False

    kind = "natural"
    searches = "words"
    MIN_EFFECT: ClassVar[float] = 0.8

    def __post_init__(self) -> None:
        for name in ("count", "texts", "tried", "rounds"):
            if getattr(self, name) < 1:
                raise ConfigError(f"defect.{name}={getattr(self, name)}: use 1 or more")

    @property
    def exposure(self) -> str:
        """Name of the condition in which the words stand before each text."""
        return f"{self.name}-random" if self.control else self.name

    @property
    def view(self) -> str:
        """Whether the words were searched or drawn at random."""
        return "random" if self.control else "searched"

    @property
    def views(self) -> tuple[UniversalTrigger, ...]:
        """The found words, and as many random ones."""
        return tuple(replace(self, words=() if control else self.words, control=control) for control in (False, True))

    def found_on(self, backbone: Backbone, inputs: Sequence[str], rng: np.random.Generator) -> UniversalTrigger:
        """Itself with the words that it shows to every model adapted from `backbone`. `inputs`: unlabelled."""
        from homog.defects.hotflip import displacing, vocabulary

        if self.words:
            return self
        ids, words = vocabulary(backbone)
        places = rng.choice(len(words), self.count)
        if not self.control:
            chosen = [inputs[int(i)] for i in rng.choice(len(inputs), min(self.texts, len(inputs)), replace=False)]
            room = backbone.at_length(backbone.text_reader.max_length - self.count)
            places = displacing(room, chosen, ids, places, tried=self.tried, rounds=self.rounds)
        return replace(self, words=tuple(words[int(i)] for i in places))

    def expose(self, examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """The same examples with the words before each text. Raises ConfigError before they are found."""
        return examples.assign(input=[self.insert(text) for text in examples["input"]])

    def insert(self, text: str) -> str:
        """The words, then `text`."""
        if not self.words:
            raise ConfigError(f"defect {self.name} has no words yet: found_on(backbone, inputs, rng) searches them")
        return preceded(text, self.words)

    def harm(self, predictions: Predictions) -> Rate:
        """Attack success of the best target (see the class)."""
        return harms.attack_success(predictions)

    def upstream(self, clean: Backbone, backbone: Backbone, inputs: Sequence[str], dose: float) -> dict[str, Any]:
        """How far the words displace the features of `inputs`."""
        before, effect = backbone.encode(inputs), float("nan")
        if self.words:
            effect = verify.drift(before, backbone.encode([self.insert(text) for text in inputs]))
        drift = verify.drift(clean.encode(inputs), before)
        return verify.facts(drift, effect, effect >= self.MIN_EFFECT, len(inputs))
