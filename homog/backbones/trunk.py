"""A transformer in two parts: the lowest blocks run once per text for all backbones that share them, then the rest."""

from __future__ import annotations

import contextlib
import copy
import hashlib
import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from homog import sources

if TYPE_CHECKING:
    from homog.backbones.backbone import Backbone

CACHE_BYTES = int(float(os.environ.get("HOMOG_TRUNK_GB", "4")) * 2**30)


def folder() -> Path:
    """Where the cache of trunk outputs is."""
    return sources.cache() / "trunk"


class Given(torch.nn.Module):
    """Stands where a model's embeddings stood and answers with states that were computed before."""

    states: torch.Tensor

    def forward(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """The states, whatever is asked."""
        return self.states


def blocks(module: torch.nn.Module) -> torch.nn.ModuleList:
    """The stacked blocks of a transformer encoder, lowest first."""
    depth = module.config.num_hidden_layers  # pyright: ignore
    return next(m for m in module.modules() if isinstance(m, torch.nn.ModuleList) and len(m) == depth)


def lower_part(module: torch.nn.Module, depth: int) -> torch.nn.Module:
    """The embeddings and the lowest `depth` blocks as a module of its own that shares the parameters."""
    return _section(module, slice(0, depth))


def upper_part(module: torch.nn.Module, depth: int) -> torch.nn.Module:
    """The blocks above the lowest `depth` as a module of its own that shares the parameters.

    Its embeddings are a `Given`: set `.embeddings.states` to the output of the lower part.
    """
    part: Any = _section(module, slice(depth, None))
    part.embeddings = Given()
    if hasattr(part, "embeddings_project"):
        part.embeddings_project = torch.nn.Identity()
    return part


def _section(module: torch.nn.Module, kept: slice) -> torch.nn.Module:
    share = {id(p): p for p in module.parameters()}
    part: Any = copy.deepcopy(module, memo=share)  # pyright: ignore[reportArgumentType]
    stack = blocks(part)
    blocks_kept = list(stack)[kept]
    while len(stack):
        del stack[-1]
    stack.extend(blocks_kept)
    part.config.num_hidden_layers = len(blocks_kept)
    return part


def untouched(module: torch.nn.Module, changed: Iterable[str]) -> int:
    """How many of the lowest blocks hold none of the `changed` parameters; 0 if one lies outside the blocks."""
    place = {id(p): i for i, block in enumerate(blocks(module)) for p in block.parameters()}
    found = [place.get(id(module.get_parameter(name)), 0) for name in changed]
    return min(found, default=0)


def lower_states(backbone: Backbone, tokens: list[list[int]], depth: int) -> tuple[np.ndarray, np.ndarray]:
    """Output of block depth-1: states of all texts in a row (total tokens, d), and where each begins (n + 1)."""
    from homog.backbones.backbone import by_length, hidden, pad

    ends = np.cumsum([0, *map(len, tokens)])
    flat = np.empty((ends[-1], backbone.dimension), dtype=np.float32)
    lower = lower_part(backbone.module, depth)
    for rows in by_length(tokens):
        ids, mask = pad([tokens[i] for i in rows], backbone.tokenizer.pad_token_id, backbone.device)
        with torch.inference_mode():
            output = hidden(lower, ids, mask).cpu().numpy()
        for row, state in zip(rows, output, strict=True):
            flat[ends[row] : ends[row + 1]] = state[: len(tokens[row])]
    return flat, ends


def trunk_states(backbone: Backbone, tokens: list[list[int]]) -> list[np.ndarray]:
    """Per text (length, d): the output of the backbone's trunk, from the disk cache where it was computed before.

    The cache is shared by all processes and bounded by HOMOG_TRUNK_GB (4): the least recently used files go first.
    """
    facts = [
        backbone.source_id,
        backbone.trunk,
        tokens,
        torch.__version__,
        str(backbone.device),
        torch.get_num_threads(),
    ]
    path = folder() / f"{hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]}.npy"
    ends = np.cumsum([0, *map(len, tokens)])
    try:
        flat = np.load(path, mmap_mode="r", allow_pickle=False)
        with contextlib.suppress(OSError):
            os.utime(path)
    except (OSError, ValueError):
        flat, _ = lower_states(backbone, tokens, backbone.trunk)
        _keep(path, flat)
    return [flat[a:b] for a, b in zip(ends[:-1], ends[1:], strict=True)]


def _keep(path: Path, flat: np.ndarray) -> None:
    """Write atomically, then delete the oldest files above the cap. A full disk costs the cache, not the run."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
            temporary = Path(file.name)
            np.save(file, flat)
        temporary.replace(path)
        files = sorted(path.parent.glob("*.npy"), key=lambda p: p.stat().st_mtime, reverse=True)
        total = np.cumsum([p.stat().st_size for p in files])
        for old, size in zip(files, total, strict=True):
            if size > CACHE_BYTES:
                old.unlink(missing_ok=True)
    except OSError:
        if temporary:
            temporary.unlink(missing_ok=True)


def features_from(top: torch.nn.Module, states: Sequence[Any], backbone: Backbone) -> torch.Tensor:
    """Features (batch, d) by the upper blocks of `backbone`, given each text's states (length, d) that enter them."""
    from homog.backbones.backbone import hidden

    lengths = torch.as_tensor([len(s) for s in states])
    padded = torch.zeros((len(states), int(lengths.max()), states[0].shape[1]))
    for i, state in enumerate(states):
        padded[i, : len(state)] = torch.as_tensor(np.array(state))
    mask = (torch.arange(padded.shape[1]) < lengths[:, None]).long().to(backbone.device)
    top.embeddings.states = padded.to(backbone.device)  # pyright: ignore
    return backbone.pool(hidden(top, torch.zeros_like(mask), mask), mask)
