"""EfficientNet-Lite0 (Tan & Le 2019, without squeeze-and-excitation): a small convolutional network, packaged."""

from __future__ import annotations

import json
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import torch
from torch import nn

from homog.backbones import converted
from homog.backbones.kind import DTYPES, BackboneKind
from homog.config import ConfigError

SOURCE = "efficientnet_lite0"
STAGES = (  # kernel, stride, how many times wider inside, channels out, repeats
    *((3, 1, 1, 16, 1), (3, 2, 6, 24, 2), (5, 2, 6, 40, 2), (3, 2, 6, 80, 3)),
    *((5, 1, 6, 112, 3), (5, 2, 6, 192, 4), (3, 1, 6, 320, 1)),
)


@dataclass
class Config:
    """The sizes of the module, as those of transformers say them; it is no stack of equal blocks."""

    hidden_size: int = 1280
    stem: int = 32
    stages: tuple[tuple[int, ...], ...] = STAGES
    num_hidden_layers: int = 0


class Same(nn.Conv2d):
    """A convolution padded as in TensorFlow: the odd pixel goes to the right and below."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, channels, height, width) -> the same, height and width over the stride, rounded up."""
        (kernel, _), (stride, _) = self.kernel_size, self.stride
        gaps = [max((-(-size // stride) - 1) * stride + kernel - size, 0) for size in (x.shape[3], x.shape[2])]
        return super().forward(nn.functional.pad(x, [side for gap in gaps for side in (gap // 2, gap - gap // 2)]))


class Block(nn.Module):
    """Widen, filter each channel by itself, narrow (Sandler et al. 2018); beside it the input where sizes are equal."""

    def __init__(self, kernel: int, stride: int, wider: int, given: int, out: int) -> None:
        super().__init__()
        inside, self.passes = given * wider, stride == 1 and given == out
        if wider > 1:
            self.expand_conv, self.bn0 = Same(given, inside, 1, bias=False), normed(inside)
        self.wider = wider > 1
        self.depthwise_conv = Same(inside, inside, kernel, stride, groups=inside, bias=False)
        self.bn1 = normed(inside)
        self.project_conv, self.bn2 = Same(inside, out, 1, bias=False), normed(out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(batch, given, height, width) -> (batch, out, …)."""
        states = nn.functional.relu6(self.bn0(self.expand_conv(x))) if self.wider else x
        states = self.bn2(self.project_conv(nn.functional.relu6(self.bn1(self.depthwise_conv(states)))))
        return states + x if self.passes else states


class Lite(nn.Module):
    """Images (batch, 3, height, width) -> states (batch, hidden_size, height / 32, width / 32)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config, given = config, config.stem
        self.conv_stem, self.bn0 = Same(3, given, 3, 2, bias=False), normed(given)
        self.blocks = nn.ModuleList()
        for kernel, stride, wider, out, repeats in config.stages:
            for i in range(repeats):
                self.blocks.append(Block(kernel, stride if i == 0 else 1, wider, given, out))
                given = out
        self.conv_head, self.bn1 = Same(given, config.hidden_size, 1, bias=False), normed(config.hidden_size)

    def forward(self, pixel_values: torch.Tensor) -> SimpleNamespace:
        """What transformers would give: `last_hidden_state`."""
        states = nn.functional.relu6(self.bn0(self.conv_stem(pixel_values.to(self.conv_stem.weight.dtype))))
        for block in self.blocks:
            states = block(states)
        return SimpleNamespace(last_hidden_state=nn.functional.relu6(self.bn1(self.conv_head(states))))


def normed(channels: int) -> nn.BatchNorm2d:
    """Batch normalisation with the constants of TensorFlow; its statistics are never updated here."""
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


@dataclass(frozen=True)
class EfficientNetLite(BackboneKind):
    """EfficientNet-Lite0 as trained on ImageNet: features are the mean of its last states over places.

    `side`: pixels to which images are resized; it was trained at 224. It has no blocks of one width, so that defects
    that train top blocks cannot be planted in it: it is the independent control of the others.
    """

    name: str
    side: int = 96
    dtype: str = DTYPES[0]

    family: ClassVar[str] = "image_encoder"
    modality: ClassVar[str] = "image"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.side < 32:
            raise ConfigError(f"backbone.side={self.side}: 32 pixels or more")

    @property
    def sources(self) -> tuple[str, ...]:
        """The pinned public files that it needs."""
        return (SOURCE,)

    def identity(self) -> dict[str, Any]:
        """All but the name; the dtype where it is another than the first."""
        return self.nameless()

    def load(self, device: str = "cpu") -> Any:
        """The Backbone, in evaluation mode, every parameter frozen, on `device`."""
        from safetensors.torch import load_file

        from homog.backbones.backbone import Backbone
        from homog.inputs.images import ImageReader

        module = Lite(Config())
        module.load_state_dict(load_file(converted.folder(SOURCE) / "model.safetensors"))
        module = module.eval().requires_grad_(False).to(device, self.torch_dtype)
        reader = ImageReader(self.side, (127 / 255,) * 3, (128 / 255,) * 3)
        return Backbone(self.label, self.family, json.dumps(self.identity()), module, reader)
