"""Where the seconds of a study went, from its records, beside what the distinct work needs at the least."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from homog.adaptations import label
from homog.analysis.facts import injections
from homog.analysis.results import Frame
from homog.config import Cell
from homog.records import Record

PARTS = ["models", "seconds", "fitting", "predicting", "tflop"]


def kinds(cells: Mapping[str, Cell], kept: Iterable[Record]) -> Frame:
    """A row per adaptation and size of training sample: models, seconds, and `tflop`, 10^12 operations of `Floor`.

    `seconds` is `fitting` and `predicting`; NaN in the last three where a record, of an earlier version, does not say.
    """
    floor, rows = Floor(), []
    for record in sorted(kept, key=lambda each: bool(each.provenance.get("work", {}).get("own"))):
        cell, facts = cells[record.cell], record.provenance
        fitting = facts.get("fitting", float("nan"))
        rows.append(
            {
                "adaptation": label(cell.adaptation),
                "train": cell.sizes.train,
                "models": 1,
                "seconds": facts["seconds"],
                "fitting": fitting,
                "predicting": facts["seconds"] - fitting,
                "tflop": floor.of(cell, facts) / 1e12,
            }
        )
    frame: Frame = pd.DataFrame(rows, columns=["adaptation", "train", *PARTS])
    return frame.groupby(["adaptation", "train"])[PARTS].sum(min_count=1).reset_index().sort_values("seconds")[::-1]


class Floor:
    """Operations of the distinct work alone: each distinct input once through each distinct set of weights.

    What counts is the products with the weights of linear layers, 2 operations a weight and state; attention between
    states, heads and norms are left out, so that the true floor lies higher. Training takes a pass forward, one
    backward to the states, and one to the weights that move. A head that starts from features needs these, too.
    """

    def __init__(self) -> None:
        self.seen: set[tuple[Any, ...]] = set()

    def of(self, cell: Cell, facts: Mapping[str, Any]) -> float:
        """Operations of a record that none before it needed; NaN where it does not say what it read."""
        if "work" not in facts:
            return float("nan")
        if not (work := facts["work"]):
            return 0.0
        below, above = work["parameters"]
        frozen = [work["train"], *([] if work["own"] else work["shown"].values())]
        states = sum(below * self.new(facts["backbone"], *each) for each in frozen)
        states += sum(above * self.new(cell.arm.id, *each) for each in frozen)
        if work["own"]:
            whole = below + above
            moved = min(facts["trainable"], whole)
            trained = getattr(cell.adaptation, "epochs", 0) * work["train"][1]
            states += trained * (2 * whole + moved)
            states += whole * sum(self.new(cell.id, *each) for each in work["shown"].values())
        return 2.0 * states

    def new(self, weights: str, content: str, states: int) -> int:
        """`states`, 0 where this content has gone through these weights."""
        key = (weights, content)
        if key in self.seen:
            return 0
        self.seen.add(key)
        return states


def jobs(kept: Iterable[Record]) -> dict[str, float]:
    """Seconds outside models: `injections`; `starting` of jobs (imports, loading, samples, checks); `between` models.

    `between` holds writing, too. `wall` is from the first job's beginning to the last model's end, `jobs` how many
    there were. Records of earlier versions are left out.
    """
    facts = [record.provenance for record in kept if "job" in record.provenance]
    by_job: dict[str, list[Mapping[str, Any]]] = {}
    for each in facts:
        by_job.setdefault(each["job"]["id"], []).append(each)
    starting = between = 0.0
    for models in by_job.values():
        models.sort(key=lambda each: each["ended"])
        first = models[0]
        starting += first["ended"] - first["seconds"] - first["job"]["began"]
        between += models[-1]["ended"] - first["ended"] - sum(each["seconds"] for each in models[1:])
    made = sum(injections(facts).values())
    ends = [each["ended"] for each in facts]
    wall = max(ends) - min(each["job"]["began"] for each in facts) if facts else 0.0
    return {
        "jobs": len(by_job),
        "injections": made,
        "starting": max(0.0, starting - made),
        "between": between,
        "wall": wall,
    }
