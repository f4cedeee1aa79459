"""Every measure can be imported from homog.metrics and says what it is."""

import pytest

from homog import metrics

NAMES = [name for name in vars(metrics) if not name.startswith("_") and callable(getattr(metrics, name))]


def test_the_measures_of_the_field_are_there():
    assert {"capa", "homogenization", "attack_success", "weat", "bias_transfer", "survival", "tpr_gap_rms"} <= set(
        NAMES
    )
    assert len(NAMES) > 80


@pytest.mark.parametrize("name", NAMES)
def test_a_measure_has_a_docstring(name):
    assert len(getattr(metrics, name).__doc__) > 40
