"""Every pair of many models at once: the measures of `agreement` as matrix products over blocks of examples.

Conventions as in `agreement`, with models first: `correct` and `predictions` (m, n), `probabilities` (m, n,
options). `present` bool (m, n) marks the examples that a model answered: with it each pair is compared on
the examples that both answered. Counts are float32 products of 0/1 matrices, exact because a block is
shorter than 2^24 examples; 1,000 models on 100,000 examples need well under 1 GB beside the input.
"""

from collections.abc import Iterator

import numpy as np

from homog.metrics.agreement import MEASURES, chance_terms
from homog.metrics.checks import ArrayLike, binary, classes
from homog.metrics.formulas import OF_CORRECTNESS, OF_PREDICTIONS, capa_of_sums

_BLOCK = 8_000_000  # entries of a block of models x examples: 32 MB as float32
_DENSE = 32  # above this many classes, wrong answers are multiplied as sparse matrices


def _blocks(models: int, n: int, width: int = 1) -> Iterator[slice]:
    step = max(1, _BLOCK // max(1, models * width))
    return (slice(start, min(start + step, n)) for start in range(0, n, step))


def _common(first: np.ndarray, second: np.ndarray | None = None) -> np.ndarray:
    """On how many examples both of two 0/1 rows are 1: (m, m) float; `second` None: `first` with itself."""
    out = np.zeros((len(first), len(first)))
    for part in _blocks(*first.shape):
        block = first[:, part].astype(np.float32)
        out += block @ (block if second is None else second[:, part].astype(np.float32)).T
    return out


def _counts(correct: np.ndarray, present: np.ndarray | None) -> tuple:
    """Both right, a right, b right and n of every pair, as arrays that broadcast to (m, m)."""
    if present is None:
        both = _common(correct)
        right = np.diag(both)
        return both, right[:, None], right[None, :], float(correct.shape[1])
    correct = correct & present
    right = _common(correct, present)
    return _common(correct), right, right.T, _common(present)


def _chance(options: ArrayLike | None, most: int, n: int, present: np.ndarray | None) -> ArrayLike:
    """The sum of 1/(options - 1) over the examples of every pair."""
    terms = chance_terms(options, n, most)
    return terms.sum() if present is None else (present * terms) @ present.T.astype(float)


def _same_wrong(predictions: np.ndarray, labels: np.ndarray, wrong: np.ndarray) -> np.ndarray:
    """On how many examples each pair gives the same wrong answer, (m, m) float."""
    values = np.unique(predictions)
    if len(values) <= _DENSE:
        return np.sum([_common((predictions == value) & wrong) for value in values], axis=0)
    out = np.zeros((len(predictions), len(predictions)))
    for part in _blocks(*predictions.shape):
        out += _sparse(predictions[:, part], wrong[:, part], values)
    return out


def _sparse(predictions: np.ndarray, wrong: np.ndarray, values: np.ndarray) -> np.ndarray:
    from scipy.sparse import csr_array

    model, example = np.nonzero(wrong)
    column = example * len(values) + np.searchsorted(values, predictions[model, example])
    shape = (len(predictions), predictions.shape[1] * len(values))
    answers = csr_array((np.ones(len(model)), (model, column)), shape=shape)
    return (answers @ answers.T).toarray()


def _prediction_counts(models: ArrayLike, labels: ArrayLike, options, present) -> tuple:
    """`_counts`, agreement and chance of every pair."""
    predictions, (truth,) = np.asarray(models), classes(labels=labels)
    if predictions.ndim != 2 or predictions.shape[1] != len(truth):
        raise ValueError(f"predictions has shape {predictions.shape}; valid: (m models, {len(truth)} examples)")
    if not np.issubdtype(predictions.dtype, np.integer) or predictions.min(initial=0) < 0:
        raise ValueError(f"predictions of type {predictions.dtype}; valid: integer class numbers from 0")
    correct = predictions == truth
    both, a, b, n = _counts(correct, present)
    agree = both + _same_wrong(predictions, truth, ~correct if present is None else ~correct & present)
    most = max(2, 1 + int(max(predictions.max(initial=0), truth.max(initial=0))))
    return both, a, b, n, agree, _chance(options, most, len(truth), present)


def _of_probabilities(models: ArrayLike, labels: ArrayLike, options, present) -> np.ndarray:
    p, (truth,) = np.asarray(models), classes(labels=labels)
    if p.ndim != 3 or p.shape[1] != len(truth):
        raise ValueError(f"probabilities has shape {p.shape}; valid: (m models, {len(truth)} examples, options)")
    if truth.size and truth.max() >= p.shape[2]:
        raise ValueError(f"labels holds {truth.max()}; valid: below the {p.shape[2]} options")
    here = np.ones(p.shape[:2], dtype=bool) if present is None else present
    observed, right = np.zeros((len(p), len(p))), np.zeros((len(p), len(p)))
    for part in _blocks(len(p), len(truth), 2 * p.shape[2]):
        block = np.where(here[:, part, None], p[:, part], 0.0).astype(float)
        if not ((block >= 0) & (np.abs(block.sum(2) - here[:, part]) <= 1e-3)[..., None]).all():
            raise ValueError("probabilities holds a bad row; valid: numbers from 0 to 1 that sum to 1")
        right += block[:, np.arange(block.shape[1]), truth[part]] @ here[:, part].T.astype(float)
        block = block.reshape(len(p), -1)
        observed += block @ block.T
    chance = _chance(options, p.shape[2], len(truth), present)
    return capa_of_sums(observed, right, right.T, _common(here), chance)


def _checked(present: ArrayLike | None, models: ArrayLike) -> np.ndarray | None:
    if present is None:
        return None
    present = binary("present", present)
    if present.shape != np.shape(models)[:2]:
        raise ValueError(f"present has shape {present.shape}; valid: {np.shape(models)[:2]}")
    return present


def pairwise(
    measure: str,
    models: ArrayLike,
    labels: ArrayLike | None = None,
    options: ArrayLike | None = None,
    present: ArrayLike | None = None,
) -> np.ndarray:
    """One of `agreement.MEASURES` for every pair of m models: (m, m), symmetric, NaN where undefined.

    `models` is what the measure takes, models first: correctness (m, n) bool, predictions (m, n), or for
    capa probabilities (m, n, options). `labels` (n,) and `options` as in the measure; correctness needs
    neither. The diagonal is each model with itself.
    """
    if measure not in MEASURES:
        raise ValueError(f"measure = {measure!r}; valid: {', '.join(MEASURES)}")
    if measure in OF_CORRECTNESS:
        correct = binary("correct", models)
        return OF_CORRECTNESS[measure](*_counts(correct, _checked(present, correct)))
    if labels is None:
        raise ValueError(f"labels = None; valid for {measure}: the class of each example (n,)")
    if measure == "capa":
        return _of_probabilities(models, labels, options, _checked(present, models))
    return OF_PREDICTIONS[measure](*_prediction_counts(models, labels, options, _checked(present, models)))


def pairwise_measures(
    predictions: ArrayLike,
    labels: ArrayLike,
    options: ArrayLike | None = None,
    present: ArrayLike | None = None,
) -> dict[str, np.ndarray]:
    """Every measure of predictions and of correctness at once, {measure: (m, m)}, counting only once."""
    sums = _prediction_counts(predictions, labels, options, _checked(present, predictions))
    return {name: measure(*sums) for name, measure in (OF_CORRECTNESS | OF_PREDICTIONS).items()}
