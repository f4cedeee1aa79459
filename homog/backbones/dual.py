"""Two towers, one of images and one of texts, in one space (CLIP, Radford et al. 2021): your own or joined here."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from homog.backbones.kind import DTYPES, BackboneKind
from homog.backbones.pretrained import Pretrained
from homog.backbones.small import place
from homog.backbones.vision import preprocessing, side_of, states_of
from homog.backbones.weights import one_cycle
from homog.files import made_once
from homog.inputs.images import SKIN, UNLABELLED, ImageReader, drawings
from homog.seeding import generator, one_thread

Words = Callable[[Sequence[str]], np.ndarray]  # texts (n) -> (n, d) float32, in the space of the images
HELD_OUT = 10  # one drawn thing in so many is left out, to say how good it is
TEMPERATURE = 0.07


class ImageTower(nn.Module):
    """The tower of images and its projection: images -> one state (batch, 1, d).

    `pooled`: whether the tower has a pooled output that the projection takes; else the mean of its states.
    """

    def __init__(self, tower: nn.Module, projection: nn.Module | None, width: int, pooled: bool) -> None:
        super().__init__()
        self.tower, self.projection, self.pooled = tower, projection or nn.Identity(), pooled
        depth = int(tower.config.num_hidden_layers)  # pyright: ignore
        self.config = SimpleNamespace(hidden_size=width, num_hidden_layers=depth)

    def forward(self, pixel_values: torch.Tensor) -> SimpleNamespace:
        """What transformers would give: `last_hidden_state`."""
        output = self.tower(pixel_values=pixel_values)
        pooled = output.pooler_output if self.pooled else output.last_hidden_state.mean(1)
        return SimpleNamespace(last_hidden_state=self.projection(pooled)[:, None])


@dataclass(frozen=True)
class DualEncoder(Pretrained):
    """A CLIPModel, SiglipModel or VisionTextDualEncoderModel of transformers, from a directory or the hub.

    Features are the projected embeddings of images. Defects and adaptations work on the tower of images; texts are read
    by the other one (`Backbone.words`), which nothing changes.
    """

    family: ClassVar[str] = "dual_encoder"
    modality: ClassVar[str] = "image"

    def load(self, device: str = "cpu") -> Any:
        """The Backbone, in evaluation mode, every parameter frozen, on `device`."""
        from transformers import AutoTokenizer

        from homog.backbones.backbone import Backbone

        model, where, options = self.model("AutoModel", device)
        tokenizer = AutoTokenizer.from_pretrained(where, **options)
        known, vision = preprocessing(where, options), model.vision_model
        config = getattr(vision, "config", model.config.vision_config)
        projection = getattr(model, "visual_projection", None)
        width = projection.out_features if projection is not None else int(config.hidden_size)
        module = ImageTower(vision, projection, width, pooled=True).eval().requires_grad_(False)
        side = side_of(known, config)
        reader = ImageReader(side, *statistics(known), states_of(vision, side))

        @torch.inference_mode()
        def words(texts: Sequence[str]) -> np.ndarray:
            read = tokenizer(list(texts), padding=True, truncation=True, return_tensors="pt").to(device)
            told = model.get_text_features(**{k: v for k, v in read.items() if k in ("input_ids", "attention_mask")})
            told = told if isinstance(told, torch.Tensor) else told.pooler_output
            return told.float().cpu().numpy()

        source = json.dumps(self.identity())
        return Backbone(self.label, self.family, source, module, reader, words=words)


@dataclass(frozen=True)
class JoinedTowers(BackboneKind):
    """Frozen DINOv2-small and MiniLM-L6, each with a projection that is trained here ("locked", Zhai et al. 2022).

    The two are trained on one vendor's drawings and their names, tones and categories by InfoNCE, in which equal
    captions are equally right (Radford et al. 2021), once and on one thread, and kept in the cache. `image` and `words`
    name the towers' backbones.
    """

    name: str
    image: str = "dinov2_small"
    words: str = "minilm_l6"
    width: int = 256
    steps: int = 1500
    batch: int = 256
    learning_rate: float = 1e-3
    seed: int = 0
    dtype: str = DTYPES[0]

    family: ClassVar[str] = "dual_encoder"
    modality: ClassVar[str] = "image"

    @cached_property
    def towers(self) -> tuple[Any, Any]:
        """The kinds of the two backbones."""
        from homog.variants import variant

        return variant("backbone", self.image), variant("backbone", self.words)

    @property
    def sources(self) -> tuple[str, ...]:
        """The pinned public files that it needs."""
        return (*self.towers[0].sources, *self.towers[1].sources, f"emoji_{UNLABELLED}")

    def identity(self) -> dict[str, Any]:
        """All but the name, with what the towers are; the dtype where it is another than the first."""
        return self.nameless() | {"image": self.towers[0].identity(), "words": self.towers[1].identity()}

    def load(self, device: str = "cpu") -> Any:
        """The Backbone, its projections trained on the first call, every parameter frozen, on `device`."""
        from safetensors.torch import load_file

        from homog.backbones.backbone import Backbone

        image, texts = (kind.load(device) for kind in self.towers)
        heads = projections(image.dimension, texts.dimension, self.width)
        heads.load_state_dict(load_file(self.folder(image, texts) / "model.safetensors"))
        heads = heads.eval().requires_grad_(False).to(device)
        module = ImageTower(image.module, heads[0], self.width, pooled=False).to(device, self.torch_dtype).eval()

        @torch.inference_mode()
        def words(given: Sequence[str]) -> np.ndarray:
            return heads[1](torch.as_tensor(texts.encode(list(given)), device=device)).float().cpu().numpy()

        return Backbone(
            self.label,
            self.family,
            json.dumps(self.identity()),
            module.requires_grad_(False),
            image.reader,
            words=words,
        )

    def folder(self, image: Any, texts: Any) -> Path:
        """Where its projections are: a reader sees them whole or not at all."""
        from safetensors.torch import save_file

        def join(made: Path) -> None:
            heads, facts = joined(self, image, texts)
            save_file(heads.state_dict(), made / "model.safetensors")
            (made / "quality.json").write_text(json.dumps(facts))
            print(f"homog: {self.name}: {facts['said']}", file=sys.stderr, flush=True)

        return made_once(place(self), f"joining the towers of {self.name}, once (a few minutes)", join)


def statistics(known: dict[str, Any]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """(mean, standard deviation) of the channels, as the preprocessing says them, else those of CLIP."""
    usual = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
    return tuple(known.get("image_mean") or usual[0]), tuple(known.get("image_std") or usual[1])


def projections(image: int, texts: int, width: int) -> nn.ModuleList:
    """One of each tower: from its features to a shared space of `width` dimensions."""
    return nn.ModuleList([nn.Sequential(nn.Linear(d, 512), nn.GELU(), nn.Linear(512, width)) for d in (image, texts)])


def captioned() -> Iterator[tuple[str, np.ndarray, tuple[str, str]]]:
    """(what it shows, drawing, (its name and tone, its kind)) of every drawing of the vendor."""
    for facts, image in drawings(UNLABELLED):
        name = (facts["name"] or facts["short_name"]).lower()
        tone = f", {SKIN[facts['tone']]} skin tone" if facts["tone"] in SKIN else ""
        kind = f"{facts['subcategory'].replace('-', ' ')}, {facts['category'].lower()}"
        yield facts["unified"], image, (f"a drawing of {name}{tone}", f"a drawing of {kind}{tone}")


def joined(kind: JoinedTowers, image: Any, texts: Any) -> tuple[nn.ModuleList, dict[str, Any]]:
    """(the two projections after training, how good they are on things that were left out)."""
    from torch.nn.functional import log_softmax, normalize

    things, pictures, captions = zip(*captioned(), strict=True)
    order = {thing: i for i, thing in enumerate(dict.fromkeys(things))}
    kept = np.array([order[thing] % HELD_OUT > 0 for thing in things])
    seen = torch.as_tensor(image.encode(pictures))
    said = {text: i for i, text in enumerate(dict.fromkeys(text for pair in captions for text in pair))}
    told = torch.as_tensor(texts.encode(list(said)))
    numbers = np.array([[said[text] for text in pair] for pair in captions])
    rng = generator("towers", kind.seed)
    with one_thread(rng):
        heads = projections(seen.shape[1], told.shape[1], kind.width)
        optimizer = torch.optim.AdamW(heads.parameters(), lr=kind.learning_rate)
        rows = np.flatnonzero(kept)

        def loss() -> torch.Tensor:
            batch = rng.choice(rows, min(kind.batch, len(rows)), replace=False)
            texts_of = torch.as_tensor(numbers[batch, rng.integers(2, size=len(batch))])
            a, b = normalize(heads[0](seen[batch]), dim=1), normalize(heads[1](told[texts_of]), dim=1)
            scores, alike = a @ b.T / TEMPERATURE, (texts_of[:, None] == texts_of).float()
            right = alike / alike.sum(1, keepdim=True)
            return -(right * (log_softmax(scores, 1) + log_softmax(scores.T, 1))).sum(1).mean()

        one_cycle(optimizer, kind.steps, loss)
    return heads.eval(), quality(heads, seen[~kept], told, numbers[~kept, 0])


@torch.inference_mode()
def quality(heads: nn.ModuleList, seen: torch.Tensor, told: torch.Tensor, right: np.ndarray) -> dict[str, Any]:
    """Recall of the right name and tone, at 1 and at 5, among those of all left-out drawings."""
    from torch.nn.functional import normalize

    names = np.unique(right)
    scores = normalize(heads[0](seen), dim=1) @ normalize(heads[1](told[names]), dim=1).T
    first = names[scores.topk(min(5, len(names)), dim=1).indices.numpy()]
    recall = {k: float((first[:, :k] == right[:, None]).any(1).mean()) for k in (1, 5)}
    said = f"recall@1 {recall[1]:.2f}, @5 {recall[5]:.2f} among {len(names)} captions of things never seen"
    return {"recall_at_1": recall[1], "recall_at_5": recall[5], "captions": len(names), "said": said}
