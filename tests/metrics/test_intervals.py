"""Intervals: against slow loops, known variances, coverage, and their speed."""

import time

import numpy as np
import pytest
from scipy import stats

from homog.metrics import intervals as iv
from homog.metrics import resampling


def arms(rng, seeds=8, n=200, harm=0.4, control=0.1, spread=0.0):
    level = np.clip(harm + spread * rng.standard_normal((seeds, 1)), 0, 1)
    denominator = (rng.random((seeds, n)) < 0.8).astype(float)
    injected = (rng.random((seeds, n)) < level) * denominator
    return iv.Sample(injected, denominator, (rng.random((seeds, n)) < control) * denominator, denominator)


def by_loop(sample, seed_draw, example_draw):
    """The estimate of one resample, written as plainly as possible."""
    parts = []
    for top, bottom in (
        (sample.numerator, sample.denominator),
        (sample.control_numerator, sample.control_denominator),
    ):
        parts.append(np.mean([top[s][example_draw].sum() / bottom[s][example_draw].sum() for s in seed_draw]))
    return parts[0] - parts[1]


def test_point_estimate_is_the_mean_of_differences(rng):
    samples = [arms(rng), arms(rng, n=50)]
    everything = [by_loop(s, range(8), np.arange(s.numerator.shape[1])) for s in samples]
    interval = iv.difference_interval(samples, resamples=50)
    assert interval.value == pytest.approx(np.mean(everything), abs=1e-12)
    assert interval.examples == 250 and interval.clusters == 8 and interval.resamples == 50
    assert interval.low < interval.value < interval.high


def test_draws_have_the_spread_of_a_plain_bootstrap(rng):
    sample = arms(rng, seeds=4, n=80, spread=0.2)
    _, draws = iv.resampled_differences([sample], resamples=4000)
    loop = [by_loop(sample, rng.integers(0, 4, 4), rng.integers(0, 80, 80)) for _ in range(4000)]
    assert draws.mean() == pytest.approx(np.mean(loop), abs=0.01)
    assert draws.std() == pytest.approx(np.std(loop), rel=0.08)


def test_weights_are_multinomial_counts(rng):
    drawn = resampling.counts(rng, 5000, 7)
    assert (drawn.sum(1) == 7).all() and drawn.shape == (5000, 7)
    assert stats.chisquare(drawn.sum(0)).pvalue > 1e-4
    assert drawn.var() == pytest.approx(1 - 1 / 7, rel=0.03)


def test_one_seed_resamples_examples_only(rng):
    sample = arms(rng, seeds=1, n=400)
    interval = iv.difference_interval([iv.Sample(sample.numerator, sample.denominator)])
    share, n = interval.value, sample.denominator.sum()
    assert interval.clusters == 1
    width = 2 * 1.96 * np.sqrt(share * (1 - share) / n)
    assert interval.high - interval.low == pytest.approx(width, rel=0.1)


def test_identical_seeds_match_one_seed(rng):
    one = arms(rng, seeds=1, n=300)
    many = iv.Sample(*(np.repeat(row[None], 5, 0) for pair in zip(*one.rows(), strict=True) for row in pair))
    a, b = iv.difference_interval([one]), iv.difference_interval([many])
    assert a.value == pytest.approx(b.value, abs=1e-12)
    assert a.high - a.low == pytest.approx(b.high - b.low, rel=0.1)


def test_a_single_control_serves_all_seeds(rng):
    s = arms(rng, seeds=3)
    top, bottom = (rows[3:4] for rows in s.rows())
    one = iv.difference_interval([iv.Sample(s.numerator, s.denominator, top, bottom)])
    copied = iv.difference_interval(
        [iv.Sample(s.numerator, s.denominator, np.repeat(top, 3, 0), np.repeat(bottom, 3, 0))]
    )
    assert (one.low, one.high) == pytest.approx((copied.low, copied.high), abs=1e-12)


def test_pairing_cancels_what_injected_and_control_share(rng):
    hard = (rng.random((5, 300)) < 0.5).astype(float)
    ones = np.ones_like(hard)
    paired = iv.difference_interval([iv.Sample(hard, ones, hard, ones)])
    assert (paired.value, paired.low, paired.high, paired.p) == (0, 0, 0, 1)


def test_people_are_resampled_together(rng):
    sample = arms(rng, seeds=1, n=100)
    twice = [np.repeat(x, 4, 1) for x in (sample.numerator, sample.denominator)]
    once = iv.difference_interval([iv.Sample(sample.numerator, sample.denominator)])
    rows = iv.difference_interval([iv.Sample(*twice)])
    people = iv.difference_interval([iv.Sample(*twice, people=np.repeat(np.arange(100), 4))])
    assert (people.low, people.high) == (once.low, once.high)  # four copies of a person are one person
    assert people.high - people.low > 1.7 * (rows.high - rows.low)
    assert people.examples == 400


def test_tasks_on_the_same_people_share_draws(rng):
    sample = arms(rng, seeds=1, n=100)
    ids = np.array([f"p{i}" for i in range(100)])
    first = iv.Sample(sample.numerator, sample.denominator, people=ids)
    order = rng.permutation(100)
    second = iv.Sample(sample.numerator[:, order], sample.denominator[:, order], people=ids[order])
    _, draws = iv.resampled_differences([first, second], resamples=50)
    np.testing.assert_allclose(draws[:, 0], draws[:, 1], atol=1e-12)
    _, apart = iv.resampled_differences([iv.Sample(s.numerator, s.denominator) for s in (first, second)])
    assert abs(np.corrcoef(apart.T)[0, 1]) < 0.1


