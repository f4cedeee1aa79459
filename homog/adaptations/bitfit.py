"""BitFit: only bias terms and the head move (Ben Zaken et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from homog.adaptations.settings import Training
from homog.config import ConfigError

if TYPE_CHECKING:
    from homog.adaptations.training import Copy
    from homog.backbones.backbone import Backbone


@dataclass(frozen=True)
class BitFit(Training):
    """AdamW on the biases (of layer norms too) and the head.

    `inverted` trains the complement: everything but the biases. That is what the arm called BitFit does in the code
    released with Bommasani et al. 2022; it is here so that their numbers can be compared with what they meant.
    """

    inverted: bool = False

    fusable: ClassVar[bool] = True

    def trains(self, parameter: str) -> bool:
        """Biases move, nothing else (`inverted`: the other way round); an unused pooler gets no gradient."""
        return "pooler" not in parameter and (parameter.split(".")[-1] == "bias") != self.inverted

    def check(self, backbone: Backbone) -> None:
        """Raise ConfigError for a backbone without biases, or (inverted) with packed weights."""
        from homog.adaptations.training import moving

        if not moving(backbone, self):
            raise ConfigError(f"adaptation {self.name}: backbone {backbone.name} has no bias terms; choose lora")

    def copy(self, backbone: Backbone, task: Any, seed: int) -> Copy:
        """Copies of the biases."""
        from homog.adaptations.training import copies

        self.check(backbone)
        return copies(backbone, self)
