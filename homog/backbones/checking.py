"""What is loaded is what the user meant: a folder, its tensors and its tokenizer are checked, each breach in a line."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from homog.config import ConfigError
from homog.wording import counted, line, some

TOKENIZERS = ("tokenizer.json", "vocab.txt", "vocab.json", "*.model", "*.spm", "tekken.json")
HEADS = re.compile(r"(^|\.)(pooler|lm_head|cls|classifier|score|head)(\.|$)|(^|\.)(logit_scale|logit_bias)$")
LANGUAGE_HEAD = re.compile(r"(^|\.)(lm_head|embed_out)(\.|$)")
BUFFERS = re.compile(r"(position_ids|inv_freq|attn\.bias|attn\.masked_bias)$")  # of old files; nothing is lost


def config_of(where: Path, said: str) -> dict[str, Any]:
    """The content of config.json in a directory. Raises ConfigError where there is none, beginning with `said`."""
    if not (where / "config.json").is_file():
        if (where / "adapter_config.json").is_file():
            raise ConfigError(f"{said}: {_adapter(where)}")
        raise ConfigError(f"{said}: no config.json; save it with save_pretrained()")
    try:
        config = json.loads((where / "config.json").read_text())
    except (ValueError, OSError) as error:
        raise ConfigError(f"{said}: config.json cannot be read ({line(error)}); save it anew") from None
    if not isinstance(config, dict):
        raise ConfigError(f"{said}: config.json holds no object; save it anew with save_pretrained()")
    return config


def weights(where: Path, said: str) -> None:
    """Raise ConfigError for a directory whose weights are not there, are an adapter's, or are damaged."""
    files = sorted(where.glob("*.safetensors"))
    if (where / "adapter_config.json").is_file() and not any("adapter" not in file.name for file in files):
        raise ConfigError(f"{said}: {_adapter(where)}")
    if not files:
        pickled = sorted(p.name for p in (*where.glob("*.bin"), *where.glob("*.pt"), *where.glob("*.ckpt")))
        there = f"only {', '.join(pickled)}, which homog never unpickles" if pickled else "no weights"
        raise ConfigError(f"{said}: {there}; convert with save_pretrained(…, safe_serialization=True)")
    for file in files:
        _opens(file, said)
    _whole(where, {file.name for file in files}, said)


def fits(where: Path, size: float, dtype: str, said: str) -> None:
    """Raise ConfigError where the weights, at `size` bytes each in this dtype, are more than the free memory."""
    import psutil
    from safetensors import safe_open

    count = 0
    for file in sorted(where.glob("*.safetensors")):
        with safe_open(file, framework="pt") as held:
            count += sum(math.prod(held.get_slice(name).get_shape()) for name in held.keys())  # noqa: SIM118
    free = psutil.virtual_memory().available
    if count * size > free:
        smaller = "use backbone.dtype=bfloat16, which takes half, or" if size > 2 else "use a smaller model or"
        needed = f"{counted(count, 'weight')} in {dtype} are {count * size / 1e9:.1f} GB"
        raise ConfigError(
            f"{said}: {needed}, and {free / 1e9:.1f} GB of memory are free; {smaller} a machine with more"
        )


def unpacks(said: str) -> None:
    """Raise ConfigError where the package that packs weights into 4 bits is missing."""
    from importlib.util import find_spec

    if find_spec("bitsandbytes") is None:
        raise ConfigError(f"{said}: backbone.dtype=nf4 needs bitsandbytes: pip install 'homog-inheritance[quantized]'")


def runs_no_code(config: dict[str, Any], said: str) -> None:
    """Raise ConfigError for a model that transformers does not know, or whose weights are quantized."""
    from transformers import CONFIG_MAPPING

    kind = config.get("model_type")
    if kind not in CONFIG_MAPPING:
        named = f"model_type {kind!r}" if kind else "no model_type in config.json"
        code = ", and homog runs no code of a folder" if config.get("auto_map") else ""
        raise ConfigError(f"{said}: {named} is unknown to this transformers{code}; use a model that it has")
    if quantized := config.get("quantization_config"):
        method = quantized.get("quant_method", "?") if isinstance(quantized, dict) else "?"
        raise ConfigError(f"{said}: its weights are quantized ({method}); use the full-precision weights")


def has_tokenizer(where: Path, said: str) -> None:
    """Raise ConfigError for a directory without a tokenizer: transformers would make one up."""
    if not any(next(where.glob(name), None) for name in TOKENIZERS):
        raise ConfigError(
            f"{said}: no tokenizer ({', '.join(TOKENIZERS[:3])} …); put it there with tokenizer.save_pretrained()"
        )


def _adapter(where: Path) -> str:
    try:
        base = json.loads((where / "adapter_config.json").read_text()).get("base_model_name_or_path") or "its base"
    except (ValueError, OSError, AttributeError):
        base = "its base"
    return f"an adapter of {base}, no model; merge it (peft: merge_and_unload()) and save_pretrained()"


