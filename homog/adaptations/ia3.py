"""IA3: learned factors on keys, values and the hidden layer, by peft (Liu et al. 2022)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from homog.adaptations.settings import Training
from homog.config import ConfigError

if TYPE_CHECKING:
    from homog.adaptations.training import Copy
    from homog.backbones.backbone import Backbone

TARGETS = (  # (keys, values, hidden layer, whose input is scaled) where peft has no choice for the model type
    ("key", "value", "output.dense"),  # like BERT
    ("k_lin", "v_lin", "lin2"),  # DistilBERT, XLM
    ("key_proj", "value_proj", "output.dense"),  # DeBERTa
    ("k_proj", "v_proj", "down_proj"),  # like Llama
    ("k_proj", "v_proj", "fc2"),  # like BART
    ("k", "v", "wo"),  # like T5
)


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
        """Raise ConfigError for a model without known modules."""
        from homog.adaptations.adapters import tried

        self.places(backbone)
        tried(backbone, self)

    def places(self, backbone: Backbone) -> tuple[list[str] | None, list[str] | None]:
        """(the modules that get factors, those whose input is scaled); None: as peft chooses by model type."""
        from peft.utils.constants import TRANSFORMERS_MODELS_TO_IA3_TARGET_MODULES_MAPPING as DEFAULTS

        from homog.adaptations.adapters import linear_layers, model_type

        kind, there = model_type(backbone), linear_layers(backbone)
        if self.target_modules:
            return list(self.target_modules), list(self.feedforward_modules) or None
        if kind in DEFAULTS:
            return None, None
        for keys, values, hidden in TARGETS:
            if {keys, values, hidden} <= there:
                return [keys, values, hidden], [hidden]
        raise ConfigError(
            f"adaptation.target_modules: IA3 has none for model type {kind!r}; name the modules of keys, values "
            f"and the hidden layer, and the latter in adaptation.feedforward_modules too"
        )

    def copy(self, backbone: Backbone, task: Any, seed: int) -> Copy:
        """The weights with factors beside them."""
        from peft import IA3Config

        from homog.adaptations.adapters import adapted, turned

        targets, scaled = self.places(backbone)
        config = IA3Config(target_modules=targets, feedforward_modules=scaled, fan_in_fan_out=turned(backbone))
        return adapted(backbone, config, self, task, seed)
