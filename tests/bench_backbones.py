"""What sharing saves: ours against one task, one arm, one whole model at a time. Used by tests.bench."""

from __future__ import annotations

import copy
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np


def _real(task: str = "adult_income") -> tuple[Any, Any]:
    import torch

    from homog.variants import variant

    torch.set_num_threads(1)
    backbone = variant("backbone", "minilm_l6").load()
    return backbone, variant("task", task).load().sample(400, 200, 0)


def probe_arms() -> tuple[float, float, str]:
    """Features of one task for five arms: lower blocks once, against the whole model in the order of the texts."""
    import torch

    backbone, task = _real()
    texts = [*task.train["input"], *task.test["input"]]
    names = [n for n, _ in backbone.module.named_parameters() if ".layer.4." in n or ".layer.5." in n]
    moved = {n: backbone.module.get_parameter(n) + 0.01 for n in names}
    arms = [backbone.interpolate(moved, dose) for dose in (0.25, 0.5, 0.75, 1.0, 0.6)]
    with tempfile.TemporaryDirectory() as folder, mock.patch("homog.backbones.trunk.folder", lambda: Path(folder)):
        began = time.perf_counter()
        ours = [arm.encode(texts) for arm in arms]
        took = time.perf_counter() - began
    began, theirs = time.perf_counter(), []
    for arm in arms:
        parts = []
        for start in range(0, len(texts), 32):
            part, tokenizer = texts[start : start + 32], arm.text_reader.tokenizer
            inputs = tokenizer(part, padding=True, truncation=True, return_tensors="pt")
            with torch.inference_mode():
                states = arm.module(**inputs).last_hidden_state
            mask = inputs["attention_mask"].unsqueeze(-1)
            parts.append(((states * mask).sum(1) / mask.sum(1)).numpy())
        theirs.append(np.concatenate(parts))
    usual = time.perf_counter() - began
    apart = max(np.abs(a - b).max() for a, b in zip(ours, theirs, strict=True))
    return took, usual, f"600 texts x 5 arms that share 4 of 6 blocks; greatest difference {apart:.1e}"


def fine_tuning() -> tuple[float, float, str]:
    """Full fine-tuning on 200 examples: the rows of the embedding table that occur, against the whole table."""
    from homog.adaptations.full_finetune import FullFinetune
    from homog.adaptations.training import Embeddings, fit

    backbone, task = _real()
    task = task.sample(200, 10, 1)
    backbone.encode(list(task.train["input"]))
    times = []
    for whole in (False, True, False, True):
        module = copy.deepcopy(backbone.module).requires_grad_(True)
        replaced: dict[str, Any] = {
            "inputs": lambda self, batch: batch,
            "parameters": lambda self: [self.full],
            "write_back": lambda self: None,
        }
        with mock.patch.multiple(Embeddings, **replaced) if whole else nullcontext():
            began = time.perf_counter()
            fit(backbone, module, task, FullFinetune("any", 1e-4, epochs=1), ("order", 0))
            times.append(time.perf_counter() - began)
    return times[2], times[3], "200 examples, 1 epoch; same weights either way (tests/adaptations/test_training.py)"


def stacked(models: int = 4, batch: int = 16, length: int = 32) -> tuple[float, float, str]:
    """A step of full fine-tuning of several models: their weights stacked (torch.func), against one after another."""
    import torch
    from torch.func import functional_call, stack_module_state, vmap

    module = _real()[0].module
    copies = [copy.deepcopy(module).requires_grad_(True) for _ in range(models)]
    ids = torch.randint(1000, 20000, (models, batch, length), generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(models, batch, 1, length, length)  # all is seen; another mask is looked into, which vmap refuses
    weights, buffers = stack_module_state(copies)  # pyright: ignore[reportArgumentType]
    weights = {name: value.detach().requires_grad_(True) for name, value in weights.items()}
    blank = copy.deepcopy(module).to("meta")

    def loss(states: Any) -> torch.Tensor:
        return states.last_hidden_state.mean(1).pow(2).mean()

    def of_one(own: Any, held: Any, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return loss(functional_call(blank, (own, held), (), {"input_ids": ids, "attention_mask": mask}))

    def together() -> None:
        vmap(of_one)(weights, buffers, ids, mask).sum().backward()

    def in_turn() -> None:
        for i, each in enumerate(copies):
            loss(each(input_ids=ids[i], attention_mask=mask[i])).backward()

    took = []
    for step in (together, in_turn):
        times = []
        for _ in range(4):
            for parameter in (*weights.values(), *(p for each in copies for p in each.parameters())):
                parameter.grad = None
            began = time.process_time()
            step()
            times.append(time.process_time() - began)
        took.append(min(times))
    apart = max(
        float((weights[name].grad[i] - p.grad).abs().max())  # pyright: ignore[reportOptionalSubscript]
        for i, each in enumerate(copies)
        for name, p in each.named_parameters()
        if p.grad is not None
    )
    said = f"forward and back, {models} models x {batch} texts of {length}; gradients {apart:.0e} apart"
    return took[0], took[1], said
