"""Hand-made features and a classical learner: there is no backbone, so the algorithm is all that is shared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from homog.adaptations.adaptation import Adaptation, Predictor
from homog.adaptations.learners import LEARNERS, fitted, probabilities, size
from homog.config import choose
from homog.inputs.images import all_resized

if TYPE_CHECKING:
    from homog.backbones.backbone import Backbone
    from homog.tasks.task import Task


@dataclass(frozen=True)
class Handcrafted(Adaptation):
    """Hand-made features, and a `learner`.

    Of texts: TF-IDF of words and pairs of words, its vocabulary from the model's own training texts. Of images:
    histograms of oriented gradients (Dalal & Triggs 2005) and of colours, standardised over the training images. `C` is
    the inverse penalty of the logistic learner and the SVM. The same learners as in `embedding_reuse`, without the
    backbone: era 1 of Bommasani et al. 2021, figure 1.
    """

    name: str
    learner: str = "logistic"
    C: float = 10.0

    linear_head: ClassVar[bool] = False
    uses_backbone: ClassVar[bool] = False
    modalities: ClassVar[tuple[str, ...]] = ("text", "image")

    def __post_init__(self) -> None:
        choose(self.learner, LEARNERS, "learner")

    def trains(self, parameter: str) -> bool:
        """The backbone is not used."""
        return False

    def fit(self, backbone: Backbone, tasks: Sequence[Task], seed: int) -> Iterator[tuple[str, Predictor]]:
        """One vocabulary and learner per task; `seed` is for learners with randomness."""
        for task in tasks:
            words = _features(task.modality)
            table = _dense(words.fit_transform(list(task.train["input"])))
            labels, stream = np.asarray(task.train["label"]), (self.name, task.name, seed)
            model = fitted(self.learner, self.C, table, labels, stream)
            classes = len(task.label_names)

            def predict(texts, words=words, model=model, classes=classes):
                return probabilities(model, _dense(words.transform(list(texts))), classes)

            yield task.name, Predictor(predict, (), (), size(model) + table.shape[1])


def _features(modality: str) -> Any:
    """What turns inputs into the columns of a table."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    if modality == "image":
        return make_pipeline(FunctionTransformer(described), StandardScaler())
    return TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, max_features=5000)


def described(images: Sequence[np.ndarray], cells: int = 4, side: int = 32) -> np.ndarray:
    """(n, features): of `cells` x `cells` fields of each image the gradients by direction and the levels of colours.

    Directions of 9 bins of 20 degrees, weighted by size and normalised over the image; 4 levels of each colour.
    """
    small = all_resized([np.asarray(image) for image in images], side).astype(np.float32) / 255
    down, right = np.gradient(small.mean(3), axis=(1, 2))
    bins = (np.degrees(np.arctan2(down, right)) % 180 // 20).astype(int).clip(0, 8)
    edges = np.hypot(down, right)[..., None] * np.eye(9, dtype=np.float32)[bins]
    levels = np.eye(4, dtype=np.float32)[(small * 4).astype(int).clip(0, 3)].reshape(*small.shape[:3], 12)
    fields = [_fields(part, cells) for part in (edges, levels)]
    fields[0] /= np.linalg.norm(fields[0], axis=1, keepdims=True) + 1e-6
    return np.concatenate(fields, axis=1)


def _fields(values: np.ndarray, cells: int) -> np.ndarray:
    """(n, side, side, k) -> (n, cells * cells * k): means over fields."""
    n, side, _, k = values.shape
    return values.reshape(n, cells, side // cells, cells, side // cells, k).mean((2, 4)).reshape(n, -1)


def _dense(table: Any) -> np.ndarray:
    return table.toarray() if hasattr(table, "toarray") else np.asarray(table)  # boosting takes no sparse matrix
