"""Where pretrained weights come from and what kind of model they are: what those of transformers share."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from homog.backbones import checking, converted
from homog.backbones.kind import DTYPES, PACKED, BackboneKind
from homog.config import ConfigError

LOADING = (OSError, ValueError, ImportError, KeyError, RuntimeError)  # what transformers raises for what it cannot load
TRIED = 2**31  # bytes of weights below which a directory is loaded once to be checked
EXAMPLES = {
    "encoder": "minilm_l6",
    "causal": "smollm2",
    "encoder_decoder": "t5",
    "image_encoder": "dinov2_small",
    "dual_encoder": "clip",
}  # family -> a variant of it
DECODERS = (
    *("gpt", "llama", "qwen", "mistral", "mixtral", "gemma", "opt", "phi", "bloom", "falcon", "olmo", "smollm"),
    *("starcoder", "stablelm", "cohere", "granite", "deepseek", "mpt", "ministral"),
)  # beginnings of the model types of transformers that read from left to right


@dataclass(frozen=True)
class Pretrained(BackboneKind):
    """`source` is 'package:<name of a pinned source>', a directory with config.json and *.safetensors, or a hub id."""

    name: str
    source: str
    revision: str = "main"
    dtype: str = DTYPES[0]

    spreads: ClassVar[bool] = True
    dtypes: ClassVar[tuple[str, ...]] = (*DTYPES, PACKED)
    tokenized: ClassVar[bool] = True  # whether its inputs are texts, which a tokenizer reads

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
        return converted.needed(self.packaged) if self.packaged else ()

    def identity(self) -> dict[str, Any]:
        """What decides the features: `origin`, and the dtype where it is another than the first."""
        return self.origin() | ({} if self.dtype == DTYPES[0] else {"dtype": self.dtype})

    @property
    def said(self) -> str:
        """How messages name the source."""
        return f"backbone.source={self.source}"

    def origin(self) -> dict[str, Any]:
        """What decides the weights: the pinned source, the content of a directory, or hub id and revision."""
        folder = Path(self.source)
        if self.packaged:
            return {"source": self.source}
        if folder.is_dir():
            return {"content": self.digest(folder)}
        return {"source": self.source, "revision": self.revision}

    def digest(self, folder: Path) -> str:
        """What tells the content of a directory."""
        return _digest(folder)

    def check(self) -> None:
        """Raise ConfigError, before any compute, for a source that cannot be loaded safely as this family."""
        folder = Path(self.source)
        if self.packed:
            checking.unpacks(self.said)
        if self.packaged:
            return
        if self.source == "???":
            raise ConfigError(f"backbone {self.name} has no packaged weights: backbone.source=<directory or hub id>")
        if not folder.is_dir():
            if len(folder.parts) > 2 or self.source.startswith((".", "/", "~")):
                raise ConfigError(f"{self.said}: no such directory")
            checking.reached(self.source, self.revision)
            return
        config = checking.config_of(folder, self.said)
        self.check_family(config)
        checking.runs_no_code(config, self.said)
        checking.weights(folder, self.said)
        checking.fits(folder, 0.6 if self.packed else self.torch_dtype.itemsize, self.dtype, self.said)
        if self.tokenized:
            checking.has_tokenizer(folder, self.said)
        if sum(file.stat().st_size for file in folder.glob("*.safetensors")) < TRIED:
            self.tried()

    def tried(self) -> None:
        """Load it and read an input: what does not fit is told here, and not by every job of a sweep."""
        try:
            backbone = self.load()
            if self.modality == "text":
                backbone.encode(["a text", "another"])
        except ConfigError:
            raise
        except Exception as error:  # there are more architectures than anybody has tried
            raise checking.refused(error, self.said) from error

    def check_family(self, config: Mapping[str, Any]) -> None:
        """Raise ConfigError for another family: its features would be read from the wrong place."""
        family = family_of(config)
        if family != self.family:
            kind = " ".join(config.get("architectures") or []) or config.get("model_type", "?")
            raise ConfigError(
                f"{self.said}: {kind} is no {self.family} but of family {family}; "
                f"use backbone={EXAMPLES[family]} backbone.source={self.source}"
            )

    def read(self, kind: str, device: str) -> tuple[Any, Any]:
        """(model by the class `kind` of transformers, tokenizer): as `model`."""
        model, where, options = self.model(kind, device)
        tokenizer = self.tokenizer(where, options)
        checking.reads(model, tokenizer, self.said)
        return model, tokenizer

    def tokenizer(self, where: str, options: dict[str, Any]) -> Any:
        """The tokenizer beside the weights."""
        from transformers import AutoTokenizer

        try:
            return AutoTokenizer.from_pretrained(where, **options)
        except LOADING as error:
            raise checking.refused(error, self.said) from error

    def model(self, kind: str, device: str) -> tuple[Any, str, dict[str, Any]]:
        """(model by the class `kind` of transformers, where it lies, how it is read from there).

        It is in evaluation mode, every parameter frozen; `headless` of it says whether it lacks its language-model
        head. Raises ConfigError for another family, and for weights that are not those of its config.
        """
        if self.packaged or Path(self.source).is_dir():
            os.environ["HF_HUB_OFFLINE"] = "1"  # a packaged backbone never asks the hub (25 s of retries offline)
        import transformers

        logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # wherever it is installed, it asks for kernels
        transformers.utils.logging.disable_progress_bar()
        transformers.utils.logging.set_verbosity_error()
        where = str(converted.folder(self.packaged)) if self.packaged else self.source
        options: dict[str, Any] = {"trust_remote_code": False}
        weights = {"use_safetensors": True, "dtype": self.torch_dtype, "output_loading_info": True}
        weights["ignore_mismatched_sizes"] = True  # told by `checking.tensors`, with their names
        weights |= self.packing() | self.placing(device)
        options |= {} if Path(where).is_dir() else {"revision": self.revision}
        try:
            config = transformers.AutoConfig.from_pretrained(where, **options).to_dict()
            self.check_family(config)
            checking.runs_no_code(config, self.said)
            model, info = getattr(transformers, kind).from_pretrained(where, **weights, **options)
        except ConfigError:
            raise
        except LOADING as error:
            raise checking.refused(error, self.said) from error
        model.headless = not checking.tensors(model, info, self.said)
        for part in model.modules():  # a core's own order of packed weights would change them, and has no gradient
            if hasattr(part, "support_avx512bf16_for_cpu"):
                part.support_avx512bf16_for_cpu = False
        model = model.eval().requires_grad_(False)
        return model if self.placing(device) else model.to(device), where, options

    def placing(self, device: str) -> dict[str, Any]:
        """What transformers is told where the weights go as they are read: packed ones, or those for all GPUs."""
        if device == "all":
            return {"device_map": "auto"}
        return {"device_map": {"": device}} if self.packed else {}

    def packing(self) -> dict[str, Any]:
        """What transformers is told where the weights are to be packed as they are read; nothing where not."""
        if not self.packed:
            return {}
        from transformers import BitsAndBytesConfig

        checking.unpacks(self.said)
        how: Any = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type=self.dtype,
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=self.torch_dtype,
        )
        return {"quantization_config": how}


def family_of(config: Mapping[str, Any]) -> str:
    """One of EXAMPLES, from the content of a config.json of transformers."""
    if "text_config" in config and "vision_config" in config:
        return "dual_encoder"
    if "num_channels" in config:
        return "image_encoder"
    names, kind = " ".join(config.get("architectures") or []), config.get("model_type") or ""
    if config.get("is_encoder_decoder") or kind in ("t5", "mt5", "umt5"):
        return "encoder_decoder"
    written = any(part in names for part in ("CausalLM", "LMHead"))
    if config.get("use_bidirectional_attention") is True:  # an embedding model of a family that writes
        return "encoder"
    if config.get("is_decoder") or written or kind.startswith(DECODERS):
        return "causal"
    return "encoder"


def longest(tokenizer: Any, config: Any, module: Any = None) -> int:
    """How many tokens of a text are read at most: what tokenizer and positions allow, and 512.

    Positions of RoBERTa and its like begin after the number of the token that pads.
    """
    positions = getattr(config, "max_position_embeddings", None) or 512
    tables = (m for name, m in module.named_modules() if name.endswith("position_embeddings")) if module else ()
    first = next((m.padding_idx + 1 for m in tables if getattr(m, "padding_idx", None) is not None), 0)
    return min(tokenizer.model_max_length, positions - first, 512)


def _digest(folder: Path) -> str:
    """sha256 over the names and contents of the files that decide the features."""
    digest = hashlib.sha256()
    kinds = ("*.safetensors", "*.json", "*.txt", "*.model", "*.spm")
    for path in sorted(path for kind in kinds for path in folder.glob(kind)):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
