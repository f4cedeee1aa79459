"""The ladder of nulls: by hand, against Cohen's kappa, and on models that share what they are said to share."""

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.metrics import cohen_kappa_score

from homog.metrics import nulls
from homog.metrics.nulls import ladder, rasch

RNG = np.random.default_rng(0)


def models(backbones, deployers, n=500, item=1.0, shared=0.0, rng=RNG):
    """Failures of models whose logits add an item's difficulty, what their backbone finds hard, and chance."""
    hard, failed, names = rng.normal(0, item, n), [], []
    for backbone in range(backbones):
        own = rng.normal(0, shared, n)
        for _ in range(deployers):
            failed.append(rng.random(n) < expit(-1 + hard + own))
            names.append(f"backbone {backbone}")
    return np.array(failed), np.array(names)


def test_the_first_rung_is_error_consistency_whatever_the_grouping():
    failures, names = models(2, 3)
    first = ladder(failures, names)[0]
    every = {(i, j): cohen_kappa_score(failures[i], failures[j]) for i in range(6) for j in range(i)}
    same = [value for (i, j), value in every.items() if names[i] == names[j]]
    others = [value for (i, j), value in every.items() if names[i] != names[j]]
    assert first.null == "independent" and first.pairs == (6, 9)
    assert (first.sharing[0], first.others[0]) == pytest.approx((np.mean(same), np.mean(others)))
    assert first.difference[0] == pytest.approx(np.mean(same) - np.mean(others))


def test_rates_of_a_pair_keep_the_margins_and_differ_by_one_logit():
    n = np.array([50.0, 40.0, 10.0])
    a, b = np.array([5.0, 20.0, 9.0]), np.array([2.0, 10.0, 6.0])
    p, q = rasch(n, a, b)
    assert n @ p == pytest.approx(a.sum()) and n @ q == pytest.approx(b.sum())
    assert p + q == pytest.approx((a + b) / n)
    assert np.ptp(logit(p) - logit(q)) < 1e-6
    empty = rasch(np.array([10.0, 0.0]), np.array([10.0, 0.0]), np.array([10.0, 0.0]))
    assert empty[0] == pytest.approx([1, 0]) and empty[1] == pytest.approx([1, 0])


def test_each_rung_explains_more_of_what_difficulty_does():
    failures, names = models(5, 5, item=1.5)
    others = [rung.others[0] for rung in ladder(failures, names)]
    assert others[0] > 0.2 and others[0] > others[1] > others[2] and abs(others[2]) < 0.06
    assert not any(rung.difference[1] > 0 for rung in ladder(failures, names))  # nothing is shared but the examples


def test_what_a_backbone_adds_holds_on_every_rung():
    failures, names = models(5, 4, shared=1.2)
    rungs = ladder(failures, names)
    assert [rung.null for rung in rungs] == list(nulls.RUNGS)
    assert all(rung.difference[1] > 0 and rung.p < 0.01 and rung.values == 5 for rung in rungs)
    shuffled = ladder(failures, np.random.default_rng(3).permutation(names))
    assert all(rung.p > 0.05 for rung in shuffled)


def test_few_backbones_leave_limits_over_persons_alone():
    failures, names = models(2, 4, shared=1.2)
    rung = ladder(failures, names)[-1]
    assert rung.values == 0 and rung.difference[1] > 0
    people = np.repeat(np.arange(125), 4)
    wide = ladder(np.repeat(failures[:, :125], 4, axis=1), names, people)[0]
    alone = ladder(failures[:, :125], names)[0]
    width = [rung.difference[2] - rung.difference[1] for rung in (wide, alone)]
    assert wide.difference[0] == pytest.approx(alone.difference[0])
    assert width[0] == pytest.approx(width[1], rel=0.4)  # four answers about one person are no four persons


def test_pairs_that_do_not_count_and_many_pairs():
    failures, names = models(3, 3)
    data = np.tile([0, 1, 2], 3)
    rung = ladder(failures, names, apart=data[:, None] != data)[0]
    assert rung.pairs == (9, 18)
    assert ladder(failures, names, most_pairs=4)[0].pairs == (4, 4)


@pytest.mark.parametrize("names", [["a"] * 6, list("abcdef")])
def test_without_pairs_of_both_kinds_there_is_no_number(names):
    failures, _ = models(2, 3)
    assert all(np.isnan(rung.difference).all() and np.isnan(rung.p) for rung in ladder(failures, names))


def test_a_model_that_never_fails_is_in_no_mean_and_bad_input_is_named():
    failures, names = models(3, 2)
    failures[0] = False
    assert np.isfinite(ladder(failures, names)[0].difference).all()
    with pytest.raises(ValueError, match="a value per model"):
        ladder(failures, names[:3])
