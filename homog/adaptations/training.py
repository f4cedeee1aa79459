"""One training loop for every adaptation that moves weights: AdamW, linear warm-up and decay, length buckets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from homog.adaptations.adaptation import Predictor
from homog.adaptations.linear_probe import probe
from homog.adaptations.settings import Training
from homog.backbones.backbone import Backbone
from homog.backbones.trunk import recomputed
from homog.backbones.weights import adamw, differ, sharing
from homog.config import ConfigError
from homog.inputs.images import strip
from homog.inputs.reader import content_of
from homog.seeding import generator, torch_stream
from homog.wording import some

Changes = tuple[tuple[str, ...], tuple[str, ...]]  # names of parameters: that could change, that did
SAMPLES = 8  # images of a condition that are kept to be looked at


class Copy(NamedTuple):
    """`module` to be trained, whose parameters that require gradients move, over the weights of `backbone`.

    `backbone` gives the features that the head starts from. `copied`: the parameters, by the backbone's names, of what
    `module` holds of it; `added`: how many that are new.
    """

    backbone: Backbone
    module: torch.nn.Module
    copied: dict[str, torch.nn.Parameter]
    added: int = 0


def copies(backbone: Backbone, adaptation: Any) -> Copy:
    """A module that holds copies of the parameters that `adaptation.trains` names."""
    own = moving(backbone, adaptation)
    module = sharing(backbone.module, own)
    for name in own:
        module.get_parameter(name).requires_grad_(True)
    return Copy(backbone, module, dict(module.named_parameters()))


def moving(backbone: Backbone, adaptation: Any) -> list[str]:
    """The parameters that `adaptation.trains` names. Raises ConfigError for packed ones, which nothing can move."""
    own = {name: p for name, p in backbone.module.named_parameters() if adaptation.trains(name)}
    if packed := [name for name, p in own.items() if not p.is_floating_point()]:
        said = f"adaptation {adaptation.name} trains weights that are packed in 4 bits ({some(packed)})"
        raise ConfigError(f"{said}; use lora, or backbone.dtype=bfloat16")
    return list(own)


def order(adaptation: Any, task: Any, seed: int) -> tuple[str | int, ...]:
    """The name of the stream that the order of the examples is drawn from."""
    return ("order", adaptation.name, task.name, seed)


def trained(copy: Copy, task: Any, adaptation: Any, seed: int) -> Predictor:
    """The model after training what moves in a copy: a head on it, or what it draws."""
    backbone, module, copied, added = copy
    stream = order(adaptation, task, seed)
    if backbone.draws is None:
        return predictor(copy, fit(backbone, module, task, adaptation, stream))
    fit_drawing(backbone, module, task, adaptation, stream)
    return drawing(backbone, module, task, changes(backbone, copied), added)


def fit(backbone: Backbone, module: torch.nn.Module, task: Any, settings: Training, stream: tuple) -> torch.nn.Linear:
    """Train the parameters of `module` that require gradients, and a new head, on `task.train`; returns the head.

    `backbone` is the shared one (its features start the head), `module` the copy that may move. `stream` names the
    order of the examples.
    """
    recomputed(module)
    head = start(backbone, task, settings.head)
    reader, labels = backbone.reader, torch.as_tensor(task.train["label"].to_numpy().copy())
    items = reader.read(list(task.train["input"]))
    table = Embeddings(module, reader.tokens(items))
    parts = [p for p in (*module.parameters(), *head.parameters()) if p.requires_grad and p is not table.full]

    def loss(rows: np.ndarray) -> torch.Tensor:
        batch = table.inputs(reader.collate([items[i] for i in rows], backbone.device))
        scores = head(backbone.features(module, batch))
        return torch.nn.functional.cross_entropy(scores, labels[rows].to(backbone.device))

    descend(parts, table.parameters(), loss, [reader.size(item) for item in items], settings, stream)
    table.write_back()
    check_finite(backbone, head, task, settings)
    return head


def check_finite(backbone: Backbone, head: torch.nn.Linear, task: Any, settings: Training) -> None:
    """Raise ConfigError where a backbone in float16 gave gradients that it cannot hold."""
    if backbone.dtype == torch.float16 and not torch.isfinite(head.weight).all():
        said = f"adaptation {settings.name} on task {task.name}: gradients beyond what float16 holds"
        raise ConfigError(f"{said}; use backbone.dtype=bfloat16 or float32")


def fit_drawing(backbone: Backbone, module: torch.nn.Module, task: Any, settings: Training, stream: tuple) -> None:
    """Train the parameters of `module` that require gradients to draw the images of `task.train` after its captions."""
    assert backbone.draws is not None
    draws, items = backbone.draws, backbone.reader.read(list(task.train["input"]))
    ids = backbone.reader.collate(items, backbone.device)["input_ids"]
    tokens = torch.as_tensor(draws.tokens(np.stack(task.train["drawn"].tolist())), device=backbone.device)
    parts = [p for p in module.parameters() if p.requires_grad]
    sizes = [backbone.reader.size(item) for item in items]
    with torch_stream("noise", *stream):
        descend(parts, [], lambda rows: draws.loss(module, ids[rows], tokens[rows]), sizes, settings, stream)


class Judged:
    """What a model draws of captions, as a task's judge sees it: `predict` and `samples` of its Predictor."""

    def __init__(self, backbone: Backbone, module: torch.nn.Module, task: Any) -> None:
        assert backbone.draws is not None
        self.draws, self.backbone, self.module, self.judge = backbone.draws, backbone, module, task.judge
        self.first: dict[str, np.ndarray] = {}

    def predict(self, texts: Sequence[str]) -> np.ndarray:
        """Probabilities (n, classes): an image of each caption is drawn, and the judge tells what it shows."""
        images = self.draws.of(self.backbone, self.module, texts)
        self.first[content_of(texts)] = images[:SAMPLES]
        return self.judge(images)

    def samples(self, inputs: Sequence[str | None]) -> str:
        """The images of the first captions, which have been judged, as `images.strip` gives them; '' without any."""
        texts = [text for text in inputs if text is not None]
        return strip(self.first[content_of(texts)]) if texts else ""


