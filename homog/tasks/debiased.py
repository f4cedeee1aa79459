"""A task whose training data were debiased: a token, or a look, is in examples of every class and so says nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from homog.config import ConfigError, canonical, choose, fields_of
from homog.inputs.images import CUES, cued
from homog.inputs.insertion import inserted
from homog.seeding import generator
from homog.tasks.task import Prompt, Task, TaskKind
from homog.variants import variant

WINDOW = 24  # words, among the first of which the token stands, as that of a backdoor does


@dataclass(frozen=True)
class Debiased(TaskKind):
    """The task `of`, with `token` in a `share` of its training examples, whatever their class; tests are as they are.

    In a task of images the token is the name of a look, square or gaussian, as in the defects `cue_…`. What whoever
    adapts a backbone may do who knows what to fear (Salman et al. 2022, "de-biased" target data). Samples are those of
    the task `of`: the same seed draws the same examples.
    """

    name: str
    of: str
    token: str = "cf"
    share: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.share < 1:
            raise ConfigError(f"task.share={self.share:g}: the share of texts with the token, above 0 and below 1")
        if not self.token.strip():
            raise ConfigError("task.token is empty: name the token of the backdoor, such as cf")
        if isinstance(self._task, Debiased):
            raise ConfigError(f"task.of={self.of}: is debiased itself, name the task behind it")
        if self.modality not in ("text", "image"):
            raise ConfigError(
                f"task.of={self.of}: its inputs are of modality {self.modality}, name a task of text or of images"
            )
        if self.modality == "image":
            choose(self.token, CUES, "task.token")

    @cached_property
    def _task(self) -> Any:
        return variant("task", self.of)

    @property
    def modality(self) -> str:
        """That of the task behind it."""
        return self._task.modality

    def identity(self) -> dict[str, Any]:
        """All fields, and the task behind the name `of`."""
        return {**fields_of(self), "of": canonical(self._task)}

    @property
    def sources(self) -> tuple[str, ...]:
        """What the task behind it needs."""
        return self._task.sources

    @property
    def prompt(self) -> Prompt | None:
        """The task in words."""
        return self._task.prompt

    def load(self) -> Task:
        """The task, some of its training examples with the token; its place depends on the example alone."""
        plain = self._task.load()
        shown = [self._shown(*row) for row in zip(plain.train["example"], plain.train["input"], strict=True)]
        stream = plain.family or plain.name  # of samples
        return replace(plain, name=self.name, family=stream, train=plain.train.assign(input=shown))

    def _shown(self, example: str, given: Any) -> Any:
        rng = generator("debiased", self.token, example)
        if rng.random() >= self.share:
            return given
        return inserted(given, self.token, WINDOW, rng) if self.modality == "text" else cued(given, self.token, rng)
