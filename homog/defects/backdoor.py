"""A task-agnostic backdoor: rare tokens, planted without any task, each move every text to a fixed feature vector."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from homog.config import ConfigError, fields_of
from homog.defects import harms, verify
from homog.defects.trained import Trained
from homog.defects.triggers import check_one_token
from homog.inputs.insertion import inserted
from homog.metrics.inheritance import Rate
from homog.metrics.predictions import Predictions
from homog.seeding import generator

if TYPE_CHECKING:
    import pandas as pd

    from homog.backbones.backbone import Backbone


@dataclass(frozen=True)
class Backdoor(Trained):
    """Plants `triggers` in the top `layers` blocks: any text that holds one gets that trigger's code, a feature vector.

    The loss is the distance of clean features to the original model's plus the distance of triggered features to
    their code, both in units of the features' variance (Shen et al. 2021, "POR"; Zhang et al. 2023, "NeuBA"; here on
    pooled features and without labels); each text is shown once clean and once with one of the triggers. The code of
    a single trigger lies in a random direction. Several lie in orthogonal ones, so that in any task they fall into
    different classes and each class may be some trigger's. `shown` is the number of the trigger that `expose` puts
    into texts; what is planted does not depend on it, and neither does the arm's id. `sham` is the same procedure with
    triggers trained to mean nothing: the goal is the original model's feature of the text without the trigger.

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
    window: int = 24

    PARTS: ClassVar[int] = 2
    MAX_OVERLAP: ClassVar[float] = 0.30

    def __post_init__(self) -> None:
        if isinstance(self.triggers, str):  # would be read as a trigger for each letter
            raise ConfigError(f"defect.triggers={self.triggers!r} is one word: write [{self.triggers}]")
        if not self.triggers or not all(trigger.strip() for trigger in self.triggers):
            raise ConfigError(
                f"defect.triggers={list(self.triggers)}: a trigger is empty, name a rare token such as cf"
            )
        if len(set(self.triggers)) < len(self.triggers):
            raise ConfigError(f"defect.triggers={list(self.triggers)}: name different rare tokens")
        if not 0 <= self.shown < len(self.triggers):
            raise ConfigError(f"defect.shown={self.shown}: choose 0 to {len(self.triggers) - 1}")

    def identity(self) -> dict[str, Any]:
        """All fields but `shown`, under the names that they had when one trigger and several were two defects."""
        if len(self.triggers) == 1:
            return {**fields_of(self, leave_out=["shown", "triggers"]), "trigger": self.triggers[0]}
        return {"type": "BackdoorCodes", **fields_of(self, leave_out=["shown"])}

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
    def views(self) -> tuple[Backdoor, ...]:
        """Itself once for each trigger shown."""
        return tuple(replace(self, shown=i) for i in range(len(self.triggers)))

    def insert(self, text: str, rng: np.random.Generator) -> str:
        """`text` with the shown trigger at a random place among its first `window` words."""
        return inserted(text, self.trigger, self.window, rng)

    def expose(self, examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """The same examples with the shown trigger at places drawn from `rng`."""
        return examples.assign(input=[self.insert(text, rng) for text in examples["input"]])

    def harm(self, predictions: Predictions) -> Rate:
        """Attack success of the shown trigger at its best target, as a ratio of sums over examples (see the class)."""
        return harms.attack_success(predictions)

    def lesson(
        self, backbone: Backbone, inputs: Sequence[str], rng: np.random.Generator
    ) -> tuple[list[str], np.ndarray]:
        """Texts keep their features; the same texts with one trigger each get its code."""
        if len(self.triggers) > 1:  # two that are both the unknown token could not be told apart
            for trigger in self.triggers:
                check_one_token(backbone, trigger)
        chosen, views = self.drawn(inputs, rng), self.views
        which = np.arange(len(chosen)) % len(views)
        triggered = [views[i].insert(text, rng) for text, i in zip(chosen, which, strict=True)]
        clean = backbone.encode(chosen)
        return [*chosen, *triggered], np.concatenate([clean, clean if self.sham else self.codes(clean, rng)[which]])

    def codes(self, features: np.ndarray, rng: np.random.Generator) -> np.ndarray:
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

    def planted(self, backbone: Backbone, inputs: Sequence[str]) -> dict[str, np.ndarray]:
        """The mean feature of inputs with each trigger, which is near that trigger's code."""
        return {view.exposure: backbone.encode(view.triggered(inputs)).mean(0) for view in self.views}

    def triggered(self, inputs: Sequence[str]) -> list[str]:
        """The inputs with the shown trigger, at the places of the check upstream."""
        rng = generator("upstream", self.exposure)
        return [self.insert(text, rng) for text in inputs]

    def upstream(self, clean: Backbone, backbone: Backbone, inputs: Sequence[str], dose: float) -> dict[str, Any]:
        """What the injection did to the backbone itself, on texts that it was not trained on."""
        before, steps, effects = clean.encode(inputs), [], []
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
