"""What must hold for every task, defect, adaptation and backbone, the house's and yours. A breach is one line.

Defects and adaptations are tried on a tiny backbone with random weights and on toy tasks, without any download.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from homog.config import ConfigError, canonical, content_id
from homog.contracts import arrays, pictures, tiny
from homog.inputs.reader import content
from homog.metrics.predictions import Predictions
from homog.seeding import generator
from homog.tasks.task import Task

COLUMNS = ["example", "person", "input", "label"]


class ContractError(ConfigError):
    """What a variant does that it must not do, in a line."""


def require(holds: Any, breach: str) -> None:
    """Raise ContractError with the breach unless it holds."""
    if not holds:
        raise ContractError(breach)


def toys(modality: str = "text") -> list[Task]:
    """Two tasks of a modality, of two and of three classes: told apart by single words, or by places in space."""
    kind = {"text": tiny.Toy, "point": arrays.Points, "image": pictures.Coloured}[modality]
    return [kind("toy_two").load(), kind("toy_three", 3).load()]


def unlabelled(modality: str) -> tuple[list[Any], list[Any]]:
    """(inputs to plant a defect with, others to verify it on)."""
    known = {"text": tiny.corpus, "point": arrays.PointReader().unlabelled, "image": pictures.unlabelled}
    return known[modality]()


def is_a_frozen_value(built: Any, name: str) -> None:
    """Built from its YAML it keeps its name, cannot be changed, says what it is, and has an id."""
    kind = type(built)
    require(built.name == name, f"its YAML names it {built.name!r}: write name: {name}")
    require(kind.__dataclass_params__.frozen, f"{kind.__name__} can be changed: write @dataclass(frozen=True)")
    inherited = {base.__doc__ for base in kind.__mro__[1:]}
    said = kind.__doc__ and kind.__doc__ not in inherited and not kind.__doc__.startswith(f"{kind.__name__}(")
    require(said, f"{kind.__name__} has no docstring: say what it is, and for a defect what its harm means")
    try:
        json.dumps(canonical(built))
    except TypeError as error:
        raise ContractError(f"{kind.__name__} has a field without an id: {error}") from None


def loads_whole_examples(kind: Any) -> None:
    """A task has the columns that it should, labels of every class, and the same examples the next time."""
    task = kind.load()
    require(task.name == kind.name, f"load() calls the task {task.name!r}")
    for part, frame in (("train", task.train), ("test", task.test)):
        require(list(frame)[:4] == COLUMNS, f"{part} begins with columns {list(frame)[:4]}, not {COLUMNS}")
        require(not frame.isna().to_numpy().any(), f"{part} has missing values")
        require(frame["example"].is_unique, f"{part} has the same example twice")
        labels, classes = set(frame["label"]), set(range(len(task.label_names)))
        require(labels == classes, f"{part} has the labels {sorted(labels)}; label_names say {sorted(classes)}")
    again = kind.load()
    same = task.train.equals(again.train) and task.test.equals(again.test)
    require(same, "load() gives other examples the second time: draw with homog.seeding.generator")


def keeps_test_examples_apart(kind: Any) -> None:
    """No example and no person is in both parts of a task."""
    task = kind.load()
    for column in ("example", "person"):
        shared = set(task.train[column]) & set(task.test[column])
        require(not shared, f"train and test share {len(shared)} values of {column}, e.g. {sorted(shared)[:1]}")


def injects_the_same_again(defect: Any, backbone: Any) -> None:
    """An injection is deterministic, changes weights, says what it did, and leaves the clean backbone as it was.

    A natural defect changes nothing. Another seed plants another defect: the seed is the unit of replication.
    """
    inputs, held_out = unlabelled(backbone.reader.modality)
    before = backbone.fingerprint()

    def injected(seed: int) -> Any:
        return defect.inject(backbone, inputs, generator("inject", defect.name, seed))

    first = injected(0)
    require(backbone.fingerprint() == before, "inject() changes the clean backbone: use backbone.with_weights")
    if defect.kind == "natural":
        require(first is backbone, "inject() of a natural defect returns another backbone than it got")
        return
    require(first.fingerprint() != before, "inject() changes no weight")
    require(first.fingerprint() == injected(0).fingerprint(), "inject() differs the second time: draw from `rng` alone")
    if defect.kind == "planted":
        require(first.fingerprint() != injected(1).fingerprint(), "inject() ignores `rng`: no seed would replicate")
    said = defect.upstream(backbone, first, held_out, 1.0)
    lacking = sorted({"drift", "effect", "verified", "texts"} - set(said))
    require(not lacking, f"upstream() says nothing of {', '.join(lacking)}")
    require(np.isfinite(said["drift"]), f"upstream() gives drift={said['drift']}")
    require(isinstance(said["verified"], bool), f"upstream() gives verified={said['verified']!r}, not True or False")


def exposes_the_same_examples(defect: Any, backbone: Any) -> None:
    """An exposure changes inputs and nothing else, follows its stream, and shows something."""
    modality = backbone.reader.modality
    inputs, examples = unlabelled(modality)[0], toys(modality)[0].test
    views = [view.found_on(backbone, inputs, generator("search", view.exposure)) for view in defect.views]
    names = {view.exposure for view in views} | {"clean"}
    require(len(names) == len(views) + 1, "its exposures have one name, or that of clean")
    for view in views:
        shown, again = (view.expose(examples, generator("expose", 1)) for _ in range(2))
        require(shown.equals(again), "expose() differs the second time: draw from `rng` alone")
        kept = shown.drop(columns=["input", "counterpart"], errors="ignore")
        require(kept.equals(examples.drop(columns="input")), "expose() changes more than the column input")
        compared = shown["counterpart"] if "counterpart" in shown else examples["input"]
        applies = shown["input"].notna()
        require(applies.any(), "expose() applies to no example of a toy task")
        pairs = zip(shown["input"][applies], compared[applies], strict=True)
        turned = np.mean([content(given) != content(beside) for given, beside in pairs])
        if defect.kind == "engineered":  # it is in the weights; inputs are as they are
            require(turned == 0, "expose() of an engineered defect changes inputs")
        else:
            require(turned > 0.9, f"expose() leaves {1 - turned:.0%} of the inputs as they are: make those None")


def harms_by_what_changes(defect: Any) -> None:
    """Harm is 0 where nothing changes, does not depend on the names of classes, and leaves out what does not apply."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, 3, 50)
    clean, exposed = rng.dirichlet(np.ones(3), 50), rng.dirichlet(np.ones(3), 50)
    nothing = defect.harm(Predictions(labels, clean, clean, 0, clean)).value
    require(nothing == 0, f"harm() is {nothing:.3g} where exposed and clean predictions are the same")
    harm = defect.harm(Predictions(labels, clean, exposed, 0, clean)).value
    renamed = np.array([2, 0, 1])
    back = np.argsort(renamed)
    harm_renamed = defect.harm(Predictions(renamed[labels], clean[:, back], exposed[:, back], 2, clean[:, back])).value
    require(harm != 0, "harm() is 0 where predictions change at random")
    require(
        np.isclose(harm, harm_renamed), f"harm() depends on the names of classes: {harm:.3g} and {harm_renamed:.3g}"
    )
    clean[:7], exposed[:7] = np.nan, np.nan  # the exposure does not apply
    rate = defect.harm(Predictions(labels, clean, exposed, 0, np.nan_to_num(clean, nan=1 / 3)))
    out = not rate.denominator[:7].any() and np.isfinite(rate.numerator).all()
    require(out, "harm() counts examples that the exposure does not apply to: use Rate.only(predictions.applies)")


