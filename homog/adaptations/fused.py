"""Many adapters over one frozen trunk, trained as one: their batches side by side, each row through its own adapter.

peft trains one adapter at a time; its mixed batches predict alone. What is here is the training step, by hooks on a
trunk that all share. What is trained are the parameters of ordinary modules of peft, one per model.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

from homog.adaptations.adaptation import Predictor
from homog.adaptations.training import Copy, check_finite, epochs, groups, order, predictor, ramp, start, trained
from homog.backbones.backbone import Backbone
from homog.backbones.trunk import recomputed
from homog.backbones.weights import adamw, sharing
from homog.seeding import generator

Wanted = tuple[Any, Any, int]  # (adaptation, task, seed) of a model
ON_CPU = 8  # models at once where no memory runs out early: beyond this a core gains nothing


def fit(backbone: Backbone, wanted: Sequence[Wanted]) -> Iterator[list[Predictor]]:
    """The models in the order of `wanted`, as many trained at once as memory allows: halved until they fit.

    Each has its own start, order, schedule and length, those of training it alone; the same sums are added in another
    order. All have one `shape`.
    """
    rest, most = list(wanted), len(wanted) if backbone.device.type == "cuda" else ON_CPU
    while rest:
        try:
            models = together(backbone, rest[:most])
        except torch.OutOfMemoryError:
            if most == 1 or len(rest) == 1:
                raise
            most = max(1, min(most, len(rest)) // 2)
            torch.cuda.empty_cache()
            continue
        yield models
        rest = rest[most:]


def together(backbone: Backbone, wanted: Sequence[Wanted]) -> list[Predictor]:
    """The models, trained at once; alone where the adapter is of a kind that no hook is known for."""
    made = [Member(adaptation, task, seed, adaptation.copy(backbone, task, seed)) for adaptation, task, seed in wanted]
    trunk = Trunk([each.copy for each in made])
    if len(made) == 1 or backbone.draws is not None or not trunk.known:
        return [trained(each.copy, each.task, each.adaptation, each.seed) for each in made]
    heads = train(trunk, made)
    return [predictor(each.copy, head, len(made)) for each, head in zip(made, heads, strict=True)]


class Member(NamedTuple):
    """A model that is trained beside others."""

    adaptation: Any
    task: Any
    seed: int
    copy: Copy


def train(trunk: Trunk, made: Sequence[Member]) -> list[torch.nn.Linear]:
    """Train what moves in every copy, and a new head each; returns the heads."""
    backbone = made[0].copy.backbone
    heads = [start(each.copy.backbone, each.task, each.adaptation.head) for each in made]
    reader, width = backbone.reader, max(head.out_features for head in heads)
    items = [reader.read(list(each.task.train["input"])) for each in made]
    labels = [torch.as_tensor(each.task.train["label"].to_numpy().copy()) for each in made]
    parts, schedules, rounds = [], [], []
    for each, head, own in zip(made, heads, items, strict=True):
        settings, stream = each.adaptation, order(each.adaptation, each.task, each.seed)
        sizes = [reader.size(item) for item in own]
        rounds.append(list(epochs(sizes, settings, generator(*stream))))
        moving = [p for p in (*each.copy.module.parameters(), *head.parameters()) if p.requires_grad]
        parts += [group | {"lr": settings.learning_rate} for group in groups(moving, settings)]
        schedules += [partial(ramp, total=len(rounds[-1]), warmup=settings.warmup)] * 2
    optimizer = adamw(parts, lr=0.0, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, schedules)
    for step in range(max(map(len, rounds))):
        active = [i for i, own in enumerate(rounds) if step < len(own)]
        rows = [rounds[i][step] for i in active]
        most = max(map(len, rows))
        batch = reader.collate(
            [items[i][row] for i, some in zip(active, rows, strict=True) for row in filled(some, most)],
            backbone.device,
        )
        features = trunk.features(backbone, batch, active)
        weights = torch.stack([wide(heads[i].weight, width) for i in active])
        bias = torch.stack([wide(heads[i].bias, width, -torch.inf) for i in active])
        scores = torch.baddbmm(bias[:, None], features.unflatten(0, (len(active), most)), weights.transpose(1, 2))
        wanted = torch.stack([labels[i][filled(some, most)] for i, some in zip(active, rows, strict=True)])
        counts = torch.tensor([len(some) for some in rows])
        share = (torch.arange(most) < counts[:, None]) / counts[:, None]  # each model's loss is a mean over its rows
        losses = functional.cross_entropy(scores.flatten(0, 1), wanted.flatten().to(backbone.device), reduction="none")
        value = (losses * share.flatten().to(losses)).sum()
        optimizer.zero_grad(set_to_none=True)  # what has ended gets no gradient, and stays
        value.backward()
        optimizer.step()
        schedule.step()
    for each, head in zip(made, heads, strict=True):
        check_finite(backbone, head, each.task, each.adaptation)
    return heads


def filled(rows: np.ndarray, most: int) -> np.ndarray:
    """`most` row numbers: the rows, and the first of them as often as it takes."""
    return np.concatenate([rows, np.repeat(rows[:1], most - len(rows))])


def wide(values: torch.Tensor, width: int, fill: float = 0.0) -> torch.Tensor:
    """A row for each of `width` classes; those that the head does not have hold `fill`."""
    missing = width - len(values)
    pad = (0, missing) if values.ndim == 1 else (0, 0, 0, missing)
    return functional.pad(values, pad, value=fill) if missing else values


class Trunk:
    """The frozen module that all copies share, with a hook for every part that is each copy's own."""

    def __init__(self, copies: Sequence[Copy]) -> None:
        self.module, self.active, self.prompts = sharing(copies[0].backbone.module), [0], []
        recomputed(self.module)
        moving = {id(p) for copy in copies for p in copy.module.parameters() if p.requires_grad}
        for parts in zip(*(own_parts(copy) for copy in copies), strict=True):
            name, first = parts[0]
            members, place = [part for _, part in parts], self.module.get_submodule(name)
            hooked = self.hook(place, first, members)
            moving -= {id(p) for part in members for p in hooked(part)}
        self.known = not moving

    def hook(self, place: torch.nn.Module, first: Any, members: list[Any]) -> Any:
        """Hook what `members`, a part of each copy, do to `place`; returns what lists the parameters it covers."""
        kind = kind_of(first)
        if kind == "lora":
            place.register_forward_hook(self.low_rank(members))
        elif kind == "ia3":
            if first.is_feedforward:
                place.register_forward_pre_hook(self.factors_before(members))
            else:
                place.register_forward_hook(self.factors(members))
        elif kind == "bias":
            place.register_forward_hook(self.biases(place, members))
        elif kind == "prompt":
            self.prompts = members
        return PARAMETERS[kind]

    def of_active(self, tensors: Sequence[torch.Tensor]) -> torch.Tensor:
        """Those of the models that have a batch in this step, stacked."""
        return torch.stack([tensors[i] for i in self.active])

    def low_rank(self, members: list[Any]) -> Any:
        """What LoRA adds to the output of a linear layer."""

        def hook(module: torch.nn.Module, args: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor:
            down = self.of_active([part.lora_A["default"].weight for part in members])
            up = self.of_active([part.lora_B["default"].weight for part in members])
            scale = torch.tensor([members[i].scaling["default"] for i in self.active]).to(up)
            given = args[0].to(down.dtype)
            each = given.reshape(len(self.active), -1, given.shape[-1])
            change = each @ down.transpose(1, 2) @ (up * scale[:, None, None]).transpose(1, 2)
            return (output + change.reshape(*output.shape)).to(output.dtype)

        return hook

    def factors(self, members: list[Any]) -> Any:
        """The factors of IA3 on an output."""

        def hook(module: torch.nn.Module, args: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor:
            return self.scaled(members, output)

        return hook

    def factors_before(self, members: list[Any]) -> Any:
        """The factors of IA3 on an input."""

        def hook(module: torch.nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...]:
            return self.scaled(members, args[0]), *args[1:]

        return hook

    def scaled(self, members: list[Any], values: torch.Tensor) -> torch.Tensor:
        """Values (rows, length, width) times each model's own factors."""
        factors = self.of_active([part.ia3_l["default"].flatten() for part in members])
        each = values.reshape(len(self.active), -1, values.shape[-1]) * factors[:, None]
        return each.reshape(values.shape).to(values.dtype)

    def biases(self, place: Any, members: list[Any]) -> Any:
        """Each model's own bias in place of the shared one."""

        def hook(module: torch.nn.Module, args: tuple[Any, ...], output: torch.Tensor) -> torch.Tensor:
            change = self.of_active([part.bias for part in members]) - place.bias
            each = output.reshape(len(self.active), -1, output.shape[-1]) + change[:, None]
            return each.reshape(output.shape)

        return hook

    def features(self, backbone: Backbone, batch: dict[str, torch.Tensor], active: list[int]) -> torch.Tensor:
        """Features (rows, d) of a batch that holds as many rows for each of the `active` models."""
        self.active = active
        if not self.prompts:
            return backbone.features(self.module, batch)
        embedded = self.module.get_input_embeddings()(batch["input_ids"])  # pyright: ignore
        own = self.of_active([part.embedding.weight for part in self.prompts]).to(embedded.dtype)
        each = own.repeat_interleave(len(embedded) // len(active), dim=0)
        before = torch.ones(each.shape[:2]).to(batch["attention_mask"])

        def prompted(input_ids: torch.Tensor, attention_mask: torch.Tensor) -> Any:
            mask = torch.cat([before, attention_mask], 1)
            return self.module(inputs_embeds=torch.cat([each, embedded], 1), attention_mask=mask)

        return backbone.features(prompted, batch)  # pyright: ignore[reportArgumentType]


PARAMETERS = {  # kind of a part -> what moves in it
    "lora": lambda part: [part.lora_A["default"].weight, part.lora_B["default"].weight],
    "ia3": lambda part: [part.ia3_l["default"]],
    "bias": lambda part: [part.bias],
    "prompt": lambda part: [part.embedding.weight],
    "": lambda part: [],
}


def kind_of(part: Any) -> str:
    """How a part that is a copy's own changes what the shared one gives; '' where that is not known here."""
    from peft.tuners.ia3 import Linear as Factors
    from peft.tuners.lora import LoraLayer
    from peft.tuners.prompt_tuning import PromptEmbedding
    from transformers.pytorch_utils import Conv1D

    if isinstance(part, LoraLayer) and isinstance(part.get_base_layer(), (torch.nn.Linear, Conv1D)):
        return "lora" if not any(part.use_dora.values()) else ""
    if isinstance(part, Factors):
        return "ia3"
    if isinstance(part, PromptEmbedding):
        return "prompt"
    return "bias" if type(part) in (torch.nn.Linear, torch.nn.LayerNorm, Conv1D) else ""


def own_parts(copy: Copy) -> list[tuple[str, Any]]:
    """(name in the backbone's module, part) of every part of a copy that holds what moves, in order."""
    tuned = getattr(copy.module, "base_model", copy.module)
    inside = getattr(tuned, "model", tuned) if hasattr(copy.module, "peft_config") else copy.module
    if prompts := getattr(copy.module, "prompt_encoder", None):
        return [("", prompts["default"])]
    kinds = {name: part for name, part in inside.named_modules() if hasattr(part, "lora_A") or hasattr(part, "ia3_l")}
    if kinds:
        return list(kinds.items())
    return [
        (name, part)
        for name, part in inside.named_modules()
        if any(p.requires_grad for p in part.parameters(recurse=False))
    ]
