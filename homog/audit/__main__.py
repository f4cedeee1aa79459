"""homog audit FILE ...: audit predictions that you have, or a study's records."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from homog import command
from homog.command import Command, Given, Setting
from homog.config import ConfigError

COMMAND = Command(
    "audit",
    """Audit the predictions of several models on the same examples: do the same examples fail everywhere, which models
fail alike, and is it what they share? Writes report.html, report.md, tables/ and figures/.""",
    (
        Setting("out", "where to write", "audit"),
        Setting("groups", "the group columns of a wide table, as A,B ('' for none)", None),
        Setting("attributes", "a file with a row per model: model, company, base_model, ..."),
        Setting("ignore", "columns to leave out, as A,B"),
        Setting("base", "the attribute whose sharing is studied (base_model)"),
        Setting("options", "how many answers there are to choose from (the classes that occur)", None, int),
        Setting("pairwise_complete", "compare each pair of models on the examples that both answered", False, bool),
        Setting("resamples", "of the bootstrap", 2000, int),
        Setting("level", "of the intervals", 0.95, float),
        Setting("seed", "of the bootstrap", 0, int),
        Setting("records", "a study's models instead of files: the results folder of a sweep"),
        Setting("study", "which study"),
        Setting("preset", "which preset (the one with most records)"),
        Setting("select", "which of its models: --select 'task=adult_*,trec' kind=clean ...", (), tuple),
        Setting("condition", "under which predictions were made", "clean"),
    ),
    names="FILE",
    notes="""FILE is .csv, .jsonl, .ndjson or .parquet; several are put together. It may also be a result file of
lm-evaluation-harness (--log_samples), HELM, Inspect, LightEval or Every Eval Ever, or a folder of them.
long form:  columns model, example, label, prediction; where there are any person, task, probability_<class>;
            a further column is a group (the same for all rows of an example) or an attribute of models
            (the same for all rows of a model: company, base_model, ...)
wide form:  columns example, label, groups, and one column per model (an empty cell: the model lacks the example)
graded:     columns model, example, correct (1 or 0) where no more is known
In CSV an empty cell, NaN, nan, NA and null are missing values. Every setting may be written as a flag: --out DIR.""",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry of `homog audit`; 0 = written, 2 = bad input."""
    return command.main(COMMAND, _act, argv)


def _act(given: Given) -> None:
    from homog.audit.choices import AuditError

    try:
        print(_written(given))
    except AuditError as error:
        raise ConfigError(str(error)) from error


def _written(given: Given) -> str:
    from homog.audit import column_sources, report, studies, suites
    from homog.audit.choices import AuditError, Settings
    from homog.audit.tables import audited

    listed = tuple(name for name in given["ignore"].split(",") if name)
    groups = None if given["groups"] is None else tuple(name for name in given["groups"].split(",") if name)
    fixed = {name: given[name] for name in ("base", "options", "pairwise_complete", "resamples", "level", "seed")}
    settings, out, notes = Settings(groups, listed, **fixed), Path(given["out"]), []
    attributes = column_sources.source(Path(given["attributes"])) if given["attributes"] else None
    files, study, select = [Path(name) for name in given.names], given["study"], given["select"]
    if not given["records"]:
        if not files or study or select:
            raise AuditError("name files of predictions, or --records DIR --study NAME (--help says more)")
        tables = [table for path in files for table in suites.sources(path, notes)]
        return report.write(audited(tables, settings, attributes, notes), out)
    if files or not study:
        raise AuditError("--records needs --study NAME, and no files")
    frame = studies.from_study(Path(given["records"]), study, given["preset"], select, given["condition"], notes)
    name = f"records of study {study}{' ' if select else ''}{' '.join(select)}"
    return report.write(audited([column_sources.of_frame(frame, name)], settings, attributes, notes), out)


if __name__ == "__main__":
    sys.exit(main())
