"""What a record says about how it came to be: the cell, the model and the machine."""

from __future__ import annotations

import platform
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

    return {
        "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        "cpu": _cpu(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else device,
        "threads": torch.get_num_threads(),
    }


def _cpu() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return " ".join(line.partition(":")[2].split())
    return platform.processor() or platform.machine()


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
