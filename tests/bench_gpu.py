"""What a GPU gives: many adapters over one trunk against one after another, and how much of the card they use.

`make bench` leaves these out where there is no GPU. Used by tests.bench; a test runs them on a CPU with two models.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

TASKS = ("trec", "tweet_sentiment", "amazon_sentiment", "sms_spam", "newsgroups")
TRAIN, TEST = 96, 120
PER_WEIGHT = 4  # operations for a weight and a token of frozen layers: forward, and back to the states


def wanted(adaptation: Any, tasks: Sequence[Any], models: int) -> list[tuple[Any, Any, int]]:
    """(adaptation, task with a sample of its own, seed) of so many models, in turn over the tasks."""
    seeds = [(tasks[i % len(tasks)], i // len(tasks)) for i in range(models)]
    return [(adaptation, task.sample(TRAIN, TEST, seed), seed) for task, seed in seeds]


def fused_models(backbone: Any, asked: Sequence[tuple[Any, Any, int]]) -> float:
    """Seconds to train all, as many at once as fit, and to predict their tests."""
    from homog.adaptations import fused

    began, done = time.perf_counter(), 0
    for models in fused.fit(backbone, asked):
        for model in models:
            model.predict(list(asked[done][1].test["input"]))
            done += 1
    return time.perf_counter() - began


def in_turn(backbone: Any, asked: Sequence[tuple[Any, Any, int]]) -> float:
    """Seconds to train each alone by peft, and to predict its test."""
    began = time.perf_counter()
    for adaptation, task, seed in asked:
        for _, model in adaptation.fit(backbone, [task], seed):
            model.predict(list(task.test["input"]))
    return time.perf_counter() - began


def parts(name: str, device: str, weights: str = "float32", epochs: int = 2) -> tuple[Any, Any, list[Any]]:
    """(backbone, LoRA, tasks), after a first model that starts the card."""
    from homog.variants import variant

    backbone = variant("backbone", name, dtype=weights).load(device)
    adaptation = replace(variant("adaptation", "lora"), epochs=epochs)
    tasks = [variant("task", task).load() for task in TASKS]
    in_turn(backbone, wanted(adaptation, tasks, 1))
    return backbone, adaptation, tasks


def against_peft(device: str = "cuda", models: int = 32) -> tuple[float, float, str]:
    """Many LoRA of MiniLM at once, against one after another."""
    backbone, adaptation, tasks = parts("minilm_l6", device)
    asked = wanted(adaptation, tasks, models)
    took, usual = fused_models(backbone, asked), in_turn(backbone, asked)
    return took, usual, f"{models} LoRA of MiniLM-L6 x {TRAIN} examples; {card(device)}"


def thousand(device: str = "cuda", models: int = 1000) -> tuple[float, float, str]:
    """A thousand LoRA of MiniLM over five tasks."""
    backbone, adaptation, tasks = parts("minilm_l6", device)
    took = fused_models(backbone, wanted(adaptation, tasks, models))
    return took, float("nan"), f"{models:,} LoRA of MiniLM-L6 x {TRAIN} examples; {card(device)}"


def of_the_card(device: str = "cuda", models: int = 16, name: str = "smollm2") -> tuple[float, float, str]:
    """The matrix products of training LoRA of a language model in `dtype`, beside what the card reaches in them."""
    from homog.adaptations import fused
    from homog.backbones.trunk import blocks, multiplied

    backbone, adaptation, tasks = parts(name, device, dtype(device), epochs=8)
    asked = wanted(adaptation, tasks, models)
    began = time.perf_counter()
    for _ in fused.fit(backbone, asked):
        pass
    took = time.perf_counter() - began
    tokens = adaptation.epochs * sum(backbone.states(list(task.train["input"]))[1] for _, task, _ in asked)
    weights = multiplied(backbone.module, len(blocks(backbone.module)))[0]
    reached, most = PER_WEIGHT * tokens * weights / took, rate(device)
    said = f"{reached / 1e12:.2f} of {most / 1e12:.2f} TFLOP/s in {dtype(device)} ({reached / most:.0%})"
    return took, float("nan"), f"{models} LoRA of {name}: {said}; {card(device)}"


def dtype(device: str) -> str:
    """What a large model has on a card; many CPUs have no products in it, and take minutes for what takes a second."""
    return "float32" if device == "cpu" else "bfloat16"


def rate(device: str, size: int = 4096, times: int = 20) -> float:
    """Operations a second in products of square matrices in `dtype`."""
    import torch

    size, times = (size, times) if device != "cpu" else (512, 2)
    a = torch.randn(size, size, dtype=getattr(torch, dtype(device)), device=device)
    for count in (2, times):
        began = time.perf_counter()
        for _ in range(count):
            product = a @ a
        float(product[0, 0])  # pyright: ignore[reportPossiblyUnboundVariable]
    return 2 * size**3 * times / (time.perf_counter() - began)


def card(device: str) -> str:
    """The name of the device."""
    import torch

    return torch.cuda.get_device_name(device) if device.startswith("cuda") else device
