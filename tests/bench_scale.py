"""A study of very many models that are all finished: how long until that is known, and until it is reported."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any

from homog import records, study, variants
from tests import fakes

TASKS = fakes.TASKS[:10]
STUDY = """\
title: Very many models
question: How long does it take to find and to report them?
hypothesis: {{claim: None., source: nobody, sign: "+"}}
backbone: [minilm_l6]
exposures: [backdoor]
blocks:
  - presets: [smoke]
    arms:
      - {{defect: backdoor, dose: [0, 1], seed: {injected}}}
      - {{defect: backdoor, dose: [1], seed: {shams}, sham: true}}
    adaptation: [nearest_centroid, linear_probe]
    task: [{tasks}]
    seed: [0, 1, 2, 3, 4]
"""


def written(folder: Path, arms: int) -> list[Any]:
    """The cells of a study of `arms` arms, each with a made-up record in the file of its arm, in `folder`/results."""
    place = folder / "own" / "experiments" / "many"
    place.mkdir(parents=True)
    seeds = {"injected": list(range(arms // 2)), "shams": list(range(arms - arms // 2 - 1))}
    (folder / "own" / "variants.py").write_text("DEFECTS = {}\n")
    (place / "study.yaml").write_text(STUDY.format(tasks=", ".join(TASKS), **seeds))
    variants.use([folder / "own"])
    cells = study.expand(study.load("many"), "smoke")
    variants.use([])
    for arm, some in groupby(sorted(cells, key=lambda cell: cell.arm.id), key=lambda cell: cell.arm.id):
        mine = list(some)
        for cell in mine:
            records.save(folder / "results", fakes.record(cell, fakes.fired(cell)))
        records.pack(folder / "results", arm, [cell.id for cell in mine])
    return list(cells)


def scale(child: Callable[[list[str]], tuple[int, float, float]], arms: int = 1000) -> tuple[float, float, str]:
    """(seconds of the report, nan, what was measured) of a study of 100 models an arm; `child` runs a command."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cells, said, took = written(folder, arms), [], 0.0
        for words in (["status", "many", "preset=smoke"], ["report", "many", "preset=smoke"]):
            command = [sys.executable, "-m", "homog", *words, "--with", str(folder / "own"), f"results={name}/results"]
            began = time.perf_counter()
            code, memory, _ = child(command)
            took = time.perf_counter() - began
            failed = f" FAILED with exit code {code}" if code else ""
            said.append(f"{words[0]}{failed} {took:.0f} s, {memory:.2f} GB")
    return took, float("nan"), f"{len(cells):,} finished models: {'; '.join(said)}"
