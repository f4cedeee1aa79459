"""homog.load: what a results folder holds, as frames and figures for a notebook."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

from homog import records
from homog.analysis import Frame
from homog.config import Cell, choose
from homog.report import figures_of, largest, layout, study_report
from homog.study import exposed_by, grid, kept, told


@dataclass(frozen=True)
class Loaded:
    """The records of a study, or all of a folder, and what `homog report` makes of them, when it is first asked for.

    `records`: by the cell's id, `unreadable`: a cell's id -> what is wrong with its file, `frame`: a row per cell and
    condition (see `kept.load`). In a notebook it shows its answers.
    """

    records: dict[str, records.Record]
    frame: Frame
    unreadable: dict[str, str]
    of_study: tuple[Any, Sequence[Cell], Mapping[str, Any], ModuleType | None] | None = None  # with cells and exposures

    @cached_property
    def _content(self) -> study_report.Content:
        if self.of_study is not None:
            spec, cells, exposures, module = self.of_study
            return study_report.content(spec, cells, self.records, exposures, module)
        cells, named, exposures = told.selected(self.records.values())
        return study_report.content(told.study_of_runs(exposures), cells, named, exposures, None)

    @property
    def _title(self) -> str:
        return "Runs" if self.of_study is None else self.of_study[0].title

    @property
    def effects(self) -> Frame:
        """A row per model and exposure: harm, that of its control, inherited harm (see `analysis.effects`)."""
        return self._content.every.frame

    @property
    def means(self) -> Frame:
        """The means over tasks that the answers are about, with their intervals."""
        return self._content.said.frame

    @property
    def tables(self) -> dict[str, Frame]:
        """Name -> table of the report."""
        return self._content.tables

    @property
    def figures(self) -> list[str]:
        """The names that `figure` takes."""
        return list(self._content.figures)

    def figure(self, name: str) -> Any:
        """A figure of the report (matplotlib). Raises ConfigError for an unknown name."""
        return self._content.figures[choose(name, self.figures, "figure")][0]

    def __repr__(self) -> str:
        return f"<homog: {len(self.records)} records; .frame .effects .means .tables .figures>"

    def _repr_html_(self) -> str:
        from html import escape

        said = self._content.said
        lines = [f"{answer.name}: {answer.verdict}; {answer.detail}" for answer in said.answers]
        listed = "".join(f"<li>{escape(line)}</li>" for line in lines)
        table = layout.display(said.table).to_html(index=False) if len(said.table) else ""
        return f"<p>{escape(self._title)}</p><ul>{listed}</ul>{table}"


def load(results: str | Path, study: str | None = None, preset: str = "") -> Loaded:
    """All records of a results folder, or those of a study, at a preset or the one with most records.

    Raises ConfigError for an unknown study or preset.
    """
    where = Path(results)
    if study is None:
        there = kept.load(where)
        return Loaded(there.records, there.frame, there.unreadable)
    spec = grid.load(study)
    chosen, cells, _ = largest(spec, preset, {}, where)
    there = kept.load(where, {cell.id for cell in cells})
    about = spec, cells, exposed_by(spec, chosen), figures_of(study)
    return Loaded(there.records, there.frame, there.unreadable, about)
