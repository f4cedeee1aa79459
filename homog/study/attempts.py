"""One bad cell is one bad cell: what a fit raises costs that cell alone, and is kept and said."""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from homog import records
from homog.config import ConfigError


def same_fit(cells: Iterable[Any]) -> list[list[Any]]:
    """The cells in groups that are fitted together: same adaptation, seed and sizes."""
    groups: dict[Any, list[Any]] = {}
    for cell in cells:
        groups.setdefault((cell.adaptation, cell.seed, cell.sizes, cell.data), []).append(cell)
    return list(groups.values())


def samples(
    cells: Sequence[Any], results: Path
) -> tuple[list[tuple[list[Any], dict[str, Any]]], list[tuple[Any, Exception]]]:
    """(cells that are fitted together with task name -> training and test sample, cells whose task cannot be loaded).

    A task is loaded once. Cells that failed when they were last tried come last.
    """
    tasks: dict[Any, Any] = {}
    for kind in {cell.task for cell in cells}:
        try:
            tasks[kind] = kind.load()
        except Exception as error:
            tasks[kind] = error
    bad = [(cell, tasks[cell.task]) for cell in cells if isinstance(tasks[cell.task], Exception)]
    good = [cell for cell in cells if not isinstance(tasks[cell.task], Exception)]
    good.sort(key=lambda cell: bool(records.failure(results, cell.id)))  # what may kill this process comes last
    return [
        (group, {c.task.name: tasks[c.task].sample(c.sizes.train, c.sizes.test, c.seed, c.data) for c in group})
        for group in same_fit(good)
    ], bad


def fitted(group: list[Any], tasks: dict[str, Any], backbone: Any, results: Path) -> Iterator[tuple[Any, Any]]:
    """(cell, its model, or what was raised instead) of cells that are fitted together; the rest is fitted anew.

    Each is said to be started before, so that one that kills its process is known.
    """
    adaptation, rest = group[0].adaptation, list(group)
    while rest:
        wanted = [tasks[cell.task.name] for cell in rest]
        models = adaptation.fit(backbone if adaptation.uses_backbone else None, wanted, group[0].seed)
        records.save_failure(results, rest[0].id, {"reason": records.STARTED})
        try:
            for _, model in models:
                yield rest.pop(0), model
                if rest:
                    records.save_failure(results, rest[0].id, {"reason": records.STARTED})
            if rest:
                raise RuntimeError(f"adaptation {adaptation.name} gave no model")
        except Exception as error:
            yield rest.pop(0), error


def say_failed(results: Path, cell: Any, error: Exception) -> None:
    """Keep why a cell failed and say it; the next run tries it again.

    Raises what is more than one cell's failure: input that is refused, a disk that is full.
    """
    from homog.adaptations import label

    if isinstance(error, (ConfigError, OSError)):
        raise error
    reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    where = "".join(traceback.format_exception(error))
    path = records.save_failure(results, cell.id, {"reason": reason, "traceback": where, "when": time.time()})
    said = f"{label(cell.adaptation)} on {cell.task.name} (seed {cell.seed}, arm {cell.arm.id})"
    print(f"homog: failed: {said}: {reason}; the traceback is in {path}", flush=True)
