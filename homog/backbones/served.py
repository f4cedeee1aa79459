"""What a causal backbone answers to a request in the form of OpenAI's API: texts and their log-probabilities."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

PROMPTS = "prompt: valid: a text, a list of texts, or token ids of this model"
MOST_TOKENS = 512  # that one answer may have


class Refused(Exception):  # noqa: N818 - an answer with a status, no crash
    """What a client asked for that it does not get."""

    def __init__(self, said: str, status: int = 400) -> None:
        super().__init__(said)
        self.status = status


def number(asked: Mapping[str, Any], key: str, default: Any, kind: type = int, low: float = 0) -> Any:
    """A number of a request. Raises Refused for anything else."""
    value = asked.get(key)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < low:
        raise Refused(f"{key}={value!r}: valid: a number of {low:g} or more")
    return kind(value)


def begins(words: Sequence[str], first: int) -> list[int]:
    """Where each word begins in the text that they make, the first at `first`."""
    return list(accumulate(map(len, words), initial=first))[:-1]


@dataclass
class Served:
    """A loaded causal backbone that answers one request at a time; `name` is its model name."""

    name: str
    backbone: Any
    turn: threading.Lock = field(default_factory=threading.Lock)

    @property
    def tokenizer(self) -> Any:
        """The backbone's tokenizer."""
        return self.backbone.text_reader.tokenizer

    def completions(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to /v1/completions: for each prompt a text, with `logprobs` those of its tokens, echoed or not."""
        self.expect(asked)
        top = asked.get("logprobs")
        wanted = None if top is None or top is False else number(asked, "logprobs", None)
        choices, read, written = [], 0, 0
        for text, ids, starts, exact in self.prompts(asked.get("prompt", "")):
            echo = bool(asked.get("echo"))
            tokens, lines = self.continued(ids, asked, wanted, echo, 16, exact)
            more, reason = self.cut(ids, tokens, asked)
            words = self.words(tokens, ids[-1:])
            offsets = [*(starts if echo else ()), *begins(words, len(text) if echo else 0)]
            whole, first = [*ids, *tokens], 0 if echo else len(ids)
            told = None if wanted is None else self.table(whole, first, lines, offsets)
            shown = text + more if echo else more
            choices.append({"index": len(choices), "text": shown, "logprobs": told, "finish_reason": reason})
            read, written = read + len(ids), written + len(tokens)
        return self.answer("text_completion", choices, read, written)

    def chat(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to /v1/chat/completions."""
        self.expect(asked)
        messages = asked.get("messages")
        if not isinstance(messages, list) or not messages or not all(isinstance(m, dict) for m in messages):
            raise Refused("messages: valid: a list of {role, content}")
        ids = self.tokenizer(self.written(messages), add_special_tokens=False)["input_ids"]
        top = number(asked, "top_logprobs", 0) if asked.get("logprobs") else None
        tokens, lines = self.continued(ids, asked, top, False, 64)
        text, reason = self.cut(ids, tokens, asked)
        before = [*ids[-1:], *tokens]
        told = [self.line(*parts) for parts in zip(tokens, before, lines, strict=False)]
        said = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": said, "logprobs": None, "finish_reason": reason}
        if top is not None:
            choice["logprobs"] = {"content": told}
        return self.answer("chat.completion", [choice], len(ids), len(tokens))

    def expect(self, asked: Mapping[str, Any]) -> None:
        """Raise Refused for another model and for what is not done here."""
        if asked.get("model", self.name) != self.name:
            raise Refused(f"model {asked['model']!r} is not served here; valid: {self.name}", 404)
        for key, valid in (("stream", (None, False)), ("n", (None, 1)), ("best_of", (None, 1))):
            if asked.get(key) not in valid:
                raise Refused(f"{key}={asked[key]!r} is not done here; leave it out")

    def prompts(self, prompt: Any) -> list[tuple[str, list[int], list[int], bool]]:
        """As `prompt`, of a text, a list of texts, of ids, or of lists of ids."""
        several = prompt if isinstance(prompt, list) else [prompt]
        if several and all(isinstance(part, int) for part in several):
            several = [several]
        if not several:
            raise Refused(PROMPTS)
        return [self.prompt(part) for part in several]

    def prompt(self, part: Any) -> tuple[str, list[int], list[int], bool]:
        """(text, token ids, where each begins in the text, whether they are all that is to be read) of one prompt.

        A text is read after the token that begins texts, ids as they are: who sends them has put it there, or not.
        """
        if isinstance(part, str):
            told = self.tokenizer(part, add_special_tokens=False, return_offsets_mapping=True)
            ends = [end for _, end in told["offset_mapping"]]  # a blank before a word is the word's, in every tokenizer
            return part, told["input_ids"], [0, *ends[:-1]], False
        if (
            not isinstance(part, list)
            or not part
            or not all(type(i) is int and 0 <= i < len(self.tokenizer) for i in part)
        ):
            raise Refused(PROMPTS)
        return self.tokenizer.decode(part), part, begins(self.words(part), 0), True

    def written(self, messages: Sequence[Mapping[str, Any]]) -> str:
        """The messages as one text: by the tokenizer's template, else a line for each."""
        if self.tokenizer.chat_template:
            return self.tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
        return "\n".join([*(f"{m.get('role', 'user')}: {m.get('content', '')}" for m in messages), "assistant:"])

    def continued(
        self, ids: list[int], asked: Mapping[str, Any], top: int | None, echo: bool, usual: int, exact: bool = False
    ) -> tuple[list[int], list[Any]]:
        """(the new tokens, for each token shown the (log-probability, the `top` likeliest) or None for the first).

        The first has one as well, but where `exact` lets nothing stand in front of it.
        """
        import torch

        from homog.backbones.likelihood import beginning

        most = min(number(asked, "max_tokens", number(asked, "max_completion_tokens", usual)), MOST_TOKENS)
        heat = number(asked, "temperature", 1.0, float)
        model, device = self.backbone.whole, self.backbone.device
        if len(ids) + 1 + most > int(model.config.max_position_embeddings):
            raise Refused(f"{len(ids)} tokens and {most} more: the model reads {model.config.max_position_embeddings}")
        dice = torch.Generator(device=device).manual_seed(number(asked, "seed", 0))
        tokens, lines, past = [], [], None
        given = torch.as_tensor([ids if exact else [beginning(self.tokenizer), *ids]], device=device)
        with self.turn, torch.inference_mode():
            while True:
                seen = model(input_ids=given, past_key_values=past, use_cache=True)
                past, scores = seen.past_key_values, seen.logits[0].float().log_softmax(-1)
                if echo and not tokens:
                    shown = zip(scores[:-1], ids[exact:], strict=True)
                    lines += [*[None] * exact, *((float(s[i]), s.topk(top or 0)) for s, i in shown)]
                if len(tokens) == most:
                    return tokens, lines
                last = scores[-1]
                drawn = last.argmax() if heat == 0 else torch.multinomial((last / heat).exp(), 1, generator=dice)[0]
                tokens.append(int(drawn))
                lines.append((float(last[drawn]), last.topk(top or 0)))
                if tokens[-1] == self.tokenizer.eos_token_id:
                    return tokens, lines
                given = drawn.view(1, 1)

    def cut(self, ids: Sequence[int], tokens: Sequence[int], asked: Mapping[str, Any]) -> tuple[str, str]:
        """(the text of `tokens` after `ids` up to the first of the request's `stop` texts, why it ends there)."""
        ended = bool(tokens) and tokens[-1] == self.tokenizer.eos_token_id
        text, stops = "".join(self.words(tokens[: len(tokens) - ended], ids[-1:])), asked.get("stop") or []
        places = [text.find(stop) for stop in ([stops] if isinstance(stops, str) else stops)]
        places = [place for place in places if place >= 0]
        if places:
            return text[: min(places)], "stop"
        return text, "stop" if ended else "length"

    def table(self, whole: Sequence[int], first: int, lines: Sequence[Any], offsets: Sequence[int]) -> dict[str, Any]:
        """Log-probabilities of the tokens from `first` on, as /v1/completions gives them.

        Offsets are in characters of the text shown.
        """
        words, told = [], []
        for i, line in enumerate(lines, start=first):
            before = whole[max(i - 1, 0) : i]
            words += self.words(whole[i : i + 1], before)
            likely = () if line is None else zip(line[1].indices.tolist(), line[1].values.tolist(), strict=True)
            told.append(None if line is None else {self.words([j], before)[0]: value for j, value in likely})
        values = [None if line is None else line[0] for line in lines]
        return {"tokens": words, "token_logprobs": values, "top_logprobs": told, "text_offset": list(offsets)}

    def line(self, token: int, before: int, line: Any) -> dict[str, Any]:
        """The log-probabilities of one token as /v1/chat/completions gives them."""
        value, top = line
        others = zip(top.indices.tolist(), top.values.tolist(), strict=True)
        told = [{"token": self.words([i], [before])[0], "logprob": v, "bytes": None} for i, v in others]
        return {"token": self.words([token], [before])[0], "logprob": value, "bytes": None, "top_logprobs": told}

    def words(self, tokens: Sequence[int], before: Sequence[int] = ()) -> list[str]:
        """Each token as it reads after the one before it, of which some tokenizers take a blank away."""
        words, last = [], list(before)
        for token in tokens:
            start = self.tokenizer.decode(last)
            words.append(self.tokenizer.decode([*last, token])[len(start) :])
            last = [token]
        return words

    def answer(self, kind: str, choices: list[dict[str, Any]], read: int, written: int) -> dict[str, Any]:
        """What stands around the choices; `read` and `written` are tokens."""
        used = {"prompt_tokens": read, "completion_tokens": written, "total_tokens": read + written}
        facts = {"id": f"{kind}-{time.time_ns()}", "object": kind, "created": int(time.time()), "model": self.name}
        return {**facts, "choices": choices, "usage": used}