def adapts(adaptation: Any, backbone: Any) -> dict[str, float]:
    """It predicts, moves what it says and nothing else, and leaves the shared backbone. Gives accuracy by toy task."""
    before, accuracy = backbone.fingerprint(), {}
    trains = {name for name, _ in backbone.module.named_parameters() if adaptation.trains(name)}
    given, tasks = backbone if adaptation.uses_backbone else None, toys(backbone.reader.modality)
    for task, (name, model) in zip(tasks, adaptation.fit(given, tasks, 0), strict=True):
        values = model.predict(list(task.test["input"]))
        wanted = (len(task.test), len(task.label_names))
        require(name == task.name, f"fit() gives a model of {name}; the next task is {task.name}")
        require(values.shape == wanted, f"predict() gives shape {values.shape}, not (n, classes) = {wanted}")
        require(values.dtype == np.float32, f"predict() gives {values.dtype}, not float32")
        require(np.allclose(values.sum(1), 1, atol=1e-5), "probabilities do not sum to 1")
        require(set(model.trainable) == trains, "`trainable` of its models is not what trains() says")
        require(set(model.moved) <= trains, f"moves {sorted(set(model.moved) - trains)[:1]}, which trains() denies")
        require(len(model.moved) >= 0.8 * len(trains), "hardly moves what trains() says")
        accuracy[name] = float((values.argmax(1) == task.test["label"]).mean())
    require(backbone.fingerprint() == before, "fit() changes the shared backbone")
    return accuracy


