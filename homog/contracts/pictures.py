"""Tiny backbones of images built from a config, and toy tasks that they can learn: logic without downloads."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from homog.seeding import generator, torch_stream
from homog.tasks.task import Task, TaskKind, task

SIDE = 32
BLOCKS = {"hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 64}
BLOCKS |= {"image_size": SIDE, "patch_size": 8, "initializer_range": 0.2}
STAGES = {"num_channels": 3, "hidden_sizes": [8, 16], "depths": [1, 1]}
MODELS: dict[str, dict[str, Any]] = {
    "vit": BLOCKS,
    "dinov2": BLOCKS,
    "beit": BLOCKS,
    "convnext": {**STAGES, "num_stages": 2},
    "resnet": {**STAGES, "embedding_size": 8, "layer_type": "basic"},
}
COLOURS = ((200, 60, 60), (60, 200, 60), (60, 60, 200))


def save_tiny(folder: Path, model_type: str = "vit", seed: int = 0) -> Path:
    """Save a tiny backbone with its preprocessor_config.json in `folder`, as a user would have one."""
    from transformers import AutoConfig, AutoModel

    folder.mkdir(parents=True, exist_ok=True)
    config = AutoConfig.for_model(model_type, **MODELS[model_type])
    with torch_stream("tiny", model_type, seed):
        AutoModel.from_config(config).save_pretrained(folder)
    save_preprocessing(folder)
    return folder


def save_preprocessing(folder: Path) -> None:
    """Save the preprocessor_config.json of a tiny backbone."""
    says = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "size": {"height": SIDE, "width": SIDE}}
    (folder / "preprocessor_config.json").write_text(json.dumps(says))


def kind(folder: Path, model_type: str = "vit", seed: int = 0) -> Any:
    """The kind of a tiny backbone that lies in `folder`."""
    from homog.backbones.vision import ImageEncoder

    return ImageEncoder("tiny", str(save_tiny(folder, model_type, seed)))


@dataclass(frozen=True)
class Coloured(TaskKind):
    """Which colour is the image, of two or three, under noise? Each person is there twice, in two tones."""

    name: str
    classes: int = 2

    modality: ClassVar[str] = "image"

    def load(self) -> Task:
        """180 examples."""
        each = 180 // self.classes
        noisy = [images(COLOURS[label], each, f"{self.name} {label}") for label in range(self.classes)]
        rows = [{"input": image, "label": label} for label, part in enumerate(noisy) for image in part]
        tones = ("light", "dark")
        rows = [row | {"example": i, "person": str(i // 2), "tone": tones[i % 2]} for i, row in enumerate(rows)]
        return task(self.name, rows, tuple("abc"[: self.classes]), unit="person", groups=("tone",), modality="image")


def unlabelled(held_out: int = 20) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Stands for the unlabelled images of an injection: those to plant a defect with, others to verify it on."""
    every = [image for colour in COLOURS for image in images(colour, 60, "unlabelled")]
    order = generator("toy images").permutation(len(every))
    return [every[i] for i in order[held_out:]], [every[i] for i in order[:held_out]]


def images(colour: tuple[int, int, int], count: int, stream: str) -> list[np.ndarray]:
    """`count` noisy images (SIDE, SIDE, 3) of a colour."""
    noise = generator("images", stream, *colour).normal(0, 40, (count, SIDE, SIDE, 3))
    return list((np.asarray(colour) + noise).clip(0, 255).astype(np.uint8))
