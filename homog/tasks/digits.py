"""Handwritten digits that scikit-learn ships: 1,797 images of 8 x 8 pixels (Alpaydin & Kaynak 1998)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from homog.tasks.task import Task, TaskKind, task

FOLD = 8  # screen pixels of a pixel


@dataclass(frozen=True)
class Digits(TaskKind):
    """Which digit is it? White on black, each pixel drawn as a square of FOLD x FOLD."""

    name: str
    modality: ClassVar[str] = "image"

    def load(self) -> Task:
        """Read what scikit-learn ships."""
        from sklearn.datasets import load_digits

        held = load_digits()
        grey = (held.images * (255 / 16)).round().astype(np.uint8)  # pyright: ignore[reportAttributeAccessIssue]
        images = np.repeat(np.kron(grey, np.ones((1, FOLD, FOLD), np.uint8))[..., None], 3, axis=-1)
        labels = held.target.tolist()  # pyright: ignore[reportAttributeAccessIssue]
        rows = [{"example": i, "input": image, "label": labels[i]} for i, image in enumerate(images)]
        return task(self.name, rows, tuple("0123456789"), modality="image")
