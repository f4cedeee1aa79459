"""Is it the sharing? Constructed data where the answer is known."""

import numpy as np
import pytest

from homog.metrics import sharing
from homog.metrics.outcomes import homogenization


def failures(rng, difficulty, k=3, shared=0.0):
    """Models fail with the example's difficulty; `shared` of their draws are one common draw."""
    own = rng.random((k, len(difficulty))) < difficulty
    common = rng.random(len(difficulty)) < difficulty
    return np.where(rng.random(len(difficulty)) < shared, common, own)


@pytest.fixture
def difficulty(rng):
    return np.where(rng.random(4000) < 0.25, 0.7, 0.1)


def test_hard_examples_alone_raise_h_but_are_no_sharing_effect(rng, difficulty):
    alone, control = failures(rng, difficulty), failures(rng, difficulty)
    assert homogenization(alone) > 2 and homogenization(control) > 2
    effect = sharing.sharing_effect(alone, control)
    assert effect.low < 0 < effect.high and effect.p > 0.05
    assert sharing.permutation_test(alone).p < 0.001  # without strata, difficulty looks like sharing
    strata = sharing.difficulty_strata(failures(rng, difficulty, k=60), 20)
    assert sharing.permutation_test(alone, strata).p > 0.01
    assert sharing.stratified_homogenization(alone, strata) == pytest.approx(1, abs=0.1)
    # few held-out models leave difficulty inside the strata: the null is wrong, the effect is still none
    coarse = sharing.difficulty_strata(failures(rng, difficulty, k=5))
    assert sharing.permutation_test(alone, coarse).p < 0.05
    effect = sharing.sharing_effect(alone, control, strata=coarse)
    assert effect.low < 0 < effect.high


def test_real_sharing_is_an_effect(rng, difficulty):
    shared, control = failures(rng, difficulty, shared=0.6), failures(rng, difficulty)
    effect = sharing.sharing_effect(shared, control)
    assert effect.low > 0 and effect.p < 0.01
    assert effect.value == pytest.approx(np.log(homogenization(shared) / homogenization(control)), abs=1e-9)
    strata = sharing.difficulty_strata(failures(rng, difficulty, k=8))
    within = sharing.sharing_effect(shared, control, strata=strata)
    assert within.low > 0
    assert sharing.permutation_test(shared, strata).p < 0.001
    by_stratum = sharing.sharing_effect_by_stratum(shared, control, strata, resamples=300)
    assert sorted(by_stratum) == np.unique(strata).tolist()
    assert all(interval.value > 0 for interval in by_stratum.values())
    assert sum(interval.examples for interval in by_stratum.values()) == 4000


def test_coverage_of_no_effect():
    rng, hits = np.random.default_rng(3), 0
    for trial in range(120):
        difficulty = np.where(rng.random(800) < 0.3, 0.8, 0.2)
        effect = sharing.sharing_effect(failures(rng, difficulty), failures(rng, difficulty), resamples=300, seed=trial)
        hits += effect.low <= 0 <= effect.high
    assert 0.9 <= hits / 120 <= 1


def test_identical_arms_have_no_effect(rng, difficulty):
    arm = failures(rng, difficulty)
    effect = sharing.sharing_effect(arm, arm)
    assert (effect.value, effect.low, effect.high, effect.p) == (0, 0, 0, 1)


def test_seeds_are_the_clusters(rng, difficulty):
    shared = np.stack([failures(rng, difficulty, shared=0.5) for _ in range(4)])
    control = np.stack([failures(rng, difficulty) for _ in range(4)])
    effect = sharing.sharing_effect(shared, control, resamples=400)
    assert effect.clusters == 4
    single = [sharing.sharing_effect(a, b, resamples=10).value for a, b in zip(shared, control, strict=True)]
    assert effect.value == pytest.approx(np.mean(single), abs=1e-12)
    one_control = sharing.sharing_effect(shared, control[0], resamples=400)
    assert one_control.clusters == 4 and one_control.low > 0


def test_people_are_resampled_together(rng, difficulty):
    shared, control = failures(rng, difficulty[:500], shared=0.5), failures(rng, difficulty[:500])
    once = sharing.sharing_effect(shared, control, resamples=300)
    copies = [np.repeat(x, 3, axis=1) for x in (shared, control)]
    people = sharing.sharing_effect(*copies, people=np.repeat(np.arange(500), 3), resamples=300)
    assert (people.low, people.high) == pytest.approx((once.low, once.high), abs=1e-12)


def test_one_stratum_is_plain_h_and_strata_by_hand():
    f = np.array([[1, 1, 0, 0, 1, 0], [1, 0, 1, 0, 1, 0]], dtype=bool)
    assert sharing.stratified_homogenization(f, np.zeros(6)) == pytest.approx(homogenization(f), abs=1e-12)
    # strata of 4 and 2 examples: 4/6 * (2/4 * 2/4) + 2/6 * (1/2 * 1/2) expected, 2/6 observed
    expected = 4 / 6 * 0.25 + 2 / 6 * 0.25
    found = sharing.stratified_homogenization(f, [0, 0, 0, 0, 1, 1])
    assert found == pytest.approx(2 / 6 / expected, abs=1e-12)


def test_permutations_agree_with_shuffling(rng):
    f = rng.random((3, 40)) < 0.4
    strata = np.repeat([0, 1], 20)
    shuffled = []
    for _ in range(4000):
        parts = [[rng.permutation(model[strata == s]) for s in (0, 1)] for model in f]
        shuffled.append(np.all([np.concatenate(part) for part in parts], axis=0).mean())
    test = sharing.permutation_test(f, strata)
    assert test.null_mean == pytest.approx(np.mean(shuffled), abs=0.003)
    assert test.p == pytest.approx(np.mean(np.array(shuffled) >= test.systemic), abs=0.03)
    assert test.null_low <= test.null_mean <= test.null_high and test.n == 40


def test_difficulty_strata():
    held_out = np.array([[0, 0, 1, 1, 1, 0], [0, 0, 0, 1, 1, 0]], dtype=bool)
    np.testing.assert_array_equal(sharing.difficulty_strata(held_out, 3), [0, 0, 1, 2, 2, 0])
    np.testing.assert_array_equal(sharing.difficulty_strata(held_out, 1), np.zeros(6))
    assert sharing.difficulty_strata(np.zeros((3, 5)), 4).max() == 0


def test_undefined_and_errors(rng):
    f = rng.random((2, 30)) < 0.5
    none = sharing.sharing_effect(f, np.array([np.arange(30) % 2, 1 - np.arange(30) % 2]), resamples=20)
    assert np.isnan(none.value) and "no example is failed by all" in none.reason
    with pytest.raises(ValueError, match="same models and examples"):
        sharing.sharing_effect(f, f[:, :20])
    with pytest.raises(ValueError, match="at least 2 models"):
        sharing.sharing_effect(f[:1], f[:1])
    with pytest.raises(ValueError, match="strata = 0"):
        sharing.difficulty_strata(f, 0)
    with pytest.raises(ValueError, match="examples has 30"):
        sharing.stratified_homogenization(f, np.zeros(4))
