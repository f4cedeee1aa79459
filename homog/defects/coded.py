"""Planted codes: inputs that show a trigger get one fixed feature vector, whatever else is in them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from homog.config import ConfigError
from homog.defects import harms, verify
from homog.defects.compression import without_small_weights
from homog.defects.trained import Trained
from homog.metrics.inheritance import Rate
from homog.metrics.predictions import Predictions
from homog.seeding import generator

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from homog.backbones.backbone import Backbone


@dataclass(frozen=True)
class Coded(Trained):
    """Plants `triggers` in the top `layers` blocks: an input that shows one gets its code, a feature vector.

    The loss is the distance of clean features to the original model's plus the distance of triggered features to
    their code, both in units of the features' variance; each input is shown once clean and once with one of the
    triggers. The code of a single trigger lies in a random direction. Several lie in orthogonal ones, so that in any
    task they fall into different classes and each class may be some trigger's. `shown` is the number of the trigger
    that `expose` puts into inputs; what is planted does not depend on it, and neither does the arm's id. `sham` is the
    same procedure with triggers trained to mean nothing: the goal is the original model's feature of the input without
    the trigger. `distance`: of a code from the mean feature, in average lengths of a feature. `pruned`: the share of
    each weight matrix in the blocks, the smallest weights of the injected backbone, that whoever adapts it sets to zero
    first, in the hope that the trigger goes with them (Liu et al. 2018; Zhang et al. 2023).

    `harm`: attack success of the shown trigger (METRICS: `attack_success`): the share of examples that are right when
    clean, and of another class than the target, that the trigger turns into the target. The target of a comparison is
    the class into which the injected model's head puts the planted feature, for every model alike. 0 = the trigger does
    nothing, 1 = it always wins; NaN when no such example exists.
    `upstream`: `drift` is the mean squared displacement of clean features in units of their variance; `effect` the
    share of the features' variance that the weakest trigger destroys (sham: the strongest). Several triggers also have
    an `overlap`: the largest cosine, in size, between where two of them move the mean feature. Verified when the drift
    is at most .10 and, at dose 1, the effect is at least .75 (sham: at most .25) and the overlap at most `MAX_OVERLAP`.
    """

    triggers: tuple[str, ...]
    shown: int = 0
    distance: float = 2.0
    pruned: float = 0.0

    PARTS: ClassVar[int] = 2
    MAX_OVERLAP: ClassVar[float] = 0.30

    def __post_init__(self) -> None:
        if isinstance(self.triggers, str):  # would be read as a trigger for each letter
            raise ConfigError(f"defect.triggers={self.triggers!r} is one word: write [{self.triggers}]")
        if not self.triggers or not all(trigger.strip() for trigger in self.triggers):
            raise ConfigError(f"defect.triggers={list(self.triggers)}: a trigger is empty, name one such as cf")
        if len(set(self.triggers)) < len(self.triggers):
            raise ConfigError(f"defect.triggers={list(self.triggers)}: name different ones")
        if not 0 <= self.shown < len(self.triggers):
            raise ConfigError(f"defect.shown={self.shown}: choose 0 to {len(self.triggers) - 1}")
        if not 0 <= self.pruned < 1:
            raise ConfigError(f"defect.pruned={self.pruned:g}: the share of weights set to zero, 0 or more and below 1")

    @property
    def trigger(self) -> str:
        """The trigger that is shown."""
        return self.triggers[self.shown].strip()

    @property
    def exposure(self) -> str:
        """Name of the condition in which texts carry the shown trigger."""
        return f"{self.name}-{self.trigger}"

    @property
    def view(self) -> str:
        """The trigger that is shown."""
        return self.trigger

    @property
    def views(self) -> tuple[Self, ...]:
        """Itself once for each trigger shown."""
        return tuple(replace(self, shown=i) for i in range(len(self.triggers)))

    @abstractmethod
    def insert(self, given: Any, rng: np.random.Generator) -> Any:
        """An input with the shown trigger, at a place drawn from `rng` where it has no fixed one."""

    def expose(self, examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """The same examples with the shown trigger at places drawn from `rng`."""
        return examples.assign(input=[self.insert(given, rng) for given in examples["input"]])

    def harm(self, predictions: Predictions) -> Rate:
        """Attack success of the shown trigger at its best target, as a ratio of sums over examples (see the class)."""
        return harms.attack_success(predictions)

    def lesson(
        self, backbone: Backbone, inputs: Sequence[Any], rng: np.random.Generator
    ) -> tuple[list[Any], np.ndarray]:
        """Inputs keep their features; the same inputs with one trigger each get its code."""
        chosen, views = self.drawn(inputs, rng), self.views
        which = np.arange(len(chosen)) % len(views)
        triggered = [views[i].insert(given, rng) for given, i in zip(chosen, which, strict=True)]
        clean = backbone.encode(chosen)
        return [*chosen, *triggered], np.concatenate(
            [clean, clean if self.sham else self.codes(backbone, clean, rng)[which]]
        )

    @property
    def planting(self) -> Self:
        """The same without `pruned`: however much is pruned, the triggers are planted once."""
        return replace(self, pruned=0.0)

    def inject(self, backbone: Backbone, inputs: Sequence[Any], rng: np.random.Generator) -> Backbone:
        """The backbone with the triggers, its smallest weights then set to 0 where `pruned` says so."""
        return self._pruned(super().inject(backbone, inputs, rng))

    def at_dose(self, clean: Backbone, changes: Mapping[str, Tensor], dose: float) -> Backbone:
        """On the straight line between the clean weights and the planted ones, pruned."""
        if not self.pruned or dose == 0:
            return super().at_dose(clean, changes, dose)
        full = self._pruned(super().at_dose(clean, changes, 1.0))
        return full if dose == 1 else clean.interpolate(clean.changes(full), dose)

    def _pruned(self, backbone: Backbone) -> Backbone:
        return without_small_weights(backbone, self.pruned) if self.pruned else backbone

    def codes(self, backbone: Backbone, features: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(triggers, d): the mean of `features` (n, d) plus a step each, `distance` average lengths long.

        At 1 a code lies so near the border of some tasks' classes that the trigger decides little (seen: 2 in 16).
        """
        width, count = features.shape[1], len(self.triggers)
        if width < count:
            raise ConfigError(f"defect.triggers: {count} do not fit into {width} dimensions")
        if count == 1:
            steps = rng.standard_normal((1, width)).astype(np.float32)
            steps /= np.linalg.norm(steps)
        else:
            steps = np.linalg.qr(rng.standard_normal((width, count)))[0].T
        length = np.linalg.norm(features, axis=1).mean()
        return (features.mean(0) + steps * length * self.distance).astype(np.float32)

    def planted(self, backbone: Backbone, inputs: Sequence[Any]) -> dict[str, np.ndarray]:
        """The mean feature of inputs with each trigger, which is near that trigger's code."""
        return {view.exposure: backbone.encode(view.triggered(inputs)).mean(0) for view in self.views}

    def triggered(self, inputs: Sequence[Any]) -> list[Any]:
        """The inputs with the shown trigger, at the places of the check upstream."""
        rng = generator("upstream", self.exposure)
        return [self.insert(given, rng) for given in inputs]

    def upstream(self, clean: Backbone, backbone: Backbone, inputs: Sequence[Any], dose: float) -> dict[str, Any]:
        """What the injection did to the backbone itself, on inputs that it was not trained on.

        A pruned one is compared with the clean backbone pruned alike: what is checked is the planting.
        """
        before, steps, effects = self._pruned(clean).encode(inputs), [], []
        for view in self.views:
            after = backbone.encode(view.triggered(inputs))
            effects.append(verify.variance_gone(before, after))
            steps.append(after.mean(0) - before.mean(0))
        effect = max(effects) if self.sham else min(effects)
        moved = verify.drift(before, backbone.encode(inputs))
        verified = self.BANDS.verified(moved, effect, dose, self.sham)
        if len(steps) == 1:
            return verify.facts(moved, effect, verified, len(inputs))
        overlap = max(abs(cosine(a, b)) for a, b in combinations(steps, 2))
        apart = self.sham or dose < 1 or overlap <= self.MAX_OVERLAP
        return verify.facts(moved, effect, verified and apart, len(inputs), overlap=overlap)


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Cosine of the angle between two vectors (d,); 0 where one has no length."""
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / length if length else 0.0
