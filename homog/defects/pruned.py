"""Setting the smallest weights of the blocks to zero; the share pruned is the dose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
class Pruned:
    """The smallest `share` (at dose 1) of each weight matrix of the blocks' linear layers, by magnitude, set to zero.

    One-shot, without retraining (Han et al. 2015; for BERT Gordon et al. 2020, who lose little up to 30-40 %). A dose
    is not a mixture of weights: at dose d the smallest d * `share` are pruned, the others are as they were. An
    adaptation that trains the blocks may move pruned weights away from zero. Pruning has no randomness: the seed
    decides only the `sham`, the same values taken away at shuffled places of the same matrix, which is noise of the
    same size.

    `harm`: the share of examples whose predicted class is not that of the same adaptation of the full backbone
    ("flips", Dutta et al. 2024; Hooker et al. 2020): in [0, 1], no labels needed, and no exposure. NaN where there is
    no record of that adaptation of the clean backbone.
    `upstream`: `drift` as everywhere, here the whole displacement; `effect` the share of texts whose nearest other
    text changes; `error` ||change|| / ||weights||; `zeros` the share of weights that are 0. Verified when the error
    is that of pruning at this dose, the zeros (but the sham's) are dose * `share`, and the drift is at most
    `MAX_DRIFT`: beyond that the backbone is broken and not compressed.
    """

    name: str
    share: float = 0.4
    sham: bool = False

    kind: ClassVar[Literal["engineered"]] = "engineered"
    MAX_DRIFT: ClassVar[float] = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ConfigError(f"defect.share={self.share:g}: the share pruned at dose 1, above 0 and below 1")

    @property
    def exposure(self) -> str:
        """Name of the condition: the texts as they are, read by the pruned backbone."""
        return f"pruned-{self.share:g}"

    def expose(self, examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """The examples as they are."""
        return examples

    def harm(self, predictions: Predictions) -> Rate:
        """Predictions changed against the same adaptation of the full backbone (see the class)."""
        return changed_predictions(predictions)

    def inject(self, backbone: Backbone, texts: Sequence[str], rng: np.random.Generator) -> Backbone:
        """The backbone pruned by `share`; `texts` are not used, `rng` by the sham alone."""
        clean = linear_weights(backbone)
        changed = {name: without_smallest(weight, self.share) for name, weight in clean.items()}
        if self.sham:
            changed = {name: clean[name] + shuffled(weight - clean[name], rng) for name, weight in changed.items()}
        return backbone.with_weights(turned(backbone, changed))

    def at_dose(self, clean: Backbone, changes: Mapping[str, Tensor], dose: float) -> Backbone:
        """The backbone with only the smallest dose * `share` of the changes, at dose 1 all of them."""
        weights, changes = linear_weights(clean), turned(clean, changes)
        found = {name: partly(weights[name], value.cpu(), dose * self.share) for name, value in changes.items()}
        return clean.with_weights(turned(clean, found))

    def upstream(self, clean: Backbone, backbone: Backbone, texts: Sequence[str], dose: float) -> dict:
        """What pruning did to the backbone itself."""
        expected = {n: without_smallest(w, dose * self.share) for n, w in linear_weights(clean).items()}
        found = compressed(clean, backbone, expected, texts)
        mine = linear_weights(backbone).values()
        zeros = sum(int((w == 0).sum()) for w in mine) / sum(w.numel() for w in mine)
        pruned = self.sham or abs(zeros - dose * self.share) < 1e-3
        verified = found["as_stated"] and pruned and found["drift"] <= self.MAX_DRIFT
        return found | {"zeros": zeros, "verified": bool(verified)}


def smallest(sizes: Tensor, share: float) -> Tensor:
    """Places (k,) in the flat `sizes` of the smallest `share` of them; of equal ones the first."""
    return sizes.flatten().argsort(stable=True)[: round(share * sizes.numel())]


def without_smallest(weight: Tensor, share: float) -> Tensor:
    """`weight` with the `share` of its entries that are smallest in magnitude set to 0."""
    found = weight.clone()
    found.view(-1)[smallest(weight.abs(), share)] = 0
    return found


def partly(clean: Tensor, changed: Tensor, share: float) -> Tensor:
    """`clean` with the smallest changes to `changed`, as many as `share` of all entries.

    The change of a pruned weight is as large as the weight was, so this is pruning by `share`, and for the sham the
    same values wherever they were moved.
    """
    moved = (changed - clean).abs()
    places = smallest(moved.where(moved > 0, float("inf")), share)
    found = clean.clone()
    found.view(-1)[places] = changed.flatten()[places]
    return found


def shuffled(changes: Tensor, rng: np.random.Generator) -> Tensor:
    """`changes` of a matrix in random order."""
    import torch

    return torch.from_numpy(rng.permuted(changes.numpy()))
