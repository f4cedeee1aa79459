"""Sweep a study: the arms that still have work -> one Hydra multirun over any launcher -> the report."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TextIO

from homog import command, overrides, records, sources, study
from homog.command import DEVICE, Command, Given, Setting
from homog.config import Cell, choose
from homog.files import forget, pooled, tidy_runs
from homog.run import STOP
from homog.study import jobs

AT_ONCE = 5000  # jobs of one multirun: their names stand on a command line
PACKED = ("auto", "yes", "no")
MANY = 5000  # models of a study from which on a file for each of them is too much for a file system
KILLED = 2  # a worker was, by the system or somebody: joblib then ends the whole multirun
COMMAND = Command(
    "sweep",
    "Run the cells of a study that have no record yet, as a Hydra multirun over their arms. Then write the report.\n"
    "Stop it whenever you like: the same command goes on where it was.",
    (
        Setting("study", "the question, with its grid"),
        Setting("preset", "how large it is run", "laptop"),
        Setting("results", "where records and reports go", "results"),
        DEVICE,
        Setting("fused", "train the adapters of many models as one: yes, no, auto (on a GPU)", "auto"),
        Setting("limit", "seconds that a model may take; it fails when it takes more (0: no limit)", 0.0, float),
        Setting("pack", "put an arm's records into one file at its end: yes, no, auto (from 5,000 models on)", "auto"),
        Setting("tracker", "mlflow, wandb or tensorboard: the report as its runs, when the sweep has ended"),
        Setting("save", "keep the models: adapters (what was trained), models (with the backbone)"),
    ),
    passes=("backbone=", "backbone.", "hydra/", "hydra."),
    notes="hydra/launcher=joblib, hydra.launcher.KEY=VALUE ... go to Hydra as they are.",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry of `homog sweep`; 0 = done, 1 = some cells are missing, 2 = bad input."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        status = command.main(COMMAND, _run, arguments or ["--help"])
    except KeyboardInterrupt:
        print("homog: stopped; what is finished is kept: run the same command to go on", file=sys.stderr)
        return 130
    if not arguments or {"-h", "--help"} & set(arguments):
        print(f"studies: {', '.join(study.names())}; presets: {', '.join(study.presets())}")
    return status


def _run(given: Given) -> int:
    overrides.check_device(given["device"])
    choose(given["fused"], overrides.FUSED, "fused")
    choose(given["pack"], PACKED, "pack")
    if given["tracker"]:
        from homog.report import trackers

        trackers.there(given["tracker"])  # before anything is computed
    spec, preset, results, save = study.load(given["study"]), given["preset"], Path(given["results"]), given["save"]
    cells = study.expand(spec, preset, given.backbone)
    exposures = study.exposed_by(spec, preset)
    study.check(cells, results, save, exposures.values())
    tidy_runs(results)
    shown = study.shown_to(spec, preset)
    todo = study.pending(cells, shown, results, save)
    names = jobs.jobs(todo)
    print(
        f"{spec.name} at preset {preset}: {len(cells)} cells, {len(cells) - len(todo)} finished, "
        f"{len(todo)} to do; jobs: {len(names)}",
        flush=True,
    )
    status = 0
    if todo:
        sources.fetch(study.needed_sources(todo, exposures.values()))
    named = {f"backbone.{name}" if name != "name" else "backbone": value for name, value in given.backbone.items()}
    if given["pack"] == "auto":
        named["pack"] = "yes" if len(cells) >= MANY else "no"
    settings = overrides.overrides({key: v for key, v in (given.settings | named).items() if key != "tracker"})
    left = todo
    while names:
        started, names = names[:AT_ONCE], names[AT_ONCE:]
        arms = {name.partition("-")[0] for name in started}
        mine = [cell for cell in left if cell.arm.id in arms]
        status = _multirun([*settings, f"arm={','.join(started)}", *given.passed], mine, results)
        if status not in (0, KILLED):
            break
        if status == KILLED:
            before, left = len(left), study.pending(left, shown, results, save)
            if len(left) == before:
                break
            print(f"homog: a worker was killed; going on with {len(left)} cells", file=sys.stderr, flush=True)
            names = jobs.jobs(left)
    status = min(status, 1)
    failed = sum(bool(records.failure(results, cell.id)) for cell in todo)
    if failed:
        print(f"homog: {failed} of {len(todo)} cells failed; the same command tries them again", file=sys.stderr)
        status = 1
    from homog import report

    report.write([spec.name], preset, results, given.backbone)
    if given["tracker"]:
        report.track([spec.name], results, given["tracker"])
    return status


def _wait(child: Any, look: Callable[[], Any], stop: Path) -> None:
    """Look now and then until the child has ended.

    Ctrl-C makes the file `stop`, at which workers end after the model under way, and raises KeyboardInterrupt when they
    have; a second one raises it at once.
    """
    looking, stopped = 0.0, False
    while child.poll() is None:
        try:
            time.sleep(max(0.5, 50 * looking))  # to look takes 2 % of a core at the most
            began = time.perf_counter()
            look()
            looking = time.perf_counter() - began
        except KeyboardInterrupt:
            if stopped:
                raise
            stopped = True
            stop.touch()
            said = "homog: stopping after the models under way; Ctrl-C once more stops at once"
            print(said, file=sys.stderr, flush=True)
    if stopped:
        raise KeyboardInterrupt


def _whole_lines(reader: TextIO) -> list[str]:
    """The lines that were written since the last call, without one that is still being written."""
    start, text = reader.tell(), reader.read()
    whole = text[: text.rfind("\n") + 1]
    reader.seek(start)
    reader.read(len(whole))
    return whole.splitlines()


def _end(process: int) -> None:
    """Kill a process and all that it started, and remove what these leave in memory."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process, signal.SIGKILL)
    forget(process)


