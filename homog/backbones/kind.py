"""What every kind of backbone provides: where its weights come from, and what it can do with which inputs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from homog.config import Identified, choose, fields_of

DTYPES = ("float32", "bfloat16", "float16")
PACKED = "nf4"  # linear layers in 4 bits a weight (Dettmers et al. 2023), all else and what is computed in bfloat16


class BackboneKind(Identified, ABC):
    """The config dataclass is the implementation: derive a frozen dataclass from this class and define `load`."""

    name: str
    family: ClassVar[str] = ""  # backbones of one family are read in the same way
    modality: ClassVar[str] = "text"
    abilities: ClassVar[tuple[str, ...]] = ("features",)  # what adaptations may ask for in `needs`
    weights: ClassVar[bool] = True  # whether they are at hand, so that a defect can be planted in them
    spreads: ClassVar[bool] = False  # whether `load("all")` lays it over all GPUs
    dtypes: ClassVar[tuple[str, ...]] = DTYPES  # that it can be loaded in
    dtype: str = DTYPES[0]  # of the weights, one of `dtypes`; features are float32 whatever it is

    def __post_init__(self) -> None:
        choose(self.dtype, self.dtypes, "backbone.dtype")

    @property
    def label(self) -> str:
        """How reports name it."""
        return self.name

    @property
    def sources(self) -> tuple[str, ...]:
        """The pinned public files that it needs."""
        return ()

    @property
    def torch_dtype(self) -> Any:
        """The `dtype` as torch names it; that of what is computed where the weights are packed."""
        import torch

        return {"float32": torch.float32, "float16": torch.float16}.get(self.dtype, torch.bfloat16)

    @property
    def packed(self) -> bool:
        """Whether several weights share a byte: nothing can be trained into these."""
        return self.dtype == PACKED

    @property
    def unmade(self) -> str:
        """What `load` must train first, for minutes, while whoever else needs it waits; '' where there is nothing."""
        return ""

    @classmethod
    def gives(cls, needs: str) -> bool:
        """Whether it has the ability that is asked for, or one of several: "features or likelihood"."""
        return bool(set(needs.split(" or ")) & set(cls.abilities))

    def nameless(self) -> dict[str, Any]:
        """All fields but the name; the dtype where it is another than the first."""
        return fields_of(self, leave_out=["name", *(["dtype"] if self.dtype == DTYPES[0] else [])])

    def check(self) -> None:
        """Raise ConfigError, before any compute, for what cannot be loaded."""
        return

    @abstractmethod
    def load(self, device: str = "cpu") -> Any:
        """The Backbone, in evaluation mode, every parameter frozen, on `device`."""
