"""A grid of models by homog and, a process per model, the usual way (tests/usual_way.py). Used by tests.bench."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd

TASKS = ("trec", "adult_income")
STUDY = """
title: The same models as the usual way makes
question: How long does it take?
hypothesis: {claim: It takes less., source: none, sign: "+", primary: [linear_probe, backdoor]}
backbone: [minilm_l6]
exposures: [backdoor]
blocks:
  - presets: [laptop, smoke]
    arms: &all
      - {defect: backdoor, dose: [0, 1], seed: [0]}
      - {defect: backdoor, dose: [1], seed: [0], sham: true}
    adaptation: [linear_probe]
    task: [trec, adult_income]
    seed: [0, 1, 2]
  - presets: [laptop, smoke]
    arms: *all
    adaptation: [lora, full_finetune]
    task: [trec, adult_income]
  - presets: [laptop]
    arms:
      - {defect: backdoor, dose: [0], seed: [0]}
    adaptation: [linear_probe, lora, full_finetune]
    task: [trec, adult_income]
    train: 1600
"""
RATES = {"linear_probe": 0.0, "lora": 3e-3, "full_finetune": 1e-4}  # as conf/adaptation has them
# epochs of the usual way by training examples: the first that comes within a point of homog's accuracy, or the last
EPOCHS = {96: (2, 6, 12, 24), 1600: (2, 6)}
POINT = 0.01
SINGLE = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}


def usual_way() -> tuple[float, float, str, list[dict[str, Any]]]:
    """(processor seconds of homog, of the usual way, what, a row for each kind of model): the grid of `STUDY`.

    Injections, which either way needs, are left out.
    """
    with tempfile.TemporaryDirectory() as folder:
        rows = [row for row in models(Path(folder)) if not print(said(row), flush=True)]
    ours, theirs = (sum(row[name] * row["models"] for row in rows) for name in ("homog", "usual"))
    count = sum(row["models"] for row in rows)
    return ours, theirs, f"processor seconds of {count} models on {' and '.join(TASKS)}", rows


def said(row: dict[str, Any]) -> str:
    """A row for the terminal."""
    known = f"accuracy {row['homog_accuracy']:.3f} and {row['usual_accuracy']:.3f} after {row['epochs']} epochs"
    times = f"{row['homog']:>8.2f} s{row['usual']:>11.1f} s{row['usual'] / row['homog']:>14.1f}"
    return f"  {row['adaptation']:<14}{row['task']:<14}{row['train']:>5}{times}  {known}"


def models(folder: Path) -> Iterator[dict[str, Any]]:
    """A row per adaptation, task and size: processor seconds a model of each way, and accuracy on the same texts.

    homog's seconds hold a share, the same for each model, of what its processes spent outside models and injections.
    """
    place = folder / "own" / "experiments" / "bench"
    place.mkdir(parents=True)
    (folder / "own" / "variants.py").write_text("")
    (place / "study.yaml").write_text(STUDY)
    results = folder / "results"
    command = [sys.executable, "-m", "homog", "sweep", "--with", str(folder / "own"), "study=bench", "preset=laptop"]
    _, spent = child([*command, f"results={results}"])
    cells: Any = pd.read_csv(results / "bench" / "cells.csv")
    said = records_of(results, cells["cell"])
    injected = {f["upstream"]["injection"]: f["upstream"]["injection_seconds"] for f in said if f["upstream"]}
    rest = max(0.0, spent - cells["seconds"].sum() - sum(injected.values())) / len(cells)
    for (adaptation, task, train), group in cells.groupby(["adaptation", "task", "train"]):
        clean = group[(group["kind"] == "clean") & (group["seed"] == 0)].iloc[0]
        epochs, usual, accuracy = as_usual(folder, str(adaptation), str(task), int(train), clean["accuracy"])
        yield {
            "adaptation": adaptation,
            "task": task,
            "train": int(train),
            "models": len(group),
            "homog": float(group["seconds"].mean() + rest),
            "usual": usual,
            "homog_accuracy": float(clean["accuracy"]),
            "usual_accuracy": accuracy,
            "epochs": epochs,
        }


def records_of(results: Path, cells: Any) -> list[dict[str, Any]]:
    """The facts of the records of these cells."""
    from homog.study import kept

    return [record.provenance for record in kept.load(results, set(cells)).records.values()]


def as_usual(folder: Path, adaptation: str, task: str, train: int, wanted: float) -> tuple[int, float, float]:
    """(epochs, processor seconds, accuracy) of the usual way on the texts of homog's clean model of seed 0."""
    from homog.backbones import converted
    from homog.records import CLEAN
    from homog.study.todo import exposed, views
    from homog.variants import variant

    sample = variant("task", task).load().sample(train, 120, 0)
    shown = exposed(sample, views([variant("defect", "backdoor")]))
    data = {
        "train": {"text": list(sample.train["input"]), "label": sample.train["label"].tolist()},
        "shown": {name.replace(CLEAN, "clean"): texts for name, texts in shown.items()},
        "labels": sample.test["label"].tolist(),
    }
    (folder / "data.json").write_text(json.dumps(data))
    order = {
        "folder": str(converted.folder(variant("backbone", "minilm_l6").packaged)),
        "method": adaptation,
        "data": str(folder / "data.json"),
    }
    seconds, accuracy, epochs = 0.0, 0.0, 0
    for epochs in EPOCHS[train] if adaptation != "linear_probe" else (1,):
        more = {"epochs": epochs, "learning_rate": RATES[adaptation], "out": str(folder / "out.json")}
        (folder / "order.json").write_text(json.dumps(order | more))
        code, seconds = child(
            [sys.executable, str(Path(__file__).with_name("usual_way.py")), str(folder / "order.json")]
        )
        if code:
            raise SystemExit(f"tests/usual_way.py failed: {adaptation} on {task}")
        accuracy = json.loads((folder / "out.json").read_text())["accuracy"]
        if accuracy >= wanted - POINT:
            break
    return epochs, seconds, accuracy


def child(command: list[str]) -> tuple[int, float]:
    """(exit code, processor seconds) of a command and of all that it started, one thread each."""
    before = os.times()
    code = subprocess.run(command, env=os.environ | SINGLE, stdout=subprocess.DEVNULL, check=False).returncode
    after = os.times()
    return code, after.children_user + after.children_system - before.children_user - before.children_system
