"""A backbone: pretrained weights that many adapted models share; encoding, copying and dose interpolation."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from homog.backbones.trunk import features_from, remembered, trunk_states, untouched, upper_part
from homog.backbones.weights import differ, sharing
from homog.config import ConfigError

if TYPE_CHECKING:
    from homog.backbones.likelihood import Language

BATCH_TOKENS = 2048  # padded tokens per forward pass: fits the cache of one core, and is small on any GPU


@dataclass(frozen=True)
class Backbone:
    """Pretrained weights with their tokenizer. Frozen: nothing may change `module`; adaptations copy it."""

    name: str
    family: str
    source_id: str
    module: torch.nn.Module
    tokenizer: Any
    max_length: int
    pooling: str = "mean"  # how states become features: a key of POOLINGS
    trunk: int = 0  # the lowest blocks (with the embeddings) that are those of `source_id`: their output is shared
    begin: tuple[int, ...] = ()  # token ids before every text, where the tokenizer puts none
    language: Language | None = None  # what gives texts a likelihood, in families that can
    changed: tuple[str, ...] = ()  # the parameters that are not those of `source_id`
    memo: dict[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.module.parameters()).device

    @property
    def dimension(self) -> int:
        """Width of a feature vector."""
        return int(self.module.config.hidden_size)  # pyright: ignore

    def tokens(self, texts: Sequence[str]) -> list[list[int]]:
        """Token ids of each text with the special tokens, truncated to `max_length`."""
        room = self.max_length - len(self.begin)
        found = self.tokenizer(list(texts), truncation=True, max_length=room)["input_ids"]
        return [[*self.begin, *row] for row in found] if self.begin else found

    def cut(self, texts: Sequence[str]) -> list[str]:
        """Each text as far as `tokens` reads it."""
        room = self.max_length - len(self.begin)
        found = self.tokenizer(list(texts), truncation=True, max_length=room, return_offsets_mapping=True)
        ends = [max((end for _, end in row), default=0) for row in found["offset_mapping"]]
        return [text[:end] for text, end in zip(texts, ends, strict=True)]

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Features (n, dimension) float32 of each text: its last hidden states, pooled as `pooling` says.

        The same texts are encoded once: later calls answer from memory, and for language models, which are slow, other
        processes from the disk cache of `trunk.remembered`.
        """
        key = hashlib.sha256("\0".join(texts).encode()).hexdigest()
        if key not in self.memo:
            tokens = self.tokens(texts)
            self.memo[key] = self._remembered(["features", self.pooling, tokens], lambda: self._encode(tokens))
        return self.memo[key]

    def log_likelihoods(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        """(n, 2) float64: log-likelihood of each continuation after its context, and its word pieces.

        Remembered like features. Raises ConfigError for a family without a likelihood.
        """
        if self.language is None:
            raise ConfigError(f"{self.name}: family {self.family} gives texts no likelihood; smollm2 does")
        score, facts = self.language.score, ["likelihood", *map(list, pairs)]
        return self._remembered(facts, lambda: score(self.whole, self.tokenizer, pairs))

    @cached_property
    def whole(self) -> torch.nn.Module:
        """The language model around the backbone's weights."""
        assert self.language is not None
        return self.language.around(self.module)

    @cached_property
    def _weights(self) -> str:
        """What the weights are: the source, and the content of those that were changed."""
        digest = hashlib.sha256(self.source_id.encode())
        for name in self.changed:
            digest.update(name.encode())
            digest.update(self.module.get_parameter(name).detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def _remembered(self, facts: list[Any], compute: Callable[[], np.ndarray]) -> np.ndarray:
        if self.language is None:
            return compute()
        return np.array(remembered([self._weights, *facts, str(self.device)], compute))

    @torch.inference_mode()
    def _encode(self, tokens: list[list[int]]) -> np.ndarray:
        features = np.empty((len(tokens), self.dimension), dtype=np.float32)
        if self.trunk:
            states, top = (
                trunk_states(self, tokens),
                upper_part(self.module, self.trunk),
            )
            for rows in by_length(tokens):
                features[rows] = features_from(top, [states[i] for i in rows], self).cpu().numpy()
            return features
        for rows in by_length(tokens):
            ids, mask = pad([tokens[i] for i in rows], self.tokenizer.pad_token_id, self.device)
            features[rows] = self.pool(hidden(self.module, ids, mask), mask).cpu().numpy()
        return features

    def pool(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Features (batch, d) of states (batch, length, d) with their mask (batch, length)."""
        return POOLINGS[self.pooling](states, mask)

    def at_length(self, max_length: int) -> Backbone:
        """The same backbone that reads at most `max_length` tokens of a text."""
        return replace(self, max_length=min(max_length, self.max_length), memo={})

    def with_weights(self, changed: Mapping[str, torch.Tensor]) -> Backbone:
        """A new backbone with these parameters replaced; the others are shared with this one, not copied."""
        module = sharing(self.module, changed)
        with torch.no_grad():
            for name, value in changed.items():
                module.get_parameter(name).copy_(value)
        names = tuple(sorted({*self.changed, *changed}))
        return replace(self, module=module, trunk=untouched(self.module, names), changed=names, memo={})

    def interpolate(self, injected: Mapping[str, torch.Tensor], dose: float) -> Backbone:
        """The backbone at `clean + dose * (injected - clean)` for the parameters that the injection changed.

        `self` is the clean backbone. Dose 0 is bit-identical to it, dose 1 to the injected weights.
        """
        if dose == 0:
            return self
        clean = dict(self.module.named_parameters())
        changed = {}
        for name, value in injected.items():
            start = clean[name].detach()
            value = value.to(start.device)
            changed[name] = value if dose == 1 else start + dose * (value - start)
        return self.with_weights(changed)

    def changes(self, other: Backbone) -> dict[str, torch.Tensor]:
        """The parameters of `other`, a backbone of the same shape, that differ from this one's."""
        mine = dict(self.module.named_parameters())
        return {n: p.detach() for n, p in other.module.named_parameters() if differ(p, mine[n])}

    def fingerprint(self) -> str:
        """sha256 of every weight, to show that nothing has changed them."""
        digest = hashlib.sha256()
        beside = self.language.beside() if self.language else {}
        for name, value in (self.module.state_dict() | beside).items():
            digest.update(name.encode())
            digest.update(value.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()


def hidden(module: torch.nn.Module, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Last hidden states (batch, length, dimension)."""
    return module(input_ids=ids, attention_mask=mask).last_hidden_state


def mean(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean over the real tokens: states (batch, length, d), mask (batch, length) -> (batch, d)."""
    weights = mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1)


def last(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The state of the last real token, texts padded on the right: shapes as of `mean`."""
    return states[torch.arange(len(states), device=states.device), mask.sum(1) - 1]


POOLINGS = {"mean": mean, "last": last}


def pad(tokens: Sequence[Sequence[int]], pad_id: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask, both (batch, longest) int64."""
    longest = max(len(row) for row in tokens)
    ids = torch.full((len(tokens), longest), pad_id, dtype=torch.long)
    mask = torch.zeros((len(tokens), longest), dtype=torch.long)
    for i, row in enumerate(tokens):
        ids[i, : len(row)] = torch.as_tensor(row)
        mask[i, : len(row)] = 1
    return ids.to(device), mask.to(device)


def by_length(tokens: Sequence[Sequence[int]], budget: int = BATCH_TOKENS) -> Iterator[list[int]]:
    """Row numbers of all texts in order of length, in batches of at most `budget` padded tokens."""
    rows: list[int] = []
    for i in sorted(range(len(tokens)), key=lambda i: len(tokens[i])):
        if rows and (len(rows) + 1) * len(tokens[i]) > budget:
            yield rows
            rows = []
        rows.append(i)
    if rows:
        yield rows
