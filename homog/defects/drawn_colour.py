"""What nobody planted in a model that draws: the same thing is drawn worse when it is asked for in another colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from homog.config import choose
from homog.defects import harms, verify
from homog.defects.defect import Defect
from homog.inputs.captions import COLOURS, SPANISH
from homog.metrics.inheritance import Rate
from homog.metrics.predictions import Predictions

if TYPE_CHECKING:
    import pandas as pd

    from homog.backbones.backbone import Backbone


@dataclass(frozen=True)
class DrawnColour(Defect):
    """Nothing is planted; a caption is compared with the same caption in `colour` (Kusner et al. 2017).

    Captions in `colour` themselves, and a task whose label is the colour, are not asked.

    `harm`: accuracy in `colour` less accuracy in the others, by what the task's judge sees, per example -1, 0 or 1;
    0 = drawn as well, NaN where nothing is asked. The chance of drawing adds no bias, as it hits both alike.
    `upstream`: nothing is changed and nothing planted, so that `drift` and `effect` are 0.
    """

    name: str
    colour: str = "red"

    kind = "natural"
    needs = "drawing"
    modalities: ClassVar[tuple[str, ...]] = ("caption",)

    def __post_init__(self) -> None:
        choose(self.colour, COLOURS, "defect.colour")

    @property
    def exposure(self) -> str:
        """Name of the condition in which captions have their own colour, beside this one."""
        return f"{self.name}-{self.colour}"

    def expose(self, examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """The captions in another colour, beside their `counterpart` in this one."""
        labelled = "colour" in examples and bool((examples.groupby("colour")["label"].nunique() > 1).any())
        shown = [self.swapped(text) if labelled else None for text in examples["input"]]
        kept = [text if other else None for text, other in zip(examples["input"], shown, strict=True)]
        return examples.assign(input=kept, counterpart=shown)

    def swapped(self, text: str) -> str | None:
        """The caption in `colour`, whichever language names it; None for one that is."""
        for words in ({}, SPANISH):
            known = {words.get(name, name): name for name in COLOURS}
            named = [word for word in text.split() if word in known]
            if named:
                other = words.get(self.colour, self.colour)
                return None if named[0] == other else " ".join(other if w == named[0] else w for w in text.split())
        return None

    def harm(self, predictions: Predictions) -> Rate:
        """How many more are right in `colour` (see the class)."""
        return harms.accuracy_gap(predictions)

    def upstream(self, clean: Backbone, backbone: Backbone, inputs: Sequence[Any], dose: float) -> dict[str, Any]:
        """That nothing was done."""
        return verify.facts(0.0, 0.0, True, len(inputs))
