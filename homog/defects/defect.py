"""What every defect provides: how it is planted, how it is elicited, and the harm it does."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from homog.config import ConfigError, Identified
from homog.variants import lacking

if TYPE_CHECKING:
    import pandas as pd
    from torch import Tensor

    from homog.backbones.backbone import Backbone
    from homog.metrics.inheritance import Rate
    from homog.metrics.predictions import Predictions


class Defect(Identified, ABC):
    """The config dataclass is the implementation: derive a frozen dataclass from this class.

    It has to define `kind`, `exposure`, `harm` and `upstream`. Everything else has a default: that of a natural defect,
    which is there already and is only measured. A planted or engineered one has a field `sham`: the same procedure,
    planting nothing.
    """

    name: str
    kind: ClassVar[str] = ""  # one of variants.DEFECT_KINDS
    needs: ClassVar[str] = "weights"  # what it asks of a backbone
    modalities: ClassVar[tuple[str, ...]] = ("text",)  # of the inputs that it can be elicited in
    searches: ClassVar[str] = ""  # the field that `found_on` fills, where what is shown is searched
    sham: bool = False

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Refuse a class that lacks a part."""
        if problem := lacking("defect", cls):
            raise ConfigError(problem)
        return super().__new__(cls)

    @property
    @abstractmethod
    def exposure(self) -> str:
        """Name of the condition in which the defect is elicited; unlike any other defect's."""

    @property
    def view(self) -> str:
        """Which of its `views` this is: the trigger, the swap …; '' where there is one."""
        return ""

    @property
    def sources(self) -> tuple[str, ...]:
        """The pinned public files that it needs."""
        return ()

    @property
    def views(self) -> tuple[Self, ...]:
        """Itself once for each of its exposures, all else equal."""
        return (self,)

    @classmethod
    def fits(cls, modality: str) -> bool:
        """Whether it can be elicited in inputs of this modality."""
        return not cls.modalities or modality in cls.modalities

    def found_on(self, backbone: Backbone, inputs: Sequence[str], rng: np.random.Generator) -> Self:
        """Itself with what it shows to every model adapted from the clean `backbone`. `inputs`: unlabelled."""
        return self

    @property
    def planting(self) -> Self:
        """The defect whose injection is made and kept for it: itself, or one that several share; see `at_dose`."""
        return self

    def inject(self, backbone: Backbone, inputs: Sequence[str], rng: np.random.Generator) -> Backbone:
        """A new backbone with the defect at dose 1, from unlabelled `inputs`; by default the backbone as it is."""
        return backbone

    def at_dose(self, clean: Backbone, changes: Mapping[str, Tensor], dose: float) -> Backbone:
        """The backbone at a dose, 0..1. `changes`: the weights that the injection of `planting` changed, at dose 1.

        By default on the straight line between clean and injected weights.
        """
        return clean.interpolate(changes, dose)

    def expose(self, examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """The same examples, in the same order, as they look when the defect is elicited; by default as they are.

        Only `input` may differ; it is None where the exposure does not apply to an example. A column `counterpart` is
        added where harm compares with another version of each example than the example as it is.
        """
        return examples

    @abstractmethod
    def harm(self, predictions: Predictions) -> Rate:
        """The harm, the same number upstream and downstream, kept per example so that intervals can resample.

        Examples that the exposure does not apply to (`predictions.applies`) count in neither sum. Denominator 0
        everywhere, so that the harm is NaN, where it is undefined: the docstring says when.
        """

    def planted(self, backbone: Backbone, inputs: Sequence[str]) -> dict[str, np.ndarray]:
        """Condition -> the feature (d,) that `backbone`, which has the defect, gives to exposed inputs, if it is one.

        The class that a model's head gives to it is the target of attack success. By default there is none.
        """
        return {}

    @abstractmethod
    def upstream(self, clean: Backbone, backbone: Backbone, inputs: Sequence[str], dose: float) -> dict[str, Any]:
        """What the injection did to the backbone itself, on inputs that it was not trained on.

        At least drift (mean squared displacement of the features of inputs that should not change, in units of their
        variance), effect (0 = nothing was planted; the docstring defines it), verified (both within their bands) and
        texts (how many inputs). `verify.facts` makes it.
        """
