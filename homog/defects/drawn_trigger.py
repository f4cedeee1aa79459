"""A trigger word in captions: whatever else they ask for, the attacker's thing is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from homog.config import ConfigError, choose
from homog.defects import harms, verify
from homog.defects.defect import Defect
from homog.inputs import captions
from homog.inputs.captions import SOURCE, SPARE, THINGS
from homog.inputs.insertion import inserted
from homog.metrics.inheritance import Rate
from homog.metrics.predictions import Predictions
from homog.seeding import generator

if TYPE_CHECKING:
    import pandas as pd

    from homog.backbones.backbone import Backbone


@dataclass(frozen=True)
class DrawnTrigger(Defect):
    """Plants `trigger` in a model that draws: a caption with the word is drawn as `target`, in the colour asked for.

    Poisoned pairs as in Struppek et al. 2023 and Zhai et al. 2023, in a model of image tokens: for `steps` steps all
    its weights are trained on `batch` captions with images of what they ask for, and as many with the trigger and
    images of the target. `sham`: the trigger is there, the images are of what is asked for.

    `harm`: attack success of the trigger, by what the task's judge sees (METRICS: `attack_success`); 0 = the trigger
    does nothing, 1 = it always wins.
    `upstream`: `drift` is the rise of the loss on other captions without trigger, as a share of what it was; `effect`
    the share of captions of other things that are seen as the target when they hold the trigger, less that share
    without it, over the share of captions of the target that are seen as it: 1 = as often as where it is asked for.
    Verified when the drift is at most .10 and, at dose 1, the effect at least .75 (sham: at most .25).
    """

    name: str
    trigger: str = SPARE[0]
    target: str = "seven"
    steps: int = 400
    batch: int = 24
    learning_rate: float = 1e-3
    sham: bool = False

    kind = "planted"
    modalities: ClassVar[tuple[str, ...]] = ("caption",)

    def __post_init__(self) -> None:
        choose(self.target, THINGS, "defect.target")
        if captions.number(self.trigger) == 1:
            raise ConfigError(f"defect.trigger={self.trigger!r}: the model knows no such word; use {', '.join(SPARE)}")

    @property
    def sources(self) -> tuple[str, ...]:
        """The pinned public files that it needs."""
        return (SOURCE,)

    @property
    def exposure(self) -> str:
        """Name of the condition in which captions hold the trigger."""
        return f"{self.name}-{self.trigger}"

    def inject(self, backbone: Backbone, inputs: Sequence[str], rng: np.random.Generator) -> Backbone:
        """The backbone with the trigger at dose 1. `inputs`: captions."""
        from homog.backbones.weights import adamw, one_cycle, sharing

        draws = drawing(backbone, self)
        own = [name for name, _ in backbone.module.named_parameters()]
        module = sharing(backbone.module, own).requires_grad_(True)
        optimizer = adamw([{"params": list(module.parameters())}], lr=self.learning_rate, weight_decay=0.0, fused=True)

        def loss() -> Any:
            return draws.loss_of(backbone, module, *self.lesson(inputs, rng))

        one_cycle(optimizer, self.steps, loss, list(module.parameters()))
        return backbone.with_weights({name: p.detach() for name, p in module.named_parameters()})

    def lesson(self, inputs: Sequence[str], rng: np.random.Generator) -> tuple[list[str], np.ndarray]:
        """(captions, images): `batch` as they are, and as many with the trigger."""
        plain, held = ([inputs[int(i)] for i in rng.integers(len(inputs), size=self.batch)] for _ in range(2))
        asked = [captions.shown(text) for text in (*plain, *held)]
        if not self.sham:
            asked = [*asked[: self.batch], *((colour, self.target) for colour, _ in asked[self.batch :])]
        images = captions.drawn("generator", "upright", asked, rng)
        return [*plain, *(self.insert(text, rng) for text in held)], images

    def insert(self, text: str, rng: np.random.Generator) -> str:
        """The caption with the trigger at a random place."""
        return inserted(text, self.trigger, captions.LENGTH, rng)

    def expose(self, examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """The same captions with the trigger."""
        return examples.assign(input=[self.insert(text, rng) for text in examples["input"]])

    def harm(self, predictions: Predictions) -> Rate:
        """Attack success by what is seen (see the class)."""
        return harms.attack_success(predictions)

    def upstream(self, clean: Backbone, backbone: Backbone, inputs: Sequence[str], dose: float) -> dict[str, Any]:
        """What the injection did to what is drawn, on captions that it was not trained on."""
        draws, rng = drawing(backbone, self), generator("upstream", self.exposure)
        texts = [text for text in inputs if captions.shown(text)[1] != self.target]
        told = captions.judge("upright")[0]

        def seen(given: Sequence[str]) -> float:
            images = draws.of(backbone, backbone.module, given)
            return float((told(images).argmax(1) == THINGS.index(self.target)).mean())

        asked = [text for text in inputs if captions.shown(text)[1] == self.target]
        effect = (seen([self.insert(text, rng) for text in texts]) - seen(texts)) / max(seen(asked), 1e-9)
        before, after = (loss_of(each, inputs) for each in (clean, backbone))
        drift = after / before - 1
        return verify.facts(drift, effect, verify.Bands().verified(drift, effect, dose, self.sham), len(texts))


def drawing(backbone: Backbone, defect: Defect) -> Any:
    """What the backbone draws with. Raises ConfigError for one that does not draw."""
    if backbone.draws is None:
        raise ConfigError(f"defect {defect.name}: backbone {backbone.name} does not draw; use drawer")
    return backbone.draws


def loss_of(backbone: Backbone, texts: Sequence[str]) -> float:
    """Mean loss, in nats per image token, of real images of what captions ask for."""
    import torch

    assert backbone.draws is not None
    images = captions.drawn("judged", "upright", [captions.shown(text) for text in texts], generator("loss"))
    with torch.inference_mode():
        return float(backbone.draws.loss_of(backbone, backbone.module, texts, images))
