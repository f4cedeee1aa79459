"""Log-likelihoods of texts under a language model of transformers, and that model around changed weights."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn.functional import cross_entropy

from homog.backbones.weights import sharing
from homog.config import ConfigError
from homog.inputs.reader import by_size
from homog.inputs.text import padded

BATCH_TOKENS = 1024  # padded tokens at once; each costs a float32 per word piece of the vocabulary
WORTH = 16  # tokens that all texts begin with, to be read once for all
Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Language:
    """What a backbone has beside its `module` to give texts a likelihood.

    `model` is the whole pretrained language model, whose part called `inside` is the module as it was loaded; `score`
    maps (model, tokenizer, pairs) to (n, 2): log-likelihood of each continuation after its context, its word pieces.
    `translate` maps (model, tokenizer, n texts) to n texts in Portuguese, of a model that can.
    """

    model: torch.nn.Module
    inside: str
    score: Callable[[Any, Any, Pairs], np.ndarray]
    translate: Callable[[Any, Any, Sequence[str]], list[str]] | None = None

    @staticmethod
    def of(
        model: Any,
        module: torch.nn.Module,
        score: Callable[[Any, Any, Pairs], np.ndarray],
        translate: Callable[[Any, Any, Sequence[str]], list[str]] | None = None,
    ) -> Language:
        """That of a loaded `model` whose part `module` is the backbone."""
        inside = next(name for name, part in model.named_modules() if part is module)
        return Language(model, inside, score, translate)

    def around(self, module: torch.nn.Module) -> torch.nn.Module:
        """The language model with the weights of `module` in place of its own; no weight is copied.

        A head or a decoder that is tied to the embeddings follows them.
        """
        inside = self.model.get_submodule(self.inside)
        return sharing(self.model, instead={p: module.get_parameter(name) for name, p in inside.named_parameters()})

    def beside(self) -> dict[str, torch.Tensor]:
        """The weights that are not those of the backbone: an untied head, a decoder."""
        return {n: p for n, p in self.model.state_dict().items() if not n.startswith(f"{self.inside}.")}


def log_likelihoods(module: Any, tokenizer: Any, pairs: Pairs) -> np.ndarray:
    """Of a causal model of transformers: natural logarithms (n, 2), float64, computed in float32.

    Context and continuation are read as they stand, after the token that begins a text, so that the first word of a
    continuation without a context counts too. Of a text that is too long the beginning is cut off. Pairs that differ
    in the last token alone are read once: what that token itself does is not asked.
    """
    ids, starts = _tokens(tokenizer, pairs, int(module.config.max_position_embeddings))
    read = {tuple(row[:-1]): [] for row in ids}
    for i, row in enumerate(ids):
        read[tuple(row[:-1])].append(i)
    rows_read, out = list(read), np.empty((len(pairs), 2))
    shared = _shared(rows_read, min(starts) - 1)
    logits = _logits(module, rows_read, shared)
    for row, values in logits:
        for i in read[rows_read[row]]:
            asked = torch.as_tensor(ids[i][starts[i] :], device=values.device)
            part = values[starts[i] - 1 - shared : len(ids[i]) - 1 - shared].float()
            out[i] = float(-cross_entropy(part, asked, reduction="none").double().sum()), len(asked)
    return out


@torch.inference_mode()
def _logits(module: Any, rows: Sequence[tuple[int, ...]], shared: int) -> Iterator[tuple[int, torch.Tensor]]:
    """(row number, logits (length - shared, words)): the `shared` tokens that all rows begin with are read once."""
    device, past = next(module.parameters()).device, None
    if shared:
        past = module(input_ids=torch.as_tensor([rows[0][:shared]], device=device), use_cache=True).past_key_values
    rest = [row[shared:] for row in rows]
    for batch in by_size(list(map(len, rest)), BATCH_TOKENS):
        # what stands right of a text never reaches it in a causal model: any id may pad
        tokens, mask = padded([rest[i] for i in batch], 0, device)
        if past is None:
            given = {}
        else:
            given = {"past_key_values": copy.deepcopy(past), "use_cache": True}
            given["past_key_values"].batch_repeat_interleave(len(batch))
            mask = torch.cat([torch.ones(len(batch), shared, dtype=mask.dtype, device=device), mask], 1)
        yield from zip(batch, module(input_ids=tokens, attention_mask=mask, **given).logits, strict=True)


def _shared(rows: Sequence[tuple[int, ...]], limit: int) -> int:
    """How many tokens all rows begin with, at most `limit`; 0 where reading them once is not worth it."""
    first, last = min(rows), max(rows)
    same = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    same = min(same, limit)
    return same if same >= WORTH and len(rows) > 1 else 0


def _tokens(tokenizer: Any, pairs: Pairs, longest: int) -> tuple[list[list[int]], list[int]]:
    """Token ids of context and continuation, and the place of the continuation's first token (at least 1)."""
    first = beginning(tokenizer)
    contexts, texts = (
        tokenizer(list(part), add_special_tokens=False)["input_ids"]
        for part in ([context for context, _ in pairs], [context + more for context, more in pairs])
    )
    for pair, context, text in zip(pairs, contexts, texts, strict=True):
        if len(text) <= len(context):
            raise ValueError(f"the continuation of {pair} has no word piece of its own; valid: a text")
    ids = [[first, *text][-longest:] for text in texts]
    cut = [1 + len(text) - len(kept) for text, kept in zip(texts, ids, strict=True)]
    return ids, [max(1, 1 + len(context) - less) for context, less in zip(contexts, cut, strict=True)]


