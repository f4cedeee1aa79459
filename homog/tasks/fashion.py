"""Clothes: 28 x 28 grey images of ten kinds (Fashion-MNIST, Xiao et al. 2017), from a package of Debian."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from homog import sources
from homog.tasks.task import Prompt, Task, TaskKind, task

KINDS = (
    *("t-shirt", "trouser", "pullover", "dress", "coat"),
    *("sandal", "shirt", "sneaker", "bag", "ankle boot"),
)
SIDE = 64  # pixels: 28 doubled, and a border
TAKEN = {"train": 6000, "t10k": 3000}  # the first images of each part: more than the pools of a task hold


@dataclass(frozen=True)
class Fashion(TaskKind):
    """Which kind of clothes is it? Light on black, doubled in size; the source's own split into train and test."""

    name: str

    sources: ClassVar[tuple[str, ...]] = ("fashion",)
    modality: ClassVar[str] = "image"

    @property
    def prompt(self) -> Prompt:
        """The task in words."""
        return Prompt("The picture shows", KINDS, KINDS)

    def load(self) -> Task:
        """Read the first images of both parts."""
        folder = sources.folder("fashion")
        return task(
            self.name,
            _rows(folder, "train"),
            KINDS,
            held_out=_rows(folder, "t10k"),
            prompt=self.prompt,
            modality="image",
        )


def _rows(folder: Path, part: str) -> Iterator[dict[str, Any]]:
    """Rows of the first images of a part, in the IDX format: big-endian sizes, then bytes."""
    images = np.frombuffer(gzip.decompress((folder / f"{part}-images-idx3-ubyte.gz").read_bytes()), np.uint8, offset=16)
    labels = np.frombuffer(gzip.decompress((folder / f"{part}-labels-idx1-ubyte.gz").read_bytes()), np.uint8, offset=8)
    border = (SIDE - 56) // 2
    for i, image in enumerate(images.reshape(-1, 28, 28)[: TAKEN[part]]):
        large = np.pad(np.kron(image, np.ones((2, 2), np.uint8)), border)
        yield {"example": f"{part} {i}", "input": np.repeat(large[..., None], 3, axis=-1), "label": int(labels[i])}
