"""How answers are scored by what a model behind an interface tells: pure functions of its responses."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

ECHO, FIRST_TOKEN, TOLD = "echo", "first_token", "told"
SCORINGS = (ECHO, FIRST_TOKEN, TOLD)
UNLIKELY = -20.0  # the log-score of an answer that was not given; where all have exactly this one, none was


def of_echo(response: Mapping[str, Any], context: str, more: str) -> tuple[float, int]:
    """(log-likelihood of `more` after `context`, its tokens), from a response that echoes both as its prompt.

    Raises ValueError where the response has no log-probabilities of the prompt.
    """
    choice = response["choices"][0]
    told, text = choice.get("logprobs") or {}, choice.get("text") or ""
    values, tokens = told.get("token_logprobs") or [], told.get("tokens") or []
    offsets = told.get("text_offset") or list(np.cumsum([0, *map(len, tokens[:-1])]))
    if len(values) < 2 or not text.startswith(context) or len(offsets) != len(values):
        raise ValueError("no log-probabilities of the prompt")
    ends, first, last = [*offsets[1:], len(text)], len(context), len(context + more)
    rows = [v for v, start, end in zip(values, offsets, ends, strict=True) if end > first and start < last]
    if any(value is None for value in rows):
        raise ValueError("no log-probabilities of the prompt")
    return float(sum(rows)), len(rows)


def likeliest(response: Mapping[str, Any]) -> dict[str, float]:
    """Token -> log-probability of the likeliest first tokens, of a completion or a chat.

    Empty where the server gives none, or the model ended at once or refused.
    """
    with contextlib.suppress(IndexError, KeyError, TypeError, ValueError):
        told = response["choices"][0].get("logprobs") or {}
        if told.get("content"):
            return {line["token"]: line["logprob"] for line in told["content"][0]["top_logprobs"]}
        return dict((told.get("top_logprobs") or [{}])[0] or {})
    return {}


def of_first_token(tokens: Mapping[str, float], answers: Sequence[str]) -> np.ndarray:
    """(answers,) log-score of each: of all likeliest tokens that it begins with, and that no other answer does.

    An answer without any gets what the least likely of these tokens has, which is an upper bound; where no answer has
    one, all are UNLIKELY: there is no answer.
    """
    words = [answer.strip().casefold() for answer in answers]
    mass: list[list[float]] = [[] for _ in words]
    for token, value in tokens.items():
        begun = [i for i, word in enumerate(words) if token.strip() and word.startswith(token.strip().casefold())]
        if len(begun) == 1:
            mass[begun[0]].append(value)
    if not any(mass):
        return np.full(len(words), UNLIKELY)
    floor = min(tokens.values())
    return np.array([math.log(sum(map(math.exp, values))) if values else floor for values in mass])


def of_text(text: str, answers: Sequence[str]) -> np.ndarray:
    """(answers,) 0 for the one that a text gives, else UNLIKELY: the answer that it begins with or alone holds."""
    words = [answer.strip().casefold() for answer in answers]
    said = text.strip().strip("\"'*`").casefold()
    begun = [i for i, word in enumerate(words) if re.match(rf"{re.escape(word)}(?!\w)", said)]
    held = [i for i, word in enumerate(words) if re.search(rf"(?<!\w){re.escape(word)}(?!\w)", said)]
    chosen = max(begun, key=lambda i: len(words[i]), default=held[0] if len(held) == 1 else None)
    scores = np.full(len(words), UNLIKELY)
    if chosen is not None:
        scores[chosen] = 0.0
    return scores


def said_text(response: Mapping[str, Any]) -> str:
    """The text of a completion or a chat; '' for a refusal."""
    choice = response["choices"][0]
    return str(choice.get("text") or (choice.get("message") or {}).get("content") or "")
