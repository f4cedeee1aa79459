"""What the compressed backbones share: which weights, the sham, and what the change did to features."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from homog.defects import harms, verify
from homog.defects.defect import Defect
from homog.metrics.inheritance import Rate
from homog.metrics.predictions import Predictions
from homog.metrics.representation import relative_weight_distance

if TYPE_CHECKING:
    from torch import Tensor

    from homog.backbones.backbone import Backbone

TOLERANCE = 1e-3  # relative, of the weights' displacement: float32 sums over millions of weights


@dataclass(frozen=True)
class Compressed(Defect):
    """The weight matrices of linear layers in the blocks are changed, each by itself and without training.

    There is no exposure: inputs are as they are. The compression has no randomness: the seed decides only the `sham`,
    the same changes at shuffled places (along `SHUFFLED`, an axis, or of the whole matrix), which is noise of the same
    size.

    `harm`: the share of examples whose predicted class is not that of the same adaptation of the full backbone
    ("flips", Dutta et al. 2024; Hooker et al. 2020): in [0, 1], no labels needed. NaN where there is no record of that
    adaptation of the clean backbone.
    `upstream`: `drift` as everywhere, here the whole displacement; `effect` the share of inputs whose nearest other
    input (by cosine) changes; `error` ||change|| / ||weights||; `as_stated` whether it is that of the compression at
    this dose. Verified when it is, the weights look compressed (`seen`), and the drift is at most `MAX_DRIFT`: beyond
    that the backbone is broken and not compressed.
    """

    name: str
    _: KW_ONLY
    sham: bool = False

    kind = "engineered"
    MAX_DRIFT: ClassVar[float] = 0.5
    SHUFFLED: ClassVar[int | None] = None

    @abstractmethod
    def compressed(self, weight: Tensor, dose: float) -> Tensor:
        """A weight matrix (out, in) compressed at a dose, 0..1."""

    @abstractmethod
    def seen(self, weights: Mapping[str, Tensor], dose: float) -> tuple[bool, dict[str, Any]]:
        """(whether `weights` look compressed at that dose; anything does for a sham, further facts for the record)."""

    def harm(self, predictions: Predictions) -> Rate:
        """Predictions changed against the same adaptation of the full backbone (see the class)."""
        return harms.changed_predictions(predictions)

    def inject(self, backbone: Backbone, inputs: Sequence[str], rng: np.random.Generator) -> Backbone:
        """The compressed backbone; `inputs` are not used, `rng` by the sham alone."""
        import torch

        changed = {}
        for name, weight in linear_weights(backbone).items():
            changed[name] = self.compressed(weight, 1.0)
            if self.sham:
                moves = rng.permuted((changed[name] - weight).numpy(), axis=self.SHUFFLED)
                changed[name] = weight + torch.from_numpy(moves)
        return backbone.with_weights(outputs_first(backbone, changed))

    def upstream(self, clean: Backbone, backbone: Backbone, inputs: Sequence[str], dose: float) -> dict[str, Any]:
        """What the compression did to the backbone itself."""
        before, after = (reader.encode(inputs).astype(float) for reader in (clean, backbone))  # 8 bits move little
        full, weights = linear_weights(clean), linear_weights(backbone)
        wanted = relative_weight_distance(full, {n: self.compressed(w, dose) for n, w in full.items()})
        moved, error = verify.drift(before, after), relative_weight_distance(full, weights)
        as_stated = abs(error - wanted) <= TOLERANCE * wanted
        looks_so, more = self.seen(weights, dose)
        more |= {"error": error, "as_stated": as_stated}
        verified = as_stated and looks_so and moved <= self.MAX_DRIFT
        return verify.facts(moved, float((nearest(before) != nearest(after)).mean()), verified, len(inputs), **more)


def linear_weights(backbone: Backbone) -> dict[str, Tensor]:
    """The weight matrices (out, in) of all linear layers inside the blocks, by parameter name, on the CPU."""
    from torch.nn import Linear
    from transformers.pytorch_utils import Conv1D

    from homog.backbones.trunk import blocks

    inside = {id(m.weight) for m in blocks(backbone.module).modules() if isinstance(m, (Linear, Conv1D))}
    weights = {n: p.detach().cpu() for n, p in backbone.module.named_parameters() if id(p) in inside}
    return outputs_first(backbone, weights)


def outputs_first(backbone: Backbone, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights as the backbone keeps them -> (out, in), or back: a layer of GPT-2 keeps (in, out)."""
    from transformers.pytorch_utils import Conv1D

    inputs_first = {id(m.weight) for m in backbone.module.modules() if isinstance(m, Conv1D)}
    names = {n for n, p in backbone.module.named_parameters() if id(p) in inputs_first}
    return {n: w.T.contiguous() if n in names else w for n, w in weights.items()}


def nearest(features: np.ndarray) -> np.ndarray:
    """(n,) the row that is most similar to each of `features` (n, d), by cosine, itself left out."""
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    similarity = unit @ unit.T
    np.fill_diagonal(similarity, -np.inf)
    return similarity.argmax(1)
