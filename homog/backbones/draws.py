"""What a model that draws has besides its weights: how images are told to it, what it is trained by, how it draws."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import torch

    from homog.backbones.backbone import Backbone


class Draws(ABC):
    """Define all but `loss_of`. Images are (n, side, side, 3) uint8."""

    @abstractmethod
    def tokens(self, images: np.ndarray) -> np.ndarray:
        """What stands for images (n, ...) while a model is trained to draw them."""

    @abstractmethod
    def loss(self, module: Any, ids: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """The mean loss of `tokens` (batch, ...) after captions `ids` (batch, length), by the weights of `module`."""

    @abstractmethod
    def of(self, backbone: Backbone, module: Any, texts: Sequence[str]) -> np.ndarray:
        """An image of each caption, by `module`: the backbone's, or one adapted from it.

        What is random in it follows from the captions and their order alone: all models draw with the same.
        """

    def loss_of(self, backbone: Backbone, module: Any, texts: Sequence[str], images: np.ndarray) -> torch.Tensor:
        """The `loss` of images after captions."""
        import torch

        ids = backbone.reader.collate(backbone.reader.read(texts), backbone.device)["input_ids"]
        return self.loss(module, ids, torch.as_tensor(self.tokens(images), device=backbone.device))
