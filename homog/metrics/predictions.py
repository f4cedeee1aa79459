"""What a harm is computed from: one model's class probabilities on the same examples, clean and exposed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np


@dataclass(frozen=True)
class Predictions:
    """One model on n examples, all arrays in the same order.

    `labels` (n,) int; `clean` and `exposed` (n, classes) probabilities. `clean` is what the exposed examples are
    compared with: the examples as they are, or the other version of a counterfactual pair. Both are NaN in the rows
    of examples that the exposure does not apply to. `unfavourable` is the label that one would rather not get, where
    the task has one. `reference` (n, classes) is what the same adaptation of the clean backbone predicts for the
    examples as they are. `target` (n,) int is the class that attack success counts, -1 for none, and `eligible` (n,)
    bool says which examples it counts, where both are fixed by a comparison with other models; None: by this model.
    """

    labels: np.ndarray
    clean: np.ndarray
    exposed: np.ndarray
    unfavourable: int | None = None
    reference: np.ndarray | None = None
    target: np.ndarray | None = None
    eligible: np.ndarray | None = None

    @cached_property
    def applies(self) -> np.ndarray:
        """(n,) bool: the examples that the exposure applies to."""
        return np.asarray(~np.isnan(self.exposed + self.clean).any(axis=1))

    @cached_property
    def clean_class(self) -> np.ndarray:
        """(n,) int: the most probable class when clean; 0 where the exposure does not apply."""
        return self.clean.argmax(1)

    @cached_property
    def exposed_class(self) -> np.ndarray:
        """(n,) int: the most probable class as exposed; 0 where the exposure does not apply."""
        return self.exposed.argmax(1)

    @cached_property
    def right(self) -> np.ndarray:
        """(n,) bool: the examples that the model gets right when clean, and all models that it is compared with."""
        right = (self.clean_class == self.labels) & self.applies
        return right if self.eligible is None else right & self.eligible

    def compared(self, target: np.ndarray, eligible: np.ndarray) -> Predictions:
        """The same in a comparison with other models; what is the same in all of them is computed once."""
        same = {name: getattr(self, name) for name in ("applies", "clean_class", "exposed_class")}
        other = replace(self, target=target, eligible=eligible)
        vars(other).update(same)
        return other
