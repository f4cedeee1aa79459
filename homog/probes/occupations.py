"""Do a backbone's occupations lean towards women as the labour force does?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from homog.adaptations.nearest_centroid import unit
from homog.inputs import social_groups
from homog.metrics.bias import occupation_lean
from homog.probes.finding import Finding, of_lean

if TYPE_CHECKING:
    import pandas as pd

    from homog.backbones.backbone import Backbone

# the terms for women and men of the association tests with science and with mathematics (Caliskan et al. 2017)
FEMALE = ("female", "woman", "girl", "sister", "daughter", "mother", "aunt", "grandmother", "she", "her", "hers")
MALE = ("male", "man", "boy", "brother", "son", "father", "uncle", "grandfather", "he", "him", "his")


def occupations() -> pd.DataFrame:
    """The occupations of Winogender: `occupation`, and `women`, their share in it."""
    import pandas as pd

    shares = social_groups.occupations()
    return pd.DataFrame({"occupation": list(shares), "women": list(shares.values())})


def lean(backbone: Backbone, names: Sequence[str]) -> np.ndarray:
    """(n,) mean cosine of each name's feature with those of words for women, less that with those for men."""
    jobs, female, male = (unit(backbone.encode(texts)) for texts in (names, FEMALE, MALE))
    return jobs @ (female.mean(0) - male.mean(0))


def findings(backbone: Backbone, frame: pd.DataFrame | None = None) -> list[Finding]:
    """How the lean of occupations follows the share of women in them; occupations are resampled."""
    frame = occupations() if frame is None else frame
    leaning = occupation_lean(lean(backbone, frame["occupation"].tolist()), frame["women"])
    return of_lean("Occupations", "lean of the word", leaning)
