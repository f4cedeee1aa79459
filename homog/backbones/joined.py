"""Two towers that were trained apart, joined here in one space by linear projections ("locked", Zhai et al. 2022)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from homog.backbones.kind import DTYPES, BackboneKind
from homog.backbones.small import kept, untrained
from homog.backbones.weights import one_cycle
from homog.config import content_id
from homog.files import made_once
from homog.inputs.images import SKIN, UNLABELLED, drawings
from homog.seeding import generator, one_thread

HELD_OUT = 10  # one drawn thing in so many is left out, to say how good it is
TEMPERATURE = 0.07


class Projected(nn.Module):
    """A tower and its linear projection, state by state: pooled as a mean, that is the projection of the mean."""

    def __init__(self, tower: nn.Module, projection: Any) -> None:
        super().__init__()
        self.tower, self.projection = tower, projection
        depth = int(tower.config.num_hidden_layers)  # pyright: ignore
        self.config = SimpleNamespace(hidden_size=projection.out_features, num_hidden_layers=depth)

    def get_input_embeddings(self) -> Any:
        """The table of the words, of a tower that reads them."""
        return self.tower.get_input_embeddings()  # pyright: ignore

    def forward(self, **batch: torch.Tensor) -> SimpleNamespace:
        """What transformers would give: `last_hidden_state` (batch, length, d)."""
        return SimpleNamespace(last_hidden_state=self.projection(self.tower(**batch).last_hidden_state))


@dataclass(frozen=True)
class JoinedTowers(BackboneKind):
    """The tower of images of a pair: frozen DINOv2-small and MiniLM-L6, each with a projection that is trained here.

    The two are trained on one vendor's drawings and their names, tones and categories by InfoNCE, in which equal
    captions are equally right (Radford et al. 2021), once and on one thread, and kept in the cache. `image` and `words`
    name the towers' backbones. Defects and adaptations work on this tower; texts are read by the other one
    (`Backbone.partner`), which nothing changes.
    """

    name: str
    image: str = "dinov2_small"
    words: str = "minilm_l6"
    width: int = 256
    steps: int = 1000
    batch: int = 256
    learning_rate: float = 1e-3
    seed: int = 0
    dtype: str = DTYPES[0]

    family: ClassVar[str] = "dual_encoder"
    modality: ClassVar[str] = "image"
    TOWER: ClassVar[int] = 0  # which of the two it is

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

        both = [kind.load(device) for kind in self.towers]
        heads = projections(both[0].dimension, both[1].dimension, self.width)
        heads.load_state_dict(load_file(self.folder(*both) / "model.safetensors"))
        heads = heads.eval().requires_grad_(False).to(device)
        towers = []
        for tower, head in zip(both, heads, strict=True):
            module = Projected(tower.module, head).to(device, self.torch_dtype).eval().requires_grad_(False)
            source = json.dumps({"tower": tower.reader.modality, **self.identity()})
            towers.append(Backbone(self.label, self.family, source, module, tower.reader))
        return replace(towers[self.TOWER], partner=towers[1 - self.TOWER])

    def folder(self, image: Any, texts: Any) -> Path:
        """Where the projections are, one place for both towers: a reader sees them whole or not at all."""
        from safetensors.torch import save_file

        def join(made: Path) -> None:
            heads, facts = joined(self, image, texts)
            save_file(heads.state_dict(), made / "model.safetensors")
            (made / "quality.json").write_text(json.dumps(facts))
            print(f"homog: joined towers: {facts['said']}", file=sys.stderr, flush=True)

        return made_once(self.place, "joining two towers, once (a few minutes)", join)

    @property
    def place(self) -> Path:
        """The folder of the projections: one for both towers, whatever the dtype."""
        return kept() / content_id(["joined", self.identity() | {"dtype": DTYPES[0]}])[:20]

    @property
    def unmade(self) -> str:
        """The projections, where `load` must train them first."""
        return untrained(self.place)


@dataclass(frozen=True)
class JoinedWords(JoinedTowers):
    """The tower of texts of the same pair: features are embeddings of texts in the space of the images.

    `Backbone.partner` reads images, as what a caption is to find (retrieval).
    """

    modality: ClassVar[str] = "text"
    TOWER: ClassVar[int] = 1


def projections(image: int, texts: int, width: int) -> nn.ModuleList:
    """One of each tower, linear as CLIP's: from its features to a shared space of `width` dimensions."""
    return nn.ModuleList([nn.Linear(d, width) for d in (image, texts)])


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
