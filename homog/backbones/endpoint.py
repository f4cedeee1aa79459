"""A model behind an interface (GPT-3 and what came after): no weights, questions and answers over HTTP."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import urlparse

import numpy as np
import torch

from homog.backbones import scoring
from homog.backbones.asking import Client
from homog.backbones.backbone import Backbone
from homog.backbones.kind import BackboneKind
from homog.backbones.scoring import ECHO, FIRST_TOKEN, SCORINGS, TOLD
from homog.config import ConfigError, choose, fields_of
from homog.inputs.text import TextReader

APIS = ("completions", "chat")
LOCAL = ("127.0.0.1", "localhost", "::1")
FREE = ("concurrency", "budget", "retries", "timeout", "key", "price_in", "price_out")  # fields that change no answer


@dataclass(frozen=True)
class Endpoint(BackboneKind):
    """A server with OpenAI's interface at `base_url`, and the `model` that it is asked for.

    `key`: name of the environment variable with the key, which is sent and never written; a server on this machine
    needs none. `api`: 'completions' (the text is continued) or 'chat' (it is a message). `scoring`: how answers get
    their scores: 'echo', log-probabilities of an echoed prompt; 'first_token', those of the likeliest first tokens;
    'told', the answer that the text gives; 'auto', the first of these that the server was seen to do right. `budget`:
    tokens that a run may use; it stops before. `price_in`, `price_out`: of a million tokens, for the cost in records.
    """

    name: str
    base_url: str
    model: str
    api: str = "completions"
    scoring: str = "auto"
    key: str = "OPENAI_API_KEY"
    budget: int = 1_000_000
    concurrency: int = 8
    retries: int = 6
    timeout: float = 60.0
    price_in: float = 0.0
    price_out: float = 0.0

    family: ClassVar[str] = "endpoint"
    abilities: ClassVar[tuple[str, ...]] = ("likelihood",)
    weights: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        choose(self.api, APIS, "backbone.api")
        choose(self.scoring, ("auto", *SCORINGS), "backbone.scoring")
        if self.api == "chat" and self.scoring == ECHO:
            raise ConfigError("backbone.scoring=echo: a chat echoes nothing; use api=completions or another scoring")

    @property
    def label(self) -> str:
        """How reports name it: the model."""
        return self.model

    def identity(self) -> dict[str, Any]:
        """What decides the answers: the server, the model and how it is asked."""
        return fields_of(self, leave_out=["name", "dtype", *FREE])

    def check(self) -> None:
        """Raise ConfigError, before any question, for an address, a key or a package that is missing."""
        for name in ("base_url", "model"):
            if getattr(self, name) == "???":
                raise ConfigError(f"backbone {self.name}: name backbone.base_url=http://… and backbone.model=…")
        parts = urlparse(self.base_url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ConfigError(f"backbone.base_url={self.base_url}: valid: http://… or https://…, up to and with /v1")
        if parts.hostname not in LOCAL and not os.environ.get(self.key):
            raise ConfigError(f"backbone.key={self.key}: no such environment variable; put the key of the server there")
        try:
            import openai  # noqa: F401
        except ImportError:
            raise ConfigError("backbone=endpoint needs a client: pip install 'homog-inheritance[endpoint]'") from None

    def load(self, device: str = "cpu") -> Any:
        """The Interface, after a look at what the server can do."""
        self.check()
        client = Client(self)
        client.alive()
        how = client.able()
        if self.scoring != "auto" and SCORINGS.index(how) > SCORINGS.index(self.scoring):
            said = "the server gives no such log-probabilities, or wrong ones"
            raise ConfigError(f"backbone.scoring={self.scoring}: {said}; use {how}")
        how = how if self.scoring == "auto" else self.scoring
        source, reader = json.dumps(self.identity()), PlainReader(None, 512)
        return Interface(self.label, self.family, source, torch.nn.Module(), reader, scoring=how, client=client)


@dataclass(frozen=True)
class PlainReader(TextReader):
    """Texts as they are: an interface reads them itself. A text is cut after `max_length` words."""

    def cut(self, texts: Sequence[str]) -> list[str]:
        """Each text as far as it is read."""
        return [" ".join(text.split(" ")[: self.max_length]) for text in texts]


@dataclass(frozen=True)
class Interface(Backbone):
    """What can be asked of an endpoint: the scores of answers. It has no features and no weights."""

    scoring: str = TOLD
    client: Any = field(default=None, compare=False)

    @property
    def device(self) -> torch.device:
        """Nothing is computed here."""
        return torch.device("cpu")

    @property
    def speaks(self) -> bool:
        """It gives texts a likelihood, or answers."""
        return True

    @property
    def featured(self) -> bool:
        """An interface gives no features."""
        return False

    @property
    def answers(self) -> bool:
        """Whether it tells an answer instead of a score for each: there is nothing to calibrate."""
        return self.scoring == TOLD

    def encode(self, inputs: Sequence[Any]) -> np.ndarray:
        """Raise ConfigError."""
        raise ConfigError(f"backbone {self.name} is behind an interface, which gives no features")

    def fingerprint(self) -> str:
        """What is asked."""
        return hashlib.sha256(self.source_id.encode()).hexdigest()

    def facts(self) -> dict[str, Any]:
        """How answers were scored, what they have cost, and how far they differ when asked twice."""
        return {"scoring": self.scoring, **self.client.facts()}

    def log_likelihoods(self, pairs: Sequence[tuple[str, str]]) -> np.ndarray:
        """(n, 2): log-score of each continuation after its context, and its tokens (1 where it is scored as a whole).

        All continuations of one context are answers to one question.
        """
        if self.scoring == ECHO:
            asked = [self.client.echo(context + more) for context, more in pairs]
            told = self.client.ask_some_twice(asked)
            return np.array([scoring.of_echo(r, *pair) for r, pair in zip(told, pairs, strict=True)])
        options: dict[str, list[str]] = {}
        for context, more in pairs:
            options.setdefault(context, []).append(more)
        asked = [self.client.question(context, answers, self.scoring) for context, answers in options.items()]
        scores: dict[tuple[str, str], float] = {}
        for (context, answers), response in zip(options.items(), self.client.ask_some_twice(asked), strict=True):
            if self.scoring == FIRST_TOKEN:
                values = scoring.of_first_token(scoring.likeliest(response), answers)
            else:
                values = scoring.of_text(scoring.said_text(response), answers)
            scores |= {(context, answer): float(value) for answer, value in zip(answers, values, strict=True)}
        return np.array([(scores[pair], 1) for pair in pairs])
