"""The report of a study: what its records say, as tables, figures and a page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from homog import analysis, records
from homog.analysis import Frame, Results, doses, facts, means, models
from homog.analysis.results import PLANTED, uncollected, usual_rows
from homog.config import Cell
from homog.report import answers, layout, pages, standard, summary
from homog.report.answers import Said
from homog.report.contact_sheet import CAPTION, contact_sheets
from homog.report.headlines import headlines
from homog.report.pages import Block, Page, capped
from homog.study import controls
from homog.wording import counted, joined

UPSTREAM = (
    "Drift: displacement of clean features, in units of their variance. Effect: what the exposure does to the "
    "features. Verified: both within the bands of the defect."
)


@dataclass(frozen=True)
class Content:
    """What a report is made of. `every`: the rows of all cells, `tables` by name, `figures`: name -> (it, caption)."""

    every: Results
    said: Said
    tables: dict[str, Frame]
    figures: dict[str, tuple[Any, str]]


def write(
    results: Path, study: Any, preset: str, cells: Sequence[Cell], exposures: Mapping[str, Any], module: Any
) -> str:
    """Write the report of `study` under `results`; the text for the terminal.

    `module`: its figures.py or None.
    """
    folder = records.report_folder(results, study.name)
    with uncollected():  # all records stay until the end
        finished, problems = analysis.read(results, cells)
        return written(folder, study, preset, cells, finished, problems, exposures, module, pages.HOME)


def written(
    folder: Path,
    study: Any,
    preset: str,
    cells: Sequence[Cell],
    finished: Mapping[str, records.Record],
    problems: Mapping[str, str],
    exposures: Mapping[str, Any],
    module: Any,
    home: str = "",
) -> str:
    """Write the report of the `finished` records in `folder`; the text for the terminal. `home`: see `Page`."""
    made = content(study, cells, finished, exposures, module)
    every, said = made.every, made.said
    pages.write(folder / "cells.csv", pages.csv(facts.cell_table(cells, finished, problems)))
    pages.write(
        folder / "effects.csv", pages.csv(every.frame[[name for name in every.frame if name in analysis.WRITTEN]])
    )
    absent = analysis.missing(cells, every, problems)
    page = _page(study, preset, cells, said, made.tables, made.figures, absent)
    page = replace(_with_end(page, said, every, facts.provenance(list(finished.values()))), home=home)
    return pages.save(page, folder, made.tables)


def content(
    study: Any,
    cells: Sequence[Cell],
    finished: Mapping[str, records.Record],
    exposures: Mapping[str, Any],
    module: Any,
) -> Content:
    """What the report of these records is made of. `module`: the study's figures.py, or None for the standard ones."""
    every = _results(cells, finished, exposures, module)
    module = module or (standard if "inherited" in every else None)
    beside = controls(cells) if "inherited" in every else set()
    effects = every[~every["cell"].isin(beside)]
    said = _said(study, exposures, module, effects)
    tables = {"summary": said.frame, **(module.tables(effects) if module else {}), "accuracy": facts.accuracy(every)}
    tables |= module.beside(every) if hasattr(module, "beside") else {}
    if "inherited_tasks" in said.frame and "transmission" not in tables:
        sent = doses.transmission(usual_rows(effects))
        tables |= {"transmission": sent} if sent["tasks"].any() else {}
    tables |= {"upstream": facts.upstream(effects)}
    tables["parameters"] = facts.parameters(finished.values(), {cell.id: cell for cell in cells})
    if exposures and study.specificity:
        own = [cell for cell in cells if cell.id not in beside]
        crossed = means.specificity(analysis.effects(own, finished, exposures, own=False))
        tables |= {"specificity": crossed} if len(crossed) else {}
    tables |= {"controls": means.controls(usual_rows(every), beside)} if beside else {}
    drawn, captions = module.figures(effects) if module else {}, getattr(module, "CAPTIONS", {})
    figures = {name: (figure, _caption(name, captions)) for name, figure in drawn.items()}
    figures |= {name: (figure, CAPTION) for name, figure in contact_sheets(effects).items()}
    return Content(every, said, tables, figures)


def _caption(name: str, captions: Mapping[str, str]) -> str:
    """Its own, else that of the figure whose name ends its name: they are drawn once for each condition."""
    ends = [text for end, text in captions.items() if name == end or name.endswith(f"_{end}")]
    return captions.get(name) or (ends[0] if ends else layout.readable(name))


def _results(cells: Sequence[Cell], finished: Mapping[str, Any], exposures: Mapping[str, Any], module: Any) -> Results:
    """What the study's figures are made from: effects, or models where it asks for them (FRAME) or plants nothing."""
    if exposures and getattr(module, "FRAME", "effects") == "effects":
        return analysis.effects(cells, finished, exposures)
    return models.models(cells, finished, [records.CLEAN, *exposures])


def _said(study: Any, exposures: Mapping[str, Any], module: Any, effects: Results) -> Said:
    """The answers of the study, grouped where they are many."""
    if hasattr(module, "said"):
        said = module.said(effects)
    else:
        planted = "inherited" in effects  # else there are no rows
        harmed = usual_rows(effects) if planted else analysis.effects([], {}, {})
        overall = means.by_adaptation(harmed)
        there = overall["arms"] > 0  # else the models of the clean backbone were shown that exposure as well
        said = answers.said(study.hypothesis, exposures, overall[there] if there.any() else overall)
    defects = {name: defect.name for name, defect in exposures.items()}
    return replace(said, answers=headlines(said.answers, said.frame, defects))


