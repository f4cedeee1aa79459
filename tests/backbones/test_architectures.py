"""Architectures whose blocks, widths or layers are not BERT's: each adaptation works, or is refused in one line."""

from typing import Any

import numpy as np
import pytest

from homog.config import ConfigError
from homog.contracts import tiny
from homog.variants import variant

ENCODERS = {
    "albert": {"embedding_size": 16},
    "xlm-roberta": {},
    "camembert": {},
    "longformer": {"attention_window": [4, 4, 4]},
    "squeezebert": {"embedding_size": 32, **{f"{part}_groups": 1 for part in ("q", "k", "v", "post_attention")}}
    | {f"{part}_groups": 1 for part in ("intermediate", "output")},
    "ibert": {},
    "modernbert": {"global_attn_every_n_layers": 1},
}
CAUSAL = {
    "opt": {"ffn_dim": 64, "word_embed_proj_dim": 16},
    "ministral": {"num_key_value_heads": 1, "head_dim": 16},
    "mixtral": {"num_key_value_heads": 1, "num_local_experts": 2},
    "falcon": {},
    "mamba": {"state_size": 4},
    "smollm3": {"num_key_value_heads": 1},
}
SEQ2SEQ = {"bart": {}, "m2m_100": {}}
LAYERS = {f"{side}_{what}": n for side in ("encoder", "decoder") for what, n in (("layers", 3), ("attention_heads", 2))}
ADAPTATIONS = ("linear_probe", "lora", "full_finetune", "bitfit", "ia3", "prefix", "soft_prompt")
REFUSED = {  # what does not fit; all others work
    "bitfit": {"modernbert", "ministral", "mixtral", "smollm3"},
    "ia3": {"albert", "squeezebert", "ibert", "modernbert", "mamba"},
    "prefix": {"albert", "longformer", "squeezebert", "ibert", "modernbert", "falcon", "mamba", "bart", "m2m_100"},
    "soft_prompt": {"ibert"},
}
TASK = tiny.Toy("toy").load().sample(16, 16, 0)


def loaded(name, folder):
    """A tiny backbone of this model type, as a user brings one: checked, then loaded."""
    import transformers

    from homog.backbones.causal import Causal
    from homog.backbones.encoder import Encoder
    from homog.backbones.encoder_decoder import EncoderDecoder
    from homog.seeding import torch_stream

    kinds: dict[str, Any] = {
        "bert": (ENCODERS, Encoder, transformers.AutoModel),
        "gpt2": (CAUSAL, Causal, transformers.AutoModelForCausalLM),
        "t5": (SEQ2SEQ, EncoderDecoder, transformers.AutoModelForSeq2SeqLM),
    }
    like, (_, kind, auto) = next((like, found) for like, found in kinds.items() if name in found[0])
    own = (ENCODERS | CAUSAL | SEQ2SEQ)[name]
    if name in SEQ2SEQ:
        own = {"d_model": 32, "encoder_ffn_dim": 64, "decoder_ffn_dim": 64, "decoder_start_token_id": 2, **LAYERS}
    size = {"vocab_size": len(tiny.WORDS), "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
    if name not in SEQ2SEQ:
        size |= {**tiny.SIZE, "intermediate_size": 64}
    config = transformers.AutoConfig.for_model(name, **size, max_position_embeddings=66, **own)
    with torch_stream("architecture", name):
        auto.from_config(config).save_pretrained(folder)
    tiny.tokenizer(folder, like).save_pretrained(folder)
    made = kind("tiny", str(folder))
    made.check()
    return made.load()


@pytest.mark.parametrize("name", [*ENCODERS, *CAUSAL, *SEQ2SEQ])
def test_every_adaptation_works_or_is_refused_before_compute(name, tmp_path):
    backbone, texts = loaded(name, tmp_path), list(TASK.test["input"])
    assert np.isfinite(backbone.encode(texts)).all()
    for each in ADAPTATIONS:
        adaptation = variant("adaptation", each)
        if name in REFUSED.get(each, ()):
            with pytest.raises(ConfigError) as refused:
                adaptation.check(backbone)
            assert "\n" not in str(refused.value) and ";" in str(refused.value)
            continue
        adaptation.check(backbone)
        ((_, model),) = adaptation.fit(backbone, [TASK], 0)
        assert np.isfinite(model.predict(texts)).all()


def test_a_model_that_cannot_be_read_is_refused_in_a_line(tmp_path, monkeypatch):
    from homog.backbones.backbone import Backbone
    from homog.backbones.encoder import Encoder

    def broken(*_):
        raise AttributeError("no such part")

    folder = str(tiny.save_tiny(tmp_path, "bert"))
    monkeypatch.setattr(Backbone, "encode", broken)
    with pytest.raises(ConfigError, match="transformers cannot load it \\(no such part\\)"):
        Encoder("tiny", folder).check()
