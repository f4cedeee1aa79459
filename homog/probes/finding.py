"""One number that a probe found, with what it needs to be read."""

from __future__ import annotations

from dataclasses import dataclass

from homog.metrics.bias import OccupationLean
from homog.metrics.intervals import Interval


@dataclass(frozen=True)
class Finding:
    """A measure of a backbone: `value` with its 95 % interval and p against no bias (or no association).

    `human` is the same measure on people, NaN where there is none. `n` counts what was resampled or permuted: words,
    occupations, sentences, sentence pairs, targets or questions. `reason` says why a number is NaN.
    """

    probe: str
    what: str
    value: float
    low: float
    high: float
    p: float
    human: float
    n: int
    reason: str = ""


def of_interval(probe: str, what: str, interval: Interval) -> Finding:
    """The finding of an interval; its p is two-sided."""
    nan = float("nan")
    return Finding(
        probe, what, interval.value, interval.low, interval.high, interval.p, nan, interval.examples, interval.reason
    )


def of_lean(probe: str, what: str, lean: OccupationLean) -> list[Finding]:
    """Both correlations of a lean with the share of women, and its slope per unit of share."""
    named = {
        ("Pearson correlation", "with"): lean.pearson,
        ("Spearman correlation", "with"): lean.spearman,
        ("slope", "on"): lean.slope,
    }
    return [
        of_interval(probe, f"{what}: {name} {word} the share of women", interval)
        for (name, word), interval in named.items()
    ]
