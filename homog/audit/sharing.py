"""Is it the sharing? Models of one task that share a base against models that do not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from homog.audit.failures import UNANSWERED, columns_of
from homog.audit.panel import BASES, AuditError, Frame, Panel, Settings, counted, some
from homog.metrics.intervals import Interval
from homog.metrics.market import market_share_curve
from homog.metrics.sharing import sharing_effect

DEPLOYERS = 10  # at most: that every one of very many deployers fails the same example is too rare to estimate
DRAWS, LEAST_RESAMPLES = 50_000_000, 500  # above so many draws of examples the market gets fewer resamples
SHARING = ["tasks", "shared", "control", "models", "examples", "value", "low", "high", "p", "reason", "detail"]
CURVE = ["share", "deployers", "systemic_failure", "systemic_failure_low", "systemic_failure_high"]
CURVE += ["homogenization", "homogenization_low", "homogenization_high"]
SIDES: list[str] = ["deployer", "shared_model", "shared_error", "control_model", "control_base", "control_error"]


@dataclass(frozen=True, eq=False)
class Market:
    """Deployers before and after they move onto one base; `reason` says why there is none.

    `curve`: systemic failure and H by share of deployers who moved. `sides`: which models stand for them. `sharing`:
    the sharing effect between the two sides.
    """

    base: str
    shared: str
    control: str
    curve: Frame
    sides: Frame
    sharing: Frame
    reason: str = ""


def base_of(panel: Panel, settings: Settings) -> str:
    """The attribute whose sharing is studied; '' where no model has one that differs."""
    if settings.base and settings.base not in panel.attributes:
        raise AuditError(f"base = {settings.base!r}; valid: {', '.join(panel.attributes) or 'no model has attributes'}")
    names = [settings.base] if settings.base else BASES
    return next((name for name in names if len(set(panel.attributes.get(name, ()))) > 1), "")


def market(panel: Panel, settings: Settings) -> Market:
    """The models of the most frequent base as the shared side, models of other bases as the control.

    One model per other base where there are several, so that the control shares nothing; with one other base the
    control shares that. Deployers are paired so that both sides are alike in the other attributes, then in error rate.
    At most DEPLOYERS pairs, the most alike.
    """
    base = base_of(panel, settings)
    if not base:
        return _none("", "no attribute such as base_model, backbone or arm tells which models share what (--base)")
    if not panel.failures.size:
        return _none(base, UNANSWERED)
    values, errors = panel.attributes[base], panel.failures.mean(1)
    names, number = np.unique(values.astype(str), return_counts=True)
    shared = names[number.argmax()]
    a, b = _alike(panel, errors, values, shared)
    control = _control(values[b], len(set(values)) - 1, base)
    if len(a) < 2:
        return _none(base, f"at least 2 models with {base} {shared} and 2 others are needed", shared)
    resamples = min(settings.resamples, max(LEAST_RESAMPLES, DRAWS // panel.failures.shape[1]))
    options: Any = {"resamples": resamples, "level": settings.level, "seed": settings.seed}
    sides = panel.failures[a], panel.failures[b]
    points = market_share_curve(*sides, np.arange(len(a) + 1) / len(a), panel.persons, **options)
    effect = columns_of(sharing_effect(*sides, panel.persons, **options))
    row = {
        "tasks": panel.task,
        "shared": f"{base} {shared}",
        "control": control,
        "models": len(a),
        **effect,
        "detail": False,
    }
    curve = pd.DataFrame([_point(point) for point in points], columns=CURVE)
    return Market(base, shared, control, curve, _sides(panel, a, b, base), _rows(row | {"examples": len(sides[0][0])}))


def _none(base: str, reason: str, shared: str = "") -> Market:
    return Market(base, shared, "", *(pd.DataFrame(columns=names) for names in (CURVE, SIDES, SHARING)), reason=reason)


def _rows(row: dict[str, Any]) -> Frame:
    return pd.DataFrame([row], columns=SHARING)


def _alike(panel: Panel, errors: np.ndarray, values: np.ndarray, shared: str) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of a shared and a control model: differing in the fewest other attributes, then least in error rate."""
    from scipy.optimize import linear_sum_assignment

    inside, others = np.flatnonzero(values == shared), np.flatnonzero(values != shared)
    gap = np.abs(errors[inside][:, None] - errors[others]) / 2  # below 1: one attribute weighs more than any gap
    for other in panel.attributes.values():
        if not implied(other, values):
            gap += other[inside][:, None] != other[others]
    bases = sorted(set(values[others]))
    if len(bases) == 1:
        rows, columns = linear_sum_assignment(gap)
        chosen = others[columns]
    else:
        best = np.stack([np.where(values[others] == base, gap, np.inf).argmin(1) for base in bases], axis=1)
        gap = np.take_along_axis(gap, best, axis=1)
        rows, columns = linear_sum_assignment(gap)
        chosen = others[best[rows, columns]]
    kept = np.sort(np.argsort(gap[rows, columns], kind="stable")[:DEPLOYERS])
    return inside[rows[kept]], chosen[kept]


def implied(values: np.ndarray, by: np.ndarray) -> bool:
    """Whether models that are the same in `by` are the same in `values`."""
    return len(set(zip(by.tolist(), values.tolist(), strict=True))) == len(set(by.tolist()))


def _control(values: np.ndarray, others: int, base: str) -> str:
    if others == 1:
        return f"models that share another {base} ({values[0]})" if len(values) else ""
    return f"{counted(len(values), 'model')}, each of another {base} ({some(sorted(values))})"


def _point(point: Any) -> dict[str, Any]:
    found = {"share": point.share, "deployers": point.deployers}
    for name in ("systemic_failure", "homogenization"):
        one: Interval = getattr(point, name)
        found |= {name: one.value, f"{name}_low": one.low, f"{name}_high": one.high}
    return found


def _sides(panel: Panel, a: np.ndarray, b: np.ndarray, base: str) -> Frame:
    names, errors = np.array(panel.models, dtype=object), panel.failures.mean(1)
    columns = (np.arange(1, len(a) + 1), names[a], errors[a], names[b], panel.attributes[base][b], errors[b])
    return pd.DataFrame(dict(zip(SIDES, columns, strict=True)))
