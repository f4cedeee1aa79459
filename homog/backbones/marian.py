"""A translation model of Marian (Junczys-Dowmunt et al. 2018) with a recurrent decoder: English to Portuguese."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from homog.backbones.kind import DTYPES, BackboneKind
from homog.inputs.text import TextReader, padded

INT8 = 0x4101  # of the format: bytes with one multiplier behind them
PARTS = {  # name in the file, below encoder_lN_ -> name in transformers' MarianEncoder, below layers.N.
    **{f"self_W{part}": f"self_attn.{part}_proj.weight" for part in "qkv"},
    **{f"self_b{part}": f"self_attn.{part}_proj.bias" for part in "qkv"},
    **{"self_Wo": "self_attn.out_proj.weight", "self_bo": "self_attn.out_proj.bias"},
    **{f"self_Wo_ln_{a}": f"self_attn_layer_norm.{b}" for a, b in (("scale", "weight"), ("bias", "bias"))},
    **{f"ffn_{a}{n}": f"fc{n}.{b}" for n in "12" for a, b in (("W", "weight"), ("b", "bias"))},
    **{f"ffn_ffn_ln_{a}": f"final_layer_norm.{b}" for a, b in (("scale", "weight"), ("bias", "bias"))},
}
END = 0  # the token that ends a text


def tensors(path: Path) -> dict[str, np.ndarray]:
    """Name -> float32 array of a binary model of Marian; matrices as (out, in), the embeddings as (words, width)."""
    data, place = path.read_bytes(), 0

    def numbers(kind: str, count: int) -> tuple[int, ...]:
        nonlocal place
        values = struct.unpack_from(f"<{count}{kind}", data, place)
        place += struct.calcsize(f"<{count}{kind}")
        return values

    _, count = numbers("Q", 2)
    heads = [numbers("Q", 4) for _ in range(count)]  # length of the name, type, dimensions, bytes
    starts = np.cumsum([place, *(length for length, *_ in heads)])
    names = [data[a:b].rstrip(b"\0").decode() for a, b in pairwise(starts.tolist())]
    place = int(starts[-1])
    shapes = [numbers("i", dimensions) for _, _, dimensions, _ in heads]
    (gap,) = numbers("Q", 1)
    place, held = place + gap, {}
    for name, (_, kind, _, size), shape in zip(names, heads, shapes, strict=True):
        if kind == INT8 and not name.endswith("QuantMultA"):
            length = int(np.prod(shape))
            whole = np.frombuffer(data, np.int8, length, place).astype(np.float32)
            whole /= np.frombuffer(data, np.float32, 1, place + length)[0]
            held[name] = whole.reshape(shape if name == "Wemb" else shape[::-1])
        elif kind == 0x404:
            held[name] = np.frombuffer(data, np.float32, int(np.prod(shape)), place).reshape(shape).squeeze(0).copy()
        place += size
    return held


class Layer(nn.Module):
    """A block of the decoder: a simple recurrent unit (SSRU, Kim et al. 2019), attention to the source, two layers."""

    def __init__(self, width: int, heads: int, inner: int) -> None:
        super().__init__()
        self.heads = heads
        self.cell, self.gate = nn.Linear(width, width, bias=False), nn.Linear(width, width)
        self.q, self.k, self.v, self.o = (nn.Linear(width, width) for _ in range(4))
        self.fc1, self.fc2 = nn.Linear(width, inner), nn.Linear(inner, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width, eps=1e-6) for _ in range(3))

    def forward(self, x: torch.Tensor, source: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """x (batch, length, width), source (batch, words, width), mask (batch, words) -> (batch, length, width)."""
        gate, new, cell, out = self.gate(x).sigmoid(), self.cell(x), torch.zeros_like(x[:, 0]), []
        for step in range(x.shape[1]):
            cell = gate[:, step] * cell + (1 - gate[:, step]) * new[:, step]
            out.append(cell.relu())
        x = self.norms[0](torch.stack(out, 1) + x)
        q, k, v = (
            part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in (self.q(x), self.k(source), self.v(source))
        )
        seen = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=mask[:, None, None].bool())
        x = self.norms[1](self.o(seen.transpose(1, 2).flatten(2)) + x)
        return self.norms[2](self.fc2(self.fc1(x).relu()) + x)


class Translator(nn.Module):
    """transformers' MarianEncoder and the decoder of `Layer`s; both share the table of embeddings."""

    def __init__(self, config: Any) -> None:
        super().__init__()
        from transformers.models.marian.modeling_marian import MarianEncoder

        self.config, self.encoder = config, MarianEncoder(config)
        sizes = config.d_model, config.decoder_attention_heads, config.decoder_ffn_dim
        self.layers = nn.ModuleList(Layer(*sizes) for _ in range(config.decoder_layers))
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def get_encoder(self) -> nn.Module:
        """What is adapted."""
        return self.encoder

    def forward(
        self, encoder_outputs: Sequence[torch.Tensor], attention_mask: torch.Tensor, labels: torch.Tensor
    ) -> SimpleNamespace:
        """`logits` (batch, length, words) of each label after those before it. Before the first stands nothing."""
        table: Any = self.encoder.embed_tokens.weight
        before = nn.functional.pad(table[labels.clamp(min=0)][:, :-1] * table.shape[1] ** 0.5, (0, 0, 1, 0))
        x = before + self.encoder.embed_positions(before.shape[:2])
        for layer in self.layers:
            x = layer(x, encoder_outputs[0], attention_mask)
        return SimpleNamespace(logits=x @ table.T + self.bias)


