"""What the compressed backbones share: which weights, what the change did to features, and the harm of a flip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from homog.metrics.flips import flip_terms
from homog.metrics.inheritance import Rate
from homog.metrics.predictions import Predictions
from homog.metrics.representation import relative_weight_distance, representation_drift

if TYPE_CHECKING:
    from torch import Tensor

    from homog.backbones.backbone import Backbone

TOLERANCE = 1e-3  # relative, of the weights' displacement: float32 sums over millions of weights


def linear_weights(backbone: Backbone) -> dict[str, Tensor]:
    """The weight matrices (out, in) of all linear layers inside the blocks, by parameter name, on the CPU."""
    from torch.nn import Linear
    from transformers.pytorch_utils import Conv1D

    from homog.backbones.trunk import blocks

    inside = {id(m.weight) for m in blocks(backbone.module).modules() if isinstance(m, (Linear, Conv1D))}
    return turned(backbone, {n: p.detach().cpu() for n, p in backbone.module.named_parameters() if id(p) in inside})


def turned(backbone: Backbone, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights as the backbone keeps them -> (out, in), or back: a layer of GPT-2 keeps (in, out)."""
    from transformers.pytorch_utils import Conv1D

    other = {id(m.weight) for m in backbone.module.modules() if isinstance(m, Conv1D)}
    names = {n for n, p in backbone.module.named_parameters() if id(p) in other}
    return {n: w.T.contiguous() if n in names else w for n, w in weights.items()}


def changed_predictions(predictions: Predictions) -> Rate:
    """The examples that the same adaptation of the clean backbone predicts as another class: 1 of 1 each.

    Denominator 0 everywhere without a reference.
    """
    if predictions.reference is None:
        nothing = np.zeros(len(predictions.labels))
        return Rate(nothing, nothing)
    there = predictions.applies
    shown = np.where(there[:, None], predictions.exposed, predictions.reference)
    return flip_terms(predictions.reference.argmax(1), shown.argmax(1)).only(there)


def compressed(clean: Backbone, backbone: Backbone, expected: dict[str, Tensor], texts: Sequence[str]) -> dict:
    """Upstream facts of a compressed backbone on held-out `texts`; `expected` are its weights as they should be.

    `drift`: mean squared displacement of features in units of their variance; `effect`: the share of texts whose
    nearest other text (cosine) is another one than before; `error`: ||change|| / ||weights||; `as_stated`: whether
    it is that of `expected`.
    """
    before, after = clean.encode(texts), backbone.encode(texts)
    weights = linear_weights(clean)
    error, wanted = (relative_weight_distance(weights, other) for other in (linear_weights(backbone), expected))
    found: dict[str, Any] = {"drift": representation_drift(before, after) ** 2}
    found["effect"] = float((nearest(before) != nearest(after)).mean())
    return found | {"error": error, "as_stated": abs(error - wanted) <= TOLERANCE * wanted, "texts": len(texts)}


def nearest(features: np.ndarray) -> np.ndarray:
    """(n,) the row that is most similar to each of `features` (n, d), by cosine, itself left out."""
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    similarity = unit @ unit.T
    np.fill_diagonal(similarity, -np.inf)
    return similarity.argmax(1)
