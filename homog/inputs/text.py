"""Texts: token ids of a tokenizer of transformers, padded on the right."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch

from homog.inputs import corpora
from homog.inputs.reader import Reader


@dataclass(frozen=True)
class TextReader(Reader):
    """Reads at most `max_length` tokens of a text, the special ones among them.

    `begin`: token ids before every text, where the tokenizer puts none. `pads`: the length to which every text is
    filled up, for models that were trained so and count what fills it (SigLIP); 0 for all others.
    """

    tokenizer: Any
    max_length: int
    begin: tuple[int, ...] = ()
    pads: int = 0

    modality: ClassVar[str] = "text"

    @property
    def room(self) -> int:
        """How many tokens the tokenizer may give."""
        return self.max_length - len(self.begin)

    def read(self, inputs: Sequence[str]) -> list[list[int]]:
        """Token ids of each text with the special tokens."""
        ids = self.tokenizer(list(inputs), truncation=True, max_length=self.room)["input_ids"]
        if not self.begin and not self.pads:
            return ids
        fill = [self.tokenizer.pad_token_id]
        return [[*self.begin, *row, *fill * (self.pads - len(row))] for row in ids]

    def cut(self, texts: Sequence[str]) -> list[str]:
        """Each text as far as it is read."""
        encoded = self.tokenizer(list(texts), truncation=True, max_length=self.room, return_offsets_mapping=True)
        ends = [max((end for _, end in row), default=0) for row in encoded["offset_mapping"]]
        return [text[:end] for text, end in zip(texts, ends, strict=True)]

    def collate(self, items: Sequence[list[int]], device: torch.device) -> dict[str, torch.Tensor]:
        """`input_ids` and `attention_mask`, both (batch, longest) int64."""
        ids, mask = padded(items, self.tokenizer.pad_token_id, device)
        return {"input_ids": ids, "attention_mask": mask}

    def tokens(self, items: Sequence[list[int]]) -> list[int]:
        """The token ids that occur, and the one that pads."""
        return sorted({self.tokenizer.pad_token_id, *(i for row in items for i in row)})

    def unknown(self, words: Sequence[str]) -> list[str]:
        """The words of which the tokenizer knows a part at least as its unknown token alone."""
        gap = self.tokenizer.unk_token_id
        return [] if gap is None else [word for word, row in zip(words, self.read(words), strict=True) if gap in row]

    def at_length(self, max_length: int) -> TextReader:
        """The same that reads at most `max_length` tokens."""
        return self if self.pads else replace(self, max_length=min(max_length, self.max_length))

    def unlabelled(self) -> tuple[list[str], list[str]]:
        """English sentences of news articles."""
        return corpora.unlabelled()


def padded(
    tokens: Sequence[Sequence[int]], pad_id: int, device: torch.device | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids and mask, both (batch, longest) int64."""
    longest = max(len(row) for row in tokens)
    ids = torch.full((len(tokens), longest), pad_id, dtype=torch.long)
    mask = torch.zeros((len(tokens), longest), dtype=torch.long)
    for i, row in enumerate(tokens):
        ids[i, : len(row)] = torch.as_tensor(row)
        mask[i, : len(row)] = 1
    return ids.to(device), mask.to(device)
