"""What every way to adapt a backbone provides, and what it leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True)
class Predictor:
    """One adapted model.

    `predict` maps n texts to class probabilities (n, classes) float32. `trainable` and `moved` are the names of the
    backbone's parameters that could and that did change; `added` counts the new parameters (head, adapters). `head` is
    (weights (classes, d), bias (classes,)) of the linear layer on the features, and `module` the model under it where
    it is not the shared one; both are what `saved.save` writes. No head: the model cannot be saved without a pickle.
    """

    predict: Callable[[Sequence[str]], np.ndarray]
    trainable: tuple[str, ...]
    moved: tuple[str, ...]
    added: int
    head: tuple[np.ndarray, np.ndarray] | None = None
    module: Any = None


class Adaptation(Protocol):
    """A way to turn one backbone into many models. The config dataclass is the implementation.

    A ClassVar `needs` names what it asks of a backbone's `abilities`, if that is not "features"; `in_words` says that
    it asks for the task in words (`Task.prompt`).
    """

    name: str

    def trains(self, parameter: str) -> bool:
        """Whether the backbone's parameter of this name may move."""
        ...

    def fit(self, backbone: Any, tasks: Sequence[Any], seed: int) -> Iterator[tuple[str, Predictor]]:
        """(task name, model) for each task, one at a time: what is shared is computed once, the rest when asked."""
        ...
