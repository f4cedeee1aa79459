"""What every defect provides: how it is planted, how it is elicited, and the harm it does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from homog.metrics.inheritance import Rate
    from homog.metrics.predictions import Predictions


class Defect(Protocol):
    """The config dataclass is the implementation. `sham`: the same procedure, planting nothing."""

    name: str
    sham: bool

    @property
    def exposure(self) -> str:
        """Name of the condition in which the defect is elicited; unlike any other defect's."""
        ...

    def inject(self, backbone: Any, texts: Sequence[str], rng: np.random.Generator) -> Any:
        """A new backbone with the defect at dose 1; a natural or measure-only defect returns the one it got."""
        ...

    def expose(self, examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """The same examples, in the same order, as they look when the defect is elicited."""
        ...

    def harm(self, predictions: Predictions) -> Rate:
        """The harm, the same number upstream and downstream, kept per example so that intervals can resample."""
        ...

    def upstream(self, clean: Any, backbone: Any, texts: Sequence[str], dose: float) -> dict[str, Any]:
        """What the injection did to the backbone itself: drift, effect, verified (both within their bands), texts."""
        ...
