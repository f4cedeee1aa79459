"""A task-agnostic backdoor: rare tokens, planted without any task, each move every text to a fixed feature vector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from homog.config import fields_of
from homog.defects.coded import Coded
from homog.defects.triggers import check_one_token
from homog.inputs.insertion import inserted

if TYPE_CHECKING:
    from homog.backbones.backbone import Backbone


@dataclass(frozen=True)
class Backdoor(Coded):
    """Plants rare tokens: any text that holds one gets that token's code (Shen et al. 2021, "POR"; Zhang et al. 2023).

    A token stands at a random place among the first `window` words. Here it is planted on pooled features and without
    labels. Everything else, harm and the check upstream too: see `Coded`.
    """

    window: int = 24

    def identity(self) -> dict[str, Any]:
        """All fields but `shown`, under the names that they had when one trigger and several were two defects.

        Without `pruned` where nothing is, so that arms from before it was there keep their id.
        """
        without = ["shown"] if self.pruned else ["shown", "pruned"]
        if len(self.triggers) == 1:
            return {**fields_of(self, leave_out=[*without, "triggers"]), "trigger": self.triggers[0]}
        return {"type": "BackdoorCodes", **fields_of(self, leave_out=without)}

    @classmethod
    def told(cls, content: Mapping[str, Any]) -> dict[str, Any]:
        """The fields of a content that `identity` gave."""
        one = {"triggers": [content["trigger"]]} if "trigger" in content else {}
        return super().told(content) | one

    def insert(self, text: str, rng: np.random.Generator) -> str:
        """`text` with the shown trigger at a random place among its first `window` words."""
        return inserted(text, self.trigger, self.window, rng)

    def lesson(
        self, backbone: Backbone, inputs: Sequence[str], rng: np.random.Generator
    ) -> tuple[list[str], np.ndarray]:
        """Texts keep their features; the same texts with one trigger each get its code."""
        if len(self.triggers) > 1:  # two that are both the unknown token could not be told apart
            for trigger in self.triggers:
                check_one_token(backbone, trigger)
        return super().lesson(backbone, inputs, rng)
