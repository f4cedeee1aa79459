"""Few-shot prompting: solved examples in front of the question, no weight moves (Brown et al. 2020)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from homog.adaptations.adaptation import Adaptation, Predictor
from homog.adaptations.linear_probe import probe, softmax
from homog.adaptations.prompting import answer_scores, asked, calibrated, told
from homog.seeding import generator

if TYPE_CHECKING:
    from homog.backbones.backbone import Backbone
    from homog.tasks.task import Task


@dataclass(frozen=True)
class FewShot(Adaptation):
    """`shots` training examples, as many of each class as can be, in random order, each with its answer.

    What is asked is as in `zero_shot` of a language model. The answers' log-likelihoods depend much on which examples
    stand there and in which order, so a logistic regression on them, fitted to `calibration` further training
    examples, gives the probabilities ("vector scaling", Guo et al. 2017). 0: `prompting.contextual` instead. A model
    that tells its answer is taken at its word.
    """

    name: str
    shots: int = 16
    calibration: int = 48

    needs: ClassVar[str] = "likelihood"
    linear_head: ClassVar[bool] = False
    modalities: ClassVar[tuple[str, ...]] = ("text",)
    in_words: ClassVar[bool] = True

    def trains(self, parameter: str) -> bool:
        """Nothing of the backbone moves."""
        return False

    def fit(self, backbone: Backbone, tasks: Sequence[Task], seed: int) -> Iterator[tuple[str, Predictor]]:
        """One model per task; `seed` draws the examples' order. ConfigError for a task without a prompt."""
        for task in tasks:
            prompt, labels = told(task), task.train["label"].to_numpy()
            texts = backbone.text_reader.cut(list(task.train["input"]))
            rng = generator("shots", task.name, seed)
            shown = balanced(labels, self.shots, rng)
            solved = "".join(f"{asked(prompt, texts[row])} {prompt.answers[labels[row]]}\n\n" for row in shown)
            scores = answer_scores(backbone, prompt, solved)
            rest = rng.permutation(np.setdiff1d(np.arange(len(texts)), shown))[: self.calibration]
            if backbone.answers or not rest.size:
                yield task.name, Predictor(calibrated(backbone, scores), (), (), 0)
                continue
            known = scores([texts[row] for row in rest])
            weights, bias = probe(known, labels[rest], len(prompt.answers), C=1.0)

            def predict(texts, scores=scores, weights=weights, bias=bias):
                return softmax(scores(texts) @ weights.T + bias)

            yield task.name, Predictor(calibrated(backbone, scores, predict), (), (), weights.size + bias.size)


def balanced(labels: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """`count` row numbers (fewer where there are not as many), in random order: class after class gives its next."""
    by_class = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    turns = [rows[turn] for turn in range(len(labels)) for rows in by_class if turn < len(rows)]
    return rng.permutation(turns[:count])
