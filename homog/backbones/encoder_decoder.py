"""Encoder-decoders of transformers (T5, BART …): your own, since no package serves one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from homog.backbones.pretrained import Pretrained, longest


@dataclass(frozen=True)
class EncoderDecoder(Pretrained):
    """A text-to-text model: features are the mean of its encoder's last hidden states over the tokens of a text.

    What is adapted is the encoder; the decoder, and a head or embeddings tied to it, give a target its likelihood.
    """

    family: ClassVar[str] = "encoder_decoder"
    abilities: ClassVar[tuple[str, ...]] = ("features", "likelihood")

    def load(self, device: str = "cpu") -> Any:
        """The Backbone, in evaluation mode, every parameter frozen, on `device`."""
        from homog.backbones.backbone import Backbone
        from homog.backbones.likelihood import Language, target_log_likelihoods
        from homog.inputs.text import TextReader

        model, tokenizer = self.read("AutoModelForSeq2SeqLM", device)
        model.config.use_cache = False
        encoder = model.get_encoder()
        return Backbone(
            self.label,
            self.family,
            json.dumps(self.identity()),
            encoder,
            TextReader(tokenizer, longest(tokenizer, encoder.config, encoder)),
            language=None if model.headless else Language.of(model, encoder, target_log_likelihoods),
        )