def test_undefined_tasks_are_named_and_undefined_resamples_left_out(rng):
    good = arms(rng, seeds=2, n=20)
    empty = iv.Sample(np.zeros((2, 20)), np.vstack([np.ones(20), np.zeros(20)]))
    interval = iv.difference_interval([good, empty])
    assert np.isnan([interval.value, interval.low, interval.high, interval.p]).all()
    assert interval.reason == "task 1 (of 2): the injected arm of seed 1 has denominator 0"
    bottom = np.zeros((1, 20))
    bottom[0, :2] = 1  # about 12 % of the resamples draw neither of the two that count
    rare = iv.difference_interval([iv.Sample(bottom, bottom)], resamples=1000)
    assert rare.value == rare.low == rare.high == 1
    assert 800 < rare.resamples < 940
    control = iv.Sample(good.numerator, good.denominator, np.zeros((1, 20)), np.zeros((1, 20)))
    assert "control arm of seed 0" in iv.difference_interval([control]).reason


def test_a_defined_value_without_a_defined_resample_keeps_the_value():
    found = iv.percentile_interval(0.5, np.full(9, np.nan), examples=3)
    assert found.value == 0.5 and np.isnan(found.low) and found.reason == "no resample has a defined estimate"


def test_a_measure_without_a_chance_level_has_no_p():
    found = iv.percentile_interval(0.5, np.linspace(0, 1, 9), examples=3, null=float("nan"))
    assert np.isnan(found.p) and found.low < found.high


def test_deterministic_given_a_seed(rng):
    samples = [arms(rng), arms(rng)]
    assert iv.difference_interval(samples, seed=3) == iv.difference_interval(samples, seed=3)
    assert iv.difference_interval(samples, seed=3) != iv.difference_interval(samples, seed=4)


def test_coverage_of_seeds_and_examples():
    rng = np.random.default_rng(5)
    hits = 0
    for trial in range(200):
        sample = arms(rng, seeds=12, n=100, harm=0.4, control=0.1, spread=0.08)
        interval = iv.difference_interval([sample], resamples=300, seed=trial)
        hits += interval.low <= 0.3 <= interval.high
    assert 0.9 <= hits / 200 <= 0.99


def test_p_value_agrees_with_the_normal_test(rng):
    values = rng.standard_normal((1, 400)) + 0.1
    p = iv.mean_interval(values, resamples=20000).p
    assert p == pytest.approx(stats.ttest_1samp(values[0], 0)[1], abs=0.02)
    assert iv.mean_interval(np.ones((1, 9)), resamples=999).p == 2 / 1000


def test_mean_interval_of_paired_accuracies(rng):
    a, b = (rng.random((2, 3, 200)) < 0.5).astype(float)
    interval = iv.mean_interval(a, b)
    assert interval.value == pytest.approx(a.mean() - b.mean(), abs=1e-12)
    assert iv.mean_interval(a, b[:1]).value == pytest.approx(a.mean() - b[0].mean(), abs=1e-12)


def test_bootstrap_interval_of_a_function_of_sums(rng):
    x = rng.standard_normal(500) + 3
    interval = iv.bootstrap_interval(np.column_stack([x, np.ones(500)]), lambda s: s[..., 0] / s[..., 1], null=3.0)
    half = 1.96 * x.std() / np.sqrt(500)
    assert interval.value == pytest.approx(x.mean(), abs=1e-12)
    assert (interval.low, interval.high) == pytest.approx((x.mean() - half, x.mean() + half), abs=0.02)
    assert 0 < interval.p <= 1


def test_blocks_change_nothing(rng, monkeypatch):
    x = rng.random((50, 2))
    whole = resampling.resampled_sums(x, 100, np.random.default_rng(1))
    monkeypatch.setattr(resampling, "_BLOCK", 170)
    np.testing.assert_allclose(resampling.resampled_sums(x, 100, np.random.default_rng(1)), whole, rtol=1e-12)


def test_holm_against_statsmodels(rng):
    from statsmodels.stats.multitest import multipletests

    p = rng.random(12) ** 3
    np.testing.assert_allclose(iv.holm(p), np.asarray(multipletests(p, method="holm")[1]), atol=1e-12)
    with_nan = np.insert(p, 4, np.nan)
    np.testing.assert_allclose(np.delete(iv.holm(with_nan), 4), iv.holm(p))
    assert np.isnan(iv.holm(with_nan)[4]) and iv.holm([]).shape == (0,)


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
        iv.Sample(*arguments)


def test_unequal_seeds_and_levels_are_refused(rng):
    with pytest.raises(ValueError, match=r"\[2, 3\] seeds"):
        iv.difference_interval([arms(rng, seeds=2), arms(rng, seeds=3)])
    with pytest.raises(ValueError, match="at least 1 task"):
        iv.difference_interval([])
    with pytest.raises(ValueError, match="resamples = 0"):
        iv.difference_interval([arms(rng)], resamples=0)
    with pytest.raises(ValueError, match="at least one example"):
        iv.bootstrap_interval(np.empty((0, 2)), lambda sums: sums[..., 0])
    with pytest.raises(ValueError, match="level = 95"):
        iv.difference_interval([arms(rng)], resamples=5, level=95)
    with pytest.raises(ValueError, match="p_values"):
        iv.holm([0.5, 1.5])


def test_two_thousand_resamples_of_a_whole_study_take_seconds(rng):
    samples = [arms(rng, seeds=8, n=500) for _ in range(16)]
    start = time.perf_counter()
    iv.difference_interval(samples, resamples=2000)
    assert time.perf_counter() - start < 5
