"""Predictions to audit: a tiny table worked out by hand, and larger ones with planted structure."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

FAILS = {"A": (1, 2, 3, 4), "B": (1, 2, 5, 6), "C": (1, 2, 3, 5)}
LABELS = "xyzxyzxy"  # of examples 1 to 8
COMPANY = {"A": "acme", "B": "bolt", "C": "acme"}


def by_hand(models: str = "ABC") -> Any:
    """Three models, eight examples, three classes; a wrong answer is the next class, but for B on e1."""
    rows = []
    for model in models:
        for i, label in enumerate(LABELS, 1):
            step = 0 if i not in FAILS[model] else 2 if (model, i) == ("B", 1) else 1
            given = "xyz"[("xyz".index(label) + step) % 3]
            sex = "f" if i <= 4 else "m"
            rows.append((model, f"e{i}", label, given, sex, COMPANY[model]))
    return pd.DataFrame(rows, columns=["model", "example", "label", "prediction", "sex", "company"])


def wide(long: Any, groups: tuple[str, ...] = ("sex",)) -> Any:
    """The same predictions, one column per model."""
    table = long.pivot(index=["example", "label", *groups], columns="model", values="prediction")
    return table.reset_index().rename_axis(columns=None)


def planted(
    models: int = 12, examples: int = 600, bases: int = 4, shared: float = 0.6, seed: int = 0, classes: str = "abcd"
) -> Any:
    """Models of several bases: with probability `shared` a model errs where its base does, as its base does."""
    rng = np.random.default_rng(seed)
    letters = np.array(list(classes))
    truth = rng.integers(0, len(letters), examples)
    hard = 0.1 + 0.4 * rng.random(examples)
    fails, shift = rng.random((bases, examples)) < hard, rng.integers(1, len(letters), (bases, examples))
    frames = []
    for model in range(models):
        base = model % bases
        follows = rng.random(examples) < shared
        failed = np.where(follows, fails[base], rng.random(examples) < hard)
        wrong = np.where(follows, shift[base], rng.integers(1, len(letters), examples))
        given = letters[(truth + failed * wrong) % len(letters)]
        columns = {"model": f"m{model:02d}", "example": [f"e{i}" for i in range(examples)], "label": letters[truth]}
        frames.append(pd.DataFrame(columns | {"prediction": given, "base_model": f"base {base}"}))
    return pd.concat(frames, ignore_index=True)


def decisions(
    models: int = 6, tasks: int = 3, people: int = 500, person: float = 0.0, model: float = 0.0, seed: int = 0
) -> Any:
    """Several yes/no decisions about the same people by every model.

    `person`: how often a decision fails just the people who are failed everywhere; `model`: just those whom its model
    fails.
    """
    rng = np.random.default_rng(seed)
    unlucky = rng.random(people) < 0.3
    frames = []
    for m in range(models):
        own = rng.random(people) < 0.3
        for t in range(tasks):
            truth = np.random.default_rng(100 + t).integers(0, 2, people)
            kind = rng.random(people)
            failed = np.where(kind < person, unlucky, np.where(kind < person + model, own, rng.random(people) < 0.3))
            columns = {"model": f"m{m}", "task": f"t{t}", "example": [f"t{t}-{i}" for i in range(people)]}
            columns |= {"person": [f"p{i}" for i in range(people)], "label": truth, "prediction": truth ^ failed}
            frames.append(pd.DataFrame(columns | {"sex": np.where(np.arange(people) % 2, "f", "m")}))
    return pd.concat(frames, ignore_index=True)
