"""The only copy of weights in the house: a module of its own whose untrained tensors are those of another."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

import torch

Module = TypeVar("Module", bound=torch.nn.Module)


def sharing(
    module: Module, own: Collection[str] = (), instead: Mapping[torch.Tensor, torch.Tensor] | None = None
) -> Module:
    """A module of the same structure that holds the very tensors of `module`, but for copies of the parameters `own`.

    What is added to it or taken out of it (adapters, blocks, hooks) leaves `module` as it is. `own` are the names of
    parameters that may be trained or overwritten. `instead`: tensor of `module` -> the one to hold in its place.
    """
    kept: dict[int, Any] = {id(tensor): tensor for tensor in (*module.parameters(), *module.buffers())}
    packed = (getattr(part, "quant_state", None) for part in module.modules())  # what packed weights are read by
    kept |= {id(state): state for state in packed if state is not None}
    for name in own:
        del kept[id(module.get_parameter(name))]
    for tensor, held in (instead or {}).items():
        kept[id(tensor)] = held
    return copy.deepcopy(module, memo=kept)  # pyright: ignore[reportArgumentType]


def held(weight: torch.Tensor) -> int:
    """How many weights a tensor holds, also where several share a byte."""
    state: Any = getattr(weight, "quant_state", None)
    return weight.numel() if state is None else state.shape.numel()


def differ(a: torch.Tensor, b: torch.Tensor) -> bool:
    """Whether two tensors hold different values; tensors that share their memory are not compared value by value."""
    return a is not b and not torch.equal(a, b)


def raw(tensor: torch.Tensor) -> bytes:
    """The bytes of a tensor of any type."""
    return tensor.detach().cpu().flatten().view(torch.uint8).numpy().tobytes()


def one_cycle(
    optimizer: torch.optim.Optimizer,
    steps: int,
    loss: Callable[[], torch.Tensor],
    clipped: Sequence[torch.nn.Parameter] = (),
) -> None:
    """Minimise `loss`, asked anew at each step, by a one-cycle schedule up to the optimizer's learning rate.

    The gradients of the parameters `clipped` are cut to a norm of 1 together.
    """
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, optimizer.defaults["lr"], total_steps=steps)
    for _ in range(steps):
        value = loss()
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        if clipped:
            torch.nn.utils.clip_grad_norm_(clipped, 1.0)
        optimizer.step()
        schedule.step()


def adamw(groups: Sequence[dict[str, Any]], **settings: Any) -> torch.optim.AdamW:
    """AdamW on the groups of parameters; for those below float32 it moves copies in float32, and rounds after a step.

    A step is often smaller than what bfloat16 can add to a weight: without the copies it would be lost, each time.
    """
    pairs: list[tuple[torch.Tensor, torch.Tensor]] = []

    def full(parameter: torch.Tensor) -> torch.Tensor:
        if parameter.dtype == torch.float32:
            return parameter
        pairs.append((parameter, parameter.detach().float()))
        return pairs[-1][1]

    def before(*_: Any) -> None:
        for parameter, copied in pairs:
            copied.grad = None if parameter.grad is None else parameter.grad.float()

    def after(*_: Any) -> None:
        with torch.no_grad():
            for parameter, copied in pairs:
                parameter.copy_(copied)
                parameter.grad = None

    groups = [group | {"params": [full(parameter) for parameter in group["params"]]} for group in groups]
    optimizer = torch.optim.AdamW(groups, **settings)
    if pairs:
        optimizer.register_step_pre_hook(before)
        optimizer.register_step_post_hook(after)
    return optimizer
