"""results/index.html: every report of a folder on one page, its answer first, from the reports alone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from homog.report import pages

MAIN = "inheritance"  # comes first
SHOWN = 6  # answers of a report; its page has all
OVER_ALL = {"summary": "All defects side by side", "known": "Published claims beside what is found here"}


@dataclass(frozen=True)
class Entry:
    """A report: its `link` from the index, `title`, what stands under it, and its answers (in bold, and the rest)."""

    name: str
    link: str
    title: str
    outcome: str
    answers: tuple[tuple[str, str], ...]
    more: int


def write(results: Path, studies: Iterable[str]) -> str:
    """Write results/index.html; the text for the terminal. '' where there is no report."""
    every = [entry(results / name) for name in sorted(studies, key=lambda name: (name != MAIN, name))]
    there = [each for each in every if each is not None]
    others = [(name, f"{name}/report.html", said) for name, said in OVER_ALL.items() if _page(results / name)]
    others += [
        (path.parent.name, f"{path.parent.name}/report.html", f"{_title(path)} ({path.parent.name})")
        for path in sorted(results.glob("audit*/report.md"))
        if _page(path.parent)
    ]
    if not there and not others:
        return ""
    path = pages.write(results / "index.html", pages.rendered("index.html.j2", {"entries": there, "others": others}))
    return f"all reports: {path}"


def entry(folder: Path) -> Entry | None:
    """What the report.md of a study says; None where there is none."""
    path = folder / "report.md"
    if not path.is_file() or not _page(folder):
        return None
    text = path.read_text(encoding="utf-8")
    answer = re.split(r"\n###? ", text.partition("\n## Answer\n")[2])[0]
    outcome = re.search(r"^\*\*(.+)\*\*$", answer, flags=re.M)
    listed = [_plain(line) for line in re.findall(r"^- (.+)$", answer, flags=re.M)]
    return Entry(
        folder.name,
        f"{folder.name}/report.html",
        _title(path),
        outcome[1] if outcome else "",
        tuple(listed[:SHOWN]),
        max(0, len(listed) - SHOWN),
    )


def _page(folder: Path) -> bool:
    return (folder / "report.html").is_file()


def _title(path: Path) -> str:
    return path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ").strip()


def _plain(line: str) -> tuple[str, str]:
    """(the bold part, the rest) of a line of Markdown, without its escapes."""
    line = re.sub(r"\\([\\`*_{}\[\]()#+.!<>|~-])", r"\1", line)
    bold = re.match(r"\*\*(.+?)\*\*(.*)", line)
    return (bold[1], bold[2]) if bold else ("", line)
