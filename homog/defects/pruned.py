"""Setting the smallest weights of the blocks to zero; the share pruned is the dose."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from homog.config import ConfigError
from homog.defects.compression import Compressed, linear_weights, outputs_first

if TYPE_CHECKING:
    from torch import Tensor

    from homog.backbones.backbone import Backbone


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
        partial = {name: partly(weights[name], value.cpu(), dose * self.share) for name, value in changes.items()}
        return clean.with_weights(outputs_first(clean, partial))

    def seen(self, weights: Mapping[str, Tensor], dose: float) -> tuple[bool, dict[str, Any]]:
        """Whether as many weights are 0 as should be, and the share that is."""
        zeros = sum(int((w == 0).sum()) for w in weights.values()) / sum(w.numel() for w in weights.values())
        return self.sham or abs(zeros - dose * self.share) < 1e-3, {"zeros": zeros}


def smallest(sizes: Tensor, share: float) -> Tensor:
    """Places (k,) in the flat `sizes` of the smallest `share` of them; of equal ones the first."""
    return sizes.flatten().argsort(stable=True)[: round(share * sizes.numel())]


def without_smallest(weight: Tensor, share: float) -> Tensor:
    """`weight` with the `share` of its entries that are smallest in magnitude set to 0."""
    pruned = weight.clone()
    pruned.view(-1)[smallest(weight.abs(), share)] = 0
    return pruned


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
