"""Adaptations by name: ADAPTATIONS[name](**conf/adaptation/<name>.yaml)."""

from homog.adaptations.full_finetune import FullFinetune
from homog.adaptations.linear_probe import LinearProbe
from homog.adaptations.lora import Lora
from homog.adaptations.nearest_centroid import NearestCentroid

ADAPTATIONS = {
    "nearest_centroid": NearestCentroid,
    "linear_probe": LinearProbe,
    "lora": Lora,
    "full_finetune": FullFinetune,
}
