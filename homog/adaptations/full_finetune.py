"""Full fine-tuning: every parameter of a copy of the backbone moves (Devlin et al. 2019)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from homog.adaptations.settings import Training

if TYPE_CHECKING:
    from homog.adaptations.training import Copy
    from homog.backbones.backbone import Backbone


@dataclass(frozen=True)
class FullFinetune(Training):
    """AdamW on all weights and the head."""

    def trains(self, parameter: str) -> bool:
        """Every parameter that takes part in the features moves; an unused pooler gets no gradient."""
        return "pooler" not in parameter

    def check(self, backbone: Backbone) -> None:
        """Raise ConfigError for a backbone whose weights are packed."""
        from homog.adaptations.training import moving

        moving(backbone, self)

    def copy(self, backbone: Backbone, task: Any, seed: int) -> Copy:
        """Copies of all weights."""
        from homog.adaptations.training import copies

        return copies(backbone, self)
