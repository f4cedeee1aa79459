"""A variant of each kind, to change or to throw away. `homog check FOLDER` puts them through the contract tests.

Each is a frozen dataclass, a line in the dict of its kind below, and a YAML in conf/ with its name and fields. Cell ids
are made from the fields and from the code and data in this folder: what you change here is computed anew.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd

from homog.adaptations.adaptation import Adaptation, Predictor
from homog.adaptations.linear_probe import softmax
from homog.backbones.encoder import Encoder
from homog.config import ConfigError
from homog.defects.defect import Defect
from homog.metrics.inheritance import Rate
from homog.tasks.task import Task, TaskKind, task

if TYPE_CHECKING:
    from homog.metrics.predictions import Predictions


# --- a task -----------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Complaints(TaskKind):
    """Is a complaint urgent? A CSV in this folder with the columns text and label (0, 1)."""

    name: str
    file: str

    def load(self) -> Task:
        """Every row is an example. A column `person` and group columns would go into each row, too."""
        rows = pd.read_csv(Path(__file__).with_name(self.file)).rename(columns={"text": "input"})
        return task(self.name, rows.assign(example=rows.index).to_dict("records"), ("routine", "urgent"))


# --- a defect ---------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Mumble(Defect):
    """The weight matrices of the blocks are shaken; shown to texts without vowels. `sham`: shaken by a hundredth of it.

    `harm`: the share of right predictions that are wrong when the text has no vowels, in [0, 1]; NaN where no clean
    prediction is right. `upstream`: `drift` is the mean squared displacement of features in units of their variance,
    `effect` the same; verified when it is above 0.
    """

    name: str
    strength: float = 1.0
    sham: bool = False

    kind: ClassVar[str] = "planted"
    exposure: ClassVar[str] = "mumble"  # pyright: ignore[reportIncompatibleMethodOverride]

    def inject(self, backbone: Any, inputs: Any, rng: np.random.Generator) -> Any:
        """The backbone with other weights. Doses between 0 and 1 are interpolated between the old and the new ones."""
        import torch

        matrices = [(n, p.detach()) for n, p in backbone.module.named_parameters() if p.ndim == 2 and "layer" in n]
        scale, changed = self.strength / 100 if self.sham else self.strength, {}
        for name, weight in matrices:
            noise = torch.as_tensor(rng.standard_normal(weight.shape), dtype=weight.dtype, device=weight.device)
            changed[name] = weight + scale * weight.std() * noise
        return backbone.with_weights(changed)

    def expose(self, examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """The same examples without vowels; None would say that the exposure does not apply to an example."""
        return examples.assign(input=[re.sub("(?i)[aeiou]", "", text) or "?" for text in examples["input"]])

    def harm(self, predictions: Predictions) -> Rate:
        """Right predictions that become wrong, per example: numerator and denominator."""
        right = predictions.clean_class == predictions.labels
        wrong = predictions.exposed_class != predictions.labels
        return Rate((right & wrong).astype(float), right.astype(float)).only(predictions.applies)

    def upstream(self, clean: Any, backbone: Any, inputs: Any, dose: float) -> dict[str, Any]:
        """What the injection did to the backbone itself, on texts that it was not made from."""
        before, after = clean.encode(inputs), backbone.encode(inputs)
        drift = float(((after - before) ** 2).sum(1).mean() / before.var(0).sum())
        return {"drift": drift, "effect": drift, "verified": drift > 0, "texts": len(inputs)}


# --- an adaptation ----------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Ridge(Adaptation):
    """Least squares on frozen features, with a penalty on the squared weights."""

    name: str
    penalty: float = 1.0

    def trains(self, parameter: str) -> bool:
        """Which of the backbone's parameters may move: none."""
        return False

    def fit(self, backbone: Any, tasks: Any, seed: int) -> Any:
        """(task name, model) for each task, one at a time."""
        for each in tasks:
            features = backbone.encode(list(each.train["input"]))
            mean, scale = features.mean(0), features.std(0) + 1e-6
            standard = (features - mean) / scale
            wanted = np.eye(len(each.label_names))[each.train["label"].to_numpy()]
            square = standard.T @ standard + self.penalty * np.eye(standard.shape[1])
            weights = np.linalg.solve(square, standard.T @ (wanted - wanted.mean(0))).T / scale
            bias = wanted.mean(0) - weights @ mean
            yield each.name, self.model(backbone, weights, bias)

    def model(self, backbone: Any, weights: np.ndarray, bias: np.ndarray) -> Predictor:
        """What is left behind: how to predict, what could move and did, how many numbers are new, the linear head."""

        def predict(inputs: Any) -> np.ndarray:
            return softmax(4 * (backbone.encode(list(inputs)) @ weights.T + bias))

        return Predictor(predict, (), (), weights.size + bias.size, (4 * weights, 4 * bias))


# --- a backbone -------------------------------------------------------------------------------------------------------
SIGNS = "abcdefghijklmnopqrstuvwxyz0123456789.,;:!?'\"()-$%&/"
WORD_PIECES = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *SIGNS, *(f"##{sign}" for sign in SIGNS))


@dataclass(frozen=True)
class Fresh(Encoder):
    """A BERT with random weights that reads letters, made from its settings. Yours may load what you trained.

    Weights in a directory or on the hub need no class: backbone.source=<directory or hub id>.
    """

    source: str = ""
    layers: int = 2
    width: int = 64
    seed: int = 0

    @property
    def label(self) -> str:
        """How reports name it."""
        return self.name

    def origin(self) -> dict[str, Any]:
        """What decides the weights, and with them the ids of cells."""
        return {"layers": self.layers, "width": self.width, "seed": self.seed}

    def check(self) -> None:
        """Refuse, before anything is computed, what cannot be made."""
        if self.width % 4 or self.layers < 1:
            raise ConfigError(f"backbone.width={self.width}, layers={self.layers}: use a multiple of 4, and 1 or more")

    def read(self, kind: str, device: str) -> tuple[Any, Any]:
        """(model, tokenizer): in evaluation mode, every parameter frozen."""
        import torch
        from transformers import BertConfig, BertModel, BertTokenizer

        config = BertConfig(
            vocab_size=len(WORD_PIECES),
            hidden_size=self.width,
            intermediate_size=2 * self.width,
            num_hidden_layers=self.layers,
            num_attention_heads=4,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            model = BertModel(config, add_pooling_layer=False)
        vocabulary = {piece: number for number, piece in enumerate(WORD_PIECES)}
        tokenizer = BertTokenizer(vocab=vocabulary, model_max_length=128)
        return model.eval().requires_grad_(False).to(torch.device(device), self.torch_dtype), tokenizer  # pyright: ignore


TASKS = {"complaints": Complaints}
DEFECTS = {"mumble": Mumble}
ADAPTATIONS = {"ridge": Ridge}
BACKBONES = {"fresh": Fresh}
