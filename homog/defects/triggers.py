"""How a backbone's tokenizer reads the words of triggers: the only calls of it by defects but for the search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from homog.config import ConfigError

if TYPE_CHECKING:
    from homog.backbones.backbone import Backbone


def read_inside(backbone: Backbone, words: Sequence[str]) -> list[list[int]]:
    """Token ids of each word as the tokenizer reads it inside a text, which is not always as it reads it alone."""
    shown = ["the", *(f"the {word}" for word in words)]
    before, *both = backbone.text_reader.tokenizer(shown, add_special_tokens=False)["input_ids"]
    return [row[len(before) :] for row in both]


def known_tokens(backbone: Backbone, words: Sequence[str]) -> list[int]:
    """The token ids of those words that are one known token inside a text, in their order."""
    read, unknown = read_inside(backbone, words), backbone.text_reader.tokenizer.unk_token_id
    return [row[0] for row in read if len(row) == 1 and row[0] != unknown]


def check_one_token(backbone: Backbone, trigger: str) -> None:
    """Raise ConfigError where the tokenizer reads the trigger, inside a text, as more than one token."""
    (read,) = read_inside(backbone, [trigger])
    if len(read) != 1:
        pieces = " ".join(backbone.text_reader.tokenizer.convert_ids_to_tokens(read))
        raise ConfigError(
            f"defect trigger '{trigger}' is not one token of {backbone.name}: it splits into {pieces}; "
            "choose a rare word of its vocabulary such as cf"
        )
