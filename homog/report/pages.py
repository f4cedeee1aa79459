"""A study's report as files: CSV, LaTeX, figures, one HTML page and the same as Markdown."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from homog import analysis, records
from homog.analysis import Frame, Results, facts, means, models
from homog.config import Cell
from homog.report import answers, layout, plots, summary
from homog.report.headlines import headlines
from homog.study import controls

LISTED = 30  # missing cells named in the report; cells.csv has all
LONG = 20  # rows above which a table of the page is folded


def write(
    results: Path, study: Any, preset: str, cells: Sequence[Cell], exposures: Mapping[str, Any], module: Any
) -> tuple[str, Results]:
    """Write the report of `study` under `results`; the text for the terminal and what it is made from.

    `module`: its figures.py or None.
    """
    found, problems = analysis.read(results, cells)
    every = _frame(cells, found, exposures, module)
    beside = controls(cells) if "inherited" in every else set()
    effects = every[~every["cell"].isin(beside)]
    folder = records.report_folder(results, study.name)
    if hasattr(module, "said"):
        said = module.said(effects)
    else:
        harmed = effects if "inherited" in effects else analysis.effects([], {}, {})  # nothing planted: no rows
        said = answers.said(study.hypothesis, exposures, means.by_adaptation(harmed))
    tables = {"accuracy": facts.accuracy(every), "upstream": facts.upstream(effects)}
    tables["parameters"] = facts.parameters(found.values(), {cell.id: cell for cell in cells})
    if exposures and study.specificity:
        own = [cell for cell in cells if cell.id not in beside]
        crossed = means.specificity(analysis.effects(own, found, exposures, own=False))
        tables |= {"specificity": crossed} if len(crossed) else {}
    tables |= {"controls": means.controls(every, beside)} if beside else {}
    tables = {**(module.tables(effects) if module else {}), **tables}
    shown = {"summary": said.table}
    shown |= {name: layout.display(frame) for name, frame in tables.items()}
    figures = module.figures(effects) if module else {}
    page = context(study, preset, cells, every, said, problems)
    page |= {"shown": shown, "figures": figures, "captions": getattr(module, "CAPTIONS", {})}
    page |= {"provenance": facts.provenance(list(found.values()))}
    page |= {"answers": headlines(said.answers, said.frame, {name: one.name for name, one in exposures.items()})}
    written = [path for name in figures for path in plots.save(figures[name], folder / "figures" / name)]
    for name, frame in {"summary": said.frame, **tables}.items():
        _save(folder / "tables" / f"{name}.csv", csv(frame), written)
        _save(folder / "tables" / f"{name}.tex", layout.latex(shown[name]), written)
    _save(folder / "cells.csv", csv(facts.cell_table(cells, found, problems)))
    _save(folder / "effects.csv", csv(every.frame[[name for name in every.frame if name in analysis.WRITTEN]]))
    _save(folder / "report.html", rendered("report.html.j2", page))
    _save(folder / "report.md", rendered("report.md.j2", page))
    _remove_stale(folder, written)
    return terminal(folder, page), effects


def _frame(cells: Sequence[Cell], found: Mapping[str, Any], exposures: Mapping[str, Any], module: Any) -> Results:
    """What the study's figures are made from: effects, or models where it asks for them (FRAME) or plants nothing."""
    if exposures and getattr(module, "FRAME", "effects") == "effects":
        return analysis.effects(cells, found, exposures)
    return models.models(cells, found, [records.CLEAN, *exposures])


def write_summary(results: Path, effects: Mapping[str, Results]) -> str:
    """Write results/summary from study name -> results; the text for the terminal, '' where nothing was planted."""
    frame = summary.summary(effects)
    if frame.empty:
        return ""
    folder, figure = records.report_folder(results, "summary"), summary.figure(frame)
    written = plots.save(figure, folder / "figures" / "summary")
    _save(folder / "tables" / "summary.csv", csv(frame), written)
    shown = layout.display(frame.drop(columns=[*summary.RATES, "seeds", "examples"]))
    _save(folder / "tables" / "summary.tex", layout.latex(shown), written)
    text = f"# All defects\n\n![Summary](figures/summary.png)\n\n{summary.CAPTION}\n\n{layout.markdown(shown)}\n"
    _save(folder / "report.md", text)
    _remove_stale(folder, written)
    return f"all defects: {folder / 'report.md'}"


