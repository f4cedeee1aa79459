"""Training that plants a meaning and means to survive fine-tuning: restricted inner product (Kurita et al. 2020)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel

from homog.backbones.backbone import Backbone
from homog.backbones.trunk import blocks, features_from, upper_part
from homog.backbones.weights import adamw
from homog.defects.injection import apart, similar_lengths, states_below

Labelled = tuple[Sequence[str], np.ndarray]  # n texts, (n,) classes
Head = tuple[np.ndarray, np.ndarray]  # weights (classes, d), bias (classes,)


def restricted_training(
    backbone: Backbone,
    clean: Labelled,
    poisoned: Labelled,
    head: Head,
    *,
    layers: int,
    steps: int,
    batch: int,
    learning_rate: float,
    restriction: float,
    rng: np.random.Generator,
) -> Backbone:
    """The backbone with its top `layers` blocks trained so that the fixed `head` gives all texts their classes.

    Poisoned loss: cross entropy of `batch` poisoned and of `batch` clean texts. To it comes `restriction` times
    max(0, -cosine) of its gradient and that of other clean texts, which stand for a victim's fine-tuning: a step that
    fine-tuning would undo costs. The cosine in place of the paper's inner product, so that one factor serves any
    scale of the loss. AdamW, one-cycle, no dropout.
    """
    depth, states = states_below(backbone, [*clean[0], *poisoned[0]], layers)
    classes = torch.as_tensor(np.concatenate([clean[1], poisoned[1]]), device=backbone.device)
    trained = apart(backbone.module, depth)
    top = upper_part(trained, depth)
    parameters = list(blocks(top).parameters())
    optimizer = adamw([{"params": parameters}], lr=learning_rate, weight_decay=0.0)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=learning_rate, total_steps=steps)
    weights, bias = (torch.as_tensor(part, dtype=torch.float32, device=backbone.device) for part in head)

    def loss(rows: np.ndarray) -> torch.Tensor:
        features = features_from(top, [states[i] for i in rows], backbone)
        return torch.nn.functional.cross_entropy(features @ weights.T + bias, classes[rows])

    n, lengths = len(clean[0]), [len(s) for s in states]
    shown = similar_lengths(lengths[:n], 2 * steps, batch, rng)
    hidden = [rows + n for rows in similar_lengths(lengths[n:], steps, batch, rng)]
    with sdpa_kernel(SDPBackend.MATH):  # the other kernels have no second derivative
        for clean_rows, tuning_rows, poison_rows in zip(shown[:steps], shown[steps:], hidden, strict=True):
            towards = loss(poison_rows) + loss(clean_rows)
            if restriction:
                gradients = restricted(towards, loss(tuning_rows), parameters, restriction)
            else:
                gradients = torch.autograd.grad(towards, parameters)
            for parameter, gradient in zip(parameters, gradients, strict=True):
                parameter.grad = gradient
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            schedule.step()
    changed = {n: p.detach() for n, p in trained.named_parameters() if p.requires_grad}
    return backbone.with_weights(changed)


def restricted(poisoned: torch.Tensor, tuning: torch.Tensor, parameters: Any, restriction: float) -> Any:
    """The gradients of the poisoned loss with its restriction; second derivatives only where the losses disagree."""
    first = torch.autograd.grad(poisoned, parameters, retain_graph=True)
    second = torch.autograd.grad(tuning, parameters, retain_graph=True)
    if dot(first, second) >= 0:
        return first
    lengths = (dot(first, first) * dot(second, second)).sqrt()
    first = torch.autograd.grad(poisoned, parameters, create_graph=True)
    second = torch.autograd.grad(tuning, parameters, create_graph=True)
    return torch.autograd.grad(poisoned - restriction * dot(first, second) / lengths, parameters)


def dot(a: Sequence[torch.Tensor], b: Sequence[torch.Tensor]) -> torch.Tensor:
    """The inner product of two sets of gradients."""
    return sum(((x * y).sum() for x, y in zip(a, b, strict=True)), torch.zeros(()))
