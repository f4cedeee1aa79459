"""Encoders of transformers (BERT, RoBERTa, ELECTRA, DistilBERT, DeBERTa …), mean-pooled: packaged or your own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from homog.backbones.pretrained import Pretrained, longest


@dataclass(frozen=True)
class Encoder(Pretrained):
    """A BERT-like encoder: features are the mean of its last hidden states over the tokens of a text."""

    family: ClassVar[str] = "encoder"

    def load(self, device: str = "cpu") -> Any:
        """The Backbone, in evaluation mode, every parameter frozen, on `device`."""
        from homog.backbones.backbone import Backbone
        from homog.inputs.text import TextReader

        module, tokenizer = self.read("AutoModel", device)
        reader = TextReader(tokenizer, longest(tokenizer, module.config, module))
        return Backbone(self.label, self.family, json.dumps(self.identity()), module, reader)
