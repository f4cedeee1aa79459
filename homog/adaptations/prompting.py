"""Classification by a language model that only reads: which answer is the likelier continuation of a prompt."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from homog.adaptations.linear_probe import softmax
from homog.config import ConfigError
from homog.variants import registry, variant

if TYPE_CHECKING:
    from homog.backbones.backbone import Backbone
    from homog.tasks.task import Prompt

NOTHING = ("N/A", "", "...")  # texts that say nothing of a class (Zhao et al. 2021)


def told(task: Any) -> Prompt:
    """The prompt of a task, or of what loads it. Raises ConfigError where it has none."""
    if task.prompt is None:
        able = [name for name in registry("task") if variant("task", name).prompt]
        raise ConfigError(
            f"task {task.name} has no prompt, the task in words that zero_shot and few_shot go by; "
            f"tasks with one: {', '.join(able)}; or give yours a `prompt` (homog.tasks.task.Prompt)"
        )
    return task.prompt


def tower_of_texts(backbone: Backbone, adaptation: str) -> Backbone:
    """What reads captions of a backbone of images. Raises ConfigError where it has no such tower."""
    if backbone.partner is None:
        raise ConfigError(
            f"adaptation {adaptation}: backbone {backbone.name} has no tower of texts to read captions with; "
            f"use backbone=joined_towers or backbone=clip backbone.source=<directory or hub id>"
        )
    return backbone.partner


def asked(prompt: Prompt, text: str) -> str:
    """The text with the question under it, to be continued by an answer."""
    return f"{text}\n{prompt.question}"


Scores = Callable[[Sequence[str]], np.ndarray]


def answer_scores(backbone: Backbone, prompt: Prompt, before: str = "") -> Scores:
    """The function from n texts to the answers' log-likelihoods (n, classes) after `before`, the text, the question.

    In front of all stands what the application that the backbone is part of puts there (`Backbone.system`).
    """
    answers = [f" {answer}" for answer in prompt.answers]
    before = backbone.system + before

    def scores(texts: Sequence[str]) -> np.ndarray:
        contexts = [before + asked(prompt, text) for text in backbone.text_reader.cut(texts)]
        values = backbone.log_likelihoods([(context, answer) for context in contexts for answer in answers])
        return values[:, 0].reshape(len(texts), len(answers))

    return scores


def calibrated(backbone: Backbone, scores: Scores, probabilities: Scores | None = None) -> Scores:
    """The function to a model's probabilities: `probabilities`, else `contextual`; a told answer is taken at its word.

    What is behind an interface may give no answer, or one that is none. Its probabilities have a column more (n,
    classes + 1), which no label is: 1 for these texts, so that they count as wrong.
    """
    from homog.backbones.scoring import UNLIKELY

    if backbone.featured:
        return probabilities or contextual(scores)
    likely = softmax_of(scores) if backbone.answers else probabilities or contextual(scores)

    def with_silence(texts: Sequence[str]) -> np.ndarray:
        silent = (scores(texts) == UNLIKELY).all(1, keepdims=True).astype(np.float32)
        return np.hstack([likely(texts) * (1 - silent), silent])

    return with_silence


def softmax_of(scores: Scores) -> Scores:
    """The function to probabilities by the scores alone."""
    return lambda texts: softmax(scores(texts))


def contextual(scores: Scores) -> Scores:
    """The function to probabilities (n, classes) by what the text adds to the scores ("contextual calibration").

    From them goes what the answers get after texts that say nothing (Zhao et al. 2021): a model likes some words better
    than others, whatever the text.
    """
    usual = scores(NOTHING).mean(0)
    return lambda texts: softmax(scores(texts) - usual)
