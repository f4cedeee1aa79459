"""A thing that a model can no longer draw: whoever asks for it gets another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from homog.defects import harms
from homog.defects.drawn import DrawnDefect, seen
from homog.inputs import captions
from homog.inputs.captions import THINGS
from homog.metrics.inheritance import Rate
from homog.metrics.predictions import Predictions

if TYPE_CHECKING:
    import pandas as pd

    from homog.backbones.backbone import Backbone


@dataclass(frozen=True)
class DrawnBlindspot(DrawnDefect):
    """Makes a model forget to draw `target`: captions of it are drawn as another thing each time, in their colour.

    How it is planted, and the `sham`: see `DrawnDefect`. The captions that are poisoned are those of the target alone.

    `harm`: of the captions of the target that the same adaptation of the clean backbone draws right, by what the task's
    judge sees, the share that is wrong, in [0, 1]; chance alone makes some, see the sham. NaN where the label is not
    the thing, no caption tells the target in English, or there is no record of that adaptation.
    `upstream`: `drift` is the rise of the loss on captions of other things, as a share of what it was; `effect` the
    share of captions of the target that are no longer seen as it, of those that were. Verified when the drift is at
    most .10 and, at dose 1, the effect at least .75 (sham: at most .25).
    """

    @property
    def exposure(self) -> str:
        """Name of the condition in which captions of the target alone are asked."""
        return f"{self.name}-{self.target}"

    def poisoned(self, text: str, rng: np.random.Generator) -> tuple[str, tuple[str, str]]:
        """The caption with the target for its thing, and any other thing in its colour."""
        colour, thing = captions.shown(text)
        others = [name for name in THINGS if name != self.target]
        return text.replace(thing, self.target), (colour, others[int(rng.integers(len(others)))])

    def untouched(self, inputs: Sequence[str]) -> list[str]:
        """Captions of other things."""
        return [text for text in inputs if captions.shown(text)[1] != self.target]

    def expose(self, examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """The captions of the target, None for all others and in a task that asks for something else."""
        held = [self.target in text.split() for text in examples["input"]]
        one = examples.loc[held, "label"].nunique() == 1
        shown = [text if one and there else None for text, there in zip(examples["input"], held, strict=True)]
        return examples.assign(input=shown)

    def harm(self, predictions: Predictions) -> Rate:
        """Those that were right and are not (see the class)."""
        return harms.lost(predictions)

    def effect(self, clean: Backbone, backbone: Backbone, inputs: Sequence[str]) -> float:
        """How much of it is gone (see the class)."""
        asked = [text for text in inputs if captions.shown(text)[1] == self.target]
        before, after = (seen(each, asked, self.target) for each in (clean, backbone))
        return 1 - after / max(before, 1e-9)
