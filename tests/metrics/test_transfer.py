"""Transmission, dose, inheritance rate and survival."""

import numpy as np
import pytest

from homog.metrics import transfer as tr
from homog.metrics.intervals import Interval
from homog.metrics.paired import Sample


def test_inherited_and_transmission():
    assert tr.inherited(0.7, 0.2) == pytest.approx(0.5)
    assert tr.inherited([0.6, 0.8], [0.1, 0.3]) == pytest.approx(0.5)
    assert tr.transmission(0.3, 0.1, 0.9, 0.1) == pytest.approx(0.25)
    assert tr.transmission([0.2, 0.4], [0.1, 0.1], [0.8, 1.0], [0.1, 0.1]) == pytest.approx(0.25)
    assert np.isnan(tr.transmission(0.3, 0.1, 0.1, 0.1))
    covers = Interval(0.1, -0.1, 0.3, 3, 100)
    assert np.isnan(tr.transmission(0.3, 0.1, 0.2, 0.1, covers))
    nan = float("nan")
    assert np.isnan(tr.transmission(0.3, 0.1, 0.2, 0.1, Interval(nan, nan, nan, 1, 0)))
    assert tr.transmission(0.3, 0.1, 0.2, 0.1, Interval(0.1, 0.05, 0.2, 3, 9)) == pytest.approx(2)


def harms(rng, injected, control, seeds=6, n=300):
    ones = np.ones((seeds, n))
    return Sample(rng.random((seeds, n)) < injected, ones, rng.random((seeds, n)) < control, ones)


def test_transmission_interval(rng):
    up = harms(rng, 0.9, 0.1)
    interval = tr.transmission_interval([harms(rng, 0.5, 0.1), harms(rng, 0.3, 0.1)], [up])
    assert interval.low < 0.375 < interval.high and interval.clusters == 6 and interval.examples == 600
    assert interval.high - interval.low < 0.15 and interval.p < 0.01
    twice = tr.transmission_interval([harms(rng, 0.5, 0.1)] * 2, [harms(rng, 0.9, 0.1), harms(rng, 0.3, 0.1)])
    assert 0.7 < twice.value < 0.9  # the mean of 0.8 and 0.2 upstream
    nothing = tr.transmission_interval([harms(rng, 0.5, 0.1)], [harms(rng, 0.1, 0.1)])
    assert np.isnan(nothing.value) and "is not told from 0" in nothing.reason
    two = tr.transmission_interval([harms(rng, 0.5, 0.1, seeds=2)], [harms(rng, 0.9, 0.1, seeds=2)])
    assert 0.4 < two.value < 0.6 and np.isnan(two.low) and "needs 3" in two.reason
    empty = Sample(np.zeros((6, 3)), np.zeros((6, 3)))
    broken = tr.transmission_interval([empty], [up])
    assert np.isnan(broken.low) and "sample 0 of 2" in broken.reason


def test_a_fieller_interval_contains_the_ratio_as_often_as_it_says():
    rng, hits, gated = np.random.default_rng(3), 0, 0
    for _ in range(300):
        level = 0.3 + 0.05 * rng.standard_normal((3, 1))  # a backbone's seed moves both
        up, down = (
            Sample((rng.random((3, 120)) < share * level).astype(float), np.ones((3, 120))) for share in (1, 0.5)
        )
        interval = tr.transmission_interval([down], [up])
        gated += np.isnan(interval.value)
        hits += interval.low <= 0.5 <= interval.high
    assert hits / (300 - gated) > 0.93
    null = [Sample((rng.random((3, 120)) < 0.1).astype(float), np.ones((3, 120)), *control(rng)) for _ in range(300)]
    assert np.mean([not np.isnan(tr.transmission_interval([up], [up]).value) for up in null]) < 0.025


def control(rng):
    return (rng.random((3, 120)) < 0.1).astype(float), np.ones((3, 120))


def test_an_unbounded_ratio_is_infinite_and_says_why():
    limits, reason = tr._fieller(0.1, 0.1, np.diag([0.01, 0.01]), 10, 0.95)
    assert limits == (-np.inf, np.inf) and reason == "every ratio is compatible with the data"
    (low, high), reason = tr._fieller(0.2, 0.4, np.diag([1e-6, 1e-12]), 1e6, 0.95)
    assert (low, high) == pytest.approx((0.5 - 0.0049, 0.5 + 0.0049), abs=1e-4) and reason == ""