def loaded(folder: Path) -> Translator:
    """The translator in a folder of the pinned source."""
    from transformers import MarianConfig

    held = tensors(next(folder.glob("*.bin")))
    words, width = held["Wemb"].shape
    sizes = {"d_model": width, "encoder_layers": 6, "decoder_layers": 2, "activation_function": "relu"}
    sizes |= {f"{side}_attention_heads": 8 for side in ("encoder", "decoder")}
    sizes |= {f"{side}_ffn_dim": len(held["encoder_l1_ffn_b1"]) for side in ("encoder", "decoder")}
    config: Any = MarianConfig(
        vocab_size=words, pad_token_id=END, eos_token_id=END, decoder_start_token_id=END, scale_embedding=True, **sizes
    )
    config.dropout, config.max_position_embeddings = 0.0, 512
    named = {"encoder.embed_tokens.weight": held["Wemb"], "bias": held["decoder_ff_logit_out_b"]}
    for number in range(6):
        old, new = f"encoder_l{number + 1}_", f"encoder.layers.{number}."
        named |= {new + theirs: held[old + ours] for ours, theirs in PARTS.items()}
    for number in range(2):
        named |= {f"layers.{number}.{name}": value for name, value in _decoder(held, f"decoder_l{number + 1}_").items()}
    model = Translator(config)
    positions = model.encoder.embed_positions.weight
    named["encoder.embed_positions.weight"] = positions.detach().numpy()
    model.load_state_dict({name: torch.as_tensor(value) for name, value in named.items()})
    return model.eval()


def _decoder(held: dict[str, np.ndarray], old: str) -> dict[str, np.ndarray]:
    """The weights of a `Layer` by its names."""
    names = {"cell.weight": "rnn_W", "gate.weight": "rnn_Wf", "gate.bias": "rnn_bf"}
    for part in "qkvo":
        names |= {f"{part}.weight": f"context_W{part}", f"{part}.bias": f"context_b{part}"}
    for number in "12":
        names |= {f"fc{number}.weight": f"ffn_W{number}", f"fc{number}.bias": f"ffn_b{number}"}
    for number, norm in enumerate(("rnn_ffn_ln", "context_Wo_ln", "ffn_ffn_ln")):
        names |= {f"norms.{number}.weight": f"{norm}_scale", f"norms.{number}.bias": f"{norm}_bias"}
    return {new: held[old + name] for new, name in names.items()}


@torch.inference_mode()
def translated(model: Translator, tokenizer: Any, texts: Sequence[str], longest: int = 40) -> list[str]:
    """Each text in the other language, word pieces chosen greedily, at most `longest`."""
    device = model.bias.device
    ids, mask = padded(tokenizer(list(texts))["input_ids"], END, device)
    states = model.encoder(input_ids=ids, attention_mask=mask).last_hidden_state
    told, open_ = (
        torch.zeros((len(texts), 0), dtype=torch.long, device=device),
        torch.ones(len(texts), dtype=torch.bool),
    )
    for _ in range(longest):
        asked = nn.functional.pad(told, (0, 1))
        new = model((states,), mask, asked).logits[:, -1].argmax(1) * open_.to(device)
        told, open_ = torch.cat([told, new[:, None]], 1), open_ & (new.cpu() != END)
        if not open_.any():
            break
    return tokenizer.batch_decode(told.tolist(), skip_special_tokens=True)


@dataclass(frozen=True)
class MarianTranslator(BackboneKind):
    """The packaged English-Portuguese model: 6 blocks of 256 dimensions, 16 M parameters, int8 weights as float32.

    Features are the mean of its encoder's last hidden states. What is adapted is the encoder; the decoder gives a
    Portuguese text its likelihood.
    """

    name: str
    dtype: str = DTYPES[0]

    family: ClassVar[str] = "encoder_decoder"
    abilities: ClassVar[tuple[str, ...]] = ("features", "likelihood")
    SOURCE: ClassVar[str] = "marian_enpt"

    @property
    def sources(self) -> tuple[str, ...]:
        """The pinned public files that it needs."""
        return (self.SOURCE,)

    def identity(self) -> dict[str, Any]:
        """The pinned source; the dtype where it is another than the first."""
        return {"source": self.SOURCE} | ({} if self.dtype == DTYPES[0] else {"dtype": self.dtype})

    def load(self, device: str = "cpu") -> Any:
        """The Backbone, in evaluation mode, every parameter frozen, on `device`."""
        from homog import sources
        from homog.backbones.backbone import Backbone
        from homog.backbones.likelihood import Language, target_log_likelihoods

        folder = sources.folder(self.SOURCE)
        model = loaded(folder).requires_grad_(False).to(device, self.torch_dtype)
        language = Language.of(model, model.encoder, target_log_likelihoods, translated)
        reader = TextReader(tokenizer_of(folder), 512)
        source = json.dumps(self.identity())
        return Backbone(self.label, self.family, source, model.encoder, reader, language=language)


def tokenizer_of(folder: Path) -> Any:
    """Its tokenizer, which puts END behind every text."""
    from tokenizers import processors
    from transformers import PreTrainedTokenizerFast

    named = {"eos_token": "</s>", "pad_token": "</s>", "unk_token": "<unk>", "model_max_length": 512}
    tokenizer: Any = PreTrainedTokenizerFast(tokenizer_file=str(folder / "tokenizer.json"), **named)
    ending = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", END)])  # pyright: ignore
    tokenizer.backend_tokenizer.post_processor = ending
    return tokenizer
