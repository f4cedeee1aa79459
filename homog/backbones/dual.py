"""Two towers, one of images and one of texts, in one space (CLIP, Radford et al. 2021): those of transformers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from homog.backbones.pretrained import Pretrained
from homog.backbones.vision import preprocessing, side_of, states_of
from homog.inputs.images import ImageReader


class ImageTower(nn.Module):
    """The tower of images and the projection of its pooled output: images -> one state (batch, 1, d)."""

    def __init__(self, tower: nn.Module, projection: nn.Module | None, width: int) -> None:
        super().__init__()
        self.tower, self.projection = tower, projection or nn.Identity()
        depth = int(tower.config.num_hidden_layers)  # pyright: ignore
        self.config = SimpleNamespace(hidden_size=width, num_hidden_layers=depth)

    def forward(self, pixel_values: torch.Tensor) -> SimpleNamespace:
        """What transformers would give: `last_hidden_state`."""
        pooled = self.tower(pixel_values=pixel_values).pooler_output
        return SimpleNamespace(last_hidden_state=self.projection(pooled)[:, None])


@dataclass(frozen=True)
class DualEncoder(Pretrained):
    """A CLIPModel, SiglipModel or VisionTextDualEncoderModel of transformers, from a directory or the hub.

    Features are the projected embeddings of images. Defects and adaptations work on the tower of images; texts are read
    by the other one (`Backbone.other`), which nothing changes.
    """

    family: ClassVar[str] = "dual_encoder"
    modality: ClassVar[str] = "image"

    def load(self, device: str = "cpu") -> Any:
        """The Backbone, in evaluation mode, every parameter frozen, on `device`."""
        from homog.backbones.backbone import Backbone

        model, where, options = self.model("AutoModel", device)
        tokenizer = self.tokenizer(where, options)
        known, vision = preprocessing(where, options), model.vision_model
        config = getattr(vision, "config", model.config.vision_config)
        projection = getattr(model, "visual_projection", None)
        width = projection.out_features if projection is not None else int(config.hidden_size)
        module = ImageTower(vision, projection, width).eval().requires_grad_(False)
        side = side_of(known, config)
        reader = ImageReader(side, *statistics(known), states_of(vision, side))

        @torch.inference_mode()
        def words(texts: Sequence[str]) -> np.ndarray:
            read = tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt").to(device)
            told = model.get_text_features(**{k: v for k, v in read.items() if k in ("input_ids", "attention_mask")})
            told = told if isinstance(told, torch.Tensor) else told.pooler_output
            return told.float().cpu().numpy()

        source = json.dumps(self.identity())
        return Backbone(self.label, self.family, source, module, reader, other=words)


def statistics(known: dict[str, Any]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(mean, standard deviation) of the channels, as the preprocessing says them, else those of CLIP."""
    usual = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
    return tuple(known.get("image_mean") or usual[0]), tuple(known.get("image_std") or usual[1])
