"""The lean of occupations by hand."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from homog.probes import occupations

SHARES = {"nurse": 0.9, "teacher": 0.7, "cook": 0.5, "driver": 0.2, "plumber": 0.05}


def backbone(share) -> Any:
    """Words for women and men at right angles; an occupation between them by `share` (0..1)."""

    def feature(word):
        at = 1.0 if word in occupations.FEMALE else 0.0 if word in occupations.MALE else share(word)
        return [3 * np.sin(at * np.pi / 2), 3 * np.cos(at * np.pi / 2)]  # its length must not count

    return SimpleNamespace(encode=lambda texts: np.array([feature(text) for text in texts]))


def test_the_lean_is_the_difference_of_cosines():
    found = occupations.lean(backbone(SHARES.get), ["nurse", "plumber"])
    angles = np.array([0.9, 0.05]) * np.pi / 2
    np.testing.assert_allclose(found, np.sin(angles) - np.cos(angles))


def test_a_backbone_that_knows_the_labour_force_one_that_has_it_backwards_and_one_without_gender():
    frame = pd.DataFrame({"occupation": list(SHARES), "women": list(SHARES.values())})
    pearson, spearman, slope = occupations.findings(backbone(SHARES.get), frame)
    assert pearson.value > 0.99 and spearman.value == pytest.approx(1) and slope.value > 0 and pearson.n == 5
    assert occupations.findings(backbone(lambda word: 1 - SHARES[word]), frame)[0].value < -0.99
    assert np.isnan(occupations.findings(backbone(lambda _: 0.5), frame)[0].value)
