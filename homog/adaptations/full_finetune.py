"""Full fine-tuning: every parameter of a copy of the backbone moves (Devlin et al. 2019)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from homog.adaptations.adaptation import Predictor
from homog.adaptations.settings import Training

if TYPE_CHECKING:
    from homog.backbones.backbone import Backbone
    from homog.tasks.task import Task


@dataclass(frozen=True)
class FullFinetune(Training):
    """AdamW on all weights and the head."""

    def trains(self, parameter: str) -> bool:
        """Every parameter that takes part in the features moves; an unused pooler gets no gradient."""
        return "pooler" not in parameter

    def fit(self, backbone: Backbone, tasks: Sequence[Task], seed: int) -> Iterator[tuple[str, Predictor]]:
        """Each task in turn on a fresh copy: nothing is shared but the start."""
        from homog.adaptations.training import trained_copies

        return trained_copies(backbone, tasks, self, seed)
