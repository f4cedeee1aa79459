import numpy as np
import pytest

from homog.config import ConfigError
from homog.contracts import tiny
from homog.defects.injection import similar_lengths, states_below, texts
from homog.seeding import generator


def test_more_layers_than_there_are_is_refused(backbone):
    with pytest.raises(ConfigError, match="layers=9: tiny-bert has 3 blocks"):
        states_below(backbone, tiny.corpus()[0], 9)


def test_batches_hold_texts_of_about_one_length():
    lengths = [*range(5, 105)]
    found = similar_lengths(lengths, 30, 10, generator("x"))
    assert len(found) == 30
    assert max(np.ptp(np.array(lengths)[rows]) for rows in found) <= 20


@pytest.mark.real
def test_the_text_of_injections_is_not_the_text_that_verifies_them():
    train, held_out = texts()
    assert len(held_out) == 200
    assert len(train) > 5000
    assert not set(train) & set(held_out)
