"""Adapted models as files, the standard way: transformers and peft folders with the head and its provenance beside."""

from __future__ import annotations

import contextlib
import json
import shutil
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from homog.adaptations.adaptation import Predictor
from homog.config import ConfigError, choose
from homog.files import replacing

if TYPE_CHECKING:
    from homog.backbones.backbone import Backbone

HOW = ("", "adapters", "models")
FACTS, HEAD, ADAPTER, BACKBONE = "homog.json", "head.safetensors", "adapter_config.json", "backbone"


def check(adaptation: Any, how: str, modality: str = "text") -> None:
    """Raise ConfigError for a way to save that there is not, or an adaptation whose models would need a pickle."""
    choose(how, HOW, "save")
    if how and modality != "text":
        raise ConfigError(
            f"save={how}: models of {modality} inputs cannot be saved yet, models of text can; use save=''"
        )
    if how and not (adaptation.linear_head and adaptation.uses_backbone):
        raise ConfigError(
            f"save={how}: models of {adaptation.name} have no linear head on a backbone and would need a pickle, "
            f"which homog never writes; leave {adaptation.name} out, or save=''"
        )


def save(folder: Path, model: Predictor, backbone: Backbone, how: str, facts: Mapping[str, Any]) -> None:
    """Write `model` into `folder`: with 'adapters' what was trained, with 'models' the frozen backbone as well.

    head.safetensors; adapter_config.json and adapter_model.safetensors of peft, or config.json and model.safetensors of
    a model whose weights moved; with 'models' the frozen backbone in backbone/; the tokenizer; homog.json, the
    record's provenance. Of language models the whole is written, with its head or decoder. The folder is there whole or
    not at all.
    """
    from peft import PeftModel
    from safetensors.numpy import save_file

    assert model.head is not None  # `check` comes first
    reader, part = backbone.text_reader, folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    adapters = isinstance(model.module, PeftModel)
    if model.module is not None:
        with _quiet():
            (model.module if adapters else _whole(backbone, model.module)).save_pretrained(str(part))
    if how == "models" and (model.module is None or adapters):
        _whole(backbone, backbone.module).save_pretrained(str(part / BACKBONE))
        reader.tokenizer.save_pretrained(str(part / BACKBONE))
    (part / "README.md").unlink(missing_ok=True)  # peft's empty template
    reader.tokenizer.save_pretrained(str(part))
    weights, bias = (np.ascontiguousarray(array, dtype=np.float32) for array in model.head)
    said = {"how": how, "max_length": reader.max_length, **facts}
    save_file({"weight": weights, "bias": bias}, part / HEAD, metadata={"homog": json.dumps(said)})
    with replacing(part / FACTS) as temporary:
        temporary.write_text(json.dumps(said, indent=1, sort_keys=True) + "\n")
    shutil.rmtree(folder, ignore_errors=True)
    part.replace(folder)


def load(folder: Path, backbone: Backbone | None = None) -> tuple[Predictor, dict[str, Any]]:
    """(the model, its provenance) of a folder that `save` wrote.

    `backbone`: the one that was adapted, needed where it was not saved along (ConfigError says so).
    """
    import torch
    from safetensors.numpy import load_file

    from homog.adaptations.training import Copy, predictor
    from homog.backbones.weights import sharing

    facts, arrays = json.loads((folder / FACTS).read_text()), load_file(folder / HEAD)
    shared = backbone or _shared(folder)
    shared = replace(shared, reader=replace(shared.text_reader, max_length=facts["max_length"]), memo={})
    module, own = shared.module, (folder / "config.json").is_file()
    if (folder / ADAPTER).is_file():
        from peft import PeftModel

        with _quiet():
            module = PeftModel.from_pretrained(sharing(shared.module), str(folder))  # pyright: ignore
    elif own:
        module = _shared(folder).module
    head = torch.nn.Linear(arrays["weight"].shape[1], len(arrays["bias"])).to(shared.device)
    with torch.no_grad():
        head.weight.copy_(torch.as_tensor(arrays["weight"]))
        head.bias.copy_(torch.as_tensor(arrays["bias"]))
    names = dict(module.named_parameters()) if own else {}
    return predictor(Copy(shared, module.eval(), names), head), facts


def _whole(backbone: Backbone, module: Any) -> Any:
    """What transformers would save: the language model around the module, where the backbone has one."""
    return backbone.language.around(module) if backbone.language else module


def _shared(folder: Path) -> Any:
    """The model that was saved in `folder`: its own where its weights moved, else the frozen backbone."""
    from homog.backbones import BACKBONES
    from homog.backbones.kind import DTYPES
    from homog.backbones.pretrained import EXAMPLES, family_of

    where = next((path for path in (folder, folder / BACKBONE) if (path / "config.json").is_file()), None)
    if where is None:
        raise ConfigError(f"{folder} was saved without its backbone: load(folder, backbone), or save=models next time")
    config = json.loads((where / "config.json").read_text())
    kind = BACKBONES[EXAMPLES[family_of(config)]]
    return kind(folder.name, str(where), dtype=config.get("dtype", DTYPES[0])).load()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft reads an attribute that transformers has renamed
        yield
