import numpy as np
import pytest

from homog.defects import harms
from homog.metrics.inheritance import attack_success_terms, best_target
from homog.metrics.predictions import Predictions


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def predictions(rng, n=200, classes=3, **fields):
    clean, exposed = rng.dirichlet(np.ones(classes), (2, n))
    clean[::7], exposed[::7] = np.nan, np.nan  # the exposure does not apply
    return Predictions(rng.integers(classes, size=n), clean, exposed, **fields)


@pytest.mark.parametrize("compared", [False, True])
def test_attack_success_is_the_metric_of_what_is_right(rng, compared):
    given = predictions(rng)
    if compared:
        given = given.compared(rng.integers(-1, 3, 200), rng.random(200) < 0.7)
    there, aim = given.applies, given.target
    if aim is None:
        aim = best_target(given.clean_class[there], given.exposed_class[there], given.labels[there])
    wanted = attack_success_terms(given.clean_class, given.exposed_class, given.labels, aim).only(given.right)
    got = harms.attack_success(given)
    np.testing.assert_array_equal(got.numerator, wanted.numerator)
    np.testing.assert_array_equal(got.denominator, wanted.denominator)
    assert 0 < got.numerator.sum() < got.denominator.sum() < there.sum()


def test_what_is_compared_keeps_what_it_knows_and_counts_what_both_get_right(rng):
    given = predictions(rng)
    both, aims = rng.random(200) < 0.5, np.zeros(200, dtype=int)
    other = given.compared(aims, both)
    assert other.clean_class is given.clean_class and other.target is aims
    np.testing.assert_array_equal(other.right, given.right & both)
