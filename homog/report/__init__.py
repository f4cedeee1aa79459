"""The report of a study, from its records alone: homog report [STUDY ...] [preset=...]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from homog import command, records, variants
from homog.command import Command, Setting
from homog.config import ConfigError, choose

OVER_ALL = (
    "summary",
    "known",
    "index",
)  # what is reported under these names is no study: it needs the tables of reports alone
COST = "cost"  # of the studies that are named after it
COMMAND = Command(
    "report",
    "Write the report of a study from its records: results/STUDY/ (report.html, report.md, cells.csv, effects.csv,\n"
    "tables, figures). Print the answer. Without STUDY: every study that has records, and over all reports\n"
    "results/summary/ (all defects side by side) and results/known/ (published claims beside what the reports say).\n"
    "`homog report summary known index` makes these and results/index.html alone, from the reports that there are.\n"
    "`homog report cost STUDY` tells where the seconds of its records went, beside what the work needs at the least.",
    (
        Setting("preset", "the preset to report; without it, the one with most finished records"),
        Setting("results", "the folder of the records", "results"),
        Setting("runs", "records of any study, or of none: --runs 'task=adult_*' kind=clean ... (all)", None, tuple),
        Setting("out", "where to write the report of --runs (results/selected)"),
        Setting("serve", "serve the reports, and the examples of each model that has a record here", False, bool),
        Setting("port", "where --serve listens, on this machine alone", 8001, int),
        Setting("tables", "with --serve: files that tasks were made of (task=csv), to show their texts", None, tuple),
        Setting("tracker", "mlflow, wandb or tensorboard: the reports of the named studies as its runs, offline"),
        Setting("tracked", "a run for each arm, or for each model", "arm"),
        Setting("every_eval_ever", "a folder: write the records of --runs there, too, as Every Eval Ever has them"),
    ),
    names="STUDY",
    passes=(
        "backbone=",
        "backbone.",
    ),
)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry of `homog report`; 0 = written, 2 = bad input or nothing to report."""
    return command.main(COMMAND, _act, argv)


def _act(given: Any) -> None:
    if given["serve"]:
        from homog.report import browse

        browse.serve(Path(given["results"]), given["port"], [Path(name) for name in given["tables"] or ()])
        return
    if given["tracker"]:
        if not given.names:
            raise ConfigError("--tracker: name the studies whose reports are to be written as runs")
        track(given.names, given["results"], given["tracker"], given["tracked"])
        return
    if given["runs"] is None:
        write(given.names, given["preset"], given["results"], given.backbone)
        return
    if given.names or given["preset"]:
        raise ConfigError("--runs is for records of whatever study: name none, and no preset")
    select = [word for word in given["runs"] if word.partition("=")[0] not in ("results", "out", "every_eval_ever")]
    said = given.settings | dict(word.split("=", 1) for word in given["runs"] if word not in select)
    where = Path(said["results"])
    print(write_runs(where, select, Path(said["out"] or where / "selected"), said["every_eval_ever"]), flush=True)


def track(names: Sequence[str], where: str | Path, tracker: str, each: str = "arm") -> None:
    """Write the reports of the named studies as runs of a tracker, and print where: see `trackers.export`."""
    from homog.report import trackers

    for name in names:
        print(trackers.export(Path(where) / name, tracker, each), flush=True)


def write_runs(results: Path, select: Sequence[str], out: Path, export: str = "") -> str:
    """Write the report of the records that `select` lets through, in `out`; the text for the terminal.

    `export`: a folder for them as Every Eval Ever has records.

    Raises ConfigError where there are none.
    """
    from homog.report import every_eval_ever, study_report
    from homog.study import kept, told

    there = kept.load(results).records
    if not there:
        raise ConfigError(f"no records in {results}: homog run and homog.record make some")
    settings = {name: each.provenance | {"train": each.provenance["n_train"]} for name, each in there.items()}
    chosen = kept.picked(settings, select, f"record in {results}")
    cells, named, exposures = told.selected(there[name] for name in chosen)
    if export:
        every_eval_ever.write(Path(export), (there[name] for name in chosen))
    return study_report.written(out, told.study_of_runs(exposures), "", cells, named, {}, exposures, None)


def write(names: Sequence[str], preset: str, where: str | Path, backbone: Mapping[str, str]) -> None:
    """Write and print the reports of the named studies, or of all that have records, with the summary over them."""
    from homog import study
    from homog.report import index, known, study_report

    results = Path(where)
    if names and names[0] == COST:
        _costs(names[1:], preset, results, backbone)
        return
    if names and set(names) <= set(OVER_ALL):
        for name in names:
            print(_over_all(name, results), flush=True)
        return
    if preset:
        choose(preset, study.presets(), "preset")
    studies = [study.load(name) for name in names or study.names()]
    chosen = [(each, *largest(each, preset, backbone, results)) for each in studies]
    chosen = [each for each in chosen if each[3] or names]
    if not chosen:
        raise ConfigError(f"no study has records in {results}: run one first, e.g. homog sweep study=inheritance")
    for each, _, _, finished in chosen:
        if not finished:
            at = f" at preset {preset}" if preset else ""
            raise ConfigError(
                f"study {each.name} has no records{at} in {results}: run it first (homog sweep study={each.name})"
            )
    for each, largest_preset, cells, _ in chosen:
        exposures, module = study.exposed_by(each, largest_preset), figures_of(each.name)
        print(study_report.write(results, each, largest_preset, cells, exposures, module), flush=True)
    if not names:
        print(study_report.write_summary(results, variants.studies()), flush=True)
        print(known.write(results)[1], flush=True)
    print(index.write(results, variants.studies()), flush=True)


def _costs(names: Sequence[str], preset: str, results: Path, backbone: Mapping[str, str]) -> None:
    from homog import study
    from homog.report import cost

    if not names:
        raise ConfigError(f"homog report {COST}: of which study? valid: {', '.join(study.names())}")
    for name in names:
        chosen, cells, _ = largest(study.load(name), preset, backbone, results)
        print(cost.write(results, name, chosen, cells), flush=True)


def _over_all(name: str, results: Path) -> str:
    from homog.report import index, known, study_report

    if name == "index":
        said = index.write(results, variants.studies())
        if not said:
            raise ConfigError(f"no reports in {results}: write one first, e.g. homog report inheritance")
        return said
    if name == "known":
        return known.write(results)[0]
    said = study_report.write_summary(results, variants.studies())
    if not said:
        raise ConfigError(
            f"no report in {results} is about a planted defect: write one first, e.g. homog report inheritance"
        )
    return said


def largest(study: Any, preset: str, backbone: Mapping[str, str], results: Path) -> tuple[str, Any, int]:
    """(preset, cells, finished records) of the preset asked for, or of that with most records, then fewest cells."""
    from homog.study import expand, presets

    options = []
    for name in [preset] if preset else presets():
        try:
            cells = expand(study, name, backbone)
        except ConfigError:
            if preset:
                raise
            continue
        options.append((name, cells, len(records.written(results, [cell.id for cell in cells]))))
    return max(options, key=lambda option: (option[2], -len(option[1]))) if options else ("", (), 0)


def figures_of(study: str) -> ModuleType | None:
    """The figures.py of a study, or of the one that it names, as a module; None where there is none."""
    from homog.study import load

    name = load(study).figures or study
    path = variants.studies()[name] / "figures.py"
    return variants.module_at(f"homog_figures_{name}", path) if path.is_file() else None