def beginning(tokenizer: Any) -> int:
    """The token that begins a text, or the one that ends the text before. Raises ConfigError without either."""
    first = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    if first is None:
        raise ConfigError("the tokenizer has neither bos_token nor eos_token: a text has no beginning to be read from")
    return first


def target_log_likelihoods(module: Any, tokenizer: Any, pairs: Pairs) -> np.ndarray:
    """Of an encoder-decoder: the context is its input, the continuation, with what ends a text, its target (n, 2).

    Natural logarithms, float64, computed in float32; all tokens of the target count, the end too. A context is encoded
    once, however many continuations it has.
    """
    targets = tokenizer(text_target=[more.strip() for _, more in pairs])["input_ids"]
    contexts = list(dict.fromkeys(context for context, _ in pairs))
    asked: dict[str, list[int]] = {context: [] for context in contexts}
    for i, (context, _) in enumerate(pairs):
        asked[context].append(i)
    tokens, out = tokenizer(contexts)["input_ids"], np.empty((len(pairs), 2))
    for rows in by_size(list(map(len, tokens)), BATCH_TOKENS):
        ids, mask = padded([tokens[i] for i in rows], tokenizer.pad_token_id, next(module.parameters()).device)
        with torch.inference_mode():
            states = module.get_encoder()(input_ids=ids, attention_mask=mask).last_hidden_state
        several = [(row, i) for row, place in enumerate(rows) for i in asked[contexts[place]]]
        for some in by_size([len(targets[i]) for _, i in several], BATCH_TOKENS // ids.shape[1] + 1):
            at, which = [several[j][0] for j in some], [several[j][1] for j in some]
            out[which] = _decoded(module, states[at], mask[at], [targets[i] for i in which])
    return out


@torch.inference_mode()
def _decoded(module: Any, states: torch.Tensor, mask: torch.Tensor, targets: Sequence[Sequence[int]]) -> np.ndarray:
    """(log-likelihood, tokens) of each target given the encoder's states (batch, length, d)."""
    labels, real = padded(targets, 0, states.device)
    shifted = labels.masked_fill(real == 0, -100)
    logits = module(encoder_outputs=(states,), attention_mask=mask, labels=shifted).logits.float()
    scores = -cross_entropy(logits.transpose(1, 2), shifted, reduction="none")
    return torch.stack([scores.double().sum(1), real.sum(1)], 1).cpu().numpy()
