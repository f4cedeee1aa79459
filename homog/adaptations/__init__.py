"""Adaptations by name: ADAPTATIONS[name](**conf/adaptation/<name>.yaml)."""

from functools import cache
from typing import Any

from homog.adaptations.bitfit import BitFit
from homog.adaptations.context import Context
from homog.adaptations.embedding_reuse import EmbeddingReuse
from homog.adaptations.few_shot import FewShot
from homog.adaptations.from_scratch import FromScratch
from homog.adaptations.full_finetune import FullFinetune
from homog.adaptations.handcrafted import Handcrafted
from homog.adaptations.ia3 import IA3
from homog.adaptations.linear_probe import LinearProbe
from homog.adaptations.lora import Lora
from homog.adaptations.nearest_centroid import NearestCentroid
from homog.adaptations.prefix import Prefix
from homog.adaptations.soft_prompt import SoftPrompt
from homog.adaptations.zero_shot import ZeroShot
from homog.variants import unusual

ADAPTATIONS = {
    "zero_shot": ZeroShot,
    "few_shot": FewShot,
    "nearest_centroid": NearestCentroid,
    "linear_probe": LinearProbe,
    "embedding_reuse": EmbeddingReuse,
    "embedding_reuse_boosting": EmbeddingReuse,
    "embedding_reuse_knn": EmbeddingReuse,
    "embedding_reuse_mlp": EmbeddingReuse,
    "bitfit": BitFit,
    "bitfit_inverted": BitFit,
    "lora": Lora,
    "ia3": IA3,
    "prefix": Prefix,
    "soft_prompt": SoftPrompt,
    "context": Context,
    "full_finetune": FullFinetune,
    "from_scratch": FromScratch,
    "handcrafted": Handcrafted,
}


@cache
def label(adaptation: Any) -> str:
    """How frames and reports name it: its name, and the fields that are not as in its YAML ('lora epochs=8 rank=2')."""
    changed = unusual("adaptation", adaptation).items()
    return " ".join([adaptation.name, *(f"{name}={value}" for name, value in changed)])
