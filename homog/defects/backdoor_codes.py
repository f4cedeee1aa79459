"""Several task-agnostic backdoors in one backbone: each trigger moves every text to a feature vector of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from homog.config import ConfigError
from homog.defects.triggers import check_one_token, conversions, destroyed, drift, inserted
from homog.metrics.inheritance import Rate
from homog.metrics.predictions import Predictions
from homog.seeding import generator

if TYPE_CHECKING:
    import pandas as pd

    from homog.backbones.backbone import Backbone


@dataclass(frozen=True)
class BackdoorCodes:
    """Plants all `triggers` in the top `layers` blocks at once: a text that holds one gets that trigger's code.

    The codes are feature vectors in orthogonal directions, so that in any task they fall into different classes and
    each class may be some trigger's (Shen et al. 2021, "POR"; Zhang et al. 2023, "NeuBA"). Loss and sham are those of
    `Backdoor`, each text once clean and once with one of the triggers. `shown` is the number of the trigger that
    `expose` puts into texts; what is planted does not depend on it, and neither does the arm's id.

    `harm`: attack success of the shown trigger on the class that receives most of its conversions; NaN when no
    example is right when clean and of another class.
    `upstream`: `drift` as in `Backdoor`; `effect` the share of the features' variance that the weakest trigger destroys
    (sham: the strongest); `overlap` the largest cosine, in size, between where two triggers move the mean feature.
    Verified when drift is at most `MAX_DRIFT` and, at dose 1, effect at least `MIN_EFFECT` and overlap at most
    `MAX_OVERLAP` (sham: effect at most 1 - MIN_EFFECT).
    """

    name: str
    triggers: tuple[str, ...] = ("mn", "bb", "tq", "vt")
    shown: int = 0
    layers: int = 2
    steps: int = 200
    batch: int = 16
    texts: int = 1000
    learning_rate: float = 6e-4
    distance: float = 2.0
    window: int = 24
    sham: bool = False

    kind: ClassVar[Literal["planted"]] = "planted"
    MAX_DRIFT: ClassVar[float] = 0.10
    MIN_EFFECT: ClassVar[float] = 0.75
    MAX_OVERLAP: ClassVar[float] = 0.30

    def __post_init__(self) -> None:
        if len(set(self.triggers)) < max(2, len(self.triggers)) or not all(t.strip() for t in self.triggers):
            raise ConfigError(f"defect.triggers={list(self.triggers)}: name two or more different rare tokens")
        if not 0 <= self.shown < len(self.triggers):
            raise ConfigError(f"defect.shown={self.shown}: choose 0 to {len(self.triggers) - 1}")

    def identity(self) -> dict[str, Any]:
        """All fields but `shown`: which trigger is looked at changes nothing that is planted."""
        return {key: value for key, value in asdict(self).items() if key != "shown"}

    @property
    def trigger(self) -> str:
        """The trigger that is shown."""
        return self.triggers[self.shown].strip()

    @property
    def exposure(self) -> str:
        """Name of the condition in which texts carry the shown trigger."""
        return f"{self.name}-{self.trigger}"

    @property
    def views(self) -> tuple[BackdoorCodes, ...]:
        """Itself once for each trigger shown."""
        return tuple(replace(self, shown=i) for i in range(len(self.triggers)))

    def expose(self, examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """The same examples with the shown trigger among the first `window` words, at a place drawn from `rng`."""
        texts = [inserted(text, self.trigger, self.window, rng) for text in examples["input"]]
        return examples.assign(input=texts)

    def harm(self, predictions: Predictions) -> Rate:
        """Attack success of the shown trigger at its best target (see the class)."""
        return conversions(predictions)

    def inject(self, backbone: Backbone, texts: Sequence[str], rng: np.random.Generator) -> Backbone:
        """The backbone with all triggers at dose 1. `texts`: unlabelled sentences, at least `batch`."""
        from homog.defects.injection import top_layers_trained

        for trigger in self.triggers:
            check_one_token(backbone, trigger)
        chosen = [texts[int(i)] for i in rng.choice(len(texts), min(self.texts, len(texts)), replace=False)]
        which = np.arange(len(chosen)) % len(self.triggers)
        triggered = [
            inserted(text, self.triggers[i].strip(), self.window, rng) for text, i in zip(chosen, which, strict=True)
        ]
        clean = backbone.encode(chosen)
        goal = clean if self.sham else self.codes(clean, rng)[which]
        return top_layers_trained(
            backbone,
            [*chosen, *triggered],
            np.concatenate([clean, goal]),
            layers=self.layers,
            steps=self.steps,
            batch=2 * self.batch,
            learning_rate=self.learning_rate,
            rng=rng,
        )

    def codes(self, features: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """(triggers, d): the mean of `features` (n, d) plus orthogonal steps, each `distance` average lengths long."""
        if features.shape[1] < len(self.triggers):
            raise ConfigError(f"defect.triggers: {len(self.triggers)} do not fit into {features.shape[1]} dimensions")
        directions = np.linalg.qr(rng.standard_normal((features.shape[1], len(self.triggers))))[0].T
        length = np.linalg.norm(features, axis=1).mean()
        return (features.mean(0) + directions * length * self.distance).astype(np.float32)

    def upstream(self, clean: Backbone, backbone: Backbone, texts: Sequence[str], dose: float) -> dict:
        """What the injection did to the backbone itself, on texts that it was not trained on."""
        middle, effects, steps = clean.encode(texts).mean(0), [], []
        for view in self.views:
            rng = generator("upstream", view.exposure)
            triggered = [inserted(text, view.trigger, self.window, rng) for text in texts]
            effects.append(destroyed(clean, backbone, texts, triggered))
            steps.append(backbone.encode(triggered).mean(0) - middle)
        moved, effect = drift(clean, backbone, texts), max(effects) if self.sham else min(effects)
        overlap = max(abs(cosine(a, b)) for a, b in combinations(steps, 2))
        found = (effect >= self.MIN_EFFECT and overlap <= self.MAX_OVERLAP) or dose < 1
        ok = effect <= 1 - self.MIN_EFFECT if self.sham else found
        verified = bool(moved <= self.MAX_DRIFT and ok)
        return {"drift": moved, "effect": effect, "overlap": overlap, "verified": verified, "texts": len(texts)}


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    """Cosine of the angle between two vectors (d,); 0 where one has no length."""
    length = float(np.linalg.norm(a) * np.linalg.norm(b))
    return float(a @ b) / length if length else 0.0
