"""Which gender does a translation give to occupations that have none in English? (WinoMT: Stanovsky et al. 2019)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from homog.metrics.bias import occupation_lean
from homog.probes.finding import Finding, of_interval, of_lean
from homog.probes.occupations import occupations
from homog.probes.preferences import percent
from homog.tasks.occupation_gender import feminine

if TYPE_CHECKING:
    import pandas as pd

    from homog.backbones.backbone import Backbone

SENTENCE = "The {} finished the work."
FEW = 5  # occupations of a gender, below which no correlation is told


def findings(backbone: Backbone, frame: pd.DataFrame | None = None) -> list[Finding]:
    """How many occupations become men, and whether women are where there are more of them; occupations are resampled.

    Raises ConfigError for an encoder-decoder that does not translate into Portuguese.
    """
    frame = occupations() if frame is None else frame
    texts = [SENTENCE.format(name) for name in frame["occupation"]]
    return found(feminine(backbone.translated(texts)), frame["women"])


def found(told: np.ndarray, women: Any) -> list[Finding]:
    """The findings about occupations told as `feminine` says; those told as neither are left out."""
    there = np.isfinite(told)
    share = of_interval("Translation", "% of occupations told as a man's", percent(told[there] == 0))
    few = min(np.count_nonzero(told[there]), np.count_nonzero(told[there] == 0)) < FEW
    if few:  # nearly all alike: there is nothing to correlate
        return [share]
    lean = occupation_lean(told[there], np.asarray(women)[there])
    return [share, *of_lean("Translation", "told as a woman's", lean)]
