"""Prompt tuning: learned word embeddings in front of the text, by peft (Lester et al. 2021)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from homog.adaptations.adaptation import Predictor
from homog.adaptations.settings import Training

if TYPE_CHECKING:
    from homog.backbones.backbone import Backbone
    from homog.tasks.task import Task


@dataclass(frozen=True)
class SoftPrompt(Training):
    """peft's prompt tuning with `tokens` virtual tokens, which start as words drawn from the vocabulary."""

    tokens: int = 10

    modalities: ClassVar[tuple[str, ...]] = ("text",)

    def trains(self, parameter: str) -> bool:
        """No parameter of the backbone moves; the prompt and the head are new."""
        return False

    def check(self, backbone: Backbone) -> None:
        """Raise ConfigError where the backbone has no room for the prompt."""
        from homog.adaptations.adapters import room

        room(backbone, self.tokens)

    def fit(self, backbone: Backbone, tasks: Sequence[Task], seed: int) -> Iterator[tuple[str, Predictor]]:
        """Each task in turn with a prompt of its own."""
        from peft import PromptTuningConfig, PromptTuningInit, TaskType

        from homog.adaptations.adapters import adapted, embedding_width, room

        config = PromptTuningConfig(
            task_type=TaskType.FEATURE_EXTRACTION,
            num_virtual_tokens=self.tokens,
            num_attention_heads=1,  # peft asks for it and does nothing with it
            token_dim=embedding_width(backbone),
            prompt_tuning_init=PromptTuningInit.SAMPLE_VOCAB,
        )
        return adapted(room(backbone, self.tokens), tasks, self, config, seed)
