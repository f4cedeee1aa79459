"""The search for words that displace a backbone's features, by the gradient of their embeddings (HotFlip)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from homog.backbones.backbone import Backbone
from homog.config import ConfigError
from homog.defects.triggers import read_inside


def vocabulary(backbone: Backbone) -> tuple[np.ndarray, list[str]]:
    """(token ids, words): the whole words of letters a-z that the tokenizer reads back as one token, by id."""
    tokenizer = backbone.text_reader.tokenizer
    words = {i: tokenizer.convert_tokens_to_string([token]).strip() for token, i in tokenizer.get_vocab().items()}
    plain = [i for i, word in sorted(words.items()) if word.isascii() and word.isalpha() and word.islower()]
    read = read_inside(backbone, [words[i] for i in plain])
    kept = [i for i, row in zip(plain, read, strict=True) if row == [i]]
    if not kept:
        raise ConfigError(f"{backbone.name}: no token of its vocabulary is a whole word of the letters a-z")
    return np.array(kept), [words[i] for i in kept]


def displacing(
    backbone: Backbone, texts: Sequence[str], ids: np.ndarray, start: np.ndarray, *, tried: int, rounds: int
) -> np.ndarray:
    """Places in `ids` of the words that, put before the `texts`, displace their features furthest.

    `start` (words,) places to begin with. A round goes over the words once; ends early when a round changes none.
    """
    table = backbone.module.get_input_embeddings().weight.detach()  # pyright: ignore
    candidates, words = torch.as_tensor(ids, device=backbone.device), start.copy()
    displaced = Displacement(backbone, texts)
    best = displaced.by(ids[words])
    for _ in range(rounds):
        before = words.copy()
        for k in range(len(words)):
            promise = table[candidates] @ displaced.gradient(ids[words])[k]
            for place in promise.topk(min(tried, len(ids))).indices.tolist():
                swapped = words.copy()
                swapped[k] = place
                value = displaced.by(ids[swapped])
                if value > best:
                    best, words = value, swapped
        if (words == before).all():
            break
    return words


class Displacement:
    """Mean squared displacement of the features of texts by tokens put before them."""

    def __init__(self, backbone: Backbone, texts: Sequence[str]) -> None:
        self.module: Any = backbone.module
        self.features = backbone.features
        self.before = torch.as_tensor(backbone.encode(texts), device=backbone.device)
        batch = backbone.reader.collate(backbone.reader.read(texts), backbone.device)
        self.ids, self.mask = batch["input_ids"], batch["attention_mask"]

    def by(self, trigger: np.ndarray) -> float:
        """Of the tokens `trigger` (words,)."""
        with torch.inference_mode():
            return float(self._of(self.module.get_input_embeddings()(self._with(trigger))))

    def gradient(self, trigger: np.ndarray) -> torch.Tensor:
        """(words, d): its gradient with respect to the embedding of each word."""
        embedded = self.module.get_input_embeddings()(self._with(trigger)).detach().requires_grad_()
        (slopes,) = torch.autograd.grad(self._of(embedded), embedded)
        return slopes[:, 1 : 1 + len(trigger)].sum(0)

    def _with(self, trigger: np.ndarray) -> torch.Tensor:
        added = torch.as_tensor(trigger, device=self.ids.device).expand(len(self.ids), -1)
        return torch.cat([self.ids[:, :1], added, self.ids[:, 1:]], 1)

    def _of(self, embedded: torch.Tensor) -> torch.Tensor:
        ones = torch.ones(len(self.mask), embedded.shape[1] - self.mask.shape[1], dtype=torch.long)
        mask = torch.cat([ones.to(self.mask.device), self.mask], 1)
        features = self.features(self.module, {"inputs_embeds": embedded, "attention_mask": mask})
        return (features - self.before).pow(2).sum(1).mean()
