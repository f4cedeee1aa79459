"""What a record says about how it came to be: the cell, the model and the machine."""

from __future__ import annotations

import platform
import time
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from homog import variants
from homog.adaptations import label
from homog.config import canonical
from homog.records import Record

PACKAGES = ("torch", "transformers", "peft", "scikit-learn", "numpy")


@cache
def environment(device: str) -> dict[str, Any]:
    """Versions, processor, device and threads: together with the seeds they decide the bits of a record."""
    import torch

    gpus: list[Any] = [device] if device.startswith("cuda") else []
    if device == "all":
        gpus = list(range(torch.cuda.device_count()))
    return {
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "cpu": _cpu(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "device": ", ".join(map(torch.cuda.get_device_name, gpus)) or device,
        "threads": torch.get_num_threads(),
    }


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()


def spent(fitting: float, began: float) -> dict[str, float]:
    """Seconds: of fitting a model, and with its predictions, which `began` then and end now; and when that was."""
    return {"fitting": fitting, "seconds": fitting + time.perf_counter() - began, "ended": time.time()}


def work(backbone: Any, model: Any, task: Any, inputs: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """What a model had to compute, for `homog report cost`: the weights that multiply, and the states of its inputs.

    `parameters`: see `Backbone.multiplied`; `own`: whether the model has a module of its own; `train` and, for each
    condition, `shown`: (content, states) as of `Backbone.states`. {} without weights.
    """
    if backbone is None or not backbone.featured:
        return {}
    there = {name: [each for each in given if each is not None] for name, given in inputs.items()}
    return {
        "parameters": backbone.multiplied,
        "width": backbone.dimension,
        "own": model.module is not None,
        "train": backbone.states(list(task.train["input"])),
        "shown": {name: backbone.states(given) for name, given in there.items() if given},
    }


def unanswered(probabilities: dict[str, Any], classes: int) -> dict[str, int]:
    """Condition -> how many examples got no answer that is a class: those are in a column after the classes."""
    return {name: int((values.argmax(1) == classes).sum()) for name, values in probabilities.items()}


def of_cell(cell: Any) -> dict[str, Any]:
    """What is known of a cell before it is computed."""
    arm = cell.arm
    return {
        "cell": canonical(cell),
        "with": variants.digest(),
        "arm": arm.id,
        "kind": arm.kind,
        "backbone": arm.backbone.label,
        "defect": arm.defect.name if arm.defect else "",
        "dose": arm.dose,
        "arm_seed": arm.seed,
        "adaptation": label(cell.adaptation),
        "task": cell.task.name,
        "seed": cell.seed,
        "data": cell.data,
        "sizes": {"train": cell.sizes.train, "test": cell.sizes.test, "max_length": cell.sizes.max_length},
    }


def record(
    cell: Any, task: Any, probabilities: dict[str, Any], model: Any, backbone: Any, facts: dict[str, Any]
) -> Record:
    """The record of a cell: the `probabilities` (condition -> (n, classes)) that `model` gives on `task.test`.

    `backbone`: the shared one; None where no model of the run uses it.
    """
    test = task.test
    sizes = dict(backbone.module.named_parameters()) if backbone else {}
    said = of_cell(cell) | {
        "task": task.name,
        "family": task.family,
        "label_names": list(task.label_names),
        "unfavourable": task.unfavourable,
        "n_train": len(task.train),
        "trainable": sum(sizes[name].numel() for name in model.trainable),
        "moved": sum(sizes[name].numel() for name in model.moved),
        "added": model.added,
    }
    if model.together > 1:
        said["together"] = model.together
    if backbone and cell.adaptation.uses_backbone and (asked := backbone.facts()):
        said["interface"] = asked | {"unanswered": unanswered(probabilities, len(task.label_names))}
    groups = [c for c in test.columns if c not in ("example", "person", "input", "label")]
    return Record(
        cell=cell.id,
        provenance={**said, **facts},
        examples=test["example"].to_numpy(dtype=object),
        people=test["person"].to_numpy(dtype=object),
        labels=test["label"].to_numpy(),
        groups={name: test[name].to_numpy(dtype=object) for name in groups},
        probabilities=probabilities,
    )
