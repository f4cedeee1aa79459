"""A transformer in two parts: the lowest blocks run once per text for all backbones that share them, then the rest."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import time
import tokenize
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from homog import sources
from homog.backbones.weights import held, sharing
from homog.files import replacing
from homog.inputs.reader import content_of
from homog.wording import line

if TYPE_CHECKING:
    from homog.backbones.backbone import Backbone

SEAL = 32  # bytes
STALE = 3600  # seconds after which a temporary file is nobody's
LARGE = 500_000_000  # weights of a module whose states between blocks are not all kept while it is trained
CACHE_BYTES = int(float(os.environ.get("HOMOG_TRUNK_GB", "4")) * 2**30)


def folder() -> Path:
    """Where the cache of trunk outputs is."""
    return sources.cache() / "trunk"


class Reached(Exception):  # noqa: N818 - no error: it ends a forward pass whose rest is not wanted
    """Carries the states (batch, length, d) that have reached the first block above the trunk."""


class Entry:
    """A hook before a block that puts `states` in place of what the block would have been given."""

    states: torch.Tensor

    def __call__(self, block: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any]:
        """The block's arguments with the states in them."""
        return (self.states, *args[1:]), kwargs


class Bias(torch.nn.Module):
    """Stands for an embedding whose weight is known and is not to be trained here."""

    def __init__(self, weight: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("weight", weight.detach())

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """The rows of `ids`."""
        return torch.nn.functional.embedding(ids, self.get_buffer("weight"))


def blocks(module: torch.nn.Module) -> torch.nn.ModuleList:
    """The stacked blocks of a transformer, lowest first; none where the module is no stack of blocks."""
    depth = getattr(module.config, "num_hidden_layers", 0) or -1  # pyright: ignore
    stacks = (m for m in module.modules() if isinstance(m, torch.nn.ModuleList) and len(m) == depth)
    return next(stacks, torch.nn.ModuleList())


def lower_part(module: torch.nn.Module, depth: int) -> torch.nn.Module:
    """What runs below block `depth` as a module of its own that shares the parameters.

    It answers by raising `Reached`, so that neither that block nor what comes after the last one (a final norm) runs.
    """

    def stop(block: torch.nn.Module, args: tuple[Any, ...]) -> None:
        raise Reached(args[0])

    part = _section(module, slice(0, depth + 1))
    blocks(part)[-1].register_forward_pre_hook(stop)
    return part


def upper_part(module: torch.nn.Module, depth: int) -> torch.nn.Module:
    """The blocks above the lowest `depth`, and what follows them, as a module of its own that shares the parameters.

    Set `.entry.states` to the output of the lower part: these enter the first block, whatever the model is given.
    """
    part: Any = _section(module, slice(depth, None))
    part.entry = Entry()
    first = blocks(part)[0]
    first.register_forward_pre_hook(part.entry, with_kwargs=True)
    if depth:
        _keep_relative_positions(blocks(module)[0], first)
    return part


def _keep_relative_positions(lowest: torch.nn.Module, first: torch.nn.Module) -> None:
    """T5's lowest block holds the bias of relative positions for all: the `first` of the upper ones is lent it."""
    lent = next((m for m in lowest.modules() if getattr(m, "has_relative_attention_bias", False)), None)
    if lent is None:
        return
    place: Any = next(m for m in first.modules() if hasattr(m, "has_relative_attention_bias"))
    place.has_relative_attention_bias = True
    place.relative_attention_bias = Bias(lent.relative_attention_bias.weight)  # pyright: ignore


def _section(module: torch.nn.Module, kept: slice) -> torch.nn.Module:
    part: Any = sharing(module)
    stack = blocks(part)
    blocks_kept = list(stack)[kept]
    while len(stack):
        del stack[-1]
    stack.extend(blocks_kept)
    part.config.num_hidden_layers = len(blocks_kept)
    if getattr(part.config, "layer_types", None):  # which blocks see only a window, in Qwen or Gemma
        part.config.layer_types = part.config.layer_types[kept]
    return part


def recomputed(module: torch.nn.Module, least: int = LARGE) -> None:
    """From `least` weights on, let each block of `module` keep its input alone while it is trained.

    What lies between is computed again on the way back (Chen et al. 2016): the same numbers, for a third more time and
    a fraction of the memory. Keys and values given from outside are changed on the way, and stay as they are.
    """
    from torch.utils.checkpoint import checkpoint

    def instead(forward: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **kwargs: Any) -> Any:
            if not torch.is_grad_enabled() or kwargs.get("past_key_values") is not None:
                return forward(*args, **kwargs)
            return checkpoint(forward, *args, use_reentrant=False, **kwargs)

        return run

    if sum(map(held, module.parameters())) >= least:
        for block in blocks(module):
            block.forward = instead(block.forward)


def multiplied(module: torch.nn.Module, depth: int) -> tuple[int, int]:
    """(weights of the linear layers in the lowest `depth` blocks, of all others): a state costs 2 operations each.

    A pooler reads one state of a text, if any, and is left out.
    """
    states = [m for name, m in module.named_modules() if "pooler" not in name]
    linear = [m for m in states if isinstance(m, torch.nn.Linear) or type(m).__name__ == "Conv1D"]
    sizes = {id(m.weight): held(m.weight) for m in linear}  # pyright: ignore
    lower = {id(p) for block in list(blocks(module))[:depth] for p in block.parameters()} & sizes.keys()
    below = sum(sizes[key] for key in lower)
    return below, sum(sizes.values()) - below


def untouched(module: torch.nn.Module, changed: Iterable[str]) -> int:
    """How many of the lowest blocks hold none of the `changed` parameters; 0 if one lies outside the blocks."""
    place = {id(p): i for i, block in enumerate(blocks(module)) for p in block.parameters()}
    return min((place.get(id(module.get_parameter(name)), 0) for name in changed), default=0)


def lower_states(backbone: Backbone, items: list[Any], depth: int) -> tuple[np.ndarray, np.ndarray]:
    """Output of block depth-1: states of all items in a row (total states, d), and where each begins (n + 1).

    They take the room that they have in the backbone: float32, float16, or the bits of bfloat16 as uint16, which numpy
    lacks.
    """
    reader = backbone.reader
    ends = np.cumsum([0, *map(reader.size, items)])
    flat = np.empty((ends[-1], 0), dtype=np.float32)
    lower = lower_part(backbone.module, depth)
    for rows in reader.batches(items):
        output = _reached(lower, reader.collate([items[i] for i in rows], backbone.device))
        if not flat.size:  # states may be wider than features
            flat = np.empty((ends[-1], output.shape[-1]), dtype=output.dtype)
        for row, state in zip(rows, output, strict=True):
            flat[ends[row] : ends[row + 1]] = state[: reader.size(items[row])]
    return flat, ends


@torch.inference_mode()
def _reached(lower: torch.nn.Module, batch: dict[str, torch.Tensor]) -> np.ndarray:
    try:
        lower(**batch)
    except Reached as reached:
        states = reached.args[0].cpu()
        return (states.view(torch.uint16) if states.dtype == torch.bfloat16 else states).numpy()
    raise RuntimeError("the forward pass ended before it reached the blocks")


def trunk_states(backbone: Backbone, items: list[Any]) -> list[np.ndarray]:
    """Per item (length, d): the output of the backbone's trunk, from the disk cache where it was computed before."""
    facts = [backbone.source_id, backbone.trunk, items]
    ends = np.cumsum([0, *map(backbone.reader.size, items)])
    flat = remembered([*facts, str(backbone.device)], lambda: lower_states(backbone, items, backbone.trunk)[0])
    return [flat[a:b] for a, b in zip(ends[:-1], ends[1:], strict=True)]


def remembered(facts: list[Any], compute: Callable[[], np.ndarray]) -> np.ndarray:
    """What `compute` gives, from the disk cache where it was computed before from the same `facts` (JSON or arrays).

    The cache is shared by all processes and bounded by HOMOG_TRUNK_GB (4): the least recently used files go first. A
    file that does not hold what was written for these facts is named and computed again.
    """
    known = json.dumps(
        [*facts, "sealed", torch.__version__, torch.get_num_threads()], default=lambda item: content_of([item])
    )
    path = folder() / f"{hashlib.sha256(known.encode()).hexdigest()[:32]}.npy"
    try:
        kept = np.load(path, mmap_mode="r", allow_pickle=False)
        with path.open("rb") as file:
            file.seek(-SEAL, os.SEEK_END)
            sealed = file.read()
        if sealed != _seal(known, kept):
            raise ValueError("other content than was written")
        with contextlib.suppress(OSError):
            os.utime(path)
        return kept
    except (ValueError, EOFError, SyntaxError, tokenize.TokenError) as error:  # the last two from a damaged header
        print(f"homog: {path}: {line(error)}; computed again", file=sys.stderr, flush=True)
    except OSError:  # not there, or it cannot be read now
        pass
    computed = compute()
    _keep(path, computed, known)
    return computed


def _seal(known: str, values: np.ndarray) -> bytes:
    """What stands at the end of a file: the sha256 of what it is and of what it holds."""
    digest = hashlib.sha256(f"{hashlib.sha256(known.encode()).hexdigest()}{values.shape}{values.dtype}".encode())
    digest.update(np.ascontiguousarray(values).view(np.uint8).data)
    return digest.digest()


def _keep(path: Path, flat: np.ndarray, known: str) -> None:
    """Write atomically, then delete the oldest files above the cap. A full disk costs the cache, not the run."""
    with contextlib.suppress(OSError):
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.save(file, flat)
            file.write(_seal(known, flat))
        files = sorted(path.parent.glob("*.npy"), key=lambda p: p.stat().st_mtime, reverse=True)
        total = np.cumsum([p.stat().st_size for p in files])
        for old, size in zip(files, total, strict=True):
            if size > CACHE_BYTES:
                old.unlink(missing_ok=True)
        for left in path.parent.glob(".*"):  # of processes that were killed while they wrote
            if time.time() - left.stat().st_mtime > STALE:
                left.unlink(missing_ok=True)


def features_from(top: torch.nn.Module, states: Sequence[Any], backbone: Backbone) -> torch.Tensor:
    """Features (batch, d) by the upper blocks of `backbone`, given each text's states (length, d) that enter them."""
    lengths = torch.as_tensor([len(s) for s in states])
    padded = torch.zeros((len(states), int(lengths.max()), states[0].shape[1]), dtype=backbone.dtype)
    for i, state in enumerate(states):
        given = torch.as_tensor(np.array(state))
        padded[i, : len(state)] = given.view(torch.bfloat16) if given.dtype == torch.uint16 else given
    mask = (torch.arange(padded.shape[1]) < lengths[:, None]).long().to(backbone.device)
    top.entry.states = padded.to(backbone.device)  # pyright: ignore
    return backbone.features(top, backbone.reader.blank(mask))
