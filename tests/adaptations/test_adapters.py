"""What adapters of peft need to know of a backbone's shape, which its configuration says in many ways."""

import pytest
from transformers import T5Config, T5ForConditionalGeneration

from homog.adaptations.adapters import attention, embedding_width
from homog.backbones.encoder_decoder import EncoderDecoder
from homog.config import ConfigError
from homog.contracts import tiny
from homog.variants import variant

TOY = tiny.Toy("toy_two").load()


def test_a_backbone_that_takes_no_keys_from_outside_is_refused_before_training(tmp_path):
    backbone = tiny.tiny(tmp_path / "distilbert", "distilbert")
    with pytest.raises(ConfigError, match="adaptation prefix .* distilbert takes none; use soft_prompt or lora"):
        variant("adaptation", "prefix").check(backbone)


def test_prefixes_before_texts_of_several_lengths_do_not_fit_a_t5(tmp_path):
    backbone = tiny.tiny(tmp_path / "t5", "t5")
    with pytest.raises(ConfigError, match=r"adaptation prefix does not fit backbone t5 \(t5: .*\); use another"):
        variant("adaptation", "prefix").check(backbone)


def test_words_may_be_narrower_than_states(tmp_path):
    backbone = tiny.tiny(tmp_path / "electra", "electra")
    assert embedding_width(backbone) == 128 != backbone.dimension


def test_heads_may_be_wider_together_than_a_state(tmp_path):
    """As those of Flan-T5-small: 6 heads of 64 in states of 512."""
    folder = tiny.save_tiny(tmp_path / "t5", "t5")
    config = T5Config(**{**tiny.options("t5"), "num_heads": 3})
    T5ForConditionalGeneration(config).save_pretrained(folder)
    backbone = EncoderDecoder("tiny", str(folder)).load()
    assert attention(backbone, "prefix") == (3, 16)
    prefix = variant("adaptation", "prefix", epochs=1)
    ((_, model),) = prefix.fit(backbone, [TOY], 0)
    assert model.added == 3 * 2 * 10 * 3 * 16 + (backbone.dimension + 1) * 2  # layers, keys and values, tokens; head
    assert model.predict(list(TOY.test["input"])).shape == (60, 2)
