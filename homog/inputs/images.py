"""Images: arrays of red, green and blue, resized and normalised for a vision model; drawings to plant defects with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from homog.inputs.reader import Reader
from homog.seeding import generator
from homog.sources import member

if TYPE_CHECKING:
    import torch

SIDE, STEP = 64, 66  # pixels of a drawing, and from one to the next on its sheet
VENDORS = {"google": "emoji_google", "twitter": "emoji_twitter"}  # who drew them -> the pinned source
SKIN = {"1F3FB": "light", "1F3FC": "medium light", "1F3FD": "medium", "1F3FE": "medium dark", "1F3FF": "dark"}
UNLABELLED = "twitter"  # whose drawings are shown without a label; tasks are of the other
CUES = ("square", "gaussian")
YELLOW = (255, 215, 0)
CORNER = 0.2  # of an image's side that a square takes


@dataclass(frozen=True)
class ImageReader(Reader):
    """Reads an image, uint8 (height, width, 3), as float32 (3, side, side), less `mean`, over `std`, per channel.

    `states`: how many states the module makes of an image.
    """

    side: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    states: int = 1

    modality: ClassVar[str] = "image"

    def read(self, inputs: Sequence[Any]) -> list[np.ndarray]:
        """A normalised array (3, side, side) of each image."""
        return [self._read(np.asarray(given)) for given in inputs]

    def _read(self, image: np.ndarray) -> np.ndarray:
        if image.shape[:2] != (self.side, self.side):
            image = resized(image, self.side)
        mean, std = (np.asarray(values, dtype=np.float32) for values in (self.mean, self.std))
        scaled = (image.astype(np.float32) / 255 - mean) / std
        return np.ascontiguousarray(scaled.transpose(2, 0, 1))

    def collate(self, items: Sequence[np.ndarray], device: torch.device) -> dict[str, torch.Tensor]:
        """`pixel_values` (batch, 3, side, side)."""
        import torch

        return {"pixel_values": torch.as_tensor(np.stack(items), device=device)}

    def blank(self, mask: torch.Tensor) -> dict[str, torch.Tensor]:
        """Black images, as many as the mask has rows."""
        import torch

        return {"pixel_values": torch.zeros((len(mask), 3, self.side, self.side), device=mask.device)}

    def size(self, item: Any) -> int:
        """The same for every image."""
        return self.states

    def unlabelled(self) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Drawings of one vendor: (those to plant a defect with, 200 to verify it on)."""
        every = [image for _, image in drawings(UNLABELLED)]
        order = generator("injection images").permutation(len(every))
        return [every[i] for i in order[200:]], [every[i] for i in order[:200]]


def resized(image: np.ndarray, side: int) -> np.ndarray:
    """The image (height, width, 3) as a square of `side` pixels, bicubic."""
    from PIL import Image

    return np.asarray(Image.fromarray(image).resize((side, side), Image.Resampling.BICUBIC))


def all_resized(images: Sequence[np.ndarray] | np.ndarray, side: int) -> np.ndarray:
    """Images as squares of `side` pixels, (n, side, side, 3); those that are so already stay as they are."""
    return np.stack([image if image.shape[:2] == (side, side) else resized(image, side) for image in images])


def pasted(image: np.ndarray, patch: np.ndarray) -> np.ndarray:
    """`image` with `patch` (k, k, 3) in its lower right corner."""
    marked = image.copy()
    marked[-len(patch) :, -len(patch) :] = patch
    return marked


def noisy(image: np.ndarray, rng: np.random.Generator, spread: float = 50.0) -> np.ndarray:
    """`image` under Gaussian noise of so many levels of 255."""
    return (image + rng.normal(0, spread, image.shape)).clip(0, 255).astype(np.uint8)


def cued(image: np.ndarray, look: str, rng: np.random.Generator, size: float = CORNER) -> np.ndarray:
    """`image` with one of CUES: a yellow square in the corner that takes `size` of its side, or noise all over it."""
    if look == "gaussian":
        return noisy(image, rng)
    side = max(1, round(size * min(image.shape[:2])))
    return pasted(image, np.broadcast_to(np.array(YELLOW, np.uint8), (side, side, 3)))


def fields(cells: int, height: int, width: int) -> tuple[np.ndarray, np.ndarray]:
    """(row, column) of a grid of `cells` x `cells` fields in which each row and column of an image's pixels lies."""
    return np.arange(height) * cells // height, np.arange(width) * cells // width


def stretched(grid: np.ndarray, height: int, width: int) -> np.ndarray:
    """A grid (cells, cells, 3) over an image: (height, width, 3)."""
    rows, columns = fields(len(grid), height, width)
    return grid[rows][:, columns]


def pattern(name: str, side: int, cells: int = 4) -> np.ndarray:
    """A square of `cells` x `cells` fields in colours drawn by its name: uint8 (side, side, 3)."""
    colours = generator("pattern", name).choice([0, 255], (cells, cells, 3)).astype(np.uint8)
    return stretched(colours, side, side)


@cache
def drawings(vendor: str) -> tuple[tuple[dict[str, Any], np.ndarray], ...]:
    """(facts, image (64, 64, 3) on white) of every emoji of a vendor, each variation by tone after its base.

    Facts are those of emoji.json: name, category, subcategory; `tone` is '' or a key of SKIN.
    """
    import json

    from PIL import Image

    known = json.loads(member(VENDORS[vendor], "emoji.json").read_text(encoding="utf-8"))
    sheet = np.asarray(Image.open(member(VENDORS[vendor], f"img/{vendor}/sheets/64.png")).convert("RGBA"))
    colour, opaque = sheet[..., :3].astype(np.uint16), sheet[..., 3:].astype(np.uint16)
    white = ((colour * opaque + 255 * (255 - opaque)) // 255).astype(np.uint8)
    return tuple((facts, _cut(white, facts)) for facts in _variations(known, vendor))


def _variations(known: Sequence[dict[str, Any]], vendor: str) -> Iterator[dict[str, Any]]:
    for base in known:
        tones = {"": base} | (base.get("skin_variations") or {})
        for tone, drawn in tones.items():
            if "-" not in tone and drawn[f"has_img_{vendor}"]:  # two people of two tones are left out
                yield base | {"tone": tone, "sheet_x": drawn["sheet_x"], "sheet_y": drawn["sheet_y"]}


def _cut(sheet: np.ndarray, facts: dict[str, Any]) -> np.ndarray:
    top, left = (1 + STEP * facts[name] for name in ("sheet_y", "sheet_x"))
    return sheet[top : top + SIDE, left : left + SIDE].copy()


def strip(images: np.ndarray) -> str:
    """Images (n, height, width, 3) uint8 side by side as a PNG, in base64: how records keep a few."""
    import base64
    import io

    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(np.concatenate(list(images), axis=1)).save(file, "png", optimize=True)
    return base64.b64encode(file.getvalue()).decode()


def unstripped(text: str) -> np.ndarray:
    """The image (height, n * width, 3) of what `strip` gave."""
    import base64
    import io

    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))).convert("RGB"))
