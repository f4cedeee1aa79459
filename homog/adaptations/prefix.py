"""Prefix tuning: learned keys and values in front of every layer's own, by peft (Li & Liang 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from homog.adaptations.settings import Training

if TYPE_CHECKING:
    from homog.adaptations.training import Copy
    from homog.backbones.backbone import Backbone


@dataclass(frozen=True)
class Prefix(Training):
    """peft's prefix tuning with `tokens` virtual tokens in every layer."""

    tokens: int = 10

    modalities: ClassVar[tuple[str, ...]] = ("text",)

    def trains(self, parameter: str) -> bool:
        """No parameter of the backbone moves; the prefixes and the head are new."""
        return False

    def check(self, backbone: Backbone) -> None:
        """Raise ConfigError where the backbone has no room for the prefixes, or takes no keys from outside."""
        from homog.adaptations.adapters import attention, room, tried

        attention(backbone, self.name)
        room(backbone, self.tokens)
        tried(backbone, self)

    def copy(self, backbone: Backbone, task: Any, seed: int) -> Copy:
        """The weights with prefixes in front."""
        from peft import PrefixTuningConfig, TaskType

        from homog.adaptations.adapters import adapted, attention, room

        heads, width = attention(backbone, self.name)
        config = PrefixTuningConfig(
            task_type=TaskType.FEATURE_EXTRACTION,
            num_virtual_tokens=self.tokens,
            num_attention_heads=heads,
            token_dim=heads * width,
        )
        return adapted(room(backbone, self.tokens), config, self, task, seed)
