"""One bad cell is one bad cell: what a fit raises costs that cell alone, and is kept and said."""

from __future__ import annotations

import functools
import signal
import threading
import time
import traceback
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from homog import records
from homog.config import ConfigError
from homog.wording import line

Sampled = tuple[Any, Any]  # (cell, its task with the samples that it trains on and is tested on)


def same_fit(sampled: Iterable[Sampled], fused: bool) -> list[list[Sampled]]:
    """The cells in groups that are fitted together: of one adaptation, seed and sizes; `fused`: of one shape."""
    groups: dict[Any, list[Sampled]] = {}
    for cell, task in sampled:
        alike = (cell.adaptation, cell.seed, cell.sizes, cell.data)
        if fused and cell.adaptation.shape is not None:
            alike = (cell.adaptation.shape, cell.sizes.max_length)
        groups.setdefault(alike, []).append((cell, task))
    return list(groups.values())


def samples(
    cells: Sequence[Any], results: Path, fused: bool = False
) -> tuple[list[list[Sampled]], list[tuple[Any, Exception]]]:
    """(groups of cells that are fitted together, with their samples; cells whose task cannot be loaded, and why).

    A task is loaded once, of a pinned source once a process. Cells that failed when they were last tried come last.
    """
    tasks: dict[Any, Any] = {}
    for kind in {cell.task for cell in cells}:
        try:
            tasks[kind] = pinned(kind) if kind.sources and kind.modality == "text" else kind.load()
        except Exception as error:
            tasks[kind] = error
    bad = [(cell, tasks[cell.task]) for cell in cells if isinstance(tasks[cell.task], Exception)]
    good = [cell for cell in cells if not isinstance(tasks[cell.task], Exception)]
    good.sort(key=lambda cell: bool(records.failure(results, cell.id)))  # what may kill this process comes last
    drawn = ((c, tasks[c.task].sample(c.sizes.train, c.sizes.test, c.seed, c.data)) for c in good)
    return same_fit(drawn, fused), bad


@functools.lru_cache(maxsize=32)
def pinned(kind: Any) -> Any:
    """The task of a pinned source, which the jobs of one process share: it cannot have changed."""
    return kind.load()


class Attempt(NamedTuple):
    """A cell with its sample, its `model` or what was raised instead, and the seconds that fitting it took."""

    cell: Any
    task: Any
    model: Any
    seconds: float


class OutOfTimeError(RuntimeError):
    """A model took longer than it may."""


@contextmanager
def at_most(limit: float) -> Iterator[None]:
    """Raise OutOfTimeError in what takes more than `limit` seconds; 0: no limit. Needs the main thread, and no Windows.

    It comes between two steps of Python: a single call of a library is not cut off.
    """
    if not limit or threading.current_thread() is not threading.main_thread() or not hasattr(signal, "SIGALRM"):
        yield
        return

    def stop(*_: Any) -> None:
        raise OutOfTimeError(f"more than {limit:g} s (limit={limit:g})")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, limit)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def fitted(
    group: Sequence[Sampled], backbone: Any, results: Path, fused: bool = False, limit: float = 0.0
) -> Iterator[Attempt]:
    """Attempts at cells that are fitted together; after one that failed the rest is fitted anew.

    `limit`: seconds that a fit may take, for each of those that are trained as one; 0: no limit. Each is said to be
    started before, so that one that kills its process is known.
    """
    adaptation, rest = group[0][0].adaptation, list(group)
    backbone = backbone if adaptation.uses_backbone else None
    while rest:
        records.save_failure(results, rest[0][0].id, {"reason": records.STARTED})
        try:
            for model, seconds in _timed(_models(rest, backbone, fused), limit * (len(rest) if fused else 1)):
                yield Attempt(*rest.pop(0), model, seconds)
                if rest:
                    records.save_failure(results, rest[0][0].id, {"reason": records.STARTED})
            if rest:
                raise RuntimeError(f"adaptation {adaptation.name} gave no model")
        except Exception as error:
            yield Attempt(*rest.pop(0), error, 0.0)


def _models(group: Sequence[Sampled], backbone: Any, fused: bool) -> Iterator[list[Any]]:
    """The models of a group in its order, those that were trained as one together."""
    first, _ = group[0]
    if fused and first.adaptation.shape is not None:
        from homog.adaptations import fused as training

        yield from training.fit(backbone, [(cell.adaptation, task, cell.seed) for cell, task in group])
        return
    for _, model in first.adaptation.fit(backbone, [task for _, task in group], first.seed):
        yield [model]


def _timed(fits: Iterator[list[Any]], limit: float) -> Iterator[tuple[Any, float]]:
    """(model, seconds): what was trained as one took each of its models an equal share."""
    while True:
        began = time.perf_counter()
        with at_most(limit):
            models = next(fits, [])
        if not models:
            return
        seconds = (time.perf_counter() - began) / len(models)
        for model in models:
            yield model, seconds


def say_failed(results: Path, cell: Any, error: Exception) -> None:
    """Keep why a cell failed and say it; the next run tries it again.

    Raises what is more than one cell's failure: input that is refused, a disk that is full.
    """
    from homog.adaptations import label

    if isinstance(error, (ConfigError, OSError)):
        raise error
    reason = f"{type(error).__name__}: {line(error, 300)}"
    where = "".join(traceback.format_exception(error))
    path = records.save_failure(results, cell.id, {"reason": reason, "traceback": where, "when": time.time()})
    said = f"{label(cell.adaptation)} on {cell.task.name} (seed {cell.seed}, arm {cell.arm.id})"
    print(f"homog: failed: {said}: {reason}; the traceback is in {path}", flush=True)
