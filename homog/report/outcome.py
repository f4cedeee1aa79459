"""What a single run found, in a few lines: accuracy, and harm beside that of the control and of the sham."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from homog import analysis, records
from homog.adaptations import label
from homog.analysis.results import Results
from homog.config import Cell
from homog.report.layout import bracket, number, readable


def outcome(cell: Cell, exposures: Mapping[str, Any], results: Path) -> str:
    """The lines for a cell that has its record; its control and its sham are told where they have one, too."""
    sham = shammed(cell)
    cells = {each.id: each for each in (cell, cell.control, sham) if each is not None}
    kept = {name: record for name in cells if (record := records.load_or_none(results, name)) is not None}
    rows = analysis.effects([cells[name] for name in kept], kept, exposures)
    record = kept[cell.id]
    right = record.probabilities[records.CLEAN].argmax(1) == record.labels
    dose = "" if cell.arm.kind == "clean" else f" at dose {cell.arm.dose:g}"
    unseen = cell.arm.kind == "clean" and not cell.arm.backbone.weights  # whatever is in them, nobody here planted it
    backbone = "backbone as it is served" if unseen else f"{cell.arm.kind} backbone"
    head = f"{backbone}{dose}{_verified(record)}, {label(cell.adaptation)} on {cell.task.name}: accuracy "
    lines = [f"homog: {records.record_path(results, cell.id)}", f"{head}{number(right.mean())} (n {len(right)})"]
    lines += [_line(rows, cell, condition) for condition in exposures if condition in record.conditions]
    if cell.control.id not in kept:
        lines.append("No clean control yet, so nothing says what is inherited: run the same with dose=0")
    elif sham is not None and sham.arm != cell.arm and sham.id not in kept:
        lines.append("No sham yet, so the procedure alone may do it: run the same with defect.sham=true")
    return "\n".join(lines)


def shammed(cell: Cell) -> Cell | None:
    """The cell whose backbone went through the same procedure with nothing planted; None where nothing is."""
    defect = cell.arm.defect
    if defect is None or defect.kind == "natural":
        return None
    return dataclasses.replace(cell, arm=cell.arm.twin)


def _verified(record: records.Record) -> str:
    """What the check of the injection upstream said."""
    upstream = record.provenance.get("upstream") or {}
    if upstream.get("verified") is None:
        return ""
    said = "verified upstream" if upstream["verified"] else "NOT verified upstream, so harm says nothing"
    numbers = [
        f"{name} {number(upstream[name])}" for name in ("drift", "effect") if isinstance(upstream.get(name), float)
    ]
    return f" ({said}: {', '.join(numbers)})" if numbers else f" ({said})"


def _line(rows: Results, cell: Cell, condition: str) -> str:
    """One condition: the harm, that of the control and of the sham, what is inherited."""
    (own,) = rows[(rows["cell"] == cell.id) & (rows["condition"] == condition)].frame.to_dict("records")
    said = f"  {readable(condition)}: harm {number(own['harm'])} (n {own['harm_n']:.0f})"
    if cell.arm.kind == "clean" or not own["paired"]:
        return said + (f" ({own['reason']})" if own["reason"] and cell.arm.kind == "clean" else "")
    said += f"; clean control {number(own['control_harm'])}"
    frame = analysis.inherited(rows, kind=cell.arm.kind, dose=cell.arm.dose, condition=condition)
    (harm,) = frame.to_dict("records")
    said += f"; inherited {bracket(harm)} (of this one backbone)"
    other = rows[(rows["kind"] == "sham") & (rows["condition"] == condition)]
    return said + (f"; sham {number(other['inherited'].iloc[0])}" if len(other) and cell.arm.kind != "sham" else "")
