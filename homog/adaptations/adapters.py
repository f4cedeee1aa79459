"""Adapters of peft beside frozen weights: what LoRA, IA3, prefix and prompt tuning have in common."""

from __future__ import annotations

import inspect
import warnings
from typing import TYPE_CHECKING, Any

import torch

from homog.adaptations.training import Copy
from homog.backbones.weights import sharing
from homog.config import ConfigError
from homog.inputs.text import TextReader
from homog.seeding import torch_stream
from homog.wording import line

if TYPE_CHECKING:
    from homog.backbones.backbone import Backbone


def adapted(backbone: Backbone, config: Any, adaptation: Any, task: Any, seed: int) -> Copy:
    """The shared weights with adapters by the peft `config` beside them, which are new and alone move."""
    shared = sharing(backbone.module)
    names = dict(shared.named_parameters())
    module = _with_adapters(shared, config, ("adapter", adaptation.name, task.name, seed))
    return Copy(backbone, module, names, sum(p.numel() for p in module.parameters() if p.requires_grad))


def _with_adapters(module: Any, config: Any, stream: tuple[str | int, ...]) -> Any:
    """`module` with adapters whose start is drawn from a named stream."""
    from peft import get_peft_model

    with torch_stream(*stream), warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft reads an attribute that transformers has renamed
        return get_peft_model(module, config)


def tried(backbone: Backbone, adaptation: Any) -> None:
    """Raise ConfigError where the adapters do not fit beside the weights, or texts cannot be read with them.

    There are more architectures than anybody knows the modules of: two short texts are read, before any compute.
    """
    if not isinstance(backbone.reader, TextReader):
        return
    try:
        copy = adaptation.copy(backbone, Untold(), 0)
        reader = copy.backbone.reader
        batch = reader.collate(reader.read(["a text", "another"]), backbone.device)
        with torch.inference_mode():
            backbone.features(copy.module, batch)
    except ConfigError:
        raise
    except Exception as error:
        raise ConfigError(
            f"adaptation {adaptation.name} does not fit backbone {backbone.name} ({model_type(backbone)}: "
            f"{line(error)}); use another, such as linear_probe"
        ) from error


class Untold:
    """Stands for a task, of which a trial needs the name alone."""

    name = "trial"


def linear_layers(backbone: Backbone) -> set[str]:
    """The last parts of the names of all linear layers, with one part before it, too: 'dense', 'output.dense'."""
    names = [name for name, part in backbone.module.named_modules() if isinstance(part, torch.nn.Linear)]
    return {".".join(name.split(".")[-parts:]) for name in names for parts in (1, 2)}


def model_type(backbone: Backbone) -> str:
    """transformers' name of the architecture, e.g. 'bert'; of a module that is not of transformers the class's."""
    return getattr(backbone.module.config, "model_type", type(backbone.module).__name__)


def every_linear_layer(backbone: Backbone) -> str | list[str]:
    """What peft is told to mean all of them: its own word for models of transformers, else their names."""
    from transformers import PreTrainedModel

    if "mamba" in model_type(backbone):  # the kernels of a state-space block read its last layer's weights themselves
        return sorted(name for name in linear_layers(backbone) if "." not in name and name != "out_proj")
    if isinstance(backbone.module, PreTrainedModel):
        return "all-linear"
    return [name for name, part in backbone.module.named_modules() if isinstance(part, torch.nn.Linear)]


def turned(backbone: Backbone) -> bool:
    """Whether the weights are kept as (in, out), as those of GPT-2: peft asks for `fan_in_fan_out`."""
    return any(type(part).__name__ == "Conv1D" for part in backbone.module.modules())


def embedding_width(backbone: Backbone) -> int:
    """The width of a word's embedding, which in some families (ELECTRA) is not that of a state."""
    return int(backbone.module.get_input_embeddings().embedding_dim)  # pyright: ignore


def attention(backbone: Backbone, name: str) -> tuple[int, int]:
    """(heads, width of one) of every layer. ConfigError, naming the adaptation, where it takes no keys from outside."""
    config: Any = backbone.module.config
    if "past_key_values" not in inspect.signature(backbone.module.forward).parameters:
        raise ConfigError(
            f"adaptation {name} puts keys and values in front of a layer's own, and {model_type(backbone)} takes none; "
            f"use soft_prompt or lora, or a backbone like BERT, RoBERTa, ELECTRA, GPT-2 or Llama"
        )
    heads = int(config.num_attention_heads)
    given = getattr(config, "head_dim", None) or getattr(config, "d_kv", None)  # Llama-like, T5-like
    return heads, int(given or config.hidden_size // heads)


def room(backbone: Backbone, virtual: int) -> Backbone:
    """The backbone that reads texts short enough for `virtual` tokens in front. ConfigError where none is left."""
    places = int(getattr(backbone.module.config, "max_position_embeddings", 0) or 2**30)
    left = places - 2 - virtual  # some families count positions from 2
    if left < 8:
        raise ConfigError(
            f"adaptation.tokens={virtual}: backbone {backbone.name} reads {places} tokens; use at most {places - 10}"
        )
    return backbone if backbone.text_reader.max_length <= left else backbone.at_length(left)
