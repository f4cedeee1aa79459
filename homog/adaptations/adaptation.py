"""What every way to adapt a backbone provides, and what it leaves behind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from homog.config import Identified


@dataclass(frozen=True)
class Predictor:
    """One adapted model.

    `predict` maps n inputs to class probabilities (n, classes) float32. `trainable` and `moved` are the names of the
    backbone's parameters that could and that did change; `added` counts the new parameters (head, adapters). `head` is
    (weights (classes, d), bias (classes,)) of the linear layer on the features, and `module` the model under it where
    it is not the shared one; both are what `saved.save` writes. No head: the model cannot be saved without a pickle.
    `of_features` maps features (n, d) to scores (n, classes) where the model has no such head but reads features.
    `samples` gives the first images that it drew of inputs that it has predicted (see `images.strip`). `together`: how
    many models were trained as one (see `fused`).
    """

    predict: Callable[[Sequence[Any]], np.ndarray]
    trainable: tuple[str, ...]
    moved: tuple[str, ...]
    added: int
    head: tuple[np.ndarray, np.ndarray] | None = None
    module: Any = None
    of_features: Callable[[np.ndarray], np.ndarray] | None = None
    samples: Callable[[Sequence[Any]], str] | None = None
    together: int = 1

    def class_of(self, features: np.ndarray) -> int | None:
        """The class that the model gives to a feature vector (d,); None for a model that does not read features."""
        if self.of_features is not None:
            return int(self.of_features(features[None]).argmax(1)[0])
        return None if self.head is None else int((self.head[0] @ features + self.head[1]).argmax())


class Adaptation(Identified, ABC):
    """A way to turn one backbone into many models. The config dataclass is the implementation: derive it from this.

    It has to define `trains` and `fit`; everything else has a default.
    """

    name: str
    needs: ClassVar[str] = "features"  # of a backbone's `abilities`; "features or likelihood": one of them
    modalities: ClassVar[tuple[str, ...]] = ()  # of the inputs that it can work on; none named: any
    in_words: ClassVar[bool] = False  # whether it asks for the task in words (`Task.prompt`)
    uses_backbone: ClassVar[bool] = True  # False: a control without weights; its `fit` is given None
    linear_head: ClassVar[bool] = True  # whether its models end in one, so that they can be saved without a pickle

    @property
    def shape(self) -> Any:
        """What models must have in common to be trained as one (see `fused`); None: they cannot be."""
        return None

    def check(self, backbone: Any) -> None:
        """Raise ConfigError, before any compute, for what it cannot do with this backbone."""
        return

    @abstractmethod
    def trains(self, parameter: str) -> bool:
        """Whether the backbone's parameter of this name may move."""

    @abstractmethod
    def fit(self, backbone: Any, tasks: Sequence[Any], seed: int) -> Iterator[tuple[str, Predictor]]:
        """(task name, model) for each task, one at a time: what is shared is computed once, the rest when asked."""
