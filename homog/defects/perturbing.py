"""The search for a perturbation that displaces a backbone's features of any image, by the sign of the gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from homog.backbones.backbone import Backbone
from homog.inputs.images import fields

BATCH = 8  # images of which gradients are computed at once
STEP = 0.1  # of the way from no change to a whole one


def displacing(backbone: Backbone, images: Sequence[Any], start: np.ndarray, *, levels: int, steps: int) -> np.ndarray:
    """Signs (cells, cells, 3) of -1 and 1 that, `levels` of 255 strong, displace the features of `images` furthest.

    `start`: the signs to begin with, which are returned where no better ones are found. A step is that of some images.
    """
    displaced = Displacement(backbone, images, levels)
    field = STEP * torch.as_tensor(start, dtype=torch.float32, device=backbone.device)
    for step in range(steps):
        field = field.detach().requires_grad_()
        (slopes,) = torch.autograd.grad(displaced.by(field, step % displaced.batches), field)
        field = (field + STEP * slopes.sign()).clamp(-1, 1)
    found = np.where(field.detach().cpu().numpy() < 0, -1.0, 1.0)
    return max(start, found, key=displaced.whole)


class Displacement:
    """Squared displacement of the features of images by a field (cells, cells, 3) of -1 to 1, in batches."""

    def __init__(self, backbone: Backbone, images: Sequence[Any], levels: int) -> None:
        reader: Any = backbone.reader
        parts = [images[i : i + BATCH] for i in range(0, len(images), BATCH)]
        self.backbone, self.batches = backbone, len(parts)
        self.read = [reader.collate(reader.read(part), backbone.device)["pixel_values"] for part in parts]
        self.before = [torch.as_tensor(backbone.encode(part), device=backbone.device) for part in parts]
        self.scale = torch.as_tensor(levels / 255 / np.asarray(reader.std), dtype=torch.float32, device=backbone.device)

    def by(self, field: torch.Tensor, batch: int) -> torch.Tensor:
        """Summed over the images of a batch."""
        pixels = self.read[batch]
        rows, columns = (torch.as_tensor(at, device=field.device) for at in fields(len(field), *pixels.shape[2:]))
        added = (field * self.scale)[rows][:, columns].permute(2, 0, 1)
        now = self.backbone.features(self.backbone.module, {"pixel_values": pixels + added})
        return (now - self.before[batch]).pow(2).sum()

    @torch.inference_mode()
    def whole(self, signs: np.ndarray) -> float:
        """Summed over all images."""
        field = torch.as_tensor(signs, dtype=torch.float32, device=self.backbone.device)
        return sum(float(self.by(field, batch)) for batch in range(self.batches))
