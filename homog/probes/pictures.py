"""Associations of drawn people with captions in a space that images and texts share (Steed & Caliskan 2021)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from homog.adaptations.nearest_centroid import unit
from homog.metrics.bias import occupation_lean
from homog.metrics.weat import weat, weat_interval
from homog.probes.finding import Finding, of_lean
from homog.probes.occupations import occupations
from homog.probes.words import Association, associations

if TYPE_CHECKING:
    import pandas as pd

    from homog.backbones.backbone import Backbone

LIGHT, DARK = ("light", "medium-light"), ("medium-dark", "dark")
PLEASANT, CAREER = 3, 6  # the tests of Caliskan et al. 2017 that give captions: pleasant and not, career and family


def findings(
    backbone: Backbone, people: pd.DataFrame | None = None, tests: Sequence[Association] | None = None
) -> list[Finding]:
    """What captions drawn people are near to, of one tower of a pair and its `partner`.

    Occupations: the mean cosine of a caption with drawings of women, less that with drawings of men, against the share
    of women in it. Tone and gender: effect size d of drawings against captions, by permutation of the drawings; those
    of one role are one target. `people`: columns input, gender, tone, role.
    """
    from homog.config import ConfigError

    if backbone.partner is None:
        raise ConfigError(f"backbone {backbone.name}: a tower of images and one of texts are needed, use joined_towers")
    pair = (backbone, backbone.partner)
    images, texts = pair if backbone.reader.modality == "image" else pair[::-1]
    people, tests = drawn() if people is None else people, associations() if tests is None else tests
    seen = unit(images.encode(list(people["input"])))
    gender, tone, role = (people[name].to_numpy() for name in ("gender", "tone", "role"))
    frame = occupations()
    jobs = unit(texts.encode([caption(name) for name in frame["occupation"]]))
    women, men = (seen[gender == each].mean(0) for each in ("WOMAN", "MAN"))
    found = of_lean("Pictures", "lean of the caption", occupation_lean(jobs @ (women - men), frame["women"]))
    shades = [of_roles(seen, role, np.isin(tone, tones)) for tones in (LIGHT, DARK)]
    genders = [of_roles(seen, role, gender == each) for each in ("MAN", "WOMAN")]
    for number, targets, said in (
        (PLEASANT, shades, "drawn people of light : dark skin tone"),
        (CAREER, genders, "drawn men : women"),
    ):
        test = tests[number - 1]
        found.append(_association(said, targets, [texts.encode(list(words)) for words in (test.A, test.B)], test.name))
    return found


def _association(said: str, targets: list[np.ndarray], attributes: list[np.ndarray], name: str) -> Finding:
    around = weat_interval(*targets, *attributes)
    found, nan = weat(*targets, *attributes), float("nan")
    what = f"{said}, {name.partition(', ')[2]}"
    n = sum(map(len, targets))
    return Finding("Pictures", what, found.effect_size, around.low, around.high, found.p_value, nan, n, around.reason)


def drawn() -> pd.DataFrame:
    """The people of the tasks about drawings."""
    import pandas as pd

    from homog.tasks.emoji import people

    return pd.DataFrame(list(people()))


def of_roles(features: np.ndarray, roles: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """(different roles, d): the mean feature of the chosen drawings (n,) bool of each role."""
    return np.stack([features[chosen & (roles == role)].mean(0) for role in dict.fromkeys(roles[chosen])])


def caption(occupation: str) -> str:
    """ "a drawing of a nurse"."""
    return f"a drawing of {'an' if occupation[0] in 'aeiou' else 'a'} {occupation}"