def _multirun(arguments: list[str], todo: Sequence[Cell], results: Path) -> int:
    """Run Hydra in a process of its own, with one thread per worker; show progress from the records it leaves.

    0 = all jobs ended well, KILLED = one of their workers was killed, 1 = it stopped for another reason.
    """
    from tqdm import tqdm

    single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    folder = tempfile.TemporaryDirectory()
    stop = Path(folder.name) / "stop"
    environment = os.environ | single | {"HOMOG_WATCHED": "1", STOP: str(stop)}
    command = [sys.executable, "-m", "homog.run", "--multirun", *arguments]
    ids, began = [cell.id for cell in todo], time.monotonic()
    before = records.written(results, ids)
    written = Path(folder.name) / "log"
    with folder, written.open("w") as log, written.open(errors="replace") as reader:
        # A session of its own, and a pipe that closes when this process dies: no worker outlives a killed sweep.
        child = subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        lines: list[str] = []
        with pooled(results, child.pid), tqdm(total=len(ids), unit="cell", disable=None, smoothing=0.05) as bar:

            def look(new: Sequence[str] = ()) -> None:
                new = new or _whole_lines(reader)
                for line in (line for line in new if line.startswith("homog:")):
                    bar.write(line, file=sys.stderr)
                lines.extend(new)
                bar.update(records.count(results, ids, before) - bar.n)

            try:
                _wait(child, look, stop)
            except KeyboardInterrupt:
                _end(child.pid)
                raise
            look(reader.read().splitlines())
        if child.returncode:  # killed, perhaps: what it started would live on
            _end(child.pid)
        if child.stdin:
            child.stdin.close()
    failed = child.returncode != 0
    done, seconds = records.count(results, ids, before), time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"computed {done} cells in {seconds / 60:.1f} min; largest process {peak:.1f} GiB", flush=True)
    if failed:
        print(*(line for line in lines[-30:] if not line.startswith("homog:")), sep="\n", file=sys.stderr)
    if failed and any("TerminatedWorkerError" in line for line in lines):
        return KILLED
    if failed:
        print(
            "homog: the sweep stopped early; what is finished is kept: run the same command to go on",
            file=sys.stderr,
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
