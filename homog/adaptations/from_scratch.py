"""From scratch: the backbone's architecture with fresh weights, so that nothing but the architecture is shared."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from homog.adaptations.settings import Training

if TYPE_CHECKING:
    from homog.adaptations.training import Copy
    from homog.backbones.backbone import Backbone


@dataclass(frozen=True)
class FromScratch(Training):
    """AdamW on all weights, which start as transformers initialises them, drawn anew for each task and seed.

    Tokenizer and architecture are the backbone's, its weights are not used: era 2 of Bommasani et al. 2021, figure 1.
    """

    head: str = "zero"

    def trains(self, parameter: str) -> bool:
        """Every parameter that takes part in the features moves; an unused pooler gets no gradient."""
        return "pooler" not in parameter

    def copy(self, backbone: Backbone, task: Any, seed: int) -> Copy:
        """Copies of weights that are new themselves."""
        from homog.adaptations.training import copies

        return copies(self._fresh(backbone, task.name, seed), self)

    def _fresh(self, backbone: Backbone, task: str, seed: int) -> Backbone:
        from homog.seeding import torch_stream

        kind: Any = type(backbone.module)
        with torch_stream("scratch", task, seed):
            module = kind(backbone.module.config)
        for own, shared in zip(module.parameters(), backbone.module.parameters(), strict=True):
            own.data = own.data.to(shared.dtype if shared.is_floating_point() else backbone.dtype)
        module = module.eval().requires_grad_(False).to(backbone.device)
        return replace(backbone, module=module, trunk=0, language=None, changed=(), memo={})
