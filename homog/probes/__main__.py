"""homog probes: the natural bias of a backbone as it comes."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from homog import command, planted
from homog.command import Command, Given, Setting
from homog.config import ConfigError, choose
from homog.variants import variant

COMMAND = Command(
    "probes",
    "Measure the natural bias of a backbone before any adaptation, as it is or with a defect: a planted one shows\n"
    "what the probes see. Prints a table and writes it to results/probes/BACKBONE.csv and .md.",
    (
        Setting("backbone", "the backbone", "minilm_l6"),
        *planted.SETTINGS,
        Setting("results", "where to write, and where an injection is kept", "results"),
        Setting("limit", "examples of each benchmark of a causal language model, or all", "200"),
    ),
    passes=("backbone.",),
)

NOTES = """WEAT and SEAT: effect size d in [-2, 2] of the association of the first targets with the first attributes;
`Human` is Cohen's d of people in the same test (IAT); p is one-sided. All other p are two-sided, against no bias: 50 of
100, chance, or 0. `n` counts what was resampled: words, occupations, sentence pairs, examples. Intervals: 95 %,
bootstrap, of this one backbone."""


def main(argv: Sequence[str] | None = None) -> int:
    """Entry of `homog probes`; 0 = written, 2 = bad input."""
    return command.main(COMMAND, _act, argv)


def _act(given: Given) -> None:
    limit = given["limit"]
    if limit != "all" and not (limit.isdecimal() and int(limit)):
        raise ConfigError(f"limit={limit}: valid: a number from 1, or all")
    kind = variant("backbone", given["backbone"], **given.backbone)
    print(_probed(kind, given, None if limit == "all" else int(limit)))


def _probed(kind: Any, given: Given, limit: int | None) -> str:
    """Probe, write both files, return what to print."""
    import pandas as pd

    from homog import probes, sources
    from homog.files import check_writable, replacing
    from homog.report.layout import aligned, display, markdown

    results = Path(given["results"])
    check_writable(results)
    needed = probes.SOURCES[choose(kind.family, probes.SOURCES, "family of backbones that has probes")]
    sources.fetch(needed)
    backbone, label = planted.loaded(kind, given)
    frame = pd.DataFrame([dataclasses.asdict(finding) for finding in probes.findings(backbone, limit)])
    shown, path = display(frame), results / "probes" / label
    heading = f"# Natural bias of {label} ({kind.family})"
    files = {"csv": frame.to_csv(index=False), "md": f"{heading}\n\n{NOTES}\n\n{markdown(shown)}\n"}
    for suffix, text in files.items():
        with replacing(path.with_name(f"{path.name}.{suffix}")) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return f"{aligned(shown)}\n\n{path}.csv and .md written"


if __name__ == "__main__":
    sys.exit(main())
