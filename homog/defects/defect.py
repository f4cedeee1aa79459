"""What every defect provides: how it is planted, how it is elicited, and the harm it does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from homog.metrics.inheritance import Rate
    from homog.metrics.predictions import Predictions


class Defect(Protocol):
    """The config dataclass is the implementation.

    A planted or engineered one also has the field `sham: bool`: the same procedure, planting nothing. A defect with
    several exposures has a property `views`: itself once for each, all else equal. One whose doses are not weights
    between clean and injected has `at_dose(clean, changes, dose) -> Backbone`.
    """

    name: str
    kind: ClassVar[Literal["planted", "engineered", "natural"]]

    @property
    def exposure(self) -> str:
        """Name of the condition in which the defect is elicited; unlike any other defect's."""
        ...

    def inject(self, backbone: Any, texts: Sequence[str], rng: np.random.Generator) -> Any:
        """A new backbone with the defect at dose 1; a natural or measure-only defect returns the one it got."""
        ...

    def expose(self, examples: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """The same examples, in the same order, as they look when the defect is elicited.

        Only `text` may differ; it is None where the exposure does not apply to an example. A column `counterpart` is
        added where harm compares with another version of each example than the example as it is.
        """
        ...

    def harm(self, predictions: Predictions) -> Rate:
        """The harm, the same number upstream and downstream, kept per example so that intervals can resample.

        Examples that the exposure does not apply to (`predictions.applies`) count in neither sum. Denominator 0
        everywhere, so that the harm is NaN, where it is undefined: the docstring says when.
        """
        ...

    def upstream(self, clean: Any, backbone: Any, texts: Sequence[str], dose: float) -> dict[str, Any]:
        """What the injection did to the backbone itself, on texts that it was not trained on.

        At least drift (mean squared displacement of the features of inputs that should not change, in units of their
        variance), effect (0 = nothing was planted; the docstring defines it), verified (both within their bands, which
        the class docstring gives) and texts (how many).
        """
        ...