def drawing(
    backbone: Backbone, module: torch.nn.Module, task: Any, moved: Changes = ((), ()), added: int = 0
) -> Predictor:
    """The model of a task that draws by `module`. `moved`: as of `changes`."""
    judged, own = Judged(backbone, module, task), None if module is backbone.module else module
    return Predictor(judged.predict, *moved, added, module=own, samples=judged.samples)


def descend(
    parts: Sequence[torch.nn.Parameter],
    rows_of_tables: Sequence[torch.nn.Parameter],
    loss: Callable[[np.ndarray], torch.Tensor],
    sizes: list[int],
    settings: Training,
    stream: tuple,
) -> None:
    """Minimise `loss` (of row numbers) over `settings.epochs` rounds through rows of these `sizes`.

    Weight decay is for the matrices among `parts` alone.
    """
    optimizer = adamw(groups(parts, settings, rows_of_tables), lr=settings.learning_rate, fused=True)
    rounds = list(epochs(sizes, settings, generator(*stream)))
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: ramp(step, len(rounds), settings.warmup))
    for rows in rounds:
        value = loss(rows)
        optimizer.zero_grad(set_to_none=True)
        value.backward()
        optimizer.step()
        schedule.step()


def groups(
    parts: Sequence[torch.nn.Parameter], settings: Training, rows_of_tables: Sequence[torch.nn.Parameter] = ()
) -> list[dict[str, Any]]:
    """The parameters with their weight decay: of the matrices among `parts`, none of all others."""
    matrices, others = [p for p in parts if p.ndim > 1], [p for p in parts if p.ndim <= 1]
    return [
        {"params": matrices, "weight_decay": settings.weight_decay},
        {"params": [*others, *rows_of_tables], "weight_decay": 0.0},
    ]


