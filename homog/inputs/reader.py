"""What stands between the inputs of one modality and a backbone's module."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

import numpy as np

from homog.config import ConfigError

if TYPE_CHECKING:
    import torch

BATCH_TOKENS = 2048  # padded size of a batch: fits the cache of one core, and is small on any GPU


class Reader(ABC):
    """Reads inputs of one `modality` into items, and puts items into the tensors that a module takes.

    Derive a frozen dataclass. An input is a text, bytes or an array (`content`).
    """

    modality: ClassVar[str]

    @abstractmethod
    def read(self, inputs: Sequence[Any]) -> list[Any]:
        """An item per input."""

    @abstractmethod
    def collate(self, items: Sequence[Any], device: torch.device) -> dict[str, torch.Tensor]:
        """The module's arguments for some items. An `attention_mask` (batch, length) says which states count."""

    def blank(self, mask: torch.Tensor) -> dict[str, torch.Tensor]:
        """The module's arguments where the states that enter its upper blocks are given: mask (batch, length)."""
        return {"input_ids": mask * 0, "attention_mask": mask}

    def size(self, item: Any) -> int:
        """How many states an item becomes."""
        return len(item)

    def batches(self, items: Sequence[Any]) -> Iterator[list[int]]:
        """The row numbers of all items, in batches of similar size."""
        return by_size([self.size(item) for item in items])

    def tokens(self, items: Sequence[Any]) -> list[int]:
        """The rows of the table of embeddings that the items use; none where inputs are no tokens."""
        return []

    def at_length(self, max_length: int) -> Self:
        """The same reader that reads at most so much of an input, where an input can be cut."""
        return self

    def unlabelled(self) -> tuple[list[Any], list[Any]]:
        """(inputs to plant a defect with, others to verify it on). Raises ConfigError where nobody has said which."""
        raise ConfigError(
            f"no unlabelled inputs are known of modality {self.modality}: define `unlabelled` of its reader"
        )


def by_size(sizes: Sequence[int], budget: int = BATCH_TOKENS) -> Iterator[list[int]]:
    """Row numbers in order of size, in batches of at most `budget` when all are padded to the largest."""
    rows: list[int] = []
    for i in sorted(range(len(sizes)), key=sizes.__getitem__):
        if rows and (len(rows) + 1) * sizes[i] > budget:
            yield rows
            rows = []
        rows.append(i)
    if rows:
        yield rows


def content(given: Any) -> bytes:
    """What a text, bytes or an array is. Raises TypeError for anything else, which would be told by its place alone."""
    if isinstance(given, bytes):
        return given
    if isinstance(given, str):
        return given.encode(errors="surrogatepass")
    array = np.asarray(given)
    if array.dtype.hasobject:
        raise TypeError(f"an input is a text, bytes or an array of numbers, not {type(given).__name__}")
    return f"{array.dtype}{array.shape}".encode() + array.tobytes()


def content_of(inputs: Iterable[Any]) -> str:
    """sha256 (hex) of several inputs in their order, None among them: what caches are keyed by."""
    digest = hashlib.sha256()
    for given in inputs:
        part = b"" if given is None else content(given)
        digest.update(f"{'none' if given is None else len(part)}\0".encode() + part)
    return digest.hexdigest()
