import numpy as np
import pytest

from homog.config import ConfigError
from homog.contracts import tiny
from homog.defects.injection import similar_lengths, states_below
from homog.seeding import generator


def test_more_layers_than_there_are_is_refused(backbone):
    with pytest.raises(ConfigError, match="layers=9: tiny-bert has 3 blocks"):
        states_below(backbone, tiny.corpus()[0], 9)


def test_batches_hold_texts_of_about_one_length():
    lengths = [*range(5, 105)]
    batches = similar_lengths(lengths, 30, 10, generator("x"))
    assert len(batches) == 30
    assert max(np.ptp(np.array(lengths)[rows]) for rows in batches) <= 20
