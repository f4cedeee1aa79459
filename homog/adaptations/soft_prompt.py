"""Prompt tuning: learned word embeddings in front of the text, by peft; in a caption in the place of what pads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from homog.adaptations.settings import Training
from homog.config import ConfigError

if TYPE_CHECKING:
    import torch

    from homog.adaptations.training import Copy
    from homog.backbones.backbone import Backbone


@dataclass(frozen=True)
class SoftPrompt(Training):
    """`tokens` virtual tokens before a text (Lester et al. 2021), which start as words drawn from the vocabulary.

    A model that draws reads captions of one length, filled up with a word that pads, and has no place for more: there
    the last `tokens` places of a caption, as far as nothing but padding stands in them, hold learned vectors, one a
    place, which start as the word that pads. 0 epochs leave such a model as it is.
    """

    tokens: int = 10

    fusable: ClassVar[bool] = True
    modalities: ClassVar[tuple[str, ...]] = ("text", "caption")

    def trains(self, parameter: str) -> bool:
        """No parameter of the backbone moves; the prompt and the head are new."""
        return False

    def check(self, backbone: Backbone) -> None:
        """Raise ConfigError where the backbone has no room for the prompt."""
        from homog.adaptations.adapters import room, tried

        if backbone.draws is not None:
            if self.tokens >= (length := len(padded(backbone))):
                said = f"adaptation.tokens={self.tokens}: captions of backbone {backbone.name} have {length} places"
                raise ConfigError(f"{said}; use at most {length - 1}")
            return
        room(backbone, self.tokens)
        tried(backbone, self)

    def copy(self, backbone: Backbone, task: Any, seed: int) -> Copy:
        """The weights with a prompt in front."""
        if backbone.draws is not None:
            return in_captions(backbone, self.tokens)
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


def padded(backbone: Backbone) -> list[int]:
    """An empty caption as the backbone reads it: it ends with the word that pads."""
    return backbone.reader.read([""])[0]


def in_captions(backbone: Backbone, tokens: int) -> Copy:
    """The shared weights with learned vectors where the last `tokens` places of a caption are padding."""
    import torch

    from homog.adaptations.training import Copy
    from homog.backbones.weights import sharing

    module: Any = sharing(backbone.module)
    names = dict(module.named_parameters())
    places = padded(backbone)
    table = module.get_input_embeddings()
    module.prompt = torch.nn.Parameter(table.weight.detach()[places[-tokens:]].float())
    table.register_forward_hook(Learned(module.prompt, len(places), places[-1]))
    return Copy(backbone, module, names, module.prompt.numel())


class Learned:
    """A hook behind a table of words that puts `prompt` (tokens, width) where the end of a caption is padding."""

    def __init__(self, prompt: torch.nn.Parameter, length: int, pad: int) -> None:
        self.prompt, self.length, self.pad = prompt, length, pad

    def __call__(self, table: torch.nn.Module, args: tuple[Any, ...], embedded: torch.Tensor) -> torch.Tensor:
        """The embeddings (batch, n, width) of a caption and what follows it; of less than a caption as they are."""
        import torch

        (ids,) = args
        if ids.shape[1] < self.length:  # what is drawn, one token after another
            return embedded
        first, last = self.length - len(self.prompt), self.length
        pads = (ids[:, first:last] == self.pad)[..., None]
        end = torch.where(pads, self.prompt.to(embedded.dtype), embedded[:, first:last])
        return torch.cat([embedded[:, :first], end, embedded[:, last:]], 1)
