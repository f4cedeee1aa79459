"""python -m homog.audit FILE ...: audit predictions that you have, or a study's records."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

DESCRIPTION = """Audit the predictions of several models on the same examples: do the same examples fail everywhere,
which models fail alike, and is it what they share? Writes report.html, report.md, tables/ and figures/."""
FORMS = """FILE is .csv, .jsonl, .ndjson or .parquet; several are put together.
long form:  columns model, example, label, prediction; where there are any person, task, probability_<class>;
            a further column is a group (the same for all rows of an example) or an attribute of models
            (the same for all rows of a model: company, base_model, ...)
wide form:  columns example, label, groups, and one column per model (an empty cell: the model lacks the example)
In CSV an empty cell, NaN, nan, NA and null are missing values."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    form: Any = argparse.RawDescriptionHelpFormatter
    out = argparse.ArgumentParser("python -m homog.audit", None, DESCRIPTION, FORMS, formatter_class=form)
    out.add_argument("files", nargs="*", type=Path, metavar="FILE", help="predictions")
    out.add_argument("--out", type=Path, default=Path("audit"), metavar="DIR", help="where to write (audit)")
    out.add_argument("--groups", metavar="A,B", help="the group columns of a wide table ('' for none)")
    out.add_argument("--attributes", type=Path, metavar="FILE", help="a row per model: model, company, base_model, ...")
    out.add_argument("--ignore", default="", metavar="A,B", help="columns to leave out")
    out.add_argument("--base", default="", metavar="NAME", help="the attribute whose sharing is studied (base_model)")
    out.add_argument("--options", type=int, metavar="N", help="answers to choose from (the classes that occur)")
    out.add_argument("--pairwise-complete", action="store_true", help="keep examples that some models lack, in pairs")
    out.add_argument("--resamples", type=int, default=2000, metavar="N", help="of the bootstrap (2000)")
    out.add_argument("--level", type=float, default=0.95, metavar="P", help="of the intervals (0.95)")
    out.add_argument("--seed", type=int, default=0, metavar="N", help="of the bootstrap (0)")
    study = out.add_argument_group("a study's models instead of files")
    study.add_argument("--records", type=Path, metavar="DIR", help="the results folder of a sweep")
    study.add_argument("--study", metavar="NAME")
    study.add_argument("--preset", default="", metavar="NAME", help="(the one with most records)")
    study.add_argument("--select", nargs="+", default=[], metavar="KEY=VALUE", help="task=adult_*,trec kind=clean ...")
    study.add_argument("--condition", default="clean", metavar="NAME", help="under which predictions were made (clean)")
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """Entry of `python -m homog.audit`; 0 = written, 2 = bad input."""
    options = parser().parse_args(argv)
    from homog.audit.panel import AuditError
    from homog.config import ConfigError

    try:
        print(_written(options))
    except (AuditError, ConfigError, OSError) as error:
        print(f"homog: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


def _written(options: argparse.Namespace) -> str:
    from homog.audit import pages, sources, studies
    from homog.audit.panel import AuditError, Settings
    from homog.audit.tables import audited

    listed = tuple(name for name in options.ignore.split(",") if name)
    groups = None if options.groups is None else tuple(name for name in options.groups.split(",") if name)
    fixed = {
        name: getattr(options, name) for name in ("base", "options", "pairwise_complete", "resamples", "level", "seed")
    }
    settings, notes = Settings(groups, listed, **fixed), []
    attributes = sources.source(options.attributes) if options.attributes else None
    if options.records is None:
        if not options.files or options.study or options.select:
            raise AuditError("name files of predictions, or --records DIR --study NAME (--help says more)")
        return pages.write(audited([sources.source(path) for path in options.files], settings, attributes), options.out)
    if options.files or not options.study:
        raise AuditError("--records needs --study NAME, and no files")
    chosen = (options.records, options.study, options.preset, options.select, options.condition)
    frame = studies.from_study(*chosen, notes)
    name = f"records of study {options.study}{' ' if options.select else ''}{' '.join(options.select)}"
    return pages.write(audited([sources.of_frame(frame, name)], settings, attributes, notes), options.out)


if __name__ == "__main__":
    sys.exit(main())
