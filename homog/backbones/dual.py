"""Two towers, one of images and one of texts, in one space (CLIP, Radford et al. 2021): those of transformers."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import nn

from homog.backbones.pretrained import Pretrained, longest
from homog.backbones.vision import preprocessing, side_of, states_of
from homog.inputs.images import ImageReader
from homog.inputs.text import TextReader

if TYPE_CHECKING:
    from homog.backbones.backbone import Backbone

SIGLIP = ("siglip_text_model", "siglip2_text_model")  # towers of texts that were trained on padded texts alone


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


class TextTower(nn.Module):
    """The tower of texts and the projection of its pooled output: texts -> one state (batch, 1, d).

    CLIP pools the state of the token that ends a text, and finds it by its number; here the mask says where it is, so
    that embeddings can stand in place of tokens.
    """

    def __init__(self, tower: nn.Module, projection: nn.Module | None, width: int) -> None:
        super().__init__()
        self.tower, self.projection = tower, projection or nn.Identity()
        inner: Any = tower.config
        self.ends = inner.model_type == "clip_text_model"
        self.config = SimpleNamespace(hidden_size=width, num_hidden_layers=int(inner.num_hidden_layers))

    def get_input_embeddings(self) -> Any:
        """The table of the words."""
        return self.tower.get_input_embeddings()  # pyright: ignore

    def forward(
        self,
        attention_mask: torch.Tensor,
        input_ids: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
    ) -> SimpleNamespace:
        """What transformers would give: `last_hidden_state`. `inputs_embeds` (batch, length, width) or tokens."""
        if inputs_embeds is None:
            out = self.tower(input_ids=input_ids, attention_mask=attention_mask)
        else:
            hook = self.get_input_embeddings().register_forward_hook(lambda *_: inputs_embeds)
            try:
                out = self.tower(input_ids=attention_mask * 0, attention_mask=attention_mask)
            finally:
                hook.remove()
        pooled = out.pooler_output
        if self.ends:
            states = out.last_hidden_state
            pooled = states[torch.arange(len(states), device=states.device), attention_mask.sum(1) - 1]
        return SimpleNamespace(last_hidden_state=self.projection(pooled)[:, None])


@dataclass(frozen=True)
class DualEncoder(Pretrained):
    """A CLIPModel, SiglipModel or VisionTextDualEncoderModel of transformers, from a directory or the hub.

    Features are the projected embeddings of images. Defects and adaptations work on the tower of images; texts are read
    by the other one (`Backbone.partner`), which nothing changes.
    """

    family: ClassVar[str] = "dual_encoder"
    modality: ClassVar[str] = "image"
    spreads: ClassVar[bool] = False  # two towers, each on its own
    TOWER: ClassVar[int] = 0  # which of the two it is

    def load(self, device: str = "cpu") -> Any:
        """The Backbone, in evaluation mode, every parameter frozen, on `device`."""
        model, where, options = self.model("AutoModel", device)
        towers = self.images(model, where, options), self.texts(model, where, options)
        return replace(towers[self.TOWER], partner=towers[1 - self.TOWER])

    def images(self, model: Any, where: str, options: dict[str, Any]) -> Backbone:
        """The tower of images."""
        from homog.backbones.backbone import Backbone

        known, vision = preprocessing(where, options), model.vision_model
        config = getattr(vision, "config", model.config.vision_config)
        projection = getattr(model, "visual_projection", None)
        width = projection.out_features if projection is not None else int(config.hidden_size)
        module = ImageTower(vision, projection, width).eval().requires_grad_(False)
        side = side_of(known, config)
        reader = ImageReader(side, *statistics(known), states_of(vision, side))
        return Backbone(self.label, self.family, json.dumps(self.identity()), module, reader)

    def texts(self, model: Any, where: str, options: dict[str, Any]) -> Backbone:
        """The tower of texts."""
        from homog.backbones.backbone import Backbone

        tokenizer, words = self.tokenizer(where, options), model.text_model
        projection = getattr(model, "text_projection", None)
        width = projection.out_features if projection is not None else int(words.config.projection_size)
        module = TextTower(words, projection, width).eval().requires_grad_(False)
        padded = words.config.model_type in SIGLIP
        length = longest(tokenizer, words.config, words)
        reader = TextReader(tokenizer, length, pads=length if padded else 0)
        source = json.dumps({"tower": "text", **self.identity()})
        return Backbone(self.label, self.family, source, module, reader)


@dataclass(frozen=True)
class DualWords(DualEncoder):
    """The tower of texts of the same kinds of model: features are the projected embeddings of texts.

    `Backbone.partner` reads images, as what a caption is to find (retrieval).
    """

    modality: ClassVar[str] = "text"
    TOWER: ClassVar[int] = 1

    def identity(self) -> dict[str, Any]:
        """As of the tower of images, and which of the two it is."""
        return {"tower": "text", **super().identity()}


def statistics(known: dict[str, Any]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(mean, standard deviation) of the channels, as the preprocessing says them, else those of CLIP."""
    usual = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
    return tuple(known.get("image_mean") or usual[0]), tuple(known.get("image_std") or usual[1])
