"""Prompt tuning: learned word embeddings in front of the text, by peft (Lester et al. 2021)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from homog.adaptations.settings import Training

if TYPE_CHECKING:
    from homog.adaptations.training import Copy
    from homog.backbones.backbone import Backbone


@dataclass(frozen=True)
class SoftPrompt(Training):
    """peft's prompt tuning with `tokens` virtual tokens, which start as words drawn from the vocabulary."""

    tokens: int = 10

    fusable: ClassVar[bool] = True
    modalities: ClassVar[tuple[str, ...]] = ("text",)

    def trains(self, parameter: str) -> bool:
        """No parameter of the backbone moves; the prompt and the head are new."""
        return False

    def check(self, backbone: Backbone) -> None:
        """Raise ConfigError where the backbone has no room for the prompt."""
        from homog.adaptations.adapters import room, tried

        room(backbone, self.tokens)
        tried(backbone, self)

    def copy(self, backbone: Backbone, task: Any, seed: int) -> Copy:
        """The weights with a prompt in front."""
        from peft import PromptTuningConfig, PromptTuningInit, TaskType

        from homog.adaptations.adapters import adapted, embedding_width, room

        config = PromptTuningConfig(
            task_type=TaskType.FEATURE_EXTRACTION,
            num_virtual_tokens=self.tokens,
            num_attention_heads=1,  # peft asks for it and does nothing with it
            token_dim=embedding_width(backbone),
            prompt_tuning_init=PromptTuningInit.SAMPLE_VOCAB,
        )
        return adapted(room(backbone, self.tokens), config, self, task, seed)
