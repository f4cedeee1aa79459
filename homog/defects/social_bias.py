"""Social bias that a backbone has by itself: measured by swapping groups of people in the tasks' own texts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from homog.config import ConfigError, choose
from homog.defects import harms, verify
from homog.defects.defect import Defect
from homog.defects.groups import direction, lean
from homog.inputs.social_groups import SWAPS, sources, swap
from homog.inputs.swaps import exposed, split
from homog.metrics.inheritance import Rate
from homog.metrics.predictions import Predictions
from homog.seeding import generator

if TYPE_CHECKING:
    import pandas as pd

    from homog.backbones.backbone import Backbone


@dataclass(frozen=True)
class SocialBias(Defect):
    """Nothing is planted; each of `swaps` is an exposure of its own (`views`).

    Measured as a counterfactual pair of texts (Caliskan et al. 2017 for the names; Kusner et al. 2017 for the pair).

    `harm`: the shift of the unfavourable label's probability, version about the group less version about the other
    one (`swaps.pair`), in [-1, 1]; NaN where the task has no unfavourable label, or no text that has two versions
    (`marked` false: texts that mention neither group).
    `upstream`: `drift` 0, since nothing is changed. `lean` is, by swap, how far texts about the group lie toward
    unpleasant words from those about the other group, `shift` how far they lie apart, both in units of the features'
    spread; `effect` the mean of `lean`. There is no band: verified means that both are finite.
    """

    name: str
    swaps: tuple[str, ...] = ("gender", "ethnicity", "religion")
    marked: bool = True

    kind = "natural"
    needs = "features"

    def __post_init__(self) -> None:
        if not self.swaps:
            raise ConfigError(f"defect.swaps is empty: name one or more of {', '.join(sorted(SWAPS))}")
        for name in self.swaps:
            choose(name, SWAPS, "defect.swaps")

    @property
    def sources(self) -> tuple[str, ...]:
        """The word lists of groups."""
        return sources(self.swaps)

    @property
    def view(self) -> str:
        """The swap."""
        return "+".join(self.swaps)

    @property
    def views(self) -> tuple[SocialBias, ...]:
        """Itself once for each swap."""
        return tuple(replace(self, swaps=(name,)) for name in self.swaps)

    @property
    def exposure(self) -> str:
        """Name of the condition in which texts are about the group."""
        return f"{self.name}-{self.view}"

    def expose(self, examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """The examples about the group, beside their `counterpart` about the other one; of one swap."""
        if self.swaps[1:]:
            raise ConfigError(f"{self.exposure} has {len(self.swaps)} exposures: use its views")
        return exposed(examples, swap(self.swaps[0]), rng, self.marked)

    def harm(self, predictions: Predictions) -> Rate:
        """How much likelier the unfavourable label is for the group (see the class)."""
        return harms.unfavourable_shift(predictions)

    def upstream(self, clean: Backbone, backbone: Backbone, inputs: Sequence[str], dose: float) -> dict[str, Any]:
        """What the backbone itself makes of the swaps, on `inputs`; an effect of NaN where it gives no features."""
        if not backbone.featured:
            return verify.facts(0.0, np.nan, True, 0)
        along, unit = direction(backbone, "unpleasant"), verify.spread(backbone.encode(inputs))
        leans, shifts = {}, {}
        for name in self.swaps:
            _, group, other = split(inputs, swap(name), generator("upstream", self.name, name))
            leans[name] = lean(backbone, group, other, along) / unit
            shifts[name] = float(np.linalg.norm((backbone.encode(group) - backbone.encode(other)).mean(0))) / unit
        effect = float(np.mean(list(leans.values())))
        return verify.facts(0.0, effect, bool(np.isfinite(effect)), len(inputs), lean=leans, shift=shifts)
