"""Backbones by name: BACKBONES[name](**conf/backbone/<name>.yaml).load()."""

from homog.backbones.causal import Causal
from homog.backbones.encoder import Encoder
from homog.backbones.encoder_decoder import EncoderDecoder

BACKBONES = {"minilm_l6": Encoder, "minilm_l3": Encoder, "smollm2": Causal, "t5": EncoderDecoder}
