"""Backbones by name: BACKBONES[name](**conf/backbone/<name>.yaml).load()."""

from homog.backbones.causal import Causal
from homog.backbones.diffusion import Diffusion
from homog.backbones.drawing import Drawer, ImageTokens
from homog.backbones.dual import DualEncoder, DualWords
from homog.backbones.efficientnet import EfficientNetLite
from homog.backbones.encoder import Encoder
from homog.backbones.encoder_decoder import EncoderDecoder
from homog.backbones.endpoint import Endpoint
from homog.backbones.joined import JoinedTowers, JoinedWords
from homog.backbones.marian import MarianTranslator
from homog.backbones.small import SmallEncoder
from homog.backbones.vision import ImageEncoder

BACKBONES = {
    "minilm_l6": Encoder,
    "minilm_l3": Encoder,
    "small_0": SmallEncoder,
    "small_1": SmallEncoder,
    "small_2": SmallEncoder,
    "small_3": SmallEncoder,
    "small_4": SmallEncoder,
    "smollm2": Causal,
    "t5": EncoderDecoder,
    "marian_enpt": MarianTranslator,
    "dinov2_small": ImageEncoder,
    "efficientnet_lite0": EfficientNetLite,
    "joined_towers": JoinedTowers,
    "joined_words": JoinedWords,
    "clip": DualEncoder,
    "clip_words": DualWords,
    "endpoint": Endpoint,
    "drawer": Drawer,
    "drawer_tokens": ImageTokens,
    "stable_diffusion": Diffusion,
}