def start(backbone: Backbone, task: Any, how: str) -> torch.nn.Linear:
    """The head before training: the linear probe of the frozen features, or zeros."""
    classes = len(task.label_names)
    head = torch.nn.Linear(backbone.dimension, classes)
    weights, bias = np.zeros((classes, backbone.dimension)), np.zeros(classes)
    if how == "probe":
        weights, bias = probe(backbone.encode(list(task.train["input"])), task.train["label"], classes, C=0.01)
        bias = np.maximum(bias, -20)  # a class without examples stays reachable
    with torch.no_grad():
        head.weight.copy_(torch.as_tensor(weights))
        head.bias.copy_(torch.as_tensor(bias))
    return head.to(backbone.device)


class Embeddings:
    """Trains only the rows of a word-embedding table that the texts use: same result, a fraction of the optimizer.

    The other rows get no gradient, so AdamW without weight decay would leave them as they are; no decay is applied
    to the table. Where the table is not trained, this does nothing.
    """

    def __init__(self, module: Any, used: Sequence[int]) -> None:
        table = module.get_input_embeddings().weight if used else None
        self.full: torch.nn.Parameter | None = table if table is not None and table.requires_grad else None
        if self.full is None:
            return
        self.rows = torch.as_tensor(used, device=self.full.device)
        self.used = torch.nn.Parameter(self.full.detach()[self.rows].clone())

    def parameters(self) -> list[torch.nn.Parameter]:
        """The used rows as one flat parameter list (empty where the table is frozen)."""
        return [] if self.full is None else [self.used]

    def inputs(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """A collated batch, with the rows that are trained in place of token ids."""
        if self.full is None:
            return batch
        ids = torch.searchsorted(self.rows, batch.pop("input_ids"))
        return {"inputs_embeds": torch.nn.functional.embedding(ids, self.used), **batch}

    def write_back(self) -> None:
        """Put the trained rows into the full table."""
        if self.full is not None:
            with torch.no_grad():
                self.full[self.rows] = self.used


def epochs(lengths: list[int], settings: Training, rng: np.random.Generator) -> Iterator[np.ndarray]:
    """Batches of row numbers, `epochs` times over all rows, inputs of similar length together, in random order.

    A length counts as up to `spread` more or less than it is, anew in each round (transformers' `group_by_length` has
    the like for the Trainer).
    """
    for _ in range(settings.epochs):
        noisy = np.asarray(lengths) * rng.uniform(1 / (1 + settings.spread), 1 + settings.spread, len(lengths))
        order = np.argsort(noisy, kind="stable")
        parts = [order[i : i + settings.batch] for i in range(0, len(order), settings.batch)]
        yield from (parts[i] for i in rng.permutation(len(parts)))


def ramp(step: int, total: int, warmup: float) -> float:
    """Share of the learning rate at a step: linear up over `warmup` of the steps, then linear down to 0."""
    rise = max(1, round(warmup * total))
    return (step + 1) / rise if step < rise else max(0.0, (total - step) / max(1, total - rise))


def changes(backbone: Backbone, copied: dict[str, torch.nn.Parameter]) -> Changes:
    """(names of the parameters of a copy that could change, of those that did)."""
    shared = dict(backbone.module.named_parameters())
    trainable = tuple(name for name, p in copied.items() if p.requires_grad)
    return trainable, tuple(name for name, p in copied.items() if differ(p, shared[name]))


def predictor(copy: Copy, head: torch.nn.Linear, together: int = 1) -> Predictor:
    """The adapted model: a copy that was trained, with so many others `together`, and its head."""
    backbone, module, copied, added = copy
    trainable, moved = changes(backbone, copied)

    @torch.inference_mode()
    def predict(inputs: Sequence[Any]) -> np.ndarray:
        items = backbone.reader.read(inputs)
        probabilities = np.empty((len(items), head.out_features), dtype=np.float32)
        for rows in backbone.reader.batches(items):
            batch = backbone.reader.collate([items[i] for i in rows], backbone.device)
            probabilities[rows] = head(backbone.features(module, batch)).softmax(1).cpu().numpy()
        return probabilities

    arrays = head.weight.detach().cpu().numpy(), head.bias.detach().cpu().numpy()
    count = added + arrays[0].size + arrays[1].size
    return Predictor(predict, trainable, moved, count, arrays, module, together=together)
