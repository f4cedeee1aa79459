"""The report of a study, from its records alone: python -m homog.report [STUDY ...] [preset=...]."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from homog import records
from homog.config import EXPERIMENTS, ConfigError, choose

USAGE = """usage: python -m homog.report [STUDY ...] [preset=PRESET] [results=results]
       [backbone.source=DIRECTORY-OR-HUB-ID]

Writes results/STUDY/ (cells.csv, effects.csv, tables, figures, report.html, report.md) from the records and prints
the answer. Without STUDY: every study that has records, and results/summary/ over all of them. Without
preset: the one with most finished records."""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry of `python -m homog.report`; 0 = written, 2 = bad input or nothing to report."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if {"-h", "--help"} & set(arguments):
        print(USAGE)
        return 0
    try:
        _reports(arguments)
    except (ConfigError, OSError) as error:
        print(f"homog: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


def parsed(arguments: Sequence[str]) -> tuple[list[str], dict[str, str], list[str]]:
    """(study names, own settings, overrides of the backbone). Raises ConfigError for an unknown key."""
    names, own, overrides = [], {"preset": "", "results": "results"}, []
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals:
            names.append(argument)
        elif key.startswith("backbone."):
            overrides.append(argument)
        else:
            own[choose(key, [*own, "backbone.source", "backbone.revision"], "key")] = value
    return names, own, overrides


def _reports(arguments: Sequence[str]) -> None:
    from homog import study
    from homog.report import pages

    names, own, overrides = parsed(arguments)
    results = Path(own["results"])
    if own["preset"]:
        choose(own["preset"], study.presets(), "preset")
    studies = [study.load(name) for name in names or study.names()]
    found = [(one, *largest(one, own["preset"], overrides, results)) for one in studies]
    found = [one for one in found if one[3] or names]
    if not found:
        raise ConfigError(f"no study has records in {results}: run one first, e.g. make run-sweep")
    for one, preset, _, finished in found:
        if not finished:
            at = f" at preset {preset}" if own["preset"] else ""
            raise ConfigError(f"study {one.name} has no records{at} in {results}: run it first (make run-sweep)")
    effects = {}
    for one, preset, cells, _ in found:
        exposures, module = study.exposed_by(one, preset), figures_of(one.name)
        text, frame = pages.write(results, one, preset, cells, exposures, module)
        print(text, flush=True)
        effects |= {one.name: frame} if "inherited" in frame else {}
    if not names:
        print(pages.write_summary(results, effects), flush=True)


def largest(study: Any, preset: str, overrides: Sequence[str], results: Path) -> tuple[str, Any, int]:
    """(preset, cells, finished records) of the preset asked for, or of the one with most records."""
    from homog.study import backbone_overrides, expand, presets

    options = []
    for name in [preset] if preset else presets():
        try:
            cells = expand(study, name, backbone_overrides(overrides))
        except ConfigError:
            if preset:
                raise
            continue
        options.append((name, cells, records.count(results, [cell.id for cell in cells], 0.0)))
    return max(options, key=lambda option: option[2]) if options else ("", (), 0)


def figures_of(study: str) -> ModuleType | None:
    """experiments/<study>/figures.py as a module, or None where there is none."""
    path = EXPERIMENTS / study / "figures.py"
    if not path.is_file():
        return None
    spec = importlib.util.spec_from_file_location(f"homog_figures_{study}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
