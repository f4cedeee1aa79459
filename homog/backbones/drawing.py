"""A small model that draws what a caption says, one image token after another (DALL-E: Ramesh et al. 2021)."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from homog.backbones.backbone import Backbone
from homog.backbones.draws import Draws
from homog.backbones.kind import DTYPES, BackboneKind
from homog.backbones.small import place, untrained
from homog.backbones.weights import one_cycle
from homog.files import made_once
from homog.inputs import captions
from homog.inputs.captions import COLOURS, LENGTH, SIDE, SOURCE, TEMPLATES, THINGS, WORDS, CaptionReader
from homog.inputs.images import UNLABELLED, VENDORS, ImageReader, all_resized
from homog.inputs.reader import content_of
from homog.seeding import generator, one_thread

PATCH = 4  # pixels a side of what one token shows
TOKENS = (SIDE // PATCH) ** 2  # of an image
BATCH = 256  # images drawn at once


@dataclass(frozen=True)
class Codes(Draws):
    """What turns images into tokens and back: the colours of `codes` patches (codes, PATCH * PATCH * 3), 0..255.

    `heat`: the temperature at which tokens are drawn.
    """

    codes: np.ndarray
    heat: float = 1.0

    def tokens(self, images: np.ndarray) -> np.ndarray:
        """(n, TOKENS) the nearest code of each patch of images (n, SIDE, SIDE, 3), row by row."""
        flat = _patches(images).reshape(-1, self.codes.shape[1]).astype(np.float32)
        far = (self.codes**2).sum(1) - 2 * flat @ self.codes.T
        return far.argmin(1).reshape(len(images), TOKENS)

    def images(self, tokens: np.ndarray) -> np.ndarray:
        """The images (n, SIDE, SIDE, 3) uint8 that tokens (n, TOKENS) stand for."""
        side = SIDE // PATCH
        patches = self.codes[tokens].reshape(-1, side, side, PATCH, PATCH, 3)
        return patches.transpose(0, 1, 3, 2, 4, 5).reshape(-1, SIDE, SIDE, 3).clip(0, 255).astype(np.uint8)

    def loss(self, module: Any, ids: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        """Mean cross entropy of image tokens (batch, TOKENS) after captions (batch, LENGTH), in nats."""
        read = torch.cat([ids, tokens[:, :-1] + len(WORDS)], dim=1)
        states = module(input_ids=read).last_hidden_state[:, -TOKENS:].float()
        return torch.nn.functional.cross_entropy(self._scores(module, states).flatten(0, 1), tokens.flatten())

    def _scores(self, module: Any, states: torch.Tensor) -> torch.Tensor:
        return states @ module.get_input_embeddings().weight[len(WORDS) :].float().T

    @torch.inference_mode()
    def drawn(self, module: Any, ids: torch.Tensor, chances: np.ndarray) -> np.ndarray:
        """Image tokens (batch, TOKENS) drawn after captions; `chances` (batch, TOKENS) in [0, 1) decide which."""
        read, past, told = ids, None, []
        for step in range(TOKENS):
            seen = module(input_ids=read, past_key_values=past, use_cache=True)
            past, states = seen.past_key_values, seen.last_hidden_state[:, -1].float()
            sums = (self._scores(module, states) / self.heat).softmax(1).double().cumsum(1)
            drawn = (sums < torch.as_tensor(chances[:, step : step + 1], device=ids.device)).sum(1)
            drawn = drawn.clamp(max=len(self.codes) - 1)
            told.append(drawn)
            read = drawn[:, None] + len(WORDS)
        return torch.stack(told, 1).cpu().numpy()

    def of(self, backbone: Backbone, module: Any, texts: Sequence[str]) -> np.ndarray:
        """An image of each caption, (n, SIDE, SIDE, 3) uint8, by `module`: the backbone's, or one adapted from it.

        Chances follow from the captions and their order alone: all models draw with the same.
        """
        items = backbone.reader.read(texts)
        chances = generator("draw", content_of(texts)).random((len(items), TOKENS))
        parts = []
        for start in range(0, len(items), BATCH):
            rows = slice(start, start + BATCH)
            ids = backbone.reader.collate(items[rows], backbone.device)["input_ids"]
            parts.append(self.drawn(module, ids, chances[rows]))
        return self.images(np.concatenate(parts))


@dataclass(frozen=True)
class Drawer(BackboneKind):
    """A GPT2Model over a caption and the 49 tokens of an image of 28 pixels, trained here on handwritten digits.

    Tokens are the nearest of `codes` patches, found by k-means. It is trained once, on one thread, on 2,700 digits in
    six colours, and kept in the cache; how often a judge of real images sees what the caption says is printed. Features
    of a caption are the state that draws the first token.
    """

    name: str
    seed: int = 0
    codes: int = 512
    layers: int = 4
    width: int = 128
    steps: int = 2000
    batch: int = 48
    learning_rate: float = 2e-3
    dtype: str = DTYPES[0]

    family: ClassVar[str] = "drawer"
    modality: ClassVar[str] = "caption"
    abilities: ClassVar[tuple[str, ...]] = ("features", "drawing")

    @property
    def sources(self) -> tuple[str, ...]:
        """The pinned public files that it needs."""
        return (SOURCE,)

    def identity(self) -> dict[str, Any]:
        """All but the name; the dtype where it is another than the first."""
        return self.nameless()

    @property
    def unmade(self) -> str:
        """The model that draws, where `load` must train it first."""
        return untrained(place(self))

    def load(self, device: str = "cpu") -> Any:
        """The Backbone, trained on the first call, in evaluation mode, every parameter frozen, on `device`."""
        from safetensors.numpy import load_file
        from transformers import GPT2Model

        folder = made_once(place(self), f"training {self.name}, once (a quarter of an hour)", self.make)
        module: Any = GPT2Model.from_pretrained(folder, dtype=self.torch_dtype)
        module = module.eval().requires_grad_(False).to(device)
        draws = Codes(load_file(folder / "codes.safetensors")["codes"])
        source = json.dumps(self.identity())
        return Backbone(self.label, self.family, source, module, CaptionReader(), pooling="last", draws=draws)

    def make(self, folder: Path) -> None:
        """Train it, and save it in `folder` with its codes and its quality."""
        from safetensors.numpy import save_file

        module, draws = drawer(self)
        module.save_pretrained(folder)
        save_file({"codes": draws.codes}, folder / "codes.safetensors")
        backbone = Backbone(self.label, self.family, "", module, CaptionReader(), draws=draws)
        facts = quality(backbone, draws)
        (folder / "quality.json").write_text(json.dumps(facts))
        print(f"homog: {self.name}: {facts['said']}", file=sys.stderr, flush=True)


@dataclass(frozen=True)
class TokenReader(ImageReader):
    """Reads an image of whatever size as an empty caption and its tokens: what a model that draws makes of images."""

    codes: Codes = field(kw_only=True)

    def read(self, inputs: Sequence[Any]) -> list[np.ndarray]:
        """(LENGTH + TOKENS,) word numbers of each image."""
        images = all_resized([np.asarray(given) for given in inputs], SIDE)
        tokens = self.codes.tokens(images) + len(WORDS)
        return list(np.hstack([np.zeros((len(images), LENGTH), dtype=tokens.dtype), tokens]))

    def collate(self, items: Sequence[np.ndarray], device: torch.device) -> dict[str, torch.Tensor]:
        """`input_ids` (batch, LENGTH + TOKENS)."""
        return {"input_ids": torch.as_tensor(np.stack(items), device=device)}

    def blank(self, mask: torch.Tensor) -> dict[str, torch.Tensor]:
        """As many empty captions of white images."""
        return {"input_ids": mask * 0}


@dataclass(frozen=True)
class ImageTokens(Drawer):
    """The same model as an encoder of images: what else is built on the tokens of a model that draws (as in BEiT).

    Features of an image are the mean state over its tokens, after an empty caption. Weights are those of the drawer.
    """

    family: ClassVar[str] = "image_tokens"
    modality: ClassVar[str] = "image"
    abilities: ClassVar[tuple[str, ...]] = ("features",)

    @property
    def sources(self) -> tuple[str, ...]:
        """The pinned public files that it needs; defects are planted with drawings."""
        return (SOURCE, VENDORS[UNLABELLED])

    @property
    def drawer(self) -> Drawer:
        """The kind whose weights it has."""
        return Drawer(**{each.name: getattr(self, each.name) for each in fields(self)})

    @property
    def unmade(self) -> str:
        """The model that draws, where `load` must train it first."""
        return self.drawer.unmade

    def load(self, device: str = "cpu") -> Any:
        """The Backbone of the drawer, which reads images."""
        same = self.drawer.load(device)
        same.module.config.use_cache = False  # the whole image is read at once
        reader = TokenReader(SIDE, (), (), LENGTH + TOKENS, codes=same.draws)
        source = json.dumps({"reads": "images", **self.identity()})
        return replace(same, family=self.family, source_id=source, reader=reader, pooling="mean", draws=None, memo={})


def _patches(images: np.ndarray) -> np.ndarray:
    side = SIDE // PATCH
    cut = images.reshape(len(images), side, PATCH, side, PATCH, 3).transpose(0, 1, 3, 2, 4, 5)
    return cut.reshape(len(images), TOKENS, -1)


def codebook(images: np.ndarray, count: int) -> np.ndarray:
    """(count, PATCH * PATCH * 3) float32: white, and the centres of k-means of patches that are not of one colour."""
    from sklearn.cluster import MiniBatchKMeans

    flat = _patches(images).reshape(-1, PATCH * PATCH * 3).astype(np.float32)
    flat = flat[flat.std(1) > 1]
    flat = flat[generator("patches").permutation(len(flat))[:60000]]
    codebook = MiniBatchKMeans(count - 1, random_state=0, n_init="auto", max_iter=30, batch_size=4096).fit(flat)
    return np.vstack([np.full((1, flat.shape[1]), 255.0), codebook.cluster_centers_]).astype(np.float32)


def drawer(kind: Drawer) -> tuple[Any, Codes]:
    """(the trained GPT2Model, its codes)."""
    from transformers import GPT2Config, GPT2Model

    rng = generator("drawer", kind.seed)
    with one_thread(rng):
        ink, which = captions.digits("generator")
        every = np.concatenate([captions.coloured(ink, [colour] * len(ink)) for colour in COLOURS])
        draws = Codes(codebook(every, kind.codes))
        tokens = torch.as_tensor(draws.tokens(every))
        sizes: dict[str, Any] = {"n_embd": kind.width, "n_layer": kind.layers, "n_head": max(1, kind.width // 32)}
        drop = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0, "bos_token_id": 0, "eos_token_id": 0}
        model: Any = GPT2Model(
            GPT2Config(vocab_size=len(WORDS) + kind.codes, n_positions=LENGTH + TOKENS, **sizes, **drop)
        ).train()
        optimizer = torch.optim.AdamW(model.parameters(), lr=kind.learning_rate, weight_decay=0.01, fused=True)
        reader, colours = CaptionReader(), list(COLOURS)

        def loss() -> torch.Tensor:
            rows = rng.integers(len(tokens), size=kind.batch)
            forms = rng.integers(len(TEMPLATES), size=kind.batch)
            texts = [
                captions.caption(TEMPLATES[form], colours[row // len(ink)], THINGS[which[row % len(ink)]])
                for row, form in zip(rows, forms, strict=True)
            ]
            ids = reader.collate(reader.read(texts), torch.device("cpu"))["input_ids"]
            return draws.loss(model, ids, tokens[rows])

        one_cycle(optimizer, kind.steps, loss, list(model.parameters()))
    return model.eval(), draws


def quality(backbone: Backbone, draws: Codes) -> dict[str, Any]:
    """How often what is drawn of 600 captions is what they name; beside it real images, as they are and as tokens."""
    texts = CaptionReader().unlabelled()[0][:600]
    asked = [captions.shown(text) for text in texts]
    things = np.array([THINGS.index(thing) for _, thing in asked])
    colours = np.array([list(COLOURS).index(colour) for colour, _ in asked])
    told, real_accuracy = captions.judge("upright")
    real = captions.drawn("judged", "upright", asked, generator("quality"))
    made = draws.of(backbone, backbone.module, texts)
    tokens = draws.images(draws.tokens(real))
    facts = {"real": real_accuracy}
    for name, images in (("tokens", tokens), ("drawn", made)):
        facts[name] = float((told(images).argmax(1) == things).mean())
        facts[f"{name}_colour"] = float((captions.colours_of(images).argmax(1) == colours).mean())
    said = (
        f"the thing asked for is seen in {facts['drawn']:.2f} of its images, the colour in {facts['drawn_colour']:.2f}"
    )
    return {**facts, "said": f"{said} (real images {real_accuracy:.2f}, as tokens {facts['tokens']:.2f})"}
