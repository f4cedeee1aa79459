"""Encoders of transformers (BERT, RoBERTa, ELECTRA, DistilBERT, DeBERTa …), mean-pooled: packaged or your own."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from homog import sources
from homog.config import ConfigError


@dataclass(frozen=True)
class Encoder:
    """A BERT-like encoder: features are the mean of its last hidden states over the tokens of a text.

    `source` is 'package:<name of a pinned source>', a directory with config.json and *.safetensors, or a hub id.
    """

    name: str
    source: str
    revision: str = "main"

    family: ClassVar[str] = "encoder"
    modalities: ClassVar[tuple[str, ...]] = ("text",)

    @property
    def label(self) -> str:
        """How reports name it: the variant's name, or the last part of a source that the user named."""
        return self.name if self.packaged else Path(self.source).name or self.source

    @property
    def packaged(self) -> str:
        """Name of the pinned source, '' if the user named the backbone."""
        return self.source.removeprefix("package:") if self.source.startswith("package:") else ""

    @property
    def sources(self) -> tuple[str, ...]:
        """The pinned sources that it needs."""
        return (self.packaged,) if self.packaged else ()

    def identity(self) -> dict[str, Any]:
        """What decides the weights: the pinned source, the content of a directory, or hub id and revision."""
        folder = Path(self.source)
        if self.packaged:
            return {"source": self.source}
        if folder.is_dir():
            return {"content": _digest(folder)}
        return {"source": self.source, "revision": self.revision}

    def check(self) -> None:
        """Raise ConfigError, before any compute, for a directory that cannot be loaded safely as an encoder."""
        folder = Path(self.source)
        if self.packaged:
            return
        if not folder.is_dir():
            if len(folder.parts) > 2 or self.source.startswith((".", "/", "~")):
                raise ConfigError(f"backbone.source={self.source}: no such directory")
            return
        if not (folder / "config.json").is_file():
            raise ConfigError(f"backbone.source={self.source}: no config.json; save it with save_pretrained()")
        if not list(folder.glob("*.safetensors")):
            pickled = sorted(p.name for p in (*folder.glob("*.bin"), *folder.glob("*.pt"), *folder.glob("*.ckpt")))
            found = f"only {', '.join(pickled)}, which homog never unpickles" if pickled else "no weights"
            raise ConfigError(
                f"backbone.source={self.source}: {found}; convert with save_pretrained(…, safe_serialization=True)"
            )
        _check_encoder(folder)

    def load(self, device: str = "cpu") -> Any:
        """The Backbone, in evaluation mode, every parameter frozen, on `device`."""
        if self.packaged or Path(self.source).is_dir():
            os.environ["HF_HUB_OFFLINE"] = "1"  # a packaged backbone never asks the hub (25 s of retries offline)
        from transformers import AutoModel, AutoTokenizer
        from transformers.utils import logging

        from homog.backbones.backbone import Backbone

        logging.disable_progress_bar()
        where = str(sources.folder(self.packaged)) if self.packaged else self.source
        options = {} if Path(where).is_dir() else {"revision": self.revision}
        module = AutoModel.from_pretrained(where, use_safetensors=True, trust_remote_code=False, **options)
        tokenizer = AutoTokenizer.from_pretrained(where, trust_remote_code=False, **options)
        module = module.float().eval().requires_grad_(False).to(device)
        limit = min(tokenizer.model_max_length, getattr(module.config, "max_position_embeddings", 512), 512)
        return Backbone(self.label, self.family, json.dumps(self.identity()), module, tokenizer, limit)


def _check_encoder(folder: Path) -> None:
    """Refuse decoders and encoder-decoders: their features would be read from the wrong place."""
    config = json.loads((folder / "config.json").read_text())
    names = " ".join(config.get("architectures") or [])
    if config.get("is_encoder_decoder") or config.get("is_decoder") or "CausalLM" in names or "LMHead" in names:
        kind = names or config.get("model_type", "?")
        raise ConfigError(f"backbone.source={folder}: {kind} is no encoder; the encoder family takes BERT-like models")


def _digest(folder: Path) -> str:
    """sha256 over the names and contents of the files that decide the features."""
    digest = hashlib.sha256()
    for path in sorted([*folder.glob("*.safetensors"), *folder.glob("*.json"), *folder.glob("*.txt")]):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
