"""Accuracy of every adaptation at the settings of its YAML: python -m tests.validation [ADAPTATION or TASK ...].

Measured on validation texts: training examples that the model was not given. No test example is looked at, so settings
may be picked by it. Rows of results/validation/accuracy.csv are replaced; the YAMLs of conf/adaptation quote them.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from multiprocessing import get_context
from typing import Any

import pandas as pd

from homog.adaptations import ADAPTATIONS
from homog.backbones import BACKBONES
from homog.config import ConfigError, choose
from homog.files import replacing
from homog.seeding import generator
from homog.tasks import TASKS as REGISTERED
from homog.tasks.debiased import Debiased
from homog.tasks.table import Table
from homog.variants import CONF, variant

TABLE = CONF.parent / "results" / "validation" / "accuracy.csv"
KEY = ["backbone", "adaptation", "task"]
SIZES = {"minilm_l6": (300, 400), "smollm2": (96, 160)}  # training and validation examples; language models are slow
QUOTED = ("tweet_sentiment", "trec", "medical_subject", "adult_married")
TASKS = [name for name, kind in REGISTERED.items() if kind is not Table]  # a table is the user's
LARGER = {"adult_long_hours": (1500, 400)}  # no learner tells it from the majority with 300


def backbones(adaptation: str) -> list[str]:
    """Where it is measured: on the default encoder, and what is told in words on a language model too.

    Nowhere where it takes no texts: the study *two_towers* says how well a learned context does.
    """
    kind = ADAPTATIONS[adaptation]
    if kind.modalities and "text" not in kind.modalities:
        return []
    if getattr(kind, "needs", "features") == "likelihood":
        return ["smollm2"]
    return ["minilm_l6", "smollm2"] if getattr(kind, "in_words", False) else ["minilm_l6"]


def offered(adaptation: Any) -> list[str]:
    """The tasks of text that the adaptation is offered for: all, or those that can be told in words.

    Tasks with debiased training data are those behind them.
    """
    told = getattr(adaptation, "in_words", False)
    kinds = {name: variant("task", name) for name in TASKS}
    measured = [name for name, kind in kinds.items() if kind.modality == "text" and not isinstance(kind, Debiased)]
    return [name for name in measured if not told or kinds[name].prompt]


def held_out(task: Any, train: int, count: int) -> Any:
    """The task with `train` examples to learn from and `count` others of its training part in place of the test."""
    order = generator("validation", task.family or task.name).permutation(len(task.train))
    parts = order[:train], order[train : train + count]
    return replace(
        task, **dict(zip(("train", "test"), (task.train.iloc[p].reset_index(drop=True) for p in parts), strict=True))
    )


def measured(backbone: str, adaptation: str, tasks: Sequence[str] = tuple(TASKS)) -> list[dict[str, Any]]:
    """A row per task that it is offered for: accuracy, share of the most frequent label, numbers of examples."""
    from homog.run import prepare

    prepare("cpu")
    kind = variant("adaptation", adaptation)
    names = [name for name in offered(kind) if name in tasks]
    shared = variant("backbone", backbone).load("cpu").at_length(128) if names else None
    rows = []
    for name in names:
        began = time.perf_counter()
        task = held_out(variant("task", name).load(), *LARGER.get(name, SIZES[backbone]))
        ((_, model),) = kind.fit(shared, [task], 0)
        right = model.predict(list(task.test["input"])).argmax(1) == task.test["label"]
        facts = {"backbone": backbone, "adaptation": adaptation, "task": name, "accuracy": float(right.mean())}
        facts["majority"] = float(task.test["label"].value_counts(normalize=True).iloc[0])
        facts |= {"train": len(task.train), "validation": len(task.test), "seconds": time.perf_counter() - began}
        rows.append(facts)
    return rows


def measure(names: Sequence[str], tasks: Sequence[str]) -> Iterator[list[dict[str, Any]]]:
    """`measured` of every adaptation named on every backbone it is measured on, as each is done."""
    jobs = [(backbone, name, tasks) for name in names for backbone in backbones(name)]
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for done in as_completed([pool.submit(measured, *job) for job in jobs]):
            yield done.result()


def kept(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Put the rows into the table in place of older ones; returns it."""
    old = pd.read_csv(TABLE) if TABLE.exists() else pd.DataFrame(columns=KEY)
    table = pd.concat([old, pd.DataFrame(rows)]) if len(old) else pd.DataFrame(rows)
    table = table.drop_duplicates(KEY, keep="last")
    order = {name: place for place, name in enumerate([*BACKBONES, *ADAPTATIONS, *TASKS])}
    table = table.sort_values(KEY, key=lambda column: column.map(order))
    with replacing(TABLE) as path:
        table.round(3).to_csv(path, index=False)
    return table


def quoted(table: pd.DataFrame, adaptation: str, backbone: str) -> str:
    """What a YAML says of it: accuracy on the tasks QUOTED."""
    rows = table[(table["adaptation"] == adaptation) & (table["backbone"] == backbone)].set_index("task")["accuracy"]
    return ", ".join(f"{task} {rows[task]:.3f}".replace(" 0.", " .") for task in QUOTED)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure the adaptations named, or all, on the tasks named, or all; a line each: accuracy (majority)."""
    names = list(sys.argv[1:] if argv is None else argv)
    try:
        names = [choose(name, [*ADAPTATIONS, *TASKS], "adaptation or task") for name in names]
    except ConfigError as error:
        print(f"homog: error: {error}", file=sys.stderr)
        return 2
    tasks = [name for name in names if name in TASKS] or list(TASKS)
    for rows in measure([name for name in names if name in ADAPTATIONS] or list(ADAPTATIONS), tasks):
        if not rows:
            continue
        kept(rows)
        said = ", ".join(f"{row['task']} {row['accuracy']:.3f} ({row['majority']:.2f})" for row in rows)
        print(f"{rows[0]['adaptation']} on {rows[0]['backbone']}: {said}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
