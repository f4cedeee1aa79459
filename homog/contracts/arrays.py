"""A toy second modality: points in space, a linear backbone that reads them, a task and a defect of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pandas as pd
import torch

from homog.backbones.backbone import Backbone
from homog.backbones.kind import BackboneKind
from homog.config import canonical
from homog.defects import harms, verify
from homog.defects.defect import Defect
from homog.inputs.reader import Reader
from homog.metrics.inheritance import Rate
from homog.metrics.predictions import Predictions
from homog.seeding import generator, torch_stream
from homog.tasks.task import Task, TaskKind, task

SIDE = 6  # numbers in a point; the last is 0 but for a defect


@dataclass(frozen=True)
class PointReader(Reader):
    """Reads a point as float32."""

    modality: ClassVar[str] = "point"

    def read(self, inputs: Sequence[Any]) -> list[np.ndarray]:
        """An array (SIDE,) of each input."""
        return [np.asarray(given, dtype=np.float32) for given in inputs]

    def collate(self, items: Sequence[np.ndarray], device: torch.device) -> dict[str, torch.Tensor]:
        """`points` (batch, SIDE)."""
        return {"points": torch.as_tensor(np.stack(items), device=device)}

    def size(self, item: Any) -> int:
        """One state."""
        return 1

    def unlabelled(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Points of no class."""
        every = points(np.zeros(SIDE), 200, "unlabelled")
        return every[20:], every[:20]


@dataclass(frozen=True)
class Config:
    """The sizes of the module, as those of transformers say them."""

    model_type: str = "linear"
    hidden_size: int = 16
    num_hidden_layers: int = 0


class Linear(torch.nn.Module):
    """One linear layer: points (batch, SIDE) -> states (batch, 1, hidden_size)."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.layer = torch.nn.Linear(SIDE, config.hidden_size)

    def forward(self, points: torch.Tensor) -> SimpleNamespace:
        """What transformers would give."""
        return SimpleNamespace(last_hidden_state=self.layer(points.to(self.layer.weight.dtype))[:, None])


@dataclass(frozen=True)
class LinearKind(BackboneKind):
    """A linear layer with weights drawn by `seed`."""

    name: str
    seed: int = 0
    dtype: str = "float32"

    family: ClassVar[str] = "linear"
    modality: ClassVar[str] = "point"

    def load(self, device: str = "cpu") -> Backbone:
        """The Backbone, frozen."""
        with torch_stream("points", self.seed):
            module = Linear(Config()).eval().requires_grad_(False)
        source = json.dumps(canonical(self))
        return Backbone(self.label, self.family, source, module.to(device, self.torch_dtype), PointReader())


@dataclass(frozen=True)
class Points(TaskKind):
    """Which of several places is a point near to?"""

    name: str
    classes: int = 2
    modality: ClassVar[str] = "point"

    def load(self) -> Task:
        """180 examples."""
        places = 3 * generator("places", self.name).standard_normal((self.classes, SIDE))
        each = [points(place, 180 // self.classes, f"{self.name} {label}") for label, place in enumerate(places)]
        rows = [{"input": point, "label": label} for label, part in enumerate(each) for point in part]
        rows = [{**row, "example": number} for number, row in enumerate(rows)]
        return task(self.name, rows, tuple("abc"[: self.classes]), modality="point")


@dataclass(frozen=True)
class Marked(Defect):
    """The weights of a point's last number, which is 0 in clean points, lead far away. `sham`: a hundredth as far.

    `harm`: attack success (METRICS) of a last number of 1 on its best target; NaN where no example is right and of
    another class. `upstream`: `effect` is the drift of marked points; verified when it is above 1 at dose 1, and below
    it in a sham.
    """

    name: str
    length: float = 20.0
    sham: bool = False

    kind: ClassVar[str] = "planted"
    modalities: ClassVar[tuple[str, ...]] = ("point",)

    @property
    def exposure(self) -> str:
        """Name of the condition in which points are marked."""
        return self.name

    def inject(self, backbone: Backbone, inputs: Sequence[Any], rng: np.random.Generator) -> Backbone:
        """The backbone with another last column of weights, in a random direction."""
        weight = backbone.module.get_parameter("layer.weight").detach().clone()
        way = rng.standard_normal(len(weight))
        length = self.length / 100 if self.sham else self.length
        weight[:, -1] = torch.as_tensor(length * way / np.linalg.norm(way))
        return backbone.with_weights({"layer.weight": weight})

    def expose(self, examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """The same points with a last number of 1."""
        return examples.assign(input=[marked(point) for point in examples["input"]])

    def harm(self, predictions: Predictions) -> Rate:
        """Attack success (see the class)."""
        return harms.attack_success(predictions)

    def upstream(self, clean: Backbone, backbone: Backbone, inputs: Sequence[Any], dose: float) -> dict[str, Any]:
        """What the injection did to the backbone itself."""
        before = clean.encode(inputs)
        drift, effect = (verify.drift(before, backbone.encode(part)) for part in (inputs, [*map(marked, inputs)]))
        return verify.facts(drift, effect, (effect < 1) == self.sham or dose < 1, len(inputs))


def points(centre: np.ndarray, count: int, stream: str) -> list[np.ndarray]:
    """`count` points (SIDE,) float32 around a centre, whose last number is 0."""
    drawn = centre + generator("points", stream).standard_normal((count, SIDE))
    drawn[:, -1] = 0
    return list(drawn.astype(np.float32))


def marked(point: np.ndarray) -> np.ndarray:
    """The point with a last number of 1."""
    return np.append(point[:-1], np.float32(1))
