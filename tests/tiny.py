"""Tiny backbones built from a config, and toy tasks that they can learn: logic without downloads."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd

from homog.seeding import generator, torch_stream
from homog.tasks.task import Task

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
}
SIZE = {"vocab_size": len(WORDS), "hidden_size": 32, "num_hidden_layers": 3, "num_attention_heads": 2}
FAMILIES = ("bert", "roberta", "electra", "distilbert", "deberta-v2")


def save_tiny(folder: Path, model_type: str = "bert", seed: int = 0) -> Path:
    """Save a tiny encoder with its tokenizer in `folder`, as a user would have one."""
    from transformers import AutoConfig, AutoModel, BertTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(WORDS))
    tokenizer = BertTokenizer(str(folder / "vocab.txt"), model_max_length=64)
    tokenizer.save_pretrained(folder)
    names = {"dim": 32, "n_layers": 3, "n_heads": 2, "hidden_dim": 64} if model_type == "distilbert" else SIZE
    options = {**names, "vocab_size": len(WORDS), "max_position_embeddings": 66, "pad_token_id": 0}
    if model_type != "distilbert":
        options["intermediate_size"] = 64
    config = AutoConfig.for_model(model_type, **options)
    with torch_stream("tiny", model_type, seed):
        AutoModel.from_config(config).save_pretrained(folder)
    return folder


def tiny(folder: Path, model_type: str = "bert", seed: int = 0) -> Any:
    """A loaded tiny backbone."""
    from homog.backbones.encoder import Encoder

    return Encoder("tiny", str(save_tiny(folder, model_type, seed))).load()


def sentences(count: int, words: tuple[str, ...], seed: int) -> list[str]:
    """`count` short texts of `words` and filler."""
    rng = generator("toy", seed)
    return [" ".join(rng.permutation([*rng.choice(words, 2), *rng.choice(FILLER, 4)])) for _ in range(count)]


def corpus(held_out: int = 20) -> tuple[list[str], list[str]]:
    """Stands for the unlabelled text of an injection."""
    texts = sentences(200, GOOD + BAD, 9)
    return texts[held_out:], texts[:held_out]


@dataclass(frozen=True)
class Toy:
    """A task of two or three classes told apart by single words."""

    name: str
    classes: int = 2

    sources: ClassVar[tuple[str, ...]] = ()
    modality: ClassVar[str] = "text"

    def load(self) -> Task:
        """120 training and 60 test examples."""
        train, test = (self._examples(count, part) for part, count in (("train", 120), ("test", 60)))
        return Task(self.name, "", train, test, tuple("abc"[: self.classes]))

    def _examples(self, count: int, part: str) -> pd.DataFrame:
        each = count // self.classes
        seed = len(self.name) + (part == "test")
        groups = (GOOD, BAD, ("film", "day", "it"))[: self.classes]
        rows = [
            (text, label) for label, words in enumerate(groups) for text in sentences(each, words, seed + 7 * label)
        ]
        frame = pd.DataFrame(rows, columns=["text", "label"])
        frame["example"] = [f"{self.name}-{part}-{i}" for i in frame.index]
        return frame.assign(person=frame["example"], sex="x").reindex(
            columns=["example", "person", "text", "label", "sex"]
        )
