"""Settings of a training run: the fields that all adaptations which move weights have in common."""

from __future__ import annotations

from dataclasses import dataclass

from homog.adaptations.adaptation import Adaptation
from homog.config import ConfigError, choose


@dataclass(frozen=True)
class Training(Adaptation):
    """AdamW with linear warm-up over the share `warmup` of the steps, then linear decay.

    Dropout is off: with few examples it costs accuracy, and randomness. 0 epochs leave the start as it is. `head`:
    'probe' starts from the linear probe of the frozen features ("LP-FT", Kumar et al. 2022), which keeps pretrained
    features from being distorted by a random head; 'zero' starts from zeros.
    """

    name: str
    learning_rate: float
    epochs: int = 3
    batch: int = 16
    weight_decay: float = 0.0
    warmup: float = 0.1
    head: str = "probe"

    def __post_init__(self) -> None:
        choose(self.head, ("probe", "zero"), "head")
        for field, low in (("learning_rate", 0), ("epochs", 0), ("batch", 1), ("weight_decay", 0), ("warmup", 0)):
            if getattr(self, field) < low:
                raise ConfigError(f"adaptation.{field}={getattr(self, field)} of {self.name}: use at least {low}")
