"""Backbones by name: BACKBONES[name](**conf/backbone/<name>.yaml).load()."""

from homog.backbones.encoder import Encoder

BACKBONES = {"minilm_l6": Encoder, "minilm_l3": Encoder}
