"""Classical learners of scikit-learn behind one call: features in, class probabilities out."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from homog.config import choose
from homog.seeding import generator

LEARNERS = ("boosting", "knn", "logistic", "mlp", "svm")


def learner(name: str, C: float, stream: tuple[str | int, ...]) -> Any:
    """An unfitted learner; `C` is the inverse penalty of logistic and svm, `stream` names the random numbers.

    Raises ConfigError for a name not in LEARNERS.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.svm import LinearSVC

    state = int(generator("learner", *stream).integers(2**31))
    kinds: dict[str, Callable[[], Any]] = {
        "boosting": lambda: HistGradientBoostingClassifier(max_iter=60, min_samples_leaf=5, random_state=state),
        "knn": lambda: KNeighborsClassifier(n_neighbors=30, weights="distance", metric="cosine"),
        "logistic": lambda: LogisticRegression(C=C, max_iter=1000),
        "mlp": lambda: MLPClassifier((64,), alpha=5.0, max_iter=100, random_state=state),
        "svm": lambda: LinearSVC(C=C, max_iter=5000, random_state=state),
    }
    return kinds[choose(name, kinds, "learner")]()


def fitted(name: str, C: float, features: Any, labels: Any, stream: tuple[str | int, ...]) -> Any:
    """The learner fitted on (n, d) features; where all labels are one, a model that always says it."""
    from sklearn.dummy import DummyClassifier
    from sklearn.exceptions import ConvergenceWarning

    if len(np.unique(labels)) == 1:
        return DummyClassifier().fit(features, labels)
    model = learner(name, C, stream)
    if name == "knn":
        model.set_params(n_neighbors=min(model.n_neighbors, len(labels)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the MLP has a fixed number of epochs
        return model.fit(features, labels)


def probabilities(model: Any, features: Any, classes: int) -> np.ndarray:
    """(n, classes) float32; a class that the training examples lack gets 0."""
    values = np.zeros((features.shape[0], classes), dtype=np.float32)
    values[:, model.classes_] = (
        model.predict_proba(features) if hasattr(model, "predict_proba") else _margins(model, features)
    )
    return values


def _margins(model: Any, features: Any) -> np.ndarray:
    """Softmax of an SVM's margins: its order of the classes, not a calibrated probability."""
    from scipy.special import softmax

    margins = model.decision_function(features)
    return softmax(np.stack([-margins, margins], axis=1) if margins.ndim == 1 else margins, axis=1)


def size(model: Any) -> int:
    """How many numbers a fitted learner holds: weights, nodes of trees, or the examples that it remembers."""
    match type(model).__name__:
        case "MLPClassifier":
            return sum(part.size for part in (*model.coefs_, *model.intercepts_))
        case "LogisticRegression" | "LinearSVC":
            return model.coef_.size + model.intercept_.size
        case "HistGradientBoostingClassifier":
            return sum(len(tree.nodes) for trees in model._predictors for tree in trees)
        case "KNeighborsClassifier":
            return int(np.prod(model._fit_X.shape)) + len(model._y)
        case _:
            return len(model.classes_)
