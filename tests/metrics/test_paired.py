"""Intervals of paired differences: against slow loops, known variances, coverage, and their speed."""

import numpy as np
import pytest
from scipy import stats

from homog.metrics import intervals as iv
from homog.metrics import paired


def arms(rng, seeds=8, n=200, harm=0.4, control=0.1, spread=0.0):
    level = np.clip(harm + spread * rng.standard_normal((seeds, 1)), 0, 1)
    denominator = (rng.random((seeds, n)) < 0.8).astype(float)
    injected = (rng.random((seeds, n)) < level) * denominator
    return paired.Sample(injected, denominator, (rng.random((seeds, n)) < control) * denominator, denominator)


def by_loop(sample):
    """Injected less control of each seed, written as plainly as possible."""
    sides = ((sample.numerator, sample.denominator), (sample.control_numerator, sample.control_denominator))
    return [
        np.subtract(*(top[s].sum() / bottom[s].sum() for top, bottom in sides)) for s in range(len(sample.numerator))
    ]


def test_point_estimate_is_the_mean_of_differences(rng):
    samples = [arms(rng), arms(rng, n=50)]
    everything = [by_loop(s) for s in samples]
    interval = paired.difference_interval(samples)
    assert interval.value == pytest.approx(np.mean(everything), abs=1e-12)
    assert interval.examples == 250 and interval.clusters == 8
    assert interval.low < interval.value < interval.high


def test_the_variance_over_examples_is_that_of_a_plain_bootstrap(rng):
    sample, n = arms(rng, seeds=4, n=80, spread=0.2), 80
    found = paired.moments([sample], [[1.0]])
    rows, below = sample.rows()
    parts = rows[:4], below[:4], rows[4:], below[4:]
    draws = []
    for _ in range(4000):
        drawn = rng.integers(0, n, n)
        a, b, c, d = (np.asarray(part[:, drawn]) for part in parts)
        draws.append(np.mean(by_loop(paired.Sample(a, b, c, d))))
    assert found.parts["people"][0][0, 0] ** 0.5 == pytest.approx(np.std(draws), rel=0.08)
    assert found.parts["backbones"][0][0, 0] == pytest.approx(np.var(by_loop(sample), ddof=1) / 4)
    assert (found.seeds, found.people) == (4, 80)


def test_backbones_crossed_with_training_samples_have_both_variances(rng):
    rates = np.array([[0.2, 0.4], [0.3, 0.7], [0.6, 0.8]])  # backbones x samples
    rows = (rng.random((6, 4000)) < rates.reshape(6, 1)).astype(float)
    found = paired.moments([paired.Sample(rows, np.ones_like(rows), crossed=2)], [[1.0]])
    each = rows.mean(1).reshape(3, 2)
    assert found.value[0] == pytest.approx(each.mean())
    assert found.parts["backbones"][0][0, 0] == pytest.approx(each.mean(1).var(ddof=1) / 3)
    assert found.parts["samples"][0][0, 0] == pytest.approx(each.mean(0).var(ddof=1) / 2)
    assert (found.seeds, found.parts["samples"][1]) == (3, 1)
    with pytest.raises(ValueError, match="valid: the same number in all tasks"):
        paired.moments([paired.Sample(rows, rows + 1, crossed=2), paired.Sample(rows, rows + 1)], [[0.5, 0.5]])


def test_degrees_of_freedom_lie_between_those_of_their_parts(rng):
    found = paired.moments([arms(rng, seeds=4, n=80, spread=0.2)], [[1.0]])
    assert 3 <= found.freedom() <= 3 + 79
    assert paired.moments([arms(rng, seeds=1, n=80)], [[1.0]]).freedom() == pytest.approx(79)


def test_one_seed_resamples_examples_only(rng):
    sample = arms(rng, seeds=1, n=400)
    interval = paired.difference_interval([paired.Sample(sample.numerator, sample.denominator)])
    share, n = interval.value, sample.denominator.sum()
    assert interval.clusters == 1
    width = 2 * 1.96 * np.sqrt(share * (1 - share) / n)
    assert interval.high - interval.low == pytest.approx(width, rel=0.1)


