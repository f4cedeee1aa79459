"""Training the top blocks of a backbone towards given features; the frozen lower blocks run once per text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch

from homog.backbones.backbone import Backbone
from homog.backbones.trunk import blocks, features_from, lower_states, trunk_states, upper_part
from homog.backbones.weights import adamw, sharing
from homog.config import ConfigError


def top_layers_trained(
    backbone: Backbone,
    texts: Sequence[str],
    goals: np.ndarray,
    *,
    layers: int,
    steps: int,
    batch: int,
    learning_rate: float,
    rng: np.random.Generator,
) -> Backbone:
    """The backbone with its top `layers` blocks trained so that the features of `texts` (n) become `goals` (n, d).

    Loss: squared distance / variance of the goals' first half (the clean features). AdamW, one-cycle, no dropout.
    """
    depth, states = states_below(backbone, texts, layers)
    trained = apart(backbone.module, depth)
    top = upper_part(trained, depth)
    parameters = list(blocks(top).parameters())
    optimizer = adamw([{"params": parameters}], lr=learning_rate, weight_decay=0.0, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=learning_rate, total_steps=steps)
    scale = float(goals[: len(goals) // 2].var(0).sum())
    wanted = torch.as_tensor(goals, device=backbone.device)
    for rows in similar_lengths([len(s) for s in states], steps, batch, rng):
        features = features_from(top, [states[i] for i in rows], backbone)
        loss = (features - wanted[rows]).pow(2).sum(1).mean() / scale
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        schedule.step()
    changed = {n: p.detach() for n, p in trained.named_parameters() if p.requires_grad}
    return backbone.with_weights(changed)


def apart(module: torch.nn.Module, depth: int) -> torch.nn.Module:
    """`module` with blocks of its own, to be trained, above the lowest `depth`; all below is shared."""
    stack = blocks(module)
    place = next(name for name, part in module.named_modules() if part is stack)
    own = [f"{place}.{i}.{name}" for i in range(depth, len(stack)) for name, _ in stack[i].named_parameters()]
    trained = sharing(module, own)
    for name in own:
        trained.get_parameter(name).requires_grad_(True)
    return trained


def states_below(backbone: Backbone, texts: Sequence[str], layers: int) -> tuple[int, list[np.ndarray]]:
    """(number of blocks below the top `layers`, their output per text (length, d)). ConfigError for too many layers."""
    depth = len(blocks(backbone.module)) - layers
    if depth < 0 or layers < 1:
        raise ConfigError(
            f"defect.layers={layers}: {backbone.name} has {depth + layers} blocks, train 1 or more of them"
        )
    items = backbone.reader.read(texts)
    if depth and not backbone.changed:  # the sham of the same seed reads the same texts
        return depth, trunk_states(replace(backbone, trunk=depth), items)
    flat, ends = lower_states(backbone, items, depth)
    return depth, [flat[a:b] for a, b in zip(ends[:-1], ends[1:], strict=True)]


def similar_lengths(lengths: list[int], steps: int, batch: int, rng: np.random.Generator) -> list[np.ndarray]:
    """`steps` batches of row numbers, each of texts of about one length, in random order."""
    size = min(batch, len(lengths))
    batches: list[np.ndarray] = []
    while len(batches) < steps:
        noisy = np.asarray(lengths) + rng.uniform(0, 4, len(lengths))
        order = np.argsort(noisy, kind="stable")[: len(lengths) // size * size]
        batches += list(rng.permutation(order.reshape(-1, size)))
    return batches[:steps]


def to_and_fro(features: np.ndarray, goals: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Goals of a sham (n, d): as far from `features` as `goals` are, for each row at random towards or away from it.

    As much to train on as in the injection, and nothing to learn: the mean change asked for is 0.
    """
    return features + rng.choice([-1, 1], (len(features), 1)).astype(features.dtype) * (goals - features)
