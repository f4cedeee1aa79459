"""Compressing a backbone, as is done to nearly every model before it is served: weights rounded or set to zero."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from homog.config import ConfigError
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
    modalities: ClassVar[tuple[str, ...]] = ()
    MAX_DRIFT: ClassVar[float] = 0.5
    SHUFFLED: ClassVar[int | None] = None

    @abstractmethod
    def compressed(self, weight: Tensor, dose: float) -> Tensor:
        """A weight matrix (out, in) compressed at a dose, 0..1."""

    @abstractmethod
    def seen(self, weights: Mapping[str, Tensor], dose: float, grain: float) -> tuple[bool, dict[str, Any]]:
        """(whether `weights` look compressed at that dose; anything does for a sham, further facts for the record).

        `grain`: how exactly weights are kept, as a share of their size.
        """

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
        import torch

        before, after = (reader.encode(inputs).astype(float) for reader in (clean, backbone))  # 8 bits move little
        full, weights = linear_weights(clean), linear_weights(backbone)
        stored = {n: self.compressed(w, dose).to(backbone.dtype).float() for n, w in full.items()}
        wanted = relative_weight_distance(full, stored)
        moved, error = verify.drift(before, after), relative_weight_distance(full, weights)
        as_stated = abs(error - wanted) <= TOLERANCE * wanted
        looks_so, more = self.seen(weights, dose, torch.finfo(backbone.dtype).eps)
        more |= {"error": error, "as_stated": as_stated}
        verified = as_stated and looks_so and moved <= self.MAX_DRIFT
        return verify.facts(moved, float((nearest(before) != nearest(after)).mean()), verified, len(inputs), **more)


@dataclass(frozen=True)
class Quantized(Compressed):
    """Every weight of linear layers in the blocks, rounded to `bits` bits: symmetric, nearest, a scale per output.

    The usual post-training baseline (Jacob et al. 2018; Dettmers et al. 2022), simulated: the weights are floats
    again, so that an adaptation may train on from them, and activations are not rounded. A dose takes that share of
    each rounding error. The `sham` shuffles the errors within each channel. Is it the rounding, or any noise of that
    size?

    `harm` and `upstream`: see `Compressed`. At dose 1 every weight (but the sham's) has to lie on its grid.
    """

    bits: int = 4

    SHUFFLED: ClassVar[int | None] = 1

    def __post_init__(self) -> None:
        if not 2 <= self.bits <= 8:
            raise ConfigError(f"defect.bits={self.bits}: use 2 to 8")

    @property
    def exposure(self) -> str:
        """Name of the condition: the inputs as they are, read by the quantized backbone."""
        return f"quantized-int{self.bits}"

    def compressed(self, weight: Tensor, dose: float) -> Tensor:
        """`weight` with that share of its rounding errors."""
        full = rounded(weight, self.bits)
        return full if dose == 1 else weight + dose * (full - weight)

    def seen(self, weights: Mapping[str, Tensor], dose: float, grain: float) -> tuple[bool, dict[str, Any]]:
        """Whether every weight lies on its grid, at dose 1."""
        near = all(rounded(w, self.bits).allclose(w, rtol=2 * grain, atol=0) for w in weights.values())
        return self.sham or dose < 1 or near, {}


@dataclass(frozen=True)
class Pruned(Compressed):
    """The smallest `share` (at dose 1) of each weight matrix of the blocks' linear layers, by magnitude, set to zero.

    One-shot, without retraining (Han et al. 2015; for BERT Gordon et al. 2020, who lose little up to 30-40 %). A dose
    is not a mixture of weights: at dose d the smallest d * `share` are pruned, the others are as they were. An
    adaptation that trains the blocks may move pruned weights away from zero. The `sham` takes the same values away at
    shuffled places of the same matrix.

    `harm` and `upstream`: see `Compressed`. The share of weights that are 0, `zeros`, has to be dose * `share` (but for
    the sham).
    """

    share: float = 0.4

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ConfigError(f"defect.share={self.share:g}: the share pruned at dose 1, above 0 and below 1")

    @property
    def exposure(self) -> str:
        """Name of the condition: the inputs as they are, read by the pruned backbone."""
        return f"pruned-{self.share:g}"

    def compressed(self, weight: Tensor, dose: float) -> Tensor:
        """`weight` with the smallest dose * `share` of its entries set to 0."""
        return without_smallest(weight, dose * self.share)

    def at_dose(self, clean: Backbone, changes: Mapping[str, Tensor], dose: float) -> Backbone:
        """The backbone with only the smallest dose * `share` of the changes, at dose 1 all of them."""
        weights, changes = linear_weights(clean), outputs_first(clean, changes)
        partial = {
            name: partly(weights[name], value.cpu().float(), dose * self.share) for name, value in changes.items()
        }
        return clean.with_weights(outputs_first(clean, partial))

    def seen(self, weights: Mapping[str, Tensor], dose: float, grain: float) -> tuple[bool, dict[str, Any]]:
        """Whether as many weights are 0 as should be, and the share that is."""
        zeros = sum(int((w == 0).sum()) for w in weights.values()) / sum(w.numel() for w in weights.values())
        return self.sham or abs(zeros - dose * self.share) < 1e-3, {"zeros": zeros}


def linear_weights(backbone: Backbone) -> dict[str, Tensor]:
    """The weight matrices (out, in) of all linear layers inside the blocks, by name, in float32 on the CPU."""
    from torch.nn import Linear
    from transformers.pytorch_utils import Conv1D

    from homog.backbones.trunk import blocks

    inside = {id(m.weight) for m in blocks(backbone.module).modules() if isinstance(m, (Linear, Conv1D))}
    weights = {n: p.detach().cpu().float() for n, p in backbone.module.named_parameters() if id(p) in inside}
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


def rounded(weight: Tensor, bits: int) -> Tensor:
    """`weight` (out, in) at the nearest of 2^bits - 1 levels per row, symmetric about 0, the largest kept."""
    top = 2 ** (bits - 1) - 1
    scale = weight.abs().amax(1, keepdim=True).clamp_min(1e-30) / top
    return (weight / scale).round() * scale


def smallest(sizes: Tensor, share: float) -> Tensor:
    """Places (k,) in the flat `sizes` of the smallest `share` of them; of equal ones the first."""
    return sizes.flatten().argsort(stable=True)[: round(share * sizes.numel())]


def without_smallest(weight: Tensor, share: float) -> Tensor:
    """`weight` with the `share` of its entries that are smallest in magnitude set to 0."""
    pruned = weight.clone()
    pruned.view(-1)[smallest(weight.abs(), share)] = 0
    return pruned


def without_small_weights(backbone: Backbone, share: float) -> Backbone:
    """The backbone with the smallest `share` of each weight matrix of its blocks' linear layers set to 0."""
    weights = {name: without_smallest(weight, share) for name, weight in linear_weights(backbone).items()}
    return backbone.with_weights(outputs_first(backbone, weights))


def partly(clean: Tensor, changed: Tensor, share: float) -> Tensor:
    """`clean` with the smallest changes to `changed`, as many as `share` of all entries.

    The change of a pruned weight is as large as the weight was, so this is pruning by `share`, and for the sham the
    same values wherever they were moved.
    """
    moved = (changed - clean).abs()
    places = smallest(moved.where(moved > 0, float("inf")), share)
    partial = clean.clone()
    partial.view(-1)[places] = changed.flatten()[places]
    return partial
