"""Encoders of images of transformers (ViT, DINOv2, BEiT, ConvNeXt, ResNet …), mean-pooled: packaged or your own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, ClassVar

from homog.backbones.pretrained import Pretrained
from homog.config import ConfigError

IMAGENET = {"image_mean": (0.485, 0.456, 0.406), "image_std": (0.229, 0.224, 0.225)}


@dataclass(frozen=True)
class ImageEncoder(Pretrained):
    """A vision model: features are the mean of its last hidden states, over patches or places.

    `side`: pixels to which images are resized; 0 takes what the model's preprocessor_config.json or config.json says.
    A smaller side is read much faster by models that interpolate their positions (DINOv2).
    """

    side: int = 0

    family: ClassVar[str] = "image_encoder"
    modality: ClassVar[str] = "image"
    tokenized: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.side < 0:
            raise ConfigError(f"backbone.side={self.side}: pixels, or 0 for the model's own")

    def identity(self) -> dict[str, Any]:
        """What decides the features: those of every pretrained backbone, and the side where it is not the model's."""
        return super().identity() | ({"side": self.side} if self.side else {})

    def load(self, device: str = "cpu") -> Any:
        """The Backbone, in evaluation mode, every parameter frozen, on `device`."""
        from homog.backbones.backbone import Backbone
        from homog.inputs.images import ImageReader

        module, where, options = self.model("AutoModel", device)
        known = preprocessing(where, options)
        side = self.side or side_of(known, module.config)
        mean, std = (tuple(known.get(name) or IMAGENET[name]) for name in IMAGENET)
        reader = ImageReader(side, mean, std, states_of(module, side))
        return Backbone(self.label, self.family, json.dumps(self.identity()), module, reader)


def states_of(module: Any, side: int) -> int:
    """How many states the module makes of an image; 1 where they are no sequence (convolutions)."""
    import torch

    weight = next(module.parameters())
    blank = torch.zeros((1, 3, side, side), device=weight.device, dtype=weight.dtype)
    with torch.inference_mode():
        states = module(pixel_values=blank).last_hidden_state
    return states.shape[1] if states.ndim == 3 else 1


def preprocessing(where: str, options: dict[str, Any]) -> dict[str, Any]:
    """The content of preprocessor_config.json; none where there is no such file."""
    from transformers.image_processing_base import ImageProcessingMixin

    try:
        return ImageProcessingMixin.get_image_processor_dict(where, **options)[0]
    except OSError:
        return {}


def side_of(known: dict[str, Any], config: Any) -> int:
    """Pixels of a side, from what is cut out or resized to, else from the model's own config, else 224."""
    for size in (known.get("crop_size"), known.get("size"), getattr(config, "image_size", None), 224):
        if isinstance(size, dict):
            size = size.get("height") or size.get("shortest_edge")
        if isinstance(size, (list, tuple)):
            size = size[0]
        if size:
            return int(size)
    raise AssertionError("the last one is a number")
