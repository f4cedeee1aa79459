"""Settings of a training run: the fields that all adaptations which move weights have in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

from homog.adaptations.adaptation import Adaptation, Predictor
from homog.config import choose

if TYPE_CHECKING:
    from homog.adaptations.training import Copy
    from homog.backbones.backbone import Backbone


@dataclass(frozen=True)
class Training(Adaptation):
    """AdamW with linear warm-up over the share `warmup` of the steps, then linear decay.

    Dropout is off: with few examples it costs accuracy, and randomness. 0 epochs leave the start as it is. `spread`: by
    how much the lengths of the inputs in a batch may differ, beyond what the sample asks for: at 0.05 about 5 % of what
    is computed is padding, at 0.25 it is 24 % (tweets), and a batch is drawn from more of the sample. `head`: 'probe'
    starts from the linear probe of the frozen features ("LP-FT", Kumar et al. 2022), which keeps pretrained
    features from being distorted by a random head; 'zero' starts from zeros.
    """

    name: str
    learning_rate: float
    epochs: int = 3
    batch: int = 16
    weight_decay: float = 0.0
    warmup: float = 0.1
    head: str = "probe"
    spread: float = 0.05

    fusable: ClassVar[bool] = False  # whether `fused` can train many of its models over one trunk

    def __post_init__(self) -> None:
        choose(self.head, ("probe", "zero"), "head")

    @property
    def shape(self) -> Any:
        """The class and all fields but those of training, where `fused` can train such models as one."""
        own = (field.name for field in fields(self) if field.name not in {field.name for field in fields(Training)})
        return (type(self), *((name, getattr(self, name)) for name in own)) if self.fusable else None

    def copy(self, backbone: Backbone, task: Any, seed: int) -> Copy:
        """What is trained for `task`: a module that shares with the backbone all that stays as it is.

        Define this or `fit`.
        """
        raise NotImplementedError

    def fit(self, backbone: Backbone, tasks: Sequence[Any], seed: int) -> Iterator[tuple[str, Predictor]]:
        """Each task in turn on a copy of its own: nothing is shared but the start."""
        from homog.adaptations.training import trained

        for task in tasks:
            yield task.name, trained(self.copy(backbone, task, seed), task, self, seed)
