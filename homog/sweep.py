"""Sweep a study: the arms that still have work -> one Hydra multirun over any launcher -> the report."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from homog import records, sources, study
from homog.config import Cell, ConfigError, choose
from homog.study import jobs

USAGE = """usage: python -m homog.sweep study=NAME [preset=laptop] [results=results] [device=auto]
       [save=adapters|models] [backbone.source=DIRECTORY-OR-HUB-ID]
       [hydra/launcher=joblib] [hydra.launcher.KEY=VALUE ...]

Runs the cells of a study that have no record yet, as a Hydra multirun over their arms, then writes the report.
studies: {studies}; presets: {presets}"""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry of `python -m homog.sweep`; 0 = done, 1 = some cells are missing, 2 = bad input."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if not arguments or {"-h", "--help"} & set(arguments):
        print(USAGE.format(studies=", ".join(study.names()), presets=", ".join(study.presets())))
        return 0
    try:
        return _run(*_parsed(arguments))
    except ConfigError as error:
        print(f"homog: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("homog: stopped; what is finished is kept: run the same command to go on", file=sys.stderr)
        return 130


def _parsed(arguments: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """(our own settings, what goes to Hydra's launcher) of key=value arguments."""
    own = {"study": "", "preset": "laptop", "results": "results", "device": "auto", "save": ""}
    passed = []
    for argument in arguments:
        key, equals, value = argument.partition("=")
        bare = key.lstrip("+")
        if not equals:
            raise ConfigError(f"'{argument}' is not key=value; see --help")
        if not bare.startswith(("hydra/", "hydra.", "backbone.")):
            choose(bare, [*own, "backbone.source", "hydra/launcher"], "key")
        if bare in own:
            own[bare] = value
        else:
            passed.append(argument)
    choose(own["study"], study.names(), "study")
    return own, passed


def _run(own: dict[str, str], passed: list[str]) -> int:
    spec, results = study.load(own["study"]), Path(own["results"])
    overrides = study.backbone_overrides(passed)
    cells = study.expand(spec, own["preset"], overrides)
    study.check(cells, results, own["save"])
    exposures = study.exposed_by(spec, own["preset"])
    todo = study.pending(cells, exposures, results, spec.specificity, own["save"])
    names = jobs.jobs(todo)
    print(
        f"{spec.name} at preset {own['preset']}: {len(cells)} cells, {len(cells) - len(todo)} finished, "
        f"{len(todo)} to do; jobs: {len(names)}",
        flush=True,
    )
    status = 0
    if todo:
        sources.fetch(study.needed_sources(todo, exposures.values()))
        settings = [f"{key}={value}" for key, value in own.items()]
        status = _multirun([*settings, f"arm={','.join(names)}", *passed], todo, results)
    from homog import report

    extra = [f"{key}={own[key]}" for key in ("preset", "results")]
    return report.main([spec.name, *extra, *(p for p in passed if p.startswith("backbone."))]) or status


def _multirun(arguments: list[str], todo: Sequence[Cell], results: Path) -> int:
    """Run Hydra in a process of its own, with one thread per worker; show progress from the records it leaves."""
    from tqdm import tqdm

    single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    environment = os.environ | single | {"HOMOG_WATCHED": "1"}
    command = [sys.executable, "-m", "homog.run", "--multirun", *arguments]
    since, ids = time.time(), [cell.id for cell in todo]
    with tempfile.TemporaryFile("w+", errors="replace") as log:
        # A session of its own, and a pipe that closes when this process dies: no worker outlives a killed sweep.
        child = subprocess.Popen(
            command,
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.PIPE,
            env=environment,
            start_new_session=True,
        )
        with tqdm(total=len(ids), unit="cell", disable=None, smoothing=0.05) as bar:
            try:
                while child.poll() is None:
                    time.sleep(0.5)
                    bar.update(records.count(results, ids, since) - bar.n)
            except KeyboardInterrupt:
                os.killpg(child.pid, signal.SIGKILL)
                raise
            bar.update(records.count(results, ids, since) - bar.n)
        log.seek(0)
        lines = log.read().splitlines()
    failed = child.returncode != 0
    done, seconds = records.count(results, ids, since), time.time() - since
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    print(f"computed {done} cells in {seconds / 60:.1f} min; largest process {peak:.1f} GiB", flush=True)
    shown = lines[-30:] if failed else [line for line in lines if line.startswith("homog:")]
    print(*shown, sep="\n", end="\n" if shown else "", file=sys.stderr)
    if failed:
        print(
            "homog: the sweep stopped early; what is finished is kept: run the same command to go on",
            file=sys.stderr,
        )
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
