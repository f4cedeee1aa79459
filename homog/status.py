"""How far a study is: for each arm, the models that are done, missing, or kept in a record that cannot be read."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from homog import command, records, study
from homog.command import Command, Given, Setting
from homog.config import Cell

COMMAND = Command(
    "status",
    "Say which models of a study are done. Reads the records and changes nothing.",
    (
        Setting("preset", "how large the study is run", "laptop"),
        Setting("results", "the folder of the records", "results"),
    ),
    names="STUDY",
    passes=(
        "backbone=",
        "backbone.",
    ),
)
STATES = ("done", "missing", "started", "failed", "unreadable")


def main(argv: Sequence[str] | None = None) -> int:
    """Entry of `homog status`; 0 = said, 2 = bad input."""
    return command.main(COMMAND, _act, argv)


def _act(given: Given) -> None:
    for name in given.names or study.names():
        spec = study.load(name)
        cells, exposures = study.expand(spec, given["preset"], given.backbone), study.exposed_by(spec, given["preset"])
        wanted = {c.arm.id: {records.CLEAN, *study.shown(c.arm, exposures, spec.specificity)} for c in cells}
        print(table(f"{name}, preset {given['preset']}", cells, wanted, Path(given["results"])))


def table(title: str, cells: Iterable[Cell], wanted: dict[str, set[str]], results: Path) -> str:
    """A line per arm, and one over all. `wanted`: arm -> the conditions that its records must hold to be done."""
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
        if now == "failed":
            failures[name] = records.failure(results, cell.id)
    whole = sum(counts.values(), Counter())
    always = ("done", "missing")
    lines = [f"{title}: " + ", ".join(f"{whole[state]} {state}" for state in STATES if whole[state] or state in always)]
    for (kind, defect, dose, seed, arm), count in counts.items():
        said = ", ".join(f"{count[state]} {state}" for state in STATES if count[state])
        lines.append(f"  {arm}  {kind:<9}{defect:<20}dose {dose:<5} seed {seed}  {said}")
        if (kind, defect, dose, seed, arm) in failures:
            lines.append(f"    last failure: {failures[kind, defect, dose, seed, arm]}")
    return "\n".join(lines)


def state(results: Path, cell: str, wanted: set[str]) -> str:
    """'done', 'missing' (also: of a condition), 'started' (or killed), 'failed' at the last try, or 'unreadable'."""
    try:
        if wanted <= set(records.load(results, cell).conditions):
            return "done"
    except FileNotFoundError:
        pass
    except records.RecordError:
        return "unreadable"
    reason = records.failure(results, cell)
    return ("started" if reason == records.STARTED else "failed") if reason else "missing"


if __name__ == "__main__":
    sys.exit(main())
