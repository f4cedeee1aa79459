"""Rounding the weights of the blocks to few levels: what is done to nearly every model before it is served."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from homog.config import ConfigError
from homog.defects.compression import changed_predictions, compressed, linear_weights, turned
from homog.metrics.inheritance import Rate
from homog.metrics.predictions import Predictions

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from homog.backbones.backbone import Backbone


@dataclass(frozen=True)
class Quantized:
    """Every weight of linear layers in the blocks, rounded to `bits` bits: symmetric, nearest, a scale per output.

    The usual post-training baseline (Jacob et al. 2018; Dettmers et al. 2022), simulated: the weights are floats
    again, so that an adaptation may train on from them, and activations are not rounded. Rounding has no randomness:
    the seed decides only the `sham`, the same rounding errors shuffled within each channel. Is it the rounding, or any
    noise of that size?

    `harm`: the share of examples whose predicted class is not that of the same adaptation of the full backbone
    ("flips", Dutta et al. 2024): in [0, 1], no labels needed, and no exposure: texts are as they are. NaN where there
    is no record of that adaptation of the clean backbone.
    `upstream`: `drift` as everywhere, here the whole displacement; `effect` the share of texts whose nearest
    other text changes; `error` ||rounding error|| / ||weights||. Verified when the error is that of rounding at this
    dose, at dose 1 every weight (but the sham's) lies on its grid, and the drift is at most `MAX_DRIFT`: beyond that
    the backbone is broken and not compressed.
    """

    name: str
    bits: int = 4
    sham: bool = False

    kind: ClassVar[Literal["engineered"]] = "engineered"
    MAX_DRIFT: ClassVar[float] = 0.5

    def __post_init__(self) -> None:
        if not 2 <= self.bits <= 8:
            raise ConfigError(f"defect.bits={self.bits}: use 2 to 8")

    @property
    def exposure(self) -> str:
        """Name of the condition: the texts as they are, read by the quantized backbone."""
        return f"quantized-int{self.bits}"

    def expose(self, examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """The examples as they are."""
        return examples

    def harm(self, predictions: Predictions) -> Rate:
        """Predictions changed against the same adaptation of the full backbone (see the class)."""
        return changed_predictions(predictions)

    def inject(self, backbone: Backbone, texts: Sequence[str], rng: np.random.Generator) -> Backbone:
        """The backbone with rounded weights; `texts` are not used, `rng` by the sham alone."""
        clean = linear_weights(backbone)
        changed = {name: rounded(weight, self.bits) for name, weight in clean.items()}
        if self.sham:
            changed = {name: clean[name] + shuffled(weight - clean[name], rng) for name, weight in changed.items()}
        return backbone.with_weights(turned(backbone, changed))

    def upstream(self, clean: Backbone, backbone: Backbone, texts: Sequence[str], dose: float) -> dict:
        """What rounding did to the backbone itself."""
        weights, mine = linear_weights(clean), linear_weights(backbone)
        expected = {name: w + dose * (rounded(w, self.bits) - w) for name, w in weights.items()}
        found = compressed(clean, backbone, expected, texts)
        grid = self.sham or dose < 1 or all(rounded(w, self.bits).equal(w) for w in mine.values())
        return found | {"verified": bool(found["as_stated"] and grid and found["drift"] <= self.MAX_DRIFT)}


def rounded(weight: Tensor, bits: int) -> Tensor:
    """`weight` (out, in) at the nearest of 2^bits - 1 levels per row, symmetric about 0, the largest kept."""
    top = 2 ** (bits - 1) - 1
    scale = weight.abs().amax(1, keepdim=True).clamp_min(1e-30) / top
    return (weight / scale).round() * scale


def shuffled(errors: Tensor, rng: np.random.Generator) -> Tensor:
    """`errors` (out, in) in random order within each row."""
    import torch

    return torch.from_numpy(rng.permuted(errors.numpy(), axis=1))
