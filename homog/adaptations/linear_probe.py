"""Linear probe: logistic regression on the frozen features (Alain & Bengio 2016)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from homog.adaptations.adaptation import Adaptation, Predictor

if TYPE_CHECKING:
    from homog.backbones.backbone import Backbone
    from homog.tasks.task import Task


@dataclass(frozen=True)
class LinearProbe(Adaptation):
    """scikit-learn's logistic regression on standardised features; `C` is the inverse of the L2 penalty."""

    name: str
    C: float = 0.05

    def trains(self, parameter: str) -> bool:
        """Nothing of the backbone moves."""
        return False

    def fit(self, backbone: Backbone, tasks: Sequence[Task], seed: int) -> Iterator[tuple[str, Predictor]]:
        """One classifier per task on features that the backbone computes once. Deterministic: `seed` is not used."""
        for task in tasks:
            classes = len(task.label_names)
            weights, bias = probe(backbone.encode(list(task.train["input"])), task.train["label"], classes, self.C)
            added, head = weights.size + bias.size, (weights, bias)
            yield task.name, Predictor(_predictor(backbone, weights, bias), (), (), added, head)


def probe(features: np.ndarray, labels: Any, classes: int, C: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights (classes, d) and bias (classes,) of the probe, for raw features; softmax gives its probabilities.

    features (n, d); labels (n,) int. A class without examples gets a bias of -inf in effect (-1e4).
    """
    from sklearn.linear_model import LogisticRegression

    labels = np.asarray(labels)
    mean, scale = features.mean(0), features.std(0) + 1e-6
    weights = np.zeros((classes, features.shape[1]))
    bias = np.full(classes, -1e4)
    seen = np.unique(labels)
    if len(seen) == 1:
        bias[seen] = 0.0
        return weights, bias
    model = LogisticRegression(C=C, max_iter=1000).fit((features - mean) / scale, labels)
    rows, offsets = model.coef_, model.intercept_
    if len(seen) == 2:  # scikit-learn keeps one row for two classes: the same sigmoid as a softmax over (0, z)
        rows, offsets = np.vstack([0 * rows, rows]), np.append(0 * offsets, offsets)
    weights[seen] = rows / scale
    bias[seen] = offsets - (rows / scale) @ mean
    return weights, bias


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities (n, classes) float32."""
    shifted = np.exp(logits - logits.max(1, keepdims=True))
    return (shifted / shifted.sum(1, keepdims=True)).astype(np.float32)


def _predictor(backbone: Backbone, weights: np.ndarray, bias: np.ndarray) -> Any:
    return lambda inputs: softmax(backbone.encode(list(inputs)) @ weights.T + bias)
