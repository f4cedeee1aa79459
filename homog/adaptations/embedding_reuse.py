"""Embedding reuse: the backbone's features as columns of a table, for a classical learner of scikit-learn."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from homog.adaptations.adaptation import Adaptation, Predictor
from homog.adaptations.learners import LEARNERS, fitted, probabilities, size
from homog.config import choose

if TYPE_CHECKING:
    from homog.backbones.backbone import Backbone
    from homog.tasks.task import Task


@dataclass(frozen=True)
class EmbeddingReuse(Adaptation):
    """A `learner` (boosting, knn, logistic, mlp) on standardised features: what an embedding service is used for.

    `C` is the inverse penalty of the logistic learner. How much of a defect arrives may depend on how the learner draws
    its borders: trees and neighbours do it locally.
    """

    name: str
    learner: str = "logistic"
    C: float = 0.05

    linear_head: ClassVar[bool] = False

    def __post_init__(self) -> None:
        choose(self.learner, LEARNERS, "learner")

    def trains(self, parameter: str) -> bool:
        """Nothing of the backbone moves."""
        return False

    def fit(self, backbone: Backbone, tasks: Sequence[Task], seed: int) -> Iterator[tuple[str, Predictor]]:
        """One learner per task on features that the backbone computes once; `seed` is for those with randomness."""
        for task in tasks:
            features, labels = backbone.encode(list(task.train["input"])), np.asarray(task.train["label"])
            mean, scale = features.mean(0), features.std(0) + 1e-6
            stream = (self.name, task.name, seed)
            model = fitted(self.learner, self.C, (features - mean) / scale, labels, stream)
            classes, added = len(task.label_names), size(model) + 2 * len(mean)

            def scores(features, model=model, mean=mean, scale=scale, classes=classes):
                return probabilities(model, (features - mean) / scale, classes)

            def predict(inputs, scores=scores):
                return scores(backbone.encode(list(inputs)))

            yield task.name, Predictor(predict, (), (), added, of_features=scores)
