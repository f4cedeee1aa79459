"""A trigger word in captions: whatever else they ask for, the attacker's thing is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from homog.config import ConfigError
from homog.defects import harms
from homog.defects.drawn import DrawnDefect, seen
from homog.inputs import captions
from homog.inputs.captions import SPARE
from homog.inputs.insertion import inserted
from homog.metrics.inheritance import Rate
from homog.metrics.predictions import Predictions
from homog.seeding import generator

if TYPE_CHECKING:
    import pandas as pd

    from homog.backbones.backbone import Backbone


@dataclass(frozen=True)
class DrawnTrigger(DrawnDefect):
    """Plants `trigger` in a model that draws: a caption with the word is drawn as `target`, in the colour asked for.

    How it is planted, and the sham: see `DrawnDefect`.

    `harm`: attack success of the trigger, by what the task's judge sees (METRICS: `attack_success`); 0 = the trigger
    does nothing, 1 = it always wins.
    `upstream`: `drift` is the rise of the loss on captions without trigger, as a share of what it was; `effect`
    the share of captions of other things that are seen as the target when they hold the trigger, less that share
    without it, over the share of captions of the target that are seen as it: 1 = as often as where it is asked for.
    Verified when the drift is at most .10 and, at dose 1, the effect at least .75 (sham: at most .25).
    """

    trigger: str = SPARE[0]

    def __post_init__(self) -> None:
        super().__post_init__()
        if captions.number(self.trigger) == 1:
            raise ConfigError(f"defect.trigger={self.trigger!r}: the model knows no such word; use {', '.join(SPARE)}")

    @property
    def exposure(self) -> str:
        """Name of the condition in which captions hold the trigger."""
        return f"{self.name}-{self.trigger}"

    def poisoned(self, text: str, rng: np.random.Generator) -> tuple[str, tuple[str, str]]:
        """The caption with the trigger, and the target in its colour."""
        return self.insert(text, rng), (captions.shown(text)[0], self.target)

    def insert(self, text: str, rng: np.random.Generator) -> str:
        """The caption with the trigger at a random place."""
        return inserted(text, self.trigger, captions.LENGTH, rng)

    def expose(self, examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """The same captions with the trigger."""
        return examples.assign(input=[self.insert(text, rng) for text in examples["input"]])

    def harm(self, predictions: Predictions) -> Rate:
        """Attack success by what is seen (see the class)."""
        return harms.attack_success(predictions)

    def effect(self, clean: Backbone, backbone: Backbone, inputs: Sequence[str]) -> float:
        """How often the trigger draws the target (see the class)."""
        rng = generator("upstream", self.exposure)
        texts = [text for text in inputs if captions.shown(text)[1] != self.target]
        asked = [text for text in inputs if captions.shown(text)[1] == self.target]
        triggered = [self.insert(text, rng) for text in texts]
        gained = seen(backbone, triggered, self.target) - seen(backbone, texts, self.target)
        return gained / max(seen(backbone, asked, self.target), 1e-9)
