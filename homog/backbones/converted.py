"""Packaged weights of other formats: converted once into a folder of safetensors, config and tokenizer."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from homog import sources
from homog.config import ConfigError
from homog.files import made_once

TOKENIZER = {"minilm_l3": "minilm"}  # source without a tokenizer -> the source of the same vocabulary


def needed(source: str) -> tuple[str, ...]:
    """The pinned sources that the folder of `source` is made from."""
    return (source, TOKENIZER[source]) if source in TOKENIZER else (source,)


def folder(source: str) -> Path:
    """The folder of `source` as transformers reads it: as pinned, or converted on the first call."""
    original = sources.folder(source)
    if source not in CONVERSIONS:
        return original
    target = original.with_name(f"{original.name}-safetensors")
    return made_once(target, f"converting {source}, once", lambda made: CONVERSIONS[source](original, made))


def from_onnx(original: Path, target: Path) -> None:
    """The BertModel of 3 blocks whose weights are the initialisers of an ONNX graph: no code of the graph is run."""
    import torch
    from safetensors.torch import save_file

    beside = sources.folder(TOKENIZER["minilm_l3"])
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(beside / name, target / name)
    named, _ = onnx_weights(next(original.glob("*.onnx")), "auto_model")
    weights = {name: torch.from_numpy(value) for name, value in named.items()}
    depth = 1 + max(int(name.split(".")[2]) for name in weights if name.startswith("encoder.layer."))
    # transformers gives a BertModel a pooler, which takes no part in the features; without one here it would be random
    weights |= {f"pooler.dense.{part}": torch.zeros(size) for part, size in (("weight", (384, 384)), ("bias", 384))}
    config = json.loads((beside / "config.json").read_text()) | {"num_hidden_layers": depth}
    config["_name_or_path"] = "paraphrase-MiniLM-L3-v2"
    (target / "config.json").write_text(json.dumps(config, indent=2))
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})


def onnx_weights(path: Path, part: str) -> tuple[dict, dict]:
    """(name below `part` -> array, name of the graph's initialiser -> array), of one part of an exported model.

    An exporter keeps the names of all but matrices, which it also transposes. A matrix is named after the product that
    it enters: `/…/layer.0/attention/self/query/MatMul`.
    """
    import onnx
    from onnx.numpy_helper import to_array

    graph = onnx.load(str(path)).graph
    arrays = {held.name: to_array(held) for held in graph.initializer}
    named = {name.split(f"{part}.", 1)[1]: value.copy() for name, value in arrays.items() if f"{part}." in name}
    for node in graph.node:
        matrix = next((name for name in node.input if name.startswith("onnx::MatMul")), None)
        if node.op_type == "MatMul" and matrix in arrays and f"{part}/" in node.name:
            place = node.name.split(f"{part}/", 1)[1].removesuffix("/MatMul").replace("/", ".")
            named[f"{place}.weight"] = arrays[matrix].T.copy()
    return named, arrays


def from_gguf(original: Path, target: Path) -> None:
    """The causal language model in a GGUF file, its quantised weights as float32."""
    import transformers

    (file,) = original.glob("*.gguf")
    read: Any = transformers.AutoModelForCausalLM.from_pretrained(str(original), gguf_file=file.name, dtype="float32")
    if read.config.model_type != "llama":
        raise ConfigError(f"{file}: a GGUF of {read.config.model_type}; only llama is converted")
    del read.config.quantization_config
    model = transformers.LlamaForCausalLM(read.config)  # one that was never quantised
    model.load_state_dict(read.state_dict())
    model.save_pretrained(target)
    transformers.AutoTokenizer.from_pretrained(str(original), gguf_file=file.name).save_pretrained(target)


def dinov2(original: Path, target: Path) -> None:
    """The Dinov2Model whose weights are the initialisers of an ONNX graph; the decoder behind it is left out.

    The two constants that the graph joins and interpolates are the positions: one of the class token, one of 37 x 37
    patches.
    """
    import torch
    from safetensors.torch import save_file
    from transformers import Dinov2Config

    named, arrays = onnx_weights(next(original.glob("*.onnx")), "backbone")
    weights = {name: torch.from_numpy(value) for name, value in named.items()}
    width = weights["embeddings.cls_token"].shape[-1]
    places = [torch.from_numpy(v.copy()) for n, v in arrays.items() if n.startswith("onnx::") and v.ndim == 3]
    places = sorted((place for place in places if place.shape[-1] == width), key=lambda place: place.shape[1])
    weights["embeddings.position_embeddings"] = torch.cat(places, dim=1)
    weights["embeddings.mask_token"] = torch.zeros(1, width)  # takes no part in the features
    depth = 1 + max(int(name.split(".")[2]) for name in weights if name.startswith("encoder.layer."))
    config = Dinov2Config(hidden_size=width, num_hidden_layers=depth, num_attention_heads=width // 64)
    config.patch_size, config.image_size, config.architectures = 14, 518, ["Dinov2Model"]
    config.save_pretrained(target)
    save_file(weights, target / "model.safetensors", metadata={"format": "pt"})


def efficientnet(original: Path, target: Path) -> None:
    """The weights of a state dict, by the names of `efficientnet.Lite`, without the head for ImageNet's classes."""
    import re

    import torch
    from safetensors.torch import save_file

    held = torch.load(next(original.glob("*.pth")), weights_only=True)  # tensors alone: no pickled code is run
    weights = {re.sub(r"(^|\.)_", r"\1", name): value for name, value in held.items() if not name.startswith("_fc")}
    save_file({name: value.contiguous() for name, value in weights.items()}, target / "model.safetensors")


CONVERSIONS: dict[str, Callable[[Path, Path], None]] = {
    "minilm_l3": from_onnx,
    "smollm2": from_gguf,
    "dinov2_small": dinov2,
    "efficientnet_lite0": efficientnet,
}
