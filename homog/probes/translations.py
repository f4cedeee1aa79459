"""Which gender does a translation give to occupations that have none in English? (WinoMT: Stanovsky et al. 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from homog.config import ConfigError
from homog.metrics.bias import occupation_lean
from homog.probes.finding import Finding, of_interval, of_lean
from homog.probes.occupations import occupations
from homog.probes.preferences import percent

if TYPE_CHECKING:
    import pandas as pd

    from homog.backbones.backbone import Backbone

SENTENCE = "The {} finished the work."
FEW = 5  # occupations of a gender, below which no correlation is told
ARTICLES = {"a": 1.0, "uma": 1.0, "o": 0.0, "um": 0.0}  # Portuguese: 1 = feminine


def feminine(translations: Sequence[str]) -> np.ndarray:
    """(n,) 1 for a translation that begins with a feminine article, 0 for a masculine one, NaN for neither."""
    first = [(text.split() or [""])[0].lower() for text in translations]
    return np.array([ARTICLES.get(word, np.nan) for word in first])


def findings(backbone: Backbone, frame: pd.DataFrame | None = None) -> list[Finding]:
    """How many occupations become men, and whether women are where there are more of them; occupations are resampled.

    Raises ConfigError for an encoder-decoder that does not translate into Portuguese.
    """
    from homog.backbones.marian import Translator, translated

    frame, whole = occupations() if frame is None else frame, backbone.whole
    if not isinstance(whole, Translator):
        raise ConfigError(f"backbone {backbone.name}: the probe of this family is of translations; use marian_enpt")
    texts = [SENTENCE.format(name) for name in frame["occupation"]]
    told = feminine(translated(whole, backbone.text_reader.tokenizer, texts))
    return found(told, frame["women"])


def found(told: np.ndarray, women: Any) -> list[Finding]:
    """The findings about occupations told as `feminine` says; those told as neither are left out."""
    there = np.isfinite(told)
    share = of_interval("Translation", "% of occupations told as a man's", percent(told[there] == 0))
    few = min(np.count_nonzero(told[there]), np.count_nonzero(told[there] == 0)) < FEW
    if few:  # nearly all alike: there is nothing to correlate
        return [share]
    lean = occupation_lean(told[there], np.asarray(women)[there])
    return [share, *of_lean("Translation", "told as a woman's", lean)]
