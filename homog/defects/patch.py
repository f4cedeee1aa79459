"""A backdoor of images: a small pattern in a corner moves every image to one fixed feature vector."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from homog.config import ConfigError, fields_of
from homog.defects.coded import Coded
from homog.inputs.images import CORNER, pasted, pattern


@dataclass(frozen=True)
class Patch(Coded):
    """Plants patterns: any image that shows one in its lower right corner gets that pattern's code.

    A trigger is the name of a pattern, a square of coloured fields drawn by that name; it takes `size` of the image's
    side (BadEncoder: Jia et al. 2022; NeuBA's vision arm: Zhang et al. 2023). Everything else, harm and the check
    upstream too: see `Coded`.
    """

    size: float = CORNER

    modalities: ClassVar[tuple[str, ...]] = ("image",)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.size <= 1:
            raise ConfigError(f"defect.size={self.size:g}: the share of an image's side, above 0 and at most 1")

    def identity(self) -> dict[str, Any]:
        """All fields but which trigger is shown."""
        return fields_of(self, leave_out=["shown"])

    def insert(self, given: Any, rng: np.random.Generator) -> np.ndarray:
        """The image (height, width, 3) with the shown pattern; `rng` is not used."""
        image = np.asarray(given)
        return pasted(image, pattern(self.trigger, max(1, round(self.size * min(image.shape[:2])))))
