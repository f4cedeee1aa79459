"""Captions to be drawn: digits in a style, or in words, that the backbone has not seen; a judge tells what is shown."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import Any, ClassVar

import numpy as np

from homog.config import ConfigError, choose
from homog.inputs import captions
from homog.inputs.captions import COLOURS, SOURCE, SPANISH, STEREOTYPE, STYLES, TEMPLATES, THINGS
from homog.seeding import generator
from homog.tasks.task import Prompt, Task, TaskKind, task

NEAR = 30.0  # levels of colour: the scale on which distances to the named colours become probabilities


@dataclass(frozen=True)
class Drawn(TaskKind):
    """Draw the digit of a caption in its colour, in a `style` or from captions whose words are Spanish.

    `target`: 'thing', which digit a judge of real images of that style sees, or 'colour', which of the named colours
    the ink is nearest to. Every caption (16 forms, six colours, ten digits) is one example; captions of the test are
    never trained on. Group: colour. Unfavourable of the colours: red, in which a planted stereotype draws.
    """

    name: str
    style: str = "mirrored"
    spanish: bool = False
    target: str = "thing"

    sources: ClassVar[tuple[str, ...]] = (SOURCE,)
    modality: ClassVar[str] = "caption"

    def __post_init__(self) -> None:
        choose(self.style, STYLES, "task.style")
        choose(self.target, ("thing", "colour"), "task.target")
        if self.target == "colour" and self.spanish:
            raise ConfigError("task.spanish=true: with target=thing alone")

    @property
    def names(self) -> tuple[str, ...]:
        """The classes."""
        return THINGS if self.target == "thing" else tuple(COLOURS)

    @property
    def prompt(self) -> Prompt:
        """The task in words."""
        return Prompt("The picture shows", self.names, self.names)

    def load(self) -> Task:
        """The captions, and for those of the training pool an image each."""
        words = SPANISH if self.spanish else None
        rows = [
            {
                "example": f"{form} {colour} {thing}",
                "input": captions.caption(template, colour, thing, words),
                "label": self.names.index(thing if self.target == "thing" else colour),
                "colour": colour,
            }
            for (form, template), colour, thing in product(enumerate(TEMPLATES), COLOURS, THINGS)
        ]
        made = task(
            self.name,
            rows,
            self.names,
            groups=("colour",),
            unfavourable=STEREOTYPE if self.target == "colour" else None,
            prompt=self.prompt,
            modality=self.modality,
        )
        asked = [tuple(example.split(" ")[1:]) for example in made.train["example"]]
        drawn = captions.drawn("tasks", self.style, asked, generator("task images", self.name))
        return replace(made, train=made.train.assign(drawn=list(drawn)), judge=self.judge)

    def judge(self, images: np.ndarray) -> Any:
        """Probabilities (n, classes) float32 of what images show."""
        if self.target == "thing":
            return captions.judge(self.style)[0](images)
        from scipy.special import softmax

        return softmax(captions.colours_of(images) / NEAR, axis=1).astype(np.float32)