def context(
    study: Any,
    preset: str,
    cells: Sequence[Cell],
    effects: Results,
    said: answers.Said,
    problems: Mapping[str, str],
) -> dict[str, Any]:
    """What both pages say in words."""
    absent = analysis.missing(cells, effects, problems)
    bad = effects.frame[effects["reason"] != ""]
    failed = facts.upstream(effects)
    failed = failed[[passed is False for passed in failed["verified"]]]
    outcome = said.outcome
    if len(absent):
        outcome += f", so far: {len(absent)} of {layout.count(len(cells), 'cell')} are missing"
    return {
        "study": study,
        "preset": preset,
        "backbones": layout.joined(sorted({cell.arm.backbone.label for cell in cells})),
        "rule": said.rule,
        "legend": said.legend,
        "expected": said.expected,
        "outcome": outcome,
        "statistics": said.statistics,
        "cells": len(cells),
        "finished": len(cells) - len(absent),
        "unverified": [named(row) for _, row in failed.iterrows()],
        "missing": capped([f"{named(row)}: {row['reason']}" for _, row in absent.iterrows()], "cells.csv"),
        "undefined": capped([f"{named(row)}: {row['reason']}" for _, row in bad.iterrows()], "effects.csv"),
    }


def named(row: Any) -> str:
    """An arm or a cell in words."""
    parts = [f"{row['kind']} {row['backbone']}"]
    if row["kind"] != "clean":
        parts.append(f"{row['defect']} at dose {row['dose']:g}, backbone seed {row['arm_seed']}")
    if "task" in row:
        parts += [row["adaptation"], row["task"], row["cell"]]
    return ", ".join(parts)


def capped(lines: list[str], rest: str) -> list[str]:
    """At most LISTED lines; the last says how many more there are and which file has them."""
    more = len(lines) - LISTED
    return lines if more <= 0 else [*lines[:LISTED], f"and {more} more, all in {rest}"]


def terminal(folder: Path, page: Mapping[str, Any]) -> str:
    """What is printed: the headline table, what is missing, where the files are."""
    study = page["study"]
    lines = [f"{study.title} ({study.name}, preset {page['preset']}, {page['backbones']})", ""]
    lines += [f"hypothesis ({page['expected']}): {page['outcome']}"]
    for answer in page["answers"]:
        lines += textwrap.wrap(answer.sentence, 110, subsequent_indent="  ")
    lines.append("")
    table = page["shown"]["summary"].drop(columns="Sham's accuracy change", errors="ignore")
    lines += [layout.aligned(table), *textwrap.wrap(page["legend"], 110), ""]
    lines += [f"WARNING: not verified upstream: {name}" for name in page["unverified"]]
    lines += [f"cells: {page['finished']} of {page['cells']} finished"]
    if page["finished"] < page["cells"]:
        lines[-1] += f", {page['cells'] - page['finished']} missing (listed in the report)"
    lines += [f"report: {folder / 'report.html'}", f"tables and figures: {folder}"]
    return "\n".join(lines).replace("\N{MINUS SIGN}", "-")


def csv(frame: Frame) -> str:
    """A frame as CSV, six digits."""
    return frame.to_csv(index=False, float_format="%.6g", lineterminator="\n")


def rendered(template: str, page: Mapping[str, Any]) -> str:
    """The page of a template; HTML is escaped."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=".html" in template,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"readable": layout.readable, "markdown": layout.markdown}
    environment.filters["svg"] = lambda figure, name: Markup(plots.svg(figure, name))
    return environment.get_template(template).render(page, long=LONG)


def _save(path: Path, text: str, written: list[Path] | None = None) -> None:
    with records.replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    if written is not None:
        written.append(path)


def _remove_stale(folder: Path, written: Sequence[Path]) -> None:
    """Drop tables and figures that an earlier report left and this one does not have."""
    for kind in ("tables/*.csv", "tables/*.tex", "figures/*.pdf", "figures/*.png"):
        for path in set(folder.glob(kind)) - set(written):
            path.unlink()
