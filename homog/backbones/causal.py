"""Causal language models of transformers (Llama, Qwen, GPT-2 …): packaged or your own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from homog.backbones.pretrained import Pretrained, longest


@dataclass(frozen=True)
class Causal(Pretrained):
    """A decoder: features are the last hidden state of a text's last token, which alone has read all of it.

    A text begins with the tokenizer's bos (or eos) token where the tokenizer puts none: the state of the very first
    token is unlike any other's, whatever the token. The head, tied or not, gives texts their likelihood.
    """

    family: ClassVar[str] = "causal"
    abilities: ClassVar[tuple[str, ...]] = ("features", "likelihood")

    def load(self, device: str = "cpu") -> Any:
        """The Backbone, in evaluation mode, every parameter frozen, on `device`."""
        from homog.backbones.backbone import Backbone
        from homog.backbones.likelihood import Language, beginning, log_likelihoods
        from homog.inputs.text import TextReader

        model, tokenizer = self.read("AutoModelForCausalLM", device)
        model.config.use_cache = False
        begin = beginning(tokenizer)
        if tokenizer.pad_token_id is None:
            tokenizer.pad_token = tokenizer.eos_token or tokenizer.bos_token
        starts = tokenizer("a")["input_ids"][0] in tokenizer.all_special_ids
        return Backbone(
            self.label,
            self.family,
            json.dumps(self.identity()),
            model.base_model,
            TextReader(tokenizer, longest(tokenizer, model.config, model), () if starts else (begin,)),
            pooling="last",
            language=None if model.headless else Language.of(model, model.base_model, log_likelihoods),
        )