def _opens(file: Path, said: str) -> None:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt"):
            return
    except (SafetensorError, OSError) as error:
        start = file.read_bytes()[:60] if file.is_file() else b""
        why = "a Git LFS pointer, no weights: git lfs pull" if start.startswith(b"version https://git-lfs") else ""
        raise ConfigError(f"{said}: {file.name}: {why or f'damaged ({line(error)}); download it again'}") from None


def _whole(where: Path, files: set[str], said: str) -> None:
    """Raise ConfigError where an index names files that are not there."""
    index = where / "model.safetensors.index.json"
    if not index.is_file():
        return
    try:
        named = set(json.loads(index.read_text())["weight_map"].values())
    except (ValueError, OSError, KeyError, AttributeError, TypeError) as error:
        raise ConfigError(f"{said}: {index.name} cannot be read ({line(error)}); download it again") from None
    if missing := sorted(named - files):
        raise ConfigError(f"{said}: {index.name} names {some(missing)}, not there; download the rest")


def tensors(model: Any, info: dict[str, Any], said: str) -> bool:
    """Whether the model has its language-model head. Raises ConfigError for weights that are not the config's.

    `info`: what transformers says of loading them. Heads that nothing here uses may be missing.
    """
    gone, extra = set(info["missing_keys"]), set(info["unexpected_keys"])
    if other := sorted(f"{name}: {tuple(held)} for {tuple(wanted)}" for name, held, wanted in info["mismatched_keys"]):
        raise ConfigError(
            f"{said}: {counted(len(other), 'tensor')} of another shape than the config's {type(model).__name__} has "
            f"({some(other)}); use the config that the weights were saved with"
        )
    if lost := sorted(name for name in gone if not HEADS.search(name) and not BUFFERS.search(name)):
        raise ConfigError(
            f"{said}: {counted(len(lost), 'tensor')} of the config's {type(model).__name__} are not in the weights "
            f"({some(lost)}): they would be drawn at random; use the config that the weights were saved with"
        )
    patterns = {_pattern(name) for name, _ in model.named_parameters()}
    prefixes = ("", f"{getattr(model, 'base_model_prefix', '')}.")
    if more := sorted(name for name in extra if any(_pattern(name.removeprefix(p)) in patterns for p in prefixes)):
        raise ConfigError(
            f"{said}: the weights hold {counted(len(more), 'tensor')} that the config's {type(model).__name__} has no "
            f"place for ({some(more)}); use the config that the weights were saved with"
        )
    finite(model.named_parameters(), said)
    return not any(LANGUAGE_HEAD.search(name) for name in gone)


def finite(parameters: Iterable[tuple[str, Any]], said: str) -> None:
    """Raise ConfigError for weights that are NaN or infinite."""
    if bad := [name for name, value in parameters if not value.isfinite().all()]:
        raise ConfigError(
            f"{said}: {counted(len(bad), 'tensor')} with NaN or infinite values ({some(bad)}); use weights that a "
            "training left whole"
        )


def reads(model: Any, tokenizer: Any, said: str) -> None:
    """Raise ConfigError where the tokenizer has tokens that the embeddings have no row for."""
    rows, size = model.get_input_embeddings().weight.shape[0], len(tokenizer)
    if size > rows:
        beyond = sorted(token for token, number in tokenizer.get_vocab().items() if number >= rows)
        raise ConfigError(
            f"{said}: the tokenizer has {size:,} tokens and the model {rows:,} embeddings ({some(beyond)} "
            f"{'has' if len(beyond) == 1 else 'have'} none); model.resize_token_embeddings(len(tokenizer)), train, save"
        )


def reached(source: str, revision: str) -> None:
    """Raise ConfigError, in seconds, for a model of the hub that is neither in the cache nor can be asked for."""
    import os

    from huggingface_hub import HfApi, try_to_load_from_cache
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    try:
        if isinstance(try_to_load_from_cache(source, "config.json", revision=revision), str):
            return
        if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON"):
            raise ConfigError(f"backbone.source={source}: not in the cache of the hub, and HF_HUB_OFFLINE is set")
        HfApi().model_info(source, revision=revision, timeout=4)
    except (HfHubHTTPError, HFValidationError) as error:
        raise ConfigError(f"backbone.source={source}: {line(error)}") from None
    except ConfigError:
        raise
    except Exception as error:  # whatever its client raises where there is no network
        raise ConfigError(
            f"backbone.source={source}: the hub cannot be reached ({line(error)}); name a directory"
        ) from None


def refused(error: Exception, said: str) -> ConfigError:
    """The ConfigError of what transformers raised for a model that it cannot load."""
    return ConfigError(f"{said}: transformers cannot load it ({line(error)})")


def _pattern(name: str) -> str:
    return re.sub(r"\d+", "#", name)