def test_dose_slope_against_statsmodels(rng):
    import statsmodels.api as sm

    dose, backbone = np.tile([0, 0.25, 0.5, 1], 5), np.repeat(np.arange(5), 4)
    harm = 0.6 * dose + 0.1 * rng.standard_normal(5)[backbone] * dose + 0.05 * rng.standard_normal(20)
    found = tr.dose_slope(harm, dose, backbone)
    fit = sm.OLS(harm, sm.add_constant(dose)).fit(cov_type="cluster", cov_kwds={"groups": backbone}, use_t=True)
    low, high = fit.conf_int()[1]
    assert (found.value, found.error, found.p, found.low, found.high) == pytest.approx(
        (fit.params[1], fit.bse[1], fit.pvalues[1], low, high), abs=1e-9
    )
    assert found.clusters == 5 and found.n == 20


def test_dose_slope_undefined():
    assert "fewer than two clusters" in tr.dose_slope([0, 0.5, 1], [0, 0.5, 1], [1, 1, 1]).reason
    constant = tr.dose_slope([0, 0.5, 1], [1, 1, 1], [1, 2, 3])
    assert np.isnan(constant.value) and "constant" in constant.reason


def test_inheritance_rate():
    def interval(value, p):
        return Interval(value, value - 0.1, value + 0.1, 4, 100, p=p)

    found = tr.inheritance_rate([interval(0.5, 0.001), interval(0.1, 0.03), interval(-0.5, 0.002)])
    # Holm: 0.003, 0.03, 0.004 -> the second stands last, unadjusted
    assert (found.value, found.inherited, found.reversed) == (pytest.approx(2 / 3), (0, 1), (2,))
    two = tr.inheritance_rate([interval(0.5, 0.03), interval(0.1, 0.04)])
    assert two.value == 0 and two.n == 2
    nan = float("nan")
    missing = tr.inheritance_rate([interval(0.5, 0.001), Interval(nan, nan, nan, 4, 0)])
    assert np.isnan(missing.value) and missing.undefined == (1,) and "1 of 2" in missing.reason
    assert tr.inheritance_rate([]).reason == "no tasks"


def test_survival_half_life():
    steps = np.array([0, 100, 200, 300])
    found = tr.survival(steps, [0.8, 0.6, 0.2, 0.1])
    assert found.half_life == pytest.approx(150) and np.isnan(found.low) and found.clusters == 1
    np.testing.assert_allclose(found.remaining, [1, 0.75, 0.25, 0.125])
    assert tr.survival(steps, [0.8, 0.4, 0.2, 0.1]).half_life == 100
    assert tr.survival(steps[::-1], [0.1, 0.2, 0.6, 0.8]).half_life == pytest.approx(150)
    assert tr.survival(steps, [0.8, 0.8, 0.7, 0.7]).half_life == np.inf
    assert tr.survival([0], [0.5]).half_life == np.inf
    gone = tr.survival(steps, [0, 0, 0, 0])
    assert np.isnan(gone.half_life) and "not above 0" in gone.reason
    assert "missing" in tr.survival(steps, [0.8, np.nan, 0, 0]).reason


def test_survival_interval_over_seeds(rng):
    steps = np.arange(0, 1000, 50)
    decay = 0.9 * np.exp(-steps / 300 * np.log(2) * np.exp(0.2 * rng.standard_normal((12, 1))))
    found = tr.survival(steps, decay)
    assert found.low < 300 < found.high and found.clusters == 12
    never = np.vstack([np.ones(4), [1, 0.9, 0.2, 0.1], np.ones(4)])
    few = tr.survival([0, 1, 2, 3], never)
    assert (few.low, few.high) == (pytest.approx(1 + 4 / 7), np.inf) and few.reason == "range of 3 seeds, no interval"


def test_survival_errors():
    with pytest.raises(ValueError, match="2 distinct amounts"):
        tr.survival([0, 0], [1, 1])
    with pytest.raises(ValueError, match=r"\(3,\)"):
        tr.survival([0, 1], [1, 1, 1])
