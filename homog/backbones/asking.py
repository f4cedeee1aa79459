"""Asking a server with OpenAI's interface: each question once, several at once, within a budget."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import statistics
import threading
import time
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from homog import sources
from homog.backbones import scoring
from homog.backbones.scoring import ECHO, FIRST_TOKEN, TOLD
from homog.config import ConfigError
from homog.files import replacing
from homog.wording import line

if TYPE_CHECKING:
    from homog.backbones.endpoint import Endpoint

CLOSE = 0.1  # nats that an echoed log-probability may be away from the generated one of the same token
TOPS = (20, 5)  # likeliest tokens that servers give; the more, the fewer answers are missed
TWICE = 16  # questions that are asked again, to see how far the answers differ
INSTRUCTION = "\nAnswer with one of: {}. Give the answer alone.\n"


@dataclass
class Client:
    """Asks, at most once each question, and counts. Answers are kept in the cache by the content of their question."""

    kind: Endpoint
    used: list[int] = field(default_factory=lambda: [0, 0])  # tokens read, written, since the last `facts`
    seconds: list[float] = field(default_factory=list)  # of each answer that was not kept already
    spent: int = 0  # tokens in all, in this run
    reserved: int = 0  # those that questions under way may take
    noise: float | None = None
    top: int = TOPS[0]  # how many of the likeliest tokens are asked for
    guard: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def openai(self) -> Any:
        """The client of the openai package: retries with growing waits, and as long as the server says."""
        import openai

        for name in ("httpx", "httpx2"):  # a line for each question, else
            logging.getLogger(name).setLevel(logging.WARNING)
        key = os.environ.get(self.kind.key) or "none"
        kind = self.kind
        client = openai.OpenAI(api_key=key, base_url=kind.base_url, max_retries=kind.retries, timeout=kind.timeout)
        weakref.finalize(self, client.close)  # else its connections stay open until they happen to be collected
        return client

    def echo(self, text: str) -> dict[str, Any]:
        """The request for a text's own log-probabilities; a token more is asked for, which servers insist on."""
        return {"prompt": text, "max_tokens": 1, "echo": True, "logprobs": 1, "temperature": 0}

    def question(self, context: str, answers: Sequence[str], how: str) -> dict[str, Any]:
        """The request for an answer to a context. Where it is told, the answers are named."""
        if how == TOLD:
            context += INSTRUCTION.format(", ".join(answer.strip() for answer in answers))
        most = 1 if how == FIRST_TOKEN else 8 + max(len(answer) for answer in answers)
        asked: dict[str, Any] = {"max_tokens": most, "temperature": 0}
        if self.kind.api == "chat":
            top = {"logprobs": True, "top_logprobs": self.top} if how == FIRST_TOKEN else {}
            return {**asked, **top, "messages": [{"role": "user", "content": context}]}
        return {**asked, "prompt": context} | ({"logprobs": self.top} if how == FIRST_TOKEN else {})

    def ask(self, requests: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """The response to each request, several at once; those that are kept are not asked again."""
        different = list({json.dumps(request): request for request in requests}.values())
        with ThreadPoolExecutor(self.kind.concurrency) as pool:
            told = dict(zip(map(json.dumps, different), pool.map(self.answered, different), strict=True))
        return [told[json.dumps(request)] for request in requests]

    def ask_some_twice(self, requests: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """As `ask`; the first TWICE of the first call are asked again, for the share that gets another answer."""
        told = self.ask(requests)
        if self.noise is None:
            again = self.ask([request | {"turn": 1} for request in requests[:TWICE]])
            self.noise = float(np.mean([_shown(a) != _shown(b) for a, b in zip(told, again, strict=False)]))
        return told

    def answered(self, request: dict[str, Any]) -> dict[str, Any]:
        """The response to one request: kept, or asked for."""
        turn = request.get("turn", 0)
        request = {name: value for name, value in request.items() if name != "turn"}
        path = self.place(request, turn)
        with contextlib.suppress(FileNotFoundError, ValueError):  # one that cannot be read is asked for again
            return json.loads(path.read_text())
        response = self.sent(request)
        with replacing(path) as part:
            part.write_text(json.dumps(response))
        return response

    def place(self, request: dict[str, Any], turn: int) -> Path:
        """Where the response to a request is kept, in which nothing of the key is."""
        said = json.dumps([self.kind.base_url, self.kind.model, self.kind.api, request, *([turn] if turn else [])])
        name = hashlib.sha256(said.encode()).hexdigest()
        return sources.cache() / "answers" / name[:2] / f"{name[2:]}.json"

    def sent(self, request: dict[str, Any]) -> dict[str, Any]:
        """The server's response, with its tokens and seconds counted. Raises ConfigError where it gives none."""
        import openai

        text = request.get("prompt") or request["messages"][0]["content"]
        likely = len(text) // 3 + request["max_tokens"]
        self.reserve(likely)
        make = self.openai.completions if "prompt" in request else self.openai.chat.completions
        began = time.perf_counter()
        try:
            response = make.create(model=self.kind.model, **request).model_dump()
            usage, told = response.get("usage") or {}, response.get("model") or ""
            if not response["choices"]:
                raise ValueError("no choices")
        except (openai.OpenAIError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ConfigError(f"backbone.base_url={self.kind.base_url}: {reason(error)}; run again to go on") from error
        finally:
            with self.guard:
                self.reserved -= likely
        if told and not told.startswith(self.kind.model):
            raise ConfigError(f"backbone.model={self.kind.model}: {told} answers; name it as the server does")
        with self.guard:
            self.seconds.append(time.perf_counter() - began)
            self.used[0] += int(usage.get("prompt_tokens") or likely)
            self.used[1] += int(usage.get("completion_tokens") or request["max_tokens"])
            self.spent += int(usage.get("total_tokens") or likely)
        return response

    def reserve(self, tokens: int) -> None:
        """Raise ConfigError where so many more tokens could pass the budget."""
        with self.guard:
            if self.spent + self.reserved + tokens > self.kind.budget:
                raise ConfigError(
                    f"backbone.budget={self.kind.budget}: {self.spent} tokens are used and the next question could "
                    f"pass it; all answers are kept: run again with a larger budget to go on"
                )
            self.reserved += tokens

    def alive(self) -> None:
        """Raise ConfigError where nobody answers, or another model does, before anything else is asked."""
        (response,) = self.ask([self.question("Say one word.", [" yes"], TOLD)])
        scoring.said_text(response)

    def able(self) -> str:
        """The first of SCORINGS that the server does, and does right: an echoed token has the probability it had."""
        context = "The capital of France is"
        tokens: dict[str, float] = {}
        for self.top in TOPS:
            with contextlib.suppress(ConfigError):
                (response,) = self.ask([self.question(context, [" Paris"], FIRST_TOKEN)])
                tokens = scoring.likeliest(response)
            if tokens:
                break
        if len(tokens) < 2:
            return TOLD
        words = [token for token in tokens if token.strip().isalpha()]  # no part of one, which is read otherwise alone
        if self.kind.api == "completions" and words:
            token = max(words, key=lambda word: tokens[word])
            with contextlib.suppress(ConfigError, ValueError, KeyError, IndexError, TypeError):
                (response,) = self.ask([self.echo(context + token)])
                if abs(scoring.of_echo(response, context, token)[0] - tokens[token]) < CLOSE:
                    return ECHO
        return FIRST_TOKEN

    def facts(self) -> dict[str, Any]:
        """What was asked since the last call: questions, tokens, cost, seconds of one (median); and the noise floor."""
        read, written = self.used
        cost = (read * self.kind.price_in + written * self.kind.price_out) / 1e6
        median = statistics.median(self.seconds) if self.seconds else 0.0
        told = {"questions": len(self.seconds), "tokens_read": read, "tokens_written": written, "cost": cost}
        self.used, self.seconds = [0, 0], []
        return {**told, "seconds_each": median, "noise": self.noise}


def _shown(response: dict[str, Any]) -> str:
    """What is compared of two responses to one question: the text, and what its first token had."""
    values = [(token, round(value, 3)) for token, value in sorted(scoring.likeliest(response).items())]
    return json.dumps([scoring.said_text(response), values])


def reason(error: Exception) -> str:
    """Why there is no answer, in a few words."""
    status = getattr(error, "status_code", None)
    said = line(error, 200)
    if status is not None:
        return f"the server says {status}: {said}"
    kinds = {"APITimeoutError": "no answer in time", "APIConnectionError": "no connection, or one that was cut off"}
    return kinds.get(type(error).__name__) or f"an answer that cannot be read ({type(error).__name__}: {said})"
