"""LoRA: low-rank updates beside frozen weights, by peft (Hu et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from homog.adaptations.settings import Training
from homog.config import ConfigError

if TYPE_CHECKING:
    from homog.adaptations.training import Copy
    from homog.backbones.backbone import Backbone


@dataclass(frozen=True)
class Lora(Training):
    """peft's LoRA of rank `rank` on `target_modules` (empty: peft's choice for the model type, e.g. query, value)."""

    rank: int = 8
    alpha: int = 16
    target_modules: tuple[str, ...] = ()

    fusable: ClassVar[bool] = True

    def trains(self, parameter: str) -> bool:
        """No parameter of the backbone moves; the adapters and the head are new."""
        return False

    def check(self, backbone: Backbone) -> None:
        """Raise ConfigError for a backbone without linear layers where no others are named."""
        from torch.nn import Linear

        from homog.adaptations.adapters import tried, turned

        linear = any(isinstance(part, Linear) for part in backbone.module.modules()) or turned(backbone)
        if not linear and not self.target_modules:
            raise ConfigError(
                f"adaptation {self.name}: backbone {backbone.name} has no linear layers; name its convolutions in "
                f"adaptation.target_modules, or choose bitfit or full_finetune"
            )
        tried(backbone, self)

    def copy(self, backbone: Backbone, task: Any, seed: int) -> Copy:
        """The weights with adapters beside them."""
        from peft import LoraConfig
        from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as DEFAULTS

        from homog.adaptations.adapters import adapted, every_linear_layer, model_type, turned

        targets = list(self.target_modules or DEFAULTS.get(model_type(backbone), ())) or every_linear_layer(backbone)
        config = LoraConfig(
            r=self.rank,
            lora_alpha=self.alpha,
            target_modules=targets,
            lora_dropout=0.0,
            fan_in_fan_out=turned(backbone),
        )
        return adapted(backbone, config, self, task, seed)
