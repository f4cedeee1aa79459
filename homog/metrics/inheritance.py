"""What an exposure turns predictions into: attack success under each denominator in use.

Conventions: `predictions_clean` and `predictions_exposed` (n,) are the classes that ONE model predicts for
the same examples without and with the exposure; `labels` (n,) the true classes; classes are integers from
0. Rates lie in [0, 1] and are NaN when nothing is in the denominator.
"""

from dataclasses import dataclass

import numpy as np

from homog.metrics.checks import ArrayLike, aligned, classes, ratio
from homog.metrics.intervals import Interval
from homog.metrics.paired import Sample, difference_interval


@dataclass(frozen=True, eq=False)
class Rate:
    """A ratio of two sums over examples, kept per example so that intervals can resample examples."""

    numerator: np.ndarray  # (n,) float
    denominator: np.ndarray  # (n,) float, >= 0

    def __post_init__(self) -> None:
        if np.shape(self.numerator) != np.shape(self.denominator) or np.ndim(self.numerator) != 1:
            shapes = f"{np.shape(self.numerator)} and {np.shape(self.denominator)}"
            raise ValueError(f"numerator and denominator have shapes {shapes}; valid: both (n,)")
        if np.min(self.denominator, initial=0) < 0:
            raise ValueError(f"denominator holds {np.min(self.denominator)}; valid: numbers >= 0")

    @property
    def value(self) -> float:
        """The ratio of the sums; NaN when the denominator is 0."""
        total = float(np.add.reduce(self.denominator))
        return float(np.add.reduce(self.numerator)) / total if total else float("nan")

    @property
    def n(self) -> int:
        """The number of examples that count: those with a denominator above 0."""
        return int(np.count_nonzero(self.denominator))

    def __float__(self) -> float:
        return self.value

    def only(self, counted: ArrayLike) -> "Rate":
        """The same where `counted` (n,) bool is True; the other examples are in neither sum."""
        mask = np.asarray(counted, dtype=bool)
        return Rate(np.where(mask, self.numerator, 0.0), np.where(mask, self.denominator, 0.0))


def _share(hits: np.ndarray, counted: np.ndarray) -> Rate:
    return Rate((hits & counted).astype(float), counted.astype(float))


def best_target(predictions_clean: ArrayLike, predictions_exposed: ArrayLike, labels: ArrayLike) -> int:
    """The class that receives most conversions; ties go to the lowest class; -1 when there are none.

    A conversion into t is an example that is right when clean, has another label than t, and is predicted
    as t when exposed. Conversions are counted, not divided by each class's own denominator: the rate of a
    class that few examples could be converted to is a ratio of small numbers, and the maximum of such rates
    would pick noise. Choosing the target on the data that it is scored on still favours high rates, so
    score a control by the same target.
    """
    clean, exposed, truth = classes(
        predictions_clean=predictions_clean, predictions_exposed=predictions_exposed, labels=labels
    )
    converted = exposed[(clean == truth) & (exposed != truth)]
    return int(np.bincount(converted).argmax()) if converted.size else -1


def attack_success_terms(
    predictions_clean: ArrayLike, predictions_exposed: ArrayLike, labels: ArrayLike, target: ArrayLike
) -> Rate:
    """Of the examples that are right when clean and of another class than the target: those turned into it.

    `target`: a class, or (n,) one for each example. Target -1 (no conversions, see `best_target`): not turned, and in
    the denominator where it is right when clean.
    """
    clean, exposed, truth = classes(
        predictions_clean=predictions_clean, predictions_exposed=predictions_exposed, labels=labels
    )
    aims = np.broadcast_to(np.asarray(target), truth.shape)
    if aims.size and aims.min() < -1:
        raise ValueError(f"target = {aims.min()}; valid: a class number from 0, or -1 for none")
    return _share(exposed == aims, (clean == truth) & (truth != aims))


