"""python -m homog.probes: the natural bias of a backbone as it comes."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from homog.config import ConfigError, choose

USAGE = """usage: python -m homog.probes [backbone=minilm_l6] [backbone.source=DIRECTORY-OR-HUB-ID] [results=results]
       [limit=200]

Measures the natural bias of a backbone before any adaptation, prints a table and writes it to
results/probes/BACKBONE.csv and .md. limit: examples of each benchmark of a causal language model, or all."""

NOTES = """WEAT and SEAT: effect size d in [-2, 2] of the association of the first targets with the first attributes;
`Human` is Cohen's d of people in the same test (IAT); p is one-sided. All other p are two-sided, against no bias: 50 of
100, chance, or 0. `n` counts what was resampled: words, occupations, sentence pairs, examples. Intervals: 95 %,
bootstrap, of this one backbone."""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry of `python -m homog.probes`; 0 = written, 2 = bad input."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if {"-h", "--help"} & set(arguments):
        print(USAGE)
        return 0
    try:
        print(_probed(*_parsed(arguments)))
    except (ConfigError, OSError) as error:
        print(f"homog: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


def _parsed(arguments: Sequence[str]) -> tuple[Any, Path, int | None]:
    """(configured backbone, results folder, limit). Raises ConfigError for an unknown key or a wrong value."""
    from homog.backbones import BACKBONES
    from homog.config import variant
    from homog.study import backbone_overrides

    own = {"backbone": "minilm_l6", "results": "results", "limit": "200"}
    for argument in arguments:
        key, equals, value = argument.partition("=")
        if not equals:
            raise ConfigError(f"'{argument}' is not key=value; see --help")
        if not key.startswith("backbone."):
            own[choose(key, [*own, "backbone.source", "backbone.revision"], "key")] = value
    if own["limit"] != "all" and not (own["limit"].isdecimal() and int(own["limit"])):
        raise ConfigError(f"limit={own['limit']}: valid: a number from 1, or all")
    backbone = variant("backbone", own["backbone"], BACKBONES, **backbone_overrides(arguments))
    backbone.check()
    return backbone, Path(own["results"]), None if own["limit"] == "all" else int(own["limit"])


def _probed(kind: Any, results: Path, limit: int | None) -> str:
    """Probe, write both files, return what to print."""
    import pandas as pd

    from homog import probes, sources
    from homog.files import check_writable, replacing
    from homog.report.layout import aligned, display, markdown

    check_writable(results)
    needed = probes.SOURCES[choose(kind.family, probes.SOURCES, "family of backbones that has probes")]
    sources.fetch([*kind.sources, *needed])
    frame = pd.DataFrame([dataclasses.asdict(one) for one in probes.findings(kind.load(), limit)])
    shown, path = display(frame), results / "probes" / kind.label
    heading = f"# Natural bias of {kind.label} ({kind.family})"
    files = {"csv": frame.to_csv(index=False), "md": f"{heading}\n\n{NOTES}\n\n{markdown(shown)}\n"}
    for suffix, text in files.items():
        with replacing(path.with_name(f"{path.name}.{suffix}")) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return f"{aligned(shown)}\n\n{path}.csv and .md written"


if __name__ == "__main__":
    sys.exit(main())
