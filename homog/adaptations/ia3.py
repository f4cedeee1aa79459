"""IA3: learned factors on keys, values and the hidden layer, by peft (Liu et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from homog.adaptations.settings import Training
from homog.config import ConfigError

if TYPE_CHECKING:
    from homog.adaptations.training import Copy
    from homog.backbones.backbone import Backbone

# (target modules, those of them whose input is scaled) where peft has no choice of its own
TARGETS = {
    "distilbert": (("k_lin", "v_lin", "lin2"), ("lin2",)),
    "electra": (("key", "value", "output.dense"), ("output.dense",)),
    "deberta-v2": (("key_proj", "value_proj", "output.dense"), ("output.dense",)),
}


@dataclass(frozen=True)
class IA3(Training):
    """peft's IA3 on `target_modules`, of which it scales the input of `feedforward_modules` (empty: by model type)."""

    target_modules: tuple[str, ...] = ()
    feedforward_modules: tuple[str, ...] = ()

    fusable: ClassVar[bool] = True

    def trains(self, parameter: str) -> bool:
        """No parameter of the backbone moves; the factors and the head are new."""
        return False

    def check(self, backbone: Backbone) -> None:
        """Raise ConfigError for a model type without known modules."""
        from peft.utils.constants import TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING as DEFAULTS

        from homog.adaptations.adapters import model_type

        kind = model_type(backbone)
        if not self.target_modules and kind not in TARGETS and kind not in DEFAULTS:
            raise ConfigError(
                f"adaptation.target_modules: IA3 has none for model type {kind!r}; name the modules of keys, values "
                f"and the hidden layer, and the latter in adaptation.feedforward_modules too"
            )

    def copy(self, backbone: Backbone, task: Any, seed: int) -> Copy:
        """The weights with factors beside them."""
        from peft import IA3Config

        from homog.adaptations.adapters import adapted, model_type, turned

        self.check(backbone)
        targets, scaled = TARGETS.get(model_type(backbone), ((), ()))
        config = IA3Config(
            target_modules=list(self.target_modules or targets) or None,
            feedforward_modules=list(self.feedforward_modules or scaled) or None,
            fan_in_fan_out=turned(backbone),
        )
        return adapted(backbone, config, self, task, seed)
