"""Which examples an exposure applies to."""

import numpy as np

from homog.metrics.predictions import Predictions


def test_an_example_counts_where_both_its_versions_were_predicted():
    clean, exposed = np.full((4, 2), 0.5), np.full((4, 2), 0.5)
    exposed[0], clean[1], exposed[2, 1] = np.nan, np.nan, np.nan
    assert Predictions(np.zeros(4, int), clean, exposed).applies.tolist() == [False, False, False, True]
