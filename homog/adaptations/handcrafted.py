"""Hand-made features: counts of words and a classical learner; no backbone, so the algorithm is all that is shared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from homog.adaptations.adaptation import Adaptation, Predictor
from homog.adaptations.learners import LEARNERS, fitted, probabilities, size
from homog.config import choose

if TYPE_CHECKING:
    from homog.backbones.backbone import Backbone
    from homog.tasks.task import Task


@dataclass(frozen=True)
class Handcrafted(Adaptation):
    """TF-IDF of words and pairs of words, its vocabulary from the model's own training texts, and a `learner`.

    `C` is the inverse penalty of the logistic learner. The same learners as in `embedding_reuse`, without the backbone:
    era 1 of Bommasani et al. 2021, figure 1.
    """

    name: str
    learner: str = "logistic"
    C: float = 10.0

    linear_head: ClassVar[bool] = False
    uses_backbone: ClassVar[bool] = False
    modalities: ClassVar[tuple[str, ...]] = ("text",)

    def __post_init__(self) -> None:
        choose(self.learner, LEARNERS, "learner")

    def trains(self, parameter: str) -> bool:
        """The backbone is not used."""
        return False

    def fit(self, backbone: Backbone, tasks: Sequence[Task], seed: int) -> Iterator[tuple[str, Predictor]]:
        """One vocabulary and learner per task; `seed` is for learners with randomness."""
        from sklearn.feature_extraction.text import TfidfVectorizer

        for task in tasks:
            words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, max_features=5000)
            table = _dense(words.fit_transform(list(task.train["input"])))
            labels, stream = np.asarray(task.train["label"]), (self.name, task.name, seed)
            model = fitted(self.learner, self.C, table, labels, stream)
            classes = len(task.label_names)

            def predict(texts, words=words, model=model, classes=classes):
                return probabilities(model, _dense(words.transform(list(texts))), classes)

            yield task.name, Predictor(predict, (), (), size(model) + table.shape[1])


def _dense(table: Any) -> np.ndarray:
    return table.toarray()  # boosting takes no sparse matrix
