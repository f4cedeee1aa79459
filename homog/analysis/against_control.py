"""Is it the sharing? Ensembles that share something against a control on the same people; the market as it moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from homog.analysis.ensembles import MIXED, Ensemble
from homog.analysis.inherited import summary
from homog.analysis.joint_failure import interval_columns, mean_bounded
from homog.analysis.results import Frame
from homog.config import DISJOINT, SHARED
from homog.metrics.intervals import Interval
from homog.metrics.market import MarketPoint, market_share_curve
from homog.metrics.outcomes import log_h_of_rates
from homog.metrics.resampling import Bootstrap
from homog.metrics.sharing import sharing_effect
from homog.wording import counted, some

MOST_DEPLOYERS = 10  # that every one of very many deployers fails the same example is too rare to estimate
DRAWS, LEAST_RESAMPLES = 50_000_000, 500  # above so many draws of examples the market gets fewer resamples
SHARING = ["tasks", "shared", "control", "models", "examples", "value", "low", "high", "p", "reason", "detail"]
MEASURES = ("systemic_failure", "homogenization", "exclusion")
CURVE = ["share", "deployers", *(f"{name}{end}" for name in MEASURES[:2] for end in ("", "_low", "_high"))]
SIDES: list[str] = ["deployer", "shared_model", "shared_error", "control_model", "control_base", "control_error"]


def bounded_sharing(ensembles: Sequence[Ensemble], control: Sequence[Ensemble]) -> Frame:
    """A row per kind, backbone, adaptation and data: bounded H less that of the `control` of the same setting.

    `value`, `low`, `high`: mean over settings, paired on the same people, persons resampled; above 0 = what is shared
    homogenizes. `log_h` the mean of log H(shared) - log H(control) over the settings where both are defined. A setting
    whose ensemble or control lacks models of the other is named in `left_out`.
    """
    beside = {(ensemble.kind, ensemble.setting, ensemble.about["data"]): ensemble for ensemble in control}
    groups: dict[tuple[str, ...], list[Ensemble]] = {}
    for ensemble in ensembles:
        about = (ensemble.about[name] for name in ("backbone", "label", "data"))
        groups.setdefault((ensemble.kind, *about), []).append(ensemble)
    rows = []
    for key, every in groups.items():
        pairs = [
            (ensemble, beside.get((ensemble.kind, ensemble.setting, ensemble.about["data"]))) for ensemble in every
        ]
        whole = [(ensemble, alone) for ensemble, alone in pairs if alone and _comparable(ensemble, alone)]
        left_out = ", ".join(ensemble.setting for ensemble, alone in pairs if (ensemble, alone) not in whole)
        if not whole:
            continue
        value, defined = log_h([(ensemble.failures, alone.failures) for ensemble, alone in whole])
        row: dict[str, Any] = dict(zip(("panel", "backbone", "adaptation", "data"), key, strict=True))
        row |= {"settings": len(whole), "left_out": left_out, "log_h": value, "log_h_settings": defined}
        rows.append(row | summary(mean_bounded(*(list(side) for side in zip(*whole, strict=True)))))
    return pd.DataFrame(rows)


def sharing_data(every: Sequence[Ensemble], labels: Sequence[str]) -> Frame:
    """What sharing training data adds to bounded H, a row per kind, backbone and adaptation (`labels`, in order)."""
    shared = [ensemble for ensemble in every if ensemble.about["data"] == SHARED]
    apart = [
        replace(ensemble, about=ensemble.about | {"data": SHARED})
        for ensemble in every
        if ensemble.about["data"] == DISJOINT
    ]
    parts = [pd.DataFrame(columns=["panel"])]
    for name in labels:
        sides = ([ensemble for ensemble in side if ensemble.about["label"] == name] for side in (shared, apart))
        parts.append(bounded_sharing(*sides))
    return stacked(parts).drop(columns="data", errors="ignore").rename(columns={"panel": "kind"})


def stacked(parts: Sequence[Frame]) -> Frame:
    """Frames under one another. Those without rows are left out: they would turn counts into decimals."""
    return pd.concat([part for part in parts if len(part)] or parts, ignore_index=True)


def _comparable(ensemble: Ensemble, control: Ensemble) -> bool:
    """As many models and people, and as many replicates where those are seeds."""
    skip = 1 if MIXED in (ensemble.about["adaptation"], control.about["adaptation"]) else 0
    return ensemble.failures.shape[skip:] == control.failures.shape[skip:]


def log_h(pairs: Sequence[tuple[np.ndarray, np.ndarray]]) -> tuple[float, int]:
    """(mean of log H(shared) - log H(control) over the pairs of failures where both are defined, how many those are).

    Failures are (..., k, n) bool; the difference of a pair is the mean over its replicates. NaN for none.
    """
    values = [[log_h_of_rates(f.mean(-1), f.all(-2).mean(-1)).mean() for f in pair] for pair in pairs]
    defined = [shared - control for shared, control in values if np.isfinite([shared, control]).all()]
    return (float(np.mean(defined)) if defined else float("nan")), len(defined)


@dataclass(frozen=True, eq=False)
class Market:
    """Deployers before and after they move onto one base; `reason` says why there is none.

    `curve`: systemic failure and H by share of deployers who moved. `sides`: which models stand for them. `sharing`:
    the sharing effect between the two sides.
    """

    base: str
    shared: str = ""
    control: str = ""
    curve: Frame = field(default_factory=lambda: pd.DataFrame(columns=CURVE))
    sides: Frame = field(default_factory=lambda: pd.DataFrame(columns=SIDES))
    sharing: Frame = field(default_factory=lambda: pd.DataFrame(columns=SHARING))
    reason: str = ""


def market(ensemble: Ensemble, base: str, bootstrap: Bootstrap) -> Market:
    """The models of the most frequent `base` as the shared side, models of other bases as the control.

    One model per other base where there are several, so that the control shares nothing; with one other base the
    control shares that. Deployers are paired so that both sides are alike in the other attributes, then in error rate.
    At most MOST_DEPLOYERS pairs, the most alike.
    """
    failures, values = ensemble.failures[0], ensemble.attributes[base]
    errors = failures.mean(1)
    names, number = np.unique(values.astype(str), return_counts=True)
    shared = names[number.argmax()]
    a, b = _alike(ensemble, errors, values, shared)
    control = _control(values[b], len(set(values)) - 1, base)
    if len(a) < 2:
        return Market(base, shared, reason=f"at least 2 models with {base} {shared} and 2 others are needed")
    resamples = min(bootstrap.resamples, max(LEAST_RESAMPLES, DRAWS // ensemble.n))
    options: Any = asdict(replace(bootstrap, resamples=resamples))
    sides = failures[a], failures[b]
    points = market_share_curve(*sides, np.arange(len(a) + 1) / len(a), ensemble.persons, **options)
    row = {"tasks": ensemble.setting, "shared": f"{base} {shared}", "control": control, "models": len(a)}
    row |= interval_columns(sharing_effect(*sides, ensemble.persons, **options))
    row |= {"detail": False, "examples": ensemble.n}
    models = np.array(ensemble.models, dtype=object)
    columns = (np.arange(1, len(a) + 1), models[a], errors[a], models[b], values[b], errors[b])
    chosen = pd.DataFrame(dict(zip(SIDES, columns, strict=True)))
    steps = [{"share": point.share, "deployers": point.deployers} | point_columns(point) for point in points]
    curve = pd.DataFrame(steps, columns=CURVE)
    return Market(base, shared, control, curve, chosen, pd.DataFrame([row], columns=SHARING))


def point_columns(point: MarketPoint, end: str = "") -> dict[str, float]:
    """The measures of a point of a market-share curve with their limits; the estimates' names end in `end`."""
    columns: dict[str, float] = {}
    for name in MEASURES:
        interval: Interval = getattr(point, name)
        columns |= {f"{name}{end}": interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
    return columns


def _alike(ensemble: Ensemble, errors: np.ndarray, values: np.ndarray, shared: str) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of a shared and a control model: differing in the fewest other attributes, then least in error rate."""
    from scipy.optimize import linear_sum_assignment

    inside, others = np.flatnonzero(values == shared), np.flatnonzero(values != shared)
    gap = np.abs(errors[inside][:, None] - errors[others]) / 2  # below 1: one attribute weighs more than any gap
    for attribute in ensemble.attributes.values():
        if not implied(attribute, values):
            gap += attribute[inside][:, None] != attribute[others]
    bases = sorted(set(values[others]))
    if len(bases) == 1:
        rows, columns = linear_sum_assignment(gap)
        chosen = others[columns]
    else:
        best = np.stack([np.where(values[others] == base, gap, np.inf).argmin(1) for base in bases], axis=1)
        gap = np.take_along_axis(gap, best, axis=1)
        rows, columns = linear_sum_assignment(gap)
        chosen = others[best[rows, columns]]
    kept = np.sort(np.argsort(gap[rows, columns], kind="stable")[:MOST_DEPLOYERS])
    return inside[rows[kept]], chosen[kept]


def implied(values: np.ndarray, by: np.ndarray) -> bool:
    """Whether models that are the same in `by` are the same in `values`."""
    return len(set(zip(by.tolist(), values.tolist(), strict=True))) == len(set(by.tolist()))


def _control(values: np.ndarray, others: int, base: str) -> str:
    if others == 1:
        return f"models that share another {base} ({values[0]})" if len(values) else ""
    return f"{counted(len(values), 'model')}, each of another {base} ({some(sorted(values))})"
