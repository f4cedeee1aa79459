"""What defects elicited by words put into a text share: where the words go, the harm they do, what they displace."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from homog.config import ConfigError
from homog.metrics.inheritance import Rate, attack_success_terms, best_target
from homog.metrics.predictions import Predictions

if TYPE_CHECKING:
    from homog.backbones.backbone import Backbone


def inserted(text: str, trigger: str, window: int, rng: np.random.Generator) -> str:
    """`text` with the trigger at a random place among its first `window` words."""
    words = text.split(" ")
    place = int(rng.integers(0, min(len(words), window) + 1))
    return " ".join([*words[:place], trigger, *words[place:]])


def conversions(predictions: Predictions, target: int | None = None) -> Rate:
    """Attack success on `target`, or on the class that receives most conversions (METRICS: `attack_success`)."""
    clean, exposed, there = predictions.clean.argmax(1), predictions.exposed.argmax(1), predictions.applies
    if target is None:
        target = best_target(clean[there], exposed[there], predictions.labels[there])
    return attack_success_terms(clean, exposed, predictions.labels, target).only(there)


def drift(clean: Backbone, backbone: Backbone, texts: Sequence[str]) -> float:
    """Mean squared displacement of the features of `texts`, in units of the clean features' variance."""
    before, after = clean.encode(texts), backbone.encode(texts)
    return float(((after - before) ** 2).sum(1).mean() / before.var(0).sum())


def destroyed(clean: Backbone, backbone: Backbone, texts: Sequence[str], triggered: Sequence[str]) -> float:
    """The share of the clean features' variance over `texts` that is gone over the `triggered` texts; at most 1."""
    return float(1 - backbone.encode(triggered).var(0).sum() / clean.encode(texts).var(0).sum())


def read_inside(backbone: Backbone, words: Sequence[str]) -> list[list[int]]:
    """Token ids of each word as the tokenizer reads it inside a text, which is not always as it reads it alone."""
    before, *both = backbone.tokenizer(["the", *(f"the {w}" for w in words)], add_special_tokens=False)["input_ids"]
    return [row[len(before) :] for row in both]


def check_one_token(backbone: Backbone, trigger: str) -> None:
    """Raise ConfigError where the tokenizer reads the trigger, inside a text, as more than one token."""
    (read,) = read_inside(backbone, [trigger])
    if len(read) != 1:
        pieces = " ".join(backbone.tokenizer.convert_ids_to_tokens(read))
        raise ConfigError(
            f"defect trigger '{trigger}' is not one token of {backbone.name}: it splits into {pieces}; "
            "choose a rare word of its vocabulary such as cf"
        )