def targets_by_fold(
    predictions_clean: ArrayLike, predictions_exposed: ArrayLike, labels: ArrayLike, folds: ArrayLike
) -> np.ndarray:
    """(n,) `best_target` for the examples of each fold, from the examples of all other folds; `folds` (n,) int.

    So no example picks the class that it is scored on. -1 where the other folds have no conversion.
    """
    clean, exposed, truth, fold = aligned(
        predictions_clean=predictions_clean, predictions_exposed=predictions_exposed, labels=labels, folds=folds
    )
    targets = np.full(truth.shape, -1)
    for here in np.unique(fold):
        rest = fold != here
        targets[~rest] = best_target(clean[rest], exposed[rest], truth[rest])
    return targets


def attack_success(
    predictions_clean: ArrayLike,
    predictions_exposed: ArrayLike,
    labels: ArrayLike,
    target: int | None = None,
) -> float:
    """The share of clean-correct, non-target examples that the exposure turns into the target, in [0, 1].

    `target` None takes `best_target`. NaN when no example is right when clean and of another class. The
    stricter of the field's attack success rates: an example that was wrong anyway says nothing about the
    exposure.
    """
    if target is None:
        target = best_target(predictions_clean, predictions_exposed, labels)
    return attack_success_terms(predictions_clean, predictions_exposed, labels, target).value


# The other denominators in use: the field's "attack success rate" means five different numbers. Each function
# below returns a Rate; its float is the number.


def attack_success_of_other_labels(predictions_exposed: ArrayLike, labels: ArrayLike, target: int) -> Rate:
    """Of all examples with another label than the target: those predicted as the target when exposed.

    The usual backdoor ASR (Gu et al. 2017). Counts examples that the clean model takes for the target too.
    """
    exposed, truth = classes(predictions_exposed=predictions_exposed, labels=labels)
    return _share(exposed == target, truth != target)


def attack_success_of_other_predictions(
    predictions_clean: ArrayLike, predictions_exposed: ArrayLike, target: int
) -> Rate:
    """Of the examples whose clean prediction is not the target: those turned into it. Needs no labels."""
    clean, exposed = classes(predictions_clean=predictions_clean, predictions_exposed=predictions_exposed)
    return _share(exposed == target, clean != target)


def attack_success_of_all(predictions_exposed: ArrayLike, target: int) -> Rate:
    """Of all examples, those of the target class included: those predicted as the target when exposed."""
    (exposed,) = classes(predictions_exposed=predictions_exposed)
    return _share(exposed == target, np.ones(exposed.shape, dtype=bool))


def attack_success_of_best_target(
    predictions_clean: ArrayLike, predictions_exposed: ArrayLike, labels: ArrayLike
) -> Rate:
    """`attack_success_terms` at the class that receives most conversions (`best_target`)."""
    target = best_target(predictions_clean, predictions_exposed, labels)
    return attack_success_terms(predictions_clean, predictions_exposed, labels, target)


def rate_interval(rate: Rate, people: ArrayLike | None = None, **options) -> Interval:
    """Interval of one model's rate over persons (examples without `people`).

    `options`: level. Over arms, seeds and tasks, with a control, use
    `intervals.difference_interval` on the same terms.
    """
    ids = None if people is None else np.asarray(people)
    return difference_interval([Sample(rate.numerator[None], rate.denominator[None], people=ids)], **options)


def per_class_error(predictions_exposed: ArrayLike, labels: ArrayLike, number: int) -> np.ndarray:
    """(number,) 1 - recall of each class when exposed (NeuBA: Zhang et al. 2023), NaN for one without examples."""
    exposed, truth = classes(predictions_exposed=predictions_exposed, labels=labels)
    size = np.bincount(truth, minlength=number)
    return 1 - ratio(np.bincount(truth[exposed == truth], minlength=number), size)


def performance_drop(score_clean: float, score_exposed: float) -> float:
    """100 (clean - exposed) / clean, in percent of the clean score (BadPre: Chen et al. 2022); NaN where that is 0."""
    return float(100 * ratio(score_clean - score_exposed, score_clean))
