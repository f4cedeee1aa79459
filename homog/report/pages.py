"""Every report's page: sections of blocks as HTML, as Markdown and on the terminal; its tables and figures as files."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from homog.analysis import Frame
from homog.files import replacing, tidy
from homog.report import layout, plots

LISTED = 30  # lines of a list; its file has all
PRINTED = 8  # lines of a list on the terminal
LONG = 20  # rows above which a table of the page is folded
WIDTH = 110  # characters of a line on the terminal
FORMULA = ("=", "+", "-", "@", "\t", "\r")
HOME = "../index.html"  # from a report of the results folder
WITH_TEX = ("tables/*.csv", "tables/*.tex", "figures/*.pdf", "figures/*.png")


@dataclass(frozen=True)
class Finding:
    """An answer: `name` of what was asked about, `verdict`, and the `detail` with numbers and n."""

    name: str
    verdict: str
    detail: str

    @property
    def sentence(self) -> str:
        """All of it."""
        return f"{self.name}: {self.verdict}; {self.detail}."


@dataclass(frozen=True, eq=False)
class Block:
    """A part of a page. What is set is shown, in the order of the fields.

    `name`: the heading. `look` of `text`: '', soft, strong or warning. `table`: strings; where it is one of the page's
    tables its file is tables/`name`.csv, with `rows` rows. `files`: links. `figures`: name -> (figure, caption).
    """

    name: str = ""
    text: str = ""
    look: str = ""
    findings: Sequence[Finding] = ()
    lines: Sequence[str] = ()
    table: Frame | None = None
    rows: int = 0
    files: Sequence[str] = ()
    figures: Mapping[str, tuple[Any, str]] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Page:
    """A report. `sections`: (heading, blocks). `printed`: what the terminal shows. `home`: a link to all reports."""

    title: str
    lead: str
    sections: Sequence[tuple[str, Sequence[Block]]]
    printed: Sequence[Block]
    home: str = ""


def save(page: Page, folder: Path, tables: Mapping[str, Frame], ours: Iterable[str] = WITH_TEX) -> str:
    """Write report.html, report.md, tables/ and figures/ in `folder`; the text for the terminal.

    `tables`: name -> frame. A table that the page shows in full is written for LaTeX too. Files that match `ours`
    (globs) and are not part of this report are removed.
    """
    blocks = [block for _, blocks in page.sections for block in blocks]
    written = [
        path
        for block in blocks
        for name, (figure, _) in block.figures.items()
        for path in plots.save(figure, folder / "figures" / name)
    ]
    shown = {block.name: block.table for block in blocks if block.table is not None and len(block.table) == block.rows}
    for name, frame in tables.items():
        files = {"csv": csv(frame)} | ({"tex": layout.latex(shown[name])} if name in shown else {})
        for suffix, text in files.items():
            written.append(write(folder / "tables" / f"{name}.{suffix}", text))
    for suffix in ("html", "md"):
        write(folder / f"report.{suffix}", rendered(f"report.{suffix}.j2", page))
    for path in {path for pattern in ours for path in folder.glob(pattern)} - set(written):
        path.unlink()
    tidy(folder, folder / "tables", folder / "figures")
    return terminal(page, folder)


def write(path: Path, text: str) -> Path:
    """Write `text` to `path`, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def csv(frame: Frame) -> str:
    """A frame as CSV, six digits; fast for a million rows, since numbers are written here.

    A text that a spreadsheet would take for a formula has an apostrophe in front.
    """
    numbers = frame.select_dtypes("float").columns
    written = {name: [f"{value:.6g}" if value == value else "" for value in frame[name].tolist()] for name in numbers}
    for name in frame.columns.difference(frame.select_dtypes(["number", "bool"]).columns, sort=False):
        texts = frame[name].tolist()
        if any(isinstance(text, str) and text[:1] in FORMULA for text in texts):
            written[name] = [f"'{text}" if isinstance(text, str) and _formula(text) else text for text in texts]
    return frame.assign(**written).to_csv(index=False, lineterminator="\n")


def _formula(text: str) -> bool:
    """Whether a spreadsheet would compute it: it begins so, is more than a sign, and no number."""
    if len(text) < 2 or text[0] not in FORMULA:
        return False
    try:
        float(text)
    except ValueError:
        return True
    return False


def capped(lines: Sequence[str], rest: str, most: int = LISTED) -> list[str]:
    """At most `most` lines; the last says how many more there are and that `rest` has them."""
    more = len(lines) - most
    return list(lines) if more <= 0 else [*lines[:most], f"and {more} more, all in {rest}"]


def terminal(page: Page, folder: Path) -> str:
    """What is printed: the blocks that the page names, and where the files are."""
    lines = [page.title, page.lead, ""]
    for block in page.printed:
        lines += ["", f"{layout.readable(block.name)}:"] if block.name else []
        lines += textwrap.wrap(block.text, WIDTH)
        for finding in block.findings:
            lines += textwrap.wrap(finding.sentence, WIDTH, subsequent_indent="  ")
        lines += [f"  {line}" for line in capped(block.lines, "the report", PRINTED)]
        lines += ["", layout.aligned(block.table)] if block.table is not None else []
    lines += ["", f"report: {folder / 'report.html'}", f"tables and figures: {folder}"]
    return "\n".join(lines).replace("\N{MINUS SIGN}", "-")


def rendered(template: str, page: Any) -> str:
    """A page by its template; HTML is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=".html" in template,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=None if ".html" in template else layout.unmarked,
    )
    environment.filters |= {"readable": layout.readable, "markdown": layout.markdown}
    environment.filters["anchor"] = lambda heading: re.sub(r"\W+", "-", heading.lower()).strip("-")
    environment.filters["svg"] = lambda figure, name: Markup(plots.svg(figure, name))
    return environment.get_template(template).render(page=page, long=LONG)