def _page(
    study: Any, preset: str, cells: Sequence[Cell], said: Said, tables: Mapping[str, Frame], figures: Any, absent: Frame
) -> Page:
    at = f", preset {preset}" if preset else ""
    lead = f"Study {study.name}{at}, backbone {joined(sorted({c.arm.backbone.label for c in cells}))}; "
    lead += f"{len(cells) - len(absent)} of {counted(len(cells), 'model')} finished."
    outcome = said.outcome
    if len(absent):
        outcome += f", so far: {len(absent)} of {counted(len(cells), 'cell')} are missing"
    warning = _unverified(tables["upstream"])
    answer = [*warning, Block(text=f"Hypothesis ({said.expected}): {outcome}.", look="strong", findings=said.answers)]
    legend = Block(text=said.legend, look="soft")
    claim = (
        f"{study.hypothesis.claim} ({study.hypothesis.source}; expected sign {study.hypothesis.sign}: {said.expected})"
    )
    headline = Block(table=said.table, rows=len(said.table), name="summary")
    listed = [_table(name, frame) for name, frame in tables.items() if name not in ("summary", "upstream")]
    sections = [
        ("Question", [Block(text=study.question)]),
        ("Answer", [*answer, headline, replace(legend, text=f"{said.legend} Rule: {said.rule}")]),
        ("Hypothesis", [Block(text=claim)]),
        *([("Figures", [Block(figures=figures)])] if figures else []),
        ("Tables", listed),
    ]
    if len(tables["upstream"]):
        heading = "Check of the injection, upstream"
        sections.append((heading, [Block(text=UPSTREAM, look="soft"), _table("upstream", tables["upstream"])]))
    gone = f"{len(absent)} of {counted(len(cells), 'model')} have no record. They are in no mean."
    none = f"None: all {counted(len(cells), 'model')} of this preset have a record."
    lines = capped([f"{named(row)}: {row['reason']}" for _, row in absent.iterrows()], "cells.csv")
    sections.append(("Missing cells", [Block(text=gone if lines else none, lines=lines)]))
    narrow = replace(headline, table=said.table.drop(columns="Sham's accuracy change", errors="ignore"), name="")
    return Page(study.title, lead, sections, [*answer, narrow, legend])


def _with_end(page: Page, said: Said, every: Results, provenance: Sequence[tuple[str, str]]) -> Page:
    """The page with what is undefined, how to read it, and where it comes from."""
    bad = every.frame[every["reason"] != ""]
    lines = capped([f"{named(row)}: {row['reason']}" for _, row in bad.iterrows()], "effects.csv")
    sections = [("Undefined numbers", [Block(lines=lines)])] if lines else []
    sections.append(("How to read the intervals", [Block(text=said.statistics)]))
    origin = [f"{name}: {value}" for name, value in provenance]
    sections.append(("Provenance", [Block(lines=origin, files=("cells.csv", "effects.csv"))]))
    return replace(page, sections=[*page.sections, *sections])


def _table(name: str, frame: Frame) -> Block:
    return Block(name=name, table=layout.display(frame), rows=len(frame))


def _unverified(upstream: Frame) -> list[Block]:
    """A warning that names the arms that failed the check of the injection."""
    failed = upstream[[passed is False for passed in upstream["verified"]]]
    text = (
        f"Not verified upstream: {counted(len(failed), 'injected or sham backbone')} failed the check of the injection "
        "itself, so nothing can be said about what is inherited from them."
    )
    lines = [named(row) for _, row in failed.iterrows()]
    return [Block(text=text, look="warning", lines=lines)] if lines else []


def named(row: Any) -> str:
    """An arm or a cell in words."""
    parts = [f"{row['kind']} {row['backbone']}"]
    if row["kind"] != "clean":
        varied = [(name, row[name]) for name in row.index if name.startswith(PLANTED)]
        told = [f"{name.removeprefix(PLANTED)} {value}" for name, value in varied if pd.notna(value)]
        parts += [f"{row['defect']} at dose {row['dose']:g}", *told, f"backbone seed {row['arm_seed']}"]
    if "task" in row:
        parts += [row["adaptation"], row["task"], row["cell"]]
    return ", ".join(parts)


def write_summary(results: Path, studies: Iterable[str]) -> str:
    """Write results/summary from the tables of the studies; the text for the terminal, '' where nothing was planted."""
    frame = summary.summary(summary.tables(results, studies))
    if frame.empty:
        return ""
    shown = layout.display(frame.drop(columns=[*summary.RATES, "seeds", "examples"]))
    table = Block(name="summary", table=shown, rows=len(shown))
    figure = Block(figures={"summary": (summary.figure(frame), summary.CAPTION)})
    page = Page(
        "All defects",
        "What every study that plants a defect found.",
        [("Figure", [figure]), ("Table", [table])],
        [],
        pages.HOME,
    )
    folder = records.report_folder(results, "summary")
    pages.save(page, folder, {"summary": frame})
    return f"All defects: {folder / 'report.html'}"