def test_identical_seeds_match_one_seed(rng):
    one = arms(rng, seeds=1, n=300)
    a, b, c, d = (np.repeat(row[None], 5, 0) for pair in zip(*one.rows(), strict=True) for row in pair)
    many = paired.Sample(a, b, c, d)
    a, b = paired.difference_interval([one]), paired.difference_interval([many])
    assert a.value == pytest.approx(b.value, abs=1e-12)
    assert a.high - a.low == pytest.approx(b.high - b.low, rel=0.1)


def test_a_single_control_serves_all_seeds(rng):
    s = arms(rng, seeds=3)
    top, bottom = (rows[3:4] for rows in s.rows())
    one = paired.difference_interval([paired.Sample(s.numerator, s.denominator, top, bottom)])
    copied = paired.difference_interval(
        [paired.Sample(s.numerator, s.denominator, np.repeat(top, 3, 0), np.repeat(bottom, 3, 0))]
    )
    assert (one.low, one.high) == pytest.approx((copied.low, copied.high), abs=1e-12)


def test_pairing_cancels_what_injected_and_control_share(rng):
    hard = (rng.random((5, 300)) < 0.5).astype(float)
    ones = np.ones_like(hard)
    alike = paired.difference_interval([paired.Sample(hard, ones, hard, ones)])
    assert (alike.value, alike.p) == (0, 1)
    assert alike.high == -alike.low == pytest.approx(stats.binomtest(0, 300).proportion_ci().high)


def test_people_are_resampled_together(rng):
    sample = arms(rng, seeds=1, n=100)
    twice = [np.repeat(x, 4, 1) for x in (sample.numerator, sample.denominator)]
    once = paired.difference_interval([paired.Sample(sample.numerator, sample.denominator)])
    rows = paired.difference_interval([paired.Sample(twice[0], twice[1])])
    people = paired.difference_interval([paired.Sample(twice[0], twice[1], people=np.repeat(np.arange(100), 4))])
    assert (people.low, people.high) == (once.low, once.high)  # four copies of a person are one person
    assert people.high - people.low > 1.7 * (rows.high - rows.low)
    assert people.examples == 400


def test_tasks_on_the_same_people_covary(rng):
    sample = arms(rng, seeds=1, n=100)
    ids = np.array([f"p{i}" for i in range(100)])
    first = paired.Sample(sample.numerator, sample.denominator, people=ids)
    order = rng.permutation(100)
    second = paired.Sample(sample.numerator[:, order], sample.denominator[:, order], people=ids[order])
    same = paired.moments([first, second], np.eye(2)).parts["people"][0]
    np.testing.assert_allclose(same, same[0, 0])  # one and the same task twice
    apart = paired.moments([paired.Sample(s.numerator, s.denominator) for s in (first, second)], np.eye(2)).parts[
        "people"
    ][0]
    assert apart[0, 1] == 0 and apart[0, 0] == pytest.approx(same[0, 0])


def test_undefined_tasks_are_named(rng):
    good = arms(rng, seeds=3, n=20)
    empty = paired.Sample(np.zeros((3, 20)), np.vstack([np.ones(20), np.zeros(20), np.ones(20)]))
    interval = paired.difference_interval([good, empty])
    assert np.isnan([interval.value, interval.low, interval.high, interval.p]).all()
    assert interval.reason == "task 1 (of 2): the injected arm of seed 1 has denominator 0"
    control = paired.Sample(good.numerator, good.denominator, np.zeros((1, 20)), np.zeros((1, 20)))
    assert "control arm of seed 0" in paired.difference_interval([control]).reason


