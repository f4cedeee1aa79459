"""Log-likelihoods of texts under a causal language model of transformers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from homog.config import ConfigError

BATCH_TOKENS = 1024  # padded tokens at once; each costs a float32 per word piece of the vocabulary


def log_likelihoods(module: Any, tokenizer: Any, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
    """`Score` of a causal model of transformers: natural logarithms (n, 2), float64, computed in float32.

    Context and continuation are read as they stand, after the token that begins a text, so that the first word of a
    continuation without a context counts too. Of a text that is too long the beginning is cut off.
    """
    import torch
    from torch.nn.functional import cross_entropy

    from homog.backbones.backbone import by_length, pad

    ids, starts = _tokens(tokenizer, pairs, int(module.config.max_position_embeddings))
    device, out = next(module.parameters()).device, np.empty((len(pairs), 2))
    for rows in by_length(ids, BATCH_TOKENS):
        # what stands right of a text never reaches it in a causal model: any id may pad
        tokens, mask = pad([ids[i] for i in rows], 0, device)
        with torch.inference_mode():
            logits = module(input_ids=tokens, attention_mask=mask).logits[:, :-1].float()
            found = -cross_entropy(logits.transpose(1, 2), tokens[:, 1:], reduction="none")
        for i, row in zip(rows, found.cpu().double().numpy(), strict=True):
            kept = row[starts[i] - 1 : len(ids[i]) - 1]
            out[i] = kept.sum(), len(kept)
    return out


def _tokens(tokenizer: Any, pairs: Sequence[tuple[str, str]], longest: int) -> tuple[list[list[int]], list[int]]:
    """Token ids of context and continuation, and the place of the continuation's first token (at least 1)."""
    first = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    if first is None:
        raise ConfigError("the tokenizer has neither bos_token nor eos_token: a text has no beginning to be read from")
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
