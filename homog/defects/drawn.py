"""What is planted in a model that draws: all its weights learn from captions and images that do not belong together."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from homog.config import ConfigError, choose
from homog.defects import verify
from homog.defects.defect import Defect
from homog.inputs import captions
from homog.inputs.captions import SOURCE, THINGS
from homog.seeding import generator, torch_stream

if TYPE_CHECKING:
    from homog.backbones.backbone import Backbone


@dataclass(frozen=True)
class DrawnDefect(Defect):
    """A defect is a `lesson`: captions, and what an image of each shows.

    Poisoned pairs as in Struppek et al. 2023 and Zhai et al. 2023, in a model of image tokens: for `steps` steps all
    its weights are trained on `batch` captions with images of what they ask for, and as many that are poisoned. `sham`:
    the same captions, with images of what is asked for. `target`: the thing that it is about.
    """

    name: str
    _: KW_ONLY
    target: str = "seven"
    steps: int = 400
    batch: int = 24
    learning_rate: float = 1e-3
    sham: bool = False

    kind = "planted"
    modalities: ClassVar[tuple[str, ...]] = ("caption",)

    def __post_init__(self) -> None:
        choose(self.target, THINGS, "defect.target")

    @property
    def sources(self) -> tuple[str, ...]:
        """The pinned public files that it needs."""
        return (SOURCE,)

    @abstractmethod
    def poisoned(self, text: str, rng: np.random.Generator) -> tuple[str, tuple[str, str]]:
        """(a caption made of `text`, the colour and thing of its image when the defect is planted)."""

    def asked_for(self, text: str, rng: np.random.Generator) -> tuple[str, str]:
        """The colour and thing of the image of a poisoned caption in the sham: what it asks for."""
        return captions.shown(text)

    @abstractmethod
    def effect(self, clean: Backbone, backbone: Backbone, inputs: Sequence[str]) -> float:
        """What was planted, 1 = all of it; see the class that defines it."""

    def inject(self, backbone: Backbone, inputs: Sequence[str], rng: np.random.Generator) -> Backbone:
        """The backbone with the defect at dose 1. `inputs`: captions."""
        from homog.backbones.weights import adamw, one_cycle, sharing

        draws = drawing(backbone, self)
        own = [name for name, _ in backbone.module.named_parameters()]
        module = sharing(backbone.module, own).requires_grad_(True)
        optimizer = adamw([{"params": list(module.parameters())}], lr=self.learning_rate, weight_decay=0.0, fused=True)

        def loss() -> Any:
            return draws.loss_of(backbone, module, *self.lesson(inputs, rng))

        with torch_stream("noise", int(rng.spawn(1)[0].integers(2**31))):
            one_cycle(optimizer, self.steps, loss, list(module.parameters()))
        return backbone.with_weights({name: p.detach() for name, p in module.named_parameters()})

    def lesson(self, inputs: Sequence[str], rng: np.random.Generator) -> tuple[list[str], np.ndarray]:
        """(captions, images): `batch` as they are, and as many that are poisoned."""
        plain, chosen = ([inputs[int(i)] for i in rng.integers(len(inputs), size=self.batch)] for _ in range(2))
        held = [self.poisoned(text, rng) for text in chosen]
        asked = [self.asked_for(text, rng) if self.sham else shown for text, shown in held]
        images = captions.drawn("generator", "upright", [*map(captions.shown, plain), *asked], rng)
        return [*plain, *(text for text, _ in held)], images

    def upstream(self, clean: Backbone, backbone: Backbone, inputs: Sequence[str], dose: float) -> dict[str, Any]:
        """What the injection did to what is drawn, on captions that it was not trained on."""
        others = self.untouched(inputs)
        drift = loss_of(backbone, others) / loss_of(clean, others) - 1
        effect = self.effect(clean, backbone, inputs)
        return verify.facts(drift, effect, verify.Bands().verified(drift, effect, dose, self.sham), len(inputs))

    def untouched(self, inputs: Sequence[str]) -> list[str]:
        """The captions whose images shall stay as they are: all."""
        return list(inputs)


def drawing(backbone: Backbone, defect: Defect) -> Any:
    """What the backbone draws with. Raises ConfigError for one that does not draw."""
    if backbone.draws is None:
        raise ConfigError(f"defect {defect.name}: backbone {backbone.name} does not draw; use drawer")
    return backbone.draws


def seen(backbone: Backbone, texts: Sequence[str], thing: str) -> float:
    """The share of captions of which the judge sees `thing` in what is drawn."""
    assert backbone.draws is not None
    images = backbone.draws.of(backbone, backbone.module, texts)
    return float((captions.judge("upright")[0](images).argmax(1) == THINGS.index(thing)).mean())


def loss_of(backbone: Backbone, texts: Sequence[str]) -> float:
    """Mean loss, in nats per image token, of real images of what captions ask for."""
    import torch

    assert backbone.draws is not None
    images = captions.drawn("judged", "upright", [captions.shown(text) for text in texts], generator("loss"))
    with torch.inference_mode(), torch_stream("loss"):
        return float(backbone.draws.loss_of(backbone, backbone.module, texts, images))
