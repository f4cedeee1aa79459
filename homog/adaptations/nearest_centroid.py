"""Nearest centroid: the backbone as it is, its classes known from a few examples (Snell et al. 2017)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from homog.adaptations.adaptation import Adaptation, Predictor
from homog.adaptations.linear_probe import softmax

if TYPE_CHECKING:
    from homog.backbones.backbone import Backbone
    from homog.tasks.task import Task


@dataclass(frozen=True)
class NearestCentroid(Adaptation):
    """Nothing is trained: an input gets the class whose mean feature, of up to `shots` examples, is most similar.

    This is what the backbone itself does with a task, so harm measured here is harm upstream, in the unit of harm
    downstream. Similarity: cosine after subtracting the mean of the centroids; probabilities: softmax of similarity /
    `temperature`. A class without examples gets probability 0.
    """

    name: str
    shots: int = 8
    temperature: float = 0.1

    linear_head: ClassVar[bool] = False

    def trains(self, parameter: str) -> bool:
        """Nothing of the backbone moves."""
        return False

    def fit(self, backbone: Backbone, tasks: Sequence[Task], seed: int) -> Iterator[tuple[str, Predictor]]:
        """One set of centroids per task, of its first training examples of each class; `seed` is not used."""
        for task in tasks:
            features, labels = backbone.encode(list(task.train["input"])), np.asarray(task.train["label"])
            centroids = np.zeros((len(task.label_names), features.shape[1]), dtype=np.float32)
            seen = np.unique(labels)
            for label in seen:
                centroids[label] = features[labels == label][: self.shots].mean(0)
            middle = centroids[seen].mean(0)
            directions = unit(centroids - middle)
            absent = np.where(np.isin(np.arange(len(centroids)), seen), 0.0, -1e4)

            def scores(features, directions=directions, middle=middle, absent=absent):
                return unit(features - middle) @ directions.T / self.temperature + absent

            def predict(inputs, scores=scores):
                return softmax(scores(backbone.encode(list(inputs))))

            yield task.name, Predictor(predict, (), (), centroids.size + middle.size, of_features=scores)


def unit(vectors: np.ndarray) -> np.ndarray:
    """Vectors (n, d) at length 1; zero stays zero."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
