"""A backbone: pretrained weights that many adapted models share; encoding, copying and dose interpolation."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from homog.backbones.trunk import blocks, features_from, multiplied, remembered, trunk_states, untouched, upper_part
from homog.backbones.weights import differ, raw, sharing
from homog.config import ConfigError
from homog.inputs.reader import Reader, content_of
from homog.inputs.text import TextReader

if TYPE_CHECKING:
    from homog.backbones.draws import Draws
    from homog.backbones.likelihood import Language


@dataclass(frozen=True)
class Backbone:
    """Pretrained weights and the reader of their inputs. Frozen: nothing may change `module`; adaptations copy it."""

    name: str
    family: str
    source_id: str
    module: torch.nn.Module
    reader: Reader
    pooling: str = "mean"  # how states become features: a key of POOLINGS
    trunk: int = 0  # the lowest blocks (with the embeddings) that are those of `source_id`: their output is shared
    language: Language | None = None  # what gives texts a likelihood, in families that can
    draws: Draws | None = None  # what turns captions into images, in the family that can
    system: str = ""  # a text that an application puts in front of everything that it asks
    partner: Backbone | None = None  # the other tower, of another modality in the same space; nothing changes it
    changed: tuple[str, ...] = ()  # the parameters that are not those of `source_id`
    memo: dict[str, np.ndarray] = field(default_factory=dict, repr=False, compare=False)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.module.parameters()).device

    @property
    def dimension(self) -> int:
        """Width of a feature vector."""
        config: Any = self.module.config
        if hasattr(config, "hidden_sizes"):
            return int(config.hidden_sizes[-1])
        return int(getattr(config, "word_embed_proj_dim", None) or config.hidden_size)  # OPT projects its states

    @property
    def dtype(self) -> torch.dtype:
        """The type of the weights; features are float32 whatever it is."""
        return next(self.module.parameters()).dtype

    @property
    def text_reader(self) -> TextReader:
        """The reader, for what works on words. Raises ConfigError for one of another modality."""
        if not isinstance(self.reader, TextReader):
            raise ConfigError(
                f"backbone {self.name} reads inputs of modality {self.reader.modality}, and this needs text"
            )
        return self.reader

    def encode(self, inputs: Sequence[Any]) -> np.ndarray:
        """Features (n, dimension) float32 of each input: its last hidden states, pooled as `pooling` says.

        The same inputs are encoded once: later calls answer from memory, and for language models, which are slow, other
        processes from the disk cache of `trunk.remembered`.
        """
        key = content_of(inputs)
        if key not in self.memo:
            items = self.reader.read(inputs)
            self.memo[key] = self._remembered(["features", self.pooling, items], lambda: self._encode(items))
        return self.memo[key]

    def states(self, inputs: Sequence[Any]) -> tuple[str, int]:
        """(content, number of states): what the inputs are, and how many states the module has to compute for them."""
        key = content_of(inputs)
        if f"states {key}" not in self.memo:
            self.memo[f"states {key}"] = np.array(sum(map(self.reader.size, self.reader.read(inputs))))
        return key, int(self.memo[f"states {key}"])

    @cached_property
    def multiplied(self) -> tuple[int, int]:
        """(weights of linear layers that backbones of this source share, of those above): see `trunk.multiplied`."""
        return multiplied(self.module, self.trunk or len(blocks(self.module)) * (not self.changed))

    def log_likelihoods(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        """(n, 2) float64: log-likelihood of each continuation after its context, and its word pieces.

        Remembered like features. Raises ConfigError for a family without a likelihood.
        """
        if self.language is None:
            raise ConfigError(f"{self.name}: family {self.family} gives texts no likelihood; smollm2 does")
        score, facts = self.language.score, ["likelihood", *map(list, pairs)]
        return self._remembered(facts, lambda: score(self.whole, self.text_reader.tokenizer, pairs))

    @property
    def speaks(self) -> bool:
        """Whether it gives texts a likelihood."""
        return self.language is not None

    @property
    def translates(self) -> bool:
        """Whether it translates into Portuguese."""
        return self.language is not None and self.language.translate is not None

    def translated(self, texts: Sequence[str]) -> list[str]:
        """Each text in Portuguese. Raises ConfigError for a backbone that does not translate."""
        if self.language is None or self.language.translate is None:
            raise ConfigError(f"backbone {self.name} does not translate into Portuguese; marian_enpt does")
        return self.language.translate(self.whole, self.text_reader.tokenizer, texts)

    @property
    def featured(self) -> bool:
        """Whether it can be asked for features: all but what is behind an interface."""
        return True

    @property
    def answers(self) -> bool:
        """Whether it tells an answer instead of a score for each: only what is behind an interface does."""
        return False

    def facts(self) -> dict[str, Any]:
        """What a record says of how it was asked, since the last call; nothing where weights are at hand."""
        return {}

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
            digest.update(raw(self.module.get_parameter(name)))
        return digest.hexdigest()

    def _remembered(self, facts: list[Any], compute: Callable[[], np.ndarray]) -> np.ndarray:
        if self.language is None:
            return compute()
        return np.array(remembered([self._weights, *facts, str(self.device)], compute))

    @torch.inference_mode()
    def _encode(self, items: list[Any]) -> np.ndarray:
        features = np.empty((len(items), self.dimension), dtype=np.float32)
        states, top = [], self.module
        if self.trunk:
            states, top = trunk_states(self, items), upper_part(self.module, self.trunk)
        for rows in self.reader.batches(items):
            if self.trunk:
                part = features_from(top, [states[i] for i in rows], self)
            else:
                part = self.features(top, self.reader.collate([items[i] for i in rows], self.device))
            features[rows] = part.cpu().numpy()
        if not np.isfinite(features).all():
            raise ConfigError(f"backbone {self.name}: features beyond what {self.dtype} holds; use bfloat16 or float32")
        return features

    def features(self, module: torch.nn.Module, batch: Mapping[str, torch.Tensor]) -> torch.Tensor:
        """Features (batch, d), float32 at the least, that `module`, this one's or a copy, gives for a batch."""
        batch = {name: value.to(self.dtype) if value.is_floating_point() else value for name, value in batch.items()}
        states, mask = module(**batch).last_hidden_state, batch.get("attention_mask")
        states = states.to(self.device, torch.promote_types(states.dtype, torch.float32))  # the last block's may differ
        if states.ndim == 4:  # (batch, channels, height, width) of a convolutional model
            states = states.flatten(2).transpose(1, 2)
        if mask is not None:
            states = states[:, -mask.shape[1] :]  # a soft prompt in front has states, too
        return POOLINGS[self.pooling](states, mask)

    def at_length(self, max_length: int) -> Backbone:
        """The same backbone that reads at most so much of an input, e.g. tokens of a text."""
        return replace(self, reader=self.reader.at_length(max_length), memo={})

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
            changed[name] = value if dose == 1 else start + dose * (value.float() - start.float())
        return self.with_weights(changed)

    def changes(self, changed: Backbone) -> dict[str, torch.Tensor]:
        """The parameters of `changed`, a backbone of the same shape, that differ from this one's.

        Where another text stands in front of what it is asked, `system` is that text, as its bytes.
        """
        mine = dict(self.module.named_parameters())
        moved = {n: p.detach() for n, p in changed.module.named_parameters() if differ(p, mine[n])}
        if changed.system != self.system:
            moved["system"] = torch.frombuffer(bytearray(changed.system.encode()), dtype=torch.uint8)
        return moved

    def fingerprint(self) -> str:
        """sha256 of every weight, and of `system`, to show that nothing has changed them."""
        digest = hashlib.sha256(self.system.encode())
        beside = self.language.beside() if self.language else {}
        for name, value in (self.module.state_dict() | beside).items():
            digest.update(name.encode())
            digest.update(raw(value))
        return digest.hexdigest()


def mean(states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """Mean over the states that count: states (batch, length, d), mask (batch, length) or None -> (batch, d)."""
    if mask is None:
        return states.mean(1)
    weights = mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1)


def last(states: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    """The last state that counts, inputs padded on the right: shapes as of `mean`."""
    if mask is None:
        return states[:, -1]
    return states[torch.arange(len(states), device=states.device), mask.sum(1) - 1]


POOLINGS = {"mean": mean, "last": last}
