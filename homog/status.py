"""How far a study is: for each arm, the models that are done, missing, or kept in a record that cannot be read."""

from __future__ import annotations

import sys
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from homog import command, records, study
from homog.command import Command, Given, Setting
from homog.config import Cell, ConfigError

COMMAND = Command(
    "status",
    "Say which models of a study are done, from any machine that sees the folder. Reads the records, changes nothing.",
    (
        Setting("preset", "how large the study is run", "laptop"),
        Setting("results", "the folder of the records", "results"),
        Setting("watch", "say it again every few seconds, until all is done; Ctrl-C ends it", False, bool),
        Setting("seconds", "between two looks of --watch", 10.0, float),
    ),
    names="STUDY",
    passes=(
        "backbone=",
        "backbone.",
    ),
)
PACE = 20  # finished models by which the time left is told
ASLEEP = 3600  # seconds after the last one, from which nobody seems to compute
STATES = ("done", "missing", "started", "failed", "unreadable")


def main(argv: Sequence[str] | None = None) -> int:
    """Entry of `homog status`; 0 = said, 2 = bad input."""
    return command.main(COMMAND, _act, argv)


def _act(given: Given) -> None:
    if given["seconds"] <= 0:
        raise ConfigError(f"seconds={given['seconds']:g}: valid: more than 0")
    results, asked = Path(given["results"]), []
    for name in given.names or study.names():
        spec = study.load(name)
        cells, shown = study.expand(spec, given["preset"], given.backbone), study.shown_to(spec, given["preset"])
        wanted = {c.arm.id: {records.CLEAN, *shown(c.arm)} for c in cells}
        asked.append((f"{name}, preset {given['preset']}", cells, wanted))
    while True:
        said = [table(title, cells, wanted, results) for title, cells, wanted in asked]
        if given["watch"] and sys.stdout.isatty():
            print("\033[2J\033[H", end="")  # an empty screen, from its top
        print("\n".join(text for text, _ in said), flush=True)
        if not given["watch"] or not any(undone for _, undone in said):
            return
        try:
            time.sleep(given["seconds"])
        except KeyboardInterrupt:
            return


def left(finished: Sequence[float], missing: int, now: float) -> str:
    """How long the missing models take at the pace of the last ones: `finished` at these times (seconds); '' unknown.

    The pace is that of the last PACE, up to now: where nothing is computed any more, it falls and the rest grows.
    """
    last = sorted(finished)[-PACE:]
    if not missing or len(last) < 3 or now - last[-1] > ASLEEP:
        return ""
    seconds = missing * max(now - last[0], 1.0) / len(last)
    return f"; about {naturally(seconds)} left at the pace of the last {len(last)}"


def naturally(seconds: float) -> str:
    """A duration in words."""
    for size, word in ((86400, "days"), (3600, "h"), (60, "min")):
        if seconds >= 1.5 * size:
            return f"{seconds / size:.0f} {word}"
    return f"{seconds:.0f} s"


def table(title: str, cells: Iterable[Cell], wanted: dict[str, set[str]], results: Path) -> tuple[str, int]:
    """(a line over all and one per arm, how many models are not done).

    `wanted`: arm -> the conditions that its records must hold to be done.
    """
    cells, finished = list(cells), []
    times = records.written(results, [cell.id for cell in cells])
    counts: dict[tuple[str, ...], Counter[str]] = {}
    failures: dict[tuple[str, ...], str] = {}
    for cell in cells:
        shared = cell.arm
        name = (
            shared.kind,
            shared.defect.name if shared.defect else "",
            f"{shared.dose:g}",
            str(shared.seed),
            shared.id,
        )
        now = state(results, cell.id, wanted[shared.id])
        counts.setdefault(name, Counter())[now] += 1
        if now == "done" and cell.id in times:
            finished.append(times[cell.id])
        if now == "failed":
            failures[name] = records.failure(results, cell.id)
    whole = sum(counts.values(), Counter())
    always = ("done", "missing")
    lines = [f"{title}: " + ", ".join(f"{whole[state]} {state}" for state in STATES if whole[state] or state in always)]
    undone = whole.total() - whole["done"]
    lines[0] += left(finished, undone, time.time())
    for (kind, defect, dose, seed, arm), count in counts.items():
        said = ", ".join(f"{count[state]} {state}" for state in STATES if count[state])
        lines.append(f"  {arm}  {kind:<9}{defect:<20}dose {dose:<5} seed {seed}  {said}")
        if (kind, defect, dose, seed, arm) in failures:
            lines.append(f"    last failure: {failures[kind, defect, dose, seed, arm]}")
    return "\n".join(lines), undone


def state(results: Path, cell: str, wanted: set[str]) -> str:
    """'done', 'missing' (also: of a condition), 'started' (or killed), 'failed' at the last try, or 'unreadable'."""
    try:
        if wanted <= set(records.conditions(results, cell)):
            return "done"
    except FileNotFoundError:
        pass
    except records.RecordError:
        return "unreadable"
    reason = records.failure(results, cell)
    return ("started" if reason == records.STARTED else "failed") if reason else "missing"


if __name__ == "__main__":
    sys.exit(main())
