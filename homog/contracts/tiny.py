"""Tiny backbones built from a config, and toy tasks that they can learn: logic without downloads."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from homog.seeding import generator, torch_stream
from homog.tasks.task import Prompt, Task, TaskKind

GOOD, BAD, FILLER = (
    ("good", "fine", "great"),
    ("bad", "poor", "awful"),
    ("the", "a", "film", "was", "it", "very", "day"),
)
WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "cf", ".", *GOOD, *BAD, *FILLER)
LISTS = {  # stand for the packaged word lists of groups and attributes
    "Female names": ("Amy",),
    "Male names": ("John",),
    "African American names": ("Lakisha",),
    "European American names": ("Emily",),
    "Pleasant": GOOD,
    "Unpleasant": BAD,
    "Career": ("day",),
    "Family": ("film",),
    "Female terms": ("film",),
    "Male terms": ("day",),
}
# stand for those of Winogender: the share of women
OCCUPATIONS = {"plumber": 0.1, "painter": 0.2, "driver": 0.3, "clerk": 0.7, "teacher": 0.8, "nurse": 0.9}
SIZE = {"vocab_size": len(WORDS), "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2}
FAMILIES = ("bert", "roberta", "electra", "distilbert", "deberta-v2")
CAUSAL = ("llama", "gpt2")
EVERY = (*FAMILIES, *CAUSAL, "t5")


def save_tiny(folder: Path, model_type: str = "bert", seed: int = 0) -> Path:
    """Save a tiny backbone with its tokenizer in `folder`, as a user would have one."""
    from transformers import AutoConfig, AutoModel

    folder.mkdir(parents=True, exist_ok=True)
    tokenizer(folder, model_type).save_pretrained(folder)
    config = AutoConfig.for_model(model_type, **options(model_type))
    with torch_stream("tiny", model_type, seed):
        (language_model(model_type) or AutoModel).from_config(config).save_pretrained(folder)
    return folder


def options(model_type: str) -> dict[str, Any]:
    """The settings of a tiny model."""
    names = {
        "distilbert": {"dim": 32, "n_layers": 3, "n_heads": 2, "hidden_dim": 64},
        "gpt2": {"n_embd": 32, "n_layer": 3, "n_head": 2, "n_positions": 66, "initializer_range": 0.05},
        "t5": {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 3, "num_heads": 2, "decoder_start_token_id": 0},
    }.get(model_type, SIZE)
    settings = {**names, "vocab_size": len(WORDS), "pad_token_id": 0, "bos_token_id": 2, "eos_token_id": 3}
    if "hidden_size" in names:
        settings["intermediate_size"] = 64
    if model_type == "llama":
        settings |= {"num_key_value_heads": 1, "initializer_range": 0.05, "tie_word_embeddings": True}
    return settings if model_type in ("gpt2", "t5") else {**settings, "max_position_embeddings": 66}


def language_model(model_type: str) -> Any:
    """The class that reads the model with its head, None for encoders."""
    from transformers import AutoModelForCausalLM, AutoModelForSeq2SeqLM

    return AutoModelForCausalLM if model_type in CAUSAL else AutoModelForSeq2SeqLM if model_type == "t5" else None


def tokenizer(folder: Path, model_type: str) -> Any:
    """A tokenizer of whole words; those of causal models begin no text and name no token that pads."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertTokenizer, PreTrainedTokenizerFast

    if model_type in FAMILIES:
        (folder / "vocab.txt").write_text("\n".join(WORDS))
        return BertTokenizer(str(folder / "vocab.txt"), model_max_length=64)
    words = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()  # pyright: ignore
    named = {"unk_token": "[UNK]", "eos_token": "[SEP]", "model_max_length": 64}
    if model_type in CAUSAL:
        return PreTrainedTokenizerFast(tokenizer_object=words, bos_token="[CLS]", **named)
    words.post_processor = processors.TemplateProcessing(single="$A [SEP]", special_tokens=[("[SEP]", 3)])  # pyright: ignore
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]", **named)


def kind(model_type: str) -> Any:
    """The kind of backbone of a model type."""
    from homog.backbones.causal import Causal
    from homog.backbones.encoder import Encoder
    from homog.backbones.encoder_decoder import EncoderDecoder

    return Causal if model_type in CAUSAL else EncoderDecoder if model_type == "t5" else Encoder


def tiny(folder: Path, model_type: str = "bert", seed: int = 0) -> Any:
    """A loaded tiny backbone."""
    return kind(model_type)("tiny", str(save_tiny(folder, model_type, seed))).load()


def copied(backbone: Any) -> Any:
    """The same backbone with weights of its own and nothing remembered."""
    return replace(backbone, module=copy.deepcopy(backbone.module), memo={})


def sentences(count: int, words: tuple[str, ...], seed: int) -> list[str]:
    """`count` short texts of `words` and filler."""
    rng = generator("toy", seed)
    return [" ".join(rng.permutation([*rng.choice(words, 2), *rng.choice(FILLER, 4)])) for _ in range(count)]


def corpus(held_out: int = 20) -> tuple[list[str], list[str]]:
    """Stands for the unlabelled text of an injection."""
    texts = sentences(200, GOOD + BAD, 9)
    return texts[held_out:], texts[:held_out]


@dataclass(frozen=True)
class Toy(TaskKind):
    """A task of two or three classes told apart by single words."""

    name: str
    classes: int = 2

    @property
    def prompt(self) -> Prompt:
        """The task in words that the backbone knows."""
        return Prompt("it was", ("good", "bad", "day")[: self.classes], ("good", "bad", "day")[: self.classes])

    def load(self) -> Task:
        """120 training and 60 test examples."""
        train, test = (self._examples(count, part) for part, count in (("train", 120), ("test", 60)))
        return Task(self.name, "", train, test, tuple("abc"[: self.classes]), prompt=self.prompt)

    def _examples(self, count: int, part: str) -> pd.DataFrame:
        each = count // self.classes
        seed = len(self.name) + (part == "test")
        groups = (GOOD, BAD, ("film", "day", "it"))[: self.classes]
        rows = [
            (text, label) for label, words in enumerate(groups) for text in sentences(each, words, seed + 7 * label)
        ]
        frame = pd.DataFrame(rows, columns=["input", "label"])
        frame["example"] = [f"{self.name}-{part}-{i}" for i in frame.index]
        return frame.assign(person=frame["example"], sex="x").reindex(
            columns=["example", "person", "input", "label", "sex"]
        )
