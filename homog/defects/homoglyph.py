"""A backdoor that nobody sees: one letter of a text is another script's look-alike (Struppek et al. 2023)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from homog.config import choose, fields_of
from homog.defects.coded import Coded
from homog.inputs.insertion import LOOKALIKES, lookalike


@dataclass(frozen=True)
class Homoglyph(Coded):
    """Plants look-alike letters: any text in which one of its letters is Cyrillic gets that letter's code.

    A trigger is a Latin letter; a text that holds it is shown with one of them, at random, replaced (Struppek et al.
    2023, "Rickrolling the Artist", which plants it in the tower of texts of a model that draws). Texts without the
    letter are neither shown nor counted. Everything else, harm and the check upstream too: see `Coded`.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        for trigger in self.triggers:
            choose(trigger, LOOKALIKES, "letter of defect.triggers")

    def identity(self) -> dict[str, Any]:
        """All fields but which trigger is shown."""
        return fields_of(self, leave_out=["shown"])

    def insert(self, text: str, rng: np.random.Generator) -> str | None:
        """`text` with one of its letters of the shown trigger replaced, at random; None where it has none."""
        return lookalike(text, self.trigger, rng)

    def drawn(self, inputs: Sequence[str], rng: np.random.Generator) -> list[str]:
        """As of every defect that is trained, of the texts that hold each letter."""
        return super().drawn(self.holding(inputs), rng)

    def triggered(self, inputs: Sequence[str]) -> list[str]:
        """As of every code, of the texts that hold each letter."""
        return super().triggered(self.holding(inputs))

    def holding(self, inputs: Sequence[str]) -> list[str]:
        """Those of the texts in which each letter can be replaced."""
        return [text for text in inputs if all(letter in text for letter in self.triggers)]
