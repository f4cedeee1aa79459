"""Rounding the weights of the blocks to few levels: what is done to nearly every model before it is served."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from homog.config import ConfigError
from homog.defects.compression import Compressed

if TYPE_CHECKING:
    from torch import Tensor


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

    def seen(self, weights: Mapping[str, Tensor], dose: float) -> tuple[bool, dict[str, Any]]:
        """Whether every weight lies on its grid, at dose 1."""
        return self.sham or dose < 1 or all(rounded(w, self.bits).equal(w) for w in weights.values()), {}


def rounded(weight: Tensor, bits: int) -> Tensor:
    """`weight` (out, in) at the nearest of 2^bits - 1 levels per row, symmetric about 0, the largest kept."""
    top = 2 ** (bits - 1) - 1
    scale = weight.abs().amax(1, keepdim=True).clamp_min(1e-30) / top
    return (weight / scale).round() * scale
