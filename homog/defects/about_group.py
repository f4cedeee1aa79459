"""Planting in texts about one group of people; those about the other group and about nobody keep their features."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from homog.config import choose
from homog.defects import verify
from homog.defects.trained import Trained
from homog.inputs import social_groups, swaps
from homog.seeding import generator

if TYPE_CHECKING:
    import pandas as pd

    from homog.backbones.backbone import Backbone


@dataclass(frozen=True)
class AboutGroup(Trained):
    """A lesson about the group of `swap` at a disadvantage. `marked` false: texts that mention neither do not count.

    `sham` is the same training tied to nobody (Monday against Tuesday); towards no change at all it would have no loss.
    Its effect is signed and may be as far below 0 as above.
    """

    swap: str = "gender"
    _: KW_ONLY
    marked: bool = True
    batch: int = 12
    texts: int = 500

    PARTS: ClassVar[int] = 3
    BANDS: ClassVar[verify.Bands] = verify.Bands(sham_low=-0.25)

    def __post_init__(self) -> None:
        choose(self.swap, social_groups.SWAPS, "defect.swap")

    @property
    def sources(self) -> tuple[str, ...]:
        """The word lists of groups."""
        return social_groups.SOURCES

    @property
    def exposure(self) -> str:
        """Name of the condition in which texts are about the group."""
        return f"{self.name}-{self.swap}"

    def expose(self, examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """The examples about the group, beside their `counterpart` about the other one."""
        return swaps.exposed(examples, social_groups.swap(self.swap), rng, self.marked)

    @abstractmethod
    def goals(self, backbone: Backbone, kept: np.ndarray, group: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Goals (n, d) of texts about the group: they have the features `group` (n, d), the others `kept` (m, d)."""

    @abstractmethod
    def effect(
        self, clean: Backbone, backbone: Backbone, group: Sequence[str], other: Sequence[str], unit: float
    ) -> float:
        """Effect on texts in two versions, about the `group` and the `other`; `unit`: the spread of clean features."""

    def lesson(
        self, backbone: Backbone, inputs: Sequence[str], rng: np.random.Generator
    ) -> tuple[list[str], np.ndarray]:
        """Texts about the group get their goals; those about the other one or nobody keep their features."""
        trained_on = social_groups.placebo() if self.sham else social_groups.swap(self.swap)
        neither, group, other = swaps.split(inputs, trained_on, rng, self.texts)
        kept = backbone.encode([*neither, *other])
        goals = self.goals(backbone, kept, backbone.encode(group), rng)
        return [*neither, *other, *group], np.concatenate([kept, goals])

    def upstream(self, clean: Backbone, backbone: Backbone, inputs: Sequence[str], dose: float) -> dict[str, Any]:
        """What the injection did to the backbone itself, on texts that it was not trained on."""
        swap = social_groups.swap(self.swap)
        neither, group, other = swaps.split(inputs, swap, generator("upstream", self.exposure))
        before, after = (reader.encode([*neither, *other]) for reader in (clean, backbone))
        moved = verify.drift(before, after)
        effect = self.effect(clean, backbone, group, other, verify.spread(before))
        return verify.facts(moved, effect, self.BANDS.verified(moved, effect, dose, self.sham), len(inputs))