def test_two_seeds_and_one_person_have_no_interval(rng):
    two = paired.difference_interval([arms(rng, seeds=2)])
    assert np.isnan([two.low, two.high, two.p]).all() and two.value > 0
    assert two.reason == "2 backbone seeds: an interval needs 3"
    sample = arms(rng, seeds=1, n=30)
    alone = paired.difference_interval([paired.Sample(sample.numerator, sample.denominator, people=np.zeros(30))])
    assert np.isnan(alone.low) and alone.reason == "one person" and not np.isnan(alone.value)


def test_what_never_varies_has_the_exact_limit_of_its_persons():
    ones = np.ones((3, 40))
    always = paired.difference_interval([paired.Sample(ones, ones)])
    assert always.low == pytest.approx(stats.binomtest(40, 40).proportion_ci().low)
    assert always.value == 1 and 0 < always.p < 1e-10
    few = paired.difference_interval([paired.Sample(ones, ones, people=np.repeat(np.arange(4), 10))])
    assert few.low == pytest.approx(stats.binomtest(4, 4).proportion_ci().low)  # four persons, not forty examples
    apart = np.zeros((3, 40))
    for row in range(3):
        apart[row, row * 10 : row * 10 + 12 - row] = 1  # backbones whose examples that count are others
    few = paired.difference_interval([paired.Sample(0 * apart, apart, 0 * apart, apart)])
    assert few.value == 0 and few.high == pytest.approx(stats.binomtest(0, 10).proportion_ci().high)


def test_coverage_of_seeds_and_examples():
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(600):
        sample = arms(rng, seeds=3, n=100, harm=0.4, control=0.1, spread=0.08)
        interval = paired.difference_interval([sample])
        hits += interval.low <= 0.3 <= interval.high
    assert 0.93 <= hits / 600 <= 0.99  # a percentile bootstrap over 3 seeds covers .83 to .92


def test_one_backbone_is_the_t_test(rng):
    values = rng.standard_normal((1, 400)) + 0.1
    test = stats.ttest_1samp(values[0], 0)
    interval = paired.mean_interval(values)
    assert interval.p == pytest.approx(test[1], rel=1e-6)
    assert (interval.low, interval.high) == pytest.approx(tuple(test.confidence_interval()), rel=1e-6)
    assert paired.mean_interval(np.ones((1, 9))).p == 2 / 2**9


def test_mean_interval_of_paired_accuracies(rng):
    a, b = (rng.random((2, 3, 200)) < 0.5).astype(float)
    interval = paired.mean_interval(a, b)
    assert interval.value == pytest.approx(a.mean() - b.mean(), abs=1e-12)
    assert paired.mean_interval(a, b[:1]).value == pytest.approx(a.mean() - b[0].mean(), abs=1e-12)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((np.ones(3), np.ones(3)), "numerator has shape"),
        ((np.ones((2, 3)), np.ones((2, 4))), "denominator has shape"),
        ((np.ones((2, 3)), -np.ones((2, 3))), "negative"),
        ((np.full((2, 3), np.nan), np.ones((2, 3))), "finite"),
        ((np.ones((2, 3)), np.ones((2, 3)), np.ones((2, 3))), "both or neither"),
        ((np.ones((3, 3)), np.ones((3, 3)), np.ones((2, 3)), np.ones((2, 3))), "control_numerator has shape"),
        ((np.ones((2, 3)), np.ones((2, 3)), None, None, np.arange(2)), "people has shape"),
    ],
)
def test_malformed_samples_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        paired.Sample(*arguments)


def test_unequal_seeds_and_levels_are_refused(rng):
    with pytest.raises(ValueError, match=r"\[2, 3\] seeds"):
        paired.difference_interval([arms(rng, seeds=2), arms(rng, seeds=3)])
    with pytest.raises(ValueError, match="at least 1 task"):
        paired.difference_interval([])
    with pytest.raises(ValueError, match="at least one example"):
        iv.bootstrap_interval(np.empty((0, 2)), lambda sums: sums[..., 0])
    with pytest.raises(ValueError, match="level = 95"):
        paired.difference_interval([arms(rng)], level=95)
    with pytest.raises(ValueError, match="p_values"):
        iv.holm([0.5, 1.5])
