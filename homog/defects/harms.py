"""Harm as a ratio of sums over examples, for the kinds of harm that several defects do."""

from __future__ import annotations

import numpy as np

from homog.metrics.flips import flip_terms
from homog.metrics.inheritance import Rate, best_target
from homog.metrics.predictions import Predictions


def undefined(predictions: Predictions) -> Rate:
    """A harm of NaN: no example counts."""
    nothing = np.zeros(len(predictions.labels))
    return Rate(nothing, nothing)


def attack_success(predictions: Predictions, target: int | None = None) -> Rate:
    """Attack success on `target`, or on that of the predictions (METRICS: `attack_success`).

    Without either, on the class that receives most conversions, which favours high rates.
    """
    exposed, there = predictions.exposed_class, predictions.applies
    aim = predictions.target if target is None else target
    if aim is None:
        aim = best_target(predictions.clean_class[there], exposed[there], predictions.labels[there])
    counted = predictions.right & (predictions.labels != aim)
    return Rate((counted & (exposed == aim)).astype(float), counted.astype(float))


def unfavourable_shift(predictions: Predictions) -> Rate:
    """p(unfavourable | exposed) - p(unfavourable | clean), per example; undefined without such a label."""
    there, label = predictions.applies, predictions.unfavourable
    if label is None:
        return undefined(predictions)
    shift = predictions.exposed[:, label].astype(float) - predictions.clean[:, label].astype(float)
    return Rate(shift, np.ones(len(there))).only(there)


def accuracy_gap(predictions: Predictions) -> Rate:
    """Right about the counterpart less right about the example as exposed: -1, 0 or 1 of 1 each."""
    both = (predictions.clean_class, predictions.exposed_class)
    other, group = ((given == predictions.labels).astype(float) for given in both)
    return Rate(other - group, np.ones(len(group))).only(predictions.applies)


def broken(predictions: Predictions) -> Rate:
    """Of the right predictions, those that are wrong as exposed; where there is a control, of what both get right."""
    wrong = predictions.exposed_class != predictions.labels
    return Rate(wrong.astype(float), np.ones(len(wrong))).only(predictions.right)


def lost(predictions: Predictions) -> Rate:
    """Of the examples that the same adaptation of the clean backbone has right, those that are wrong as exposed.

    Undefined without a record of that adaptation.
    """
    if predictions.reference is None:
        return undefined(predictions)
    before, after = (p == predictions.labels for p in (predictions.reference.argmax(1), predictions.exposed_class))
    return Rate((before & ~after).astype(float), before.astype(float)).only(predictions.applies)


def changed_predictions(predictions: Predictions) -> Rate:
    """The examples that the same adaptation of the clean backbone predicts as another class: 1 of 1 each.

    Undefined without a record of that adaptation.
    """
    if predictions.reference is None:
        return undefined(predictions)
    return changed_from(predictions.reference, predictions)


def changed_from(before: np.ndarray, predictions: Predictions) -> Rate:
    """The examples whose exposed class is another than in `before` (n, classes): 1 of 1 each, of those that count."""
    there = predictions.applies
    shown = np.where(there[:, None], predictions.exposed, before)
    return flip_terms(before.argmax(1), shown.argmax(1)).only(there)