def adapts_each_task_alone(adaptation: Any, backbone: Any) -> None:
    """The same seed gives the same model, whatever the order of tasks and the state of global generators."""
    tasks = toys(backbone.reader.modality)
    inputs = {task.name: list(task.test["input"]) for task in tasks}
    forward = {name: model.predict(inputs[name]) for name, model in adaptation.fit(backbone, tasks, 3)}
    state = torch.random.get_rng_state()
    np.random.seed(1)  # noqa: NPY002 - the global generator must not matter
    torch.manual_seed(99)
    backward = {
        name: model.predict(inputs[name]) for name, model in adaptation.fit(tiny.copied(backbone), tasks[::-1], 3)
    }
    torch.random.set_rng_state(state)
    for name in inputs:
        same = np.array_equal(forward[name], backward[name])
        require(same, f"{name}: other predictions when tasks come in another order, or draws from a global generator")


def encodes(kind: Any) -> None:
    """A backbone loads frozen, gives the same features each time, and is itself at dose 0."""
    kind.check()
    backbone, again = kind.load(), kind.load()
    half = dataclasses.replace(kind, dtype="bfloat16")
    require(content_id(half) != content_id(kind), "identity() leaves out the dtype: define origin() instead")
    require(half.load().dtype == torch.bfloat16, "load() gives other weights than of its dtype: see torch_dtype")
    require(backbone.fingerprint() == again.fingerprint(), "load() gives other weights the second time: set the seed")
    moving = [name for name, p in backbone.module.named_parameters() if p.requires_grad]
    require(not moving, f"load() leaves parameters that train, e.g. {moving[:1]}: requires_grad_(False)")
    require(not backbone.module.training, "load() leaves dropout on: eval()")
    if "features" not in kind.abilities:
        return
    inputs = unlabelled(kind.modality)[1]
    features = backbone.encode(inputs)
    require(features.shape == (len(inputs), backbone.dimension), f"encode() gives shape {features.shape}")
    require(features.dtype == np.float32 and np.isfinite(features).all(), "encode() gives other than finite float32")
    turned = again.encode(inputs[::-1])[::-1]
    require(np.allclose(features, turned, atol=1e-4), "encode() depends on the order of inputs")
    require(features.var(0).sum() > 0, "encode() gives all inputs the same features")


ALONE: dict[str, tuple[Callable[..., Any], ...]] = {
    "task": (loads_whole_examples, keeps_test_examples_apart),
    "defect": (harms_by_what_changes,),
    "adaptation": (),
    "backbone": (encodes,),
}
ON_BACKBONE: dict[str, tuple[Callable[..., Any], ...]] = {
    "task": (),
    "defect": (injects_the_same_again, exposes_the_same_examples),
    "adaptation": (adapts, adapts_each_task_alone),
    "backbone": (),
}


def short(built: Any, steps: int) -> Any:
    """The variant with a short training, where it has a field that says how long."""
    return dataclasses.replace(built, **{f.name: steps for f in dataclasses.fields(built) if f.name == "steps"})
