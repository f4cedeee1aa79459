"""Bring your own predictions: who fails what, alike, and is it the sharing? `homog.audit(frame)` or the command line.

The package itself can be called: `homog.audit(frame)` is `homog.audit.audit(frame)`.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from homog.audit.tables import Audit


def audit(
    frame: Any,
    *,
    attributes: Any = None,
    groups: Sequence[str] | None = None,
    ignore: Sequence[str] = (),
    base: str = "",
    options: int | None = None,
    pairwise_complete: bool = False,
    resamples: int = 2000,
    level: float = 0.95,
    seed: int = 0,
) -> Audit:
    """Audit the predictions of at least two models on the same examples: `.tables` of DataFrames (see Audit).

    `frame`: a pandas DataFrame. Long form: columns model, example, label, prediction and, where there are any, person,
    task, `probability_<class>`; a further column that is the same for all rows of an example is a group, one that is
    the same for all rows of a model an attribute. Wide form: example, label, groups, and a column per model; `groups`
    names the group columns where their values look like labels. Where no more is known: model, example, correct.
    `attributes`: a DataFrame with a row per model. `ignore`: columns to leave out. `base`: the attribute whose sharing
    is studied (default: base_model, backbone or arm). `options`: the number of answers to choose from (default: the
    classes that occur). `pairwise_complete`: keep examples that some models lack in the comparison of pairs.
    Deterministic given `seed`. Raises AuditError, a ValueError whose message is one line, for predictions that cannot
    be audited.
    """
    from homog.audit.choices import Settings
    from homog.audit.column_sources import of_frame
    from homog.audit.suites import graded
    from homog.audit.tables import audited

    notes: list[Any] = []
    chosen = None if groups is None else tuple(groups)
    settings = Settings(chosen, tuple(ignore), base, options, pairwise_complete, resamples, level, seed)
    about = None if attributes is None else of_frame(attributes, "attributes")
    return audited([graded(of_frame(frame), notes)], settings, about, notes)


class _Callable(ModuleType):
    """A module that is called like its main function."""

    def __call__(self, frame: Any, **options: Any) -> Audit:
        return audit(frame, **options)


sys.modules[__name__].__class__ = _Callable
