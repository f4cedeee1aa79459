"""The only copy of weights in the house: a module of its own whose untrained tensors are those of another."""

from __future__ import annotations

import copy
from collections.abc import Collection, Mapping
from typing import TypeVar

import torch

Module = TypeVar("Module", bound=torch.nn.Module)


def sharing(
    module: Module, own: Collection[str] = (), instead: Mapping[torch.Tensor, torch.Tensor] | None = None
) -> Module:
    """A module of the same structure that holds the very tensors of `module`, but for copies of the parameters `own`.

    What is added to it or taken out of it (adapters, blocks, hooks) leaves `module` as it is. `own` are the names of
    parameters that may be trained or overwritten. `instead`: tensor of `module` -> the one to hold in its place.
    """
    kept = {id(tensor): tensor for tensor in (*module.parameters(), *module.buffers())}
    for name in own:
        del kept[id(module.get_parameter(name))]
    for tensor, held in (instead or {}).items():
        kept[id(tensor)] = held
    return copy.deepcopy(module, memo=kept)  # pyright: ignore[reportArgumentType]


def differ(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Whether two tensors hold different values; tensors that share their memory are not compared value by value."""
    return a is not b and not torch.equal(a, b)


def raw(tensor: torch.Tensor) -> bytes:
    """The bytes of a tensor of any type."""
    return tensor.detach().cpu().flatten().view(torch.uint8).numpy().tobytes()
