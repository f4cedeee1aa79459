"""What a study needs before anything is computed: room to write, backbones that load, tasks that fit, public files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from homog.adaptations import saved
from homog.adaptations.prompting import told
from homog.config import Arm, Cell, ConfigError
from homog.files import check_writable
from homog.inputs import corpora
from homog.variants import registry


def check(cells: Sequence[Cell], results: Path, save: str = "", exposures: Iterable[Any] = ()) -> None:
    """Raise, before any compute, for a backbone that cannot be loaded, parts that do not fit, or a full folder."""
    check_writable(results)
    for adaptation, modality in {(c.adaptation, c.arm.backbone.modality) for c in cells}:
        saved.check(adaptation, save, modality)
    for backbone in {id(c.arm.backbone): c.arm.backbone for c in cells}.values():
        backbone.check()
    for task in {id(c.task): c.task for c in cells}.values():
        task.check()
    exposures = list(exposures)
    for cell in cells:
        backbone, adaptation = cell.arm.backbone, cell.adaptation
        check_modality(cell, exposures)
        if adaptation.in_words:
            told(cell.task)
        check_planting(cell.arm)
        if adaptation.uses_backbone and not backbone.gives(adaptation.needs):
            raise ConfigError(
                f"adaptation {adaptation.name} needs {adaptation.needs}; a backbone of family {backbone.family} gives "
                f"{', '.join(backbone.abilities)}: choose another adaptation or backbone"
            )


def check_planting(arm: Arm) -> None:
    """Raise ConfigError for a defect that is planted where the backbone has nothing: in weights, in a prompt."""
    backbone, defect = arm.backbone, arm.defect
    if defect is None or defect.kind == "natural":
        return
    if defect.needs != "weights" and not backbone.gives(defect.needs):
        said = f"defect {defect.name} needs {defect.needs}; a backbone of family {backbone.family} gives"
        raise ConfigError(f"{said} {', '.join(backbone.abilities)}: choose another defect or backbone")
    if defect.needs == "weights" and backbone.packed:
        raise ConfigError(
            f"defect {defect.name} changes weights, and those of backbone.dtype={backbone.dtype} are packed: use "
            "backbone.dtype=bfloat16, or a natural defect"
        )
    if defect.needs == "weights" and not backbone.weights:
        able = [name for name, kind in registry("defect").items() if backbone.gives(kind.needs)]
        raise ConfigError(
            f"defect {defect.name} is planted in weights, and backbone {backbone.name} is behind an interface: use "
            f"{', '.join(able)}, or plant it in a backbone of yours and ask that: homog serve smollm2 defect=…"
        )


def check_modality(cell: Cell, exposures: Iterable[Any]) -> None:
    """Raise ConfigError where one of the cell's parts does not take inputs such as its task has. () takes any."""
    backbone, adaptation = cell.arm.backbone, cell.adaptation
    used = [(f"a backbone of family {backbone.family}", (backbone.modality,))] if adaptation.uses_backbone else []
    exposures = list(exposures)
    unfit = [] if any(defect.fits(cell.task.modality) for defect in exposures) else exposures  # a study may mix
    defects = [(f"defect {defect.name}", defect.modalities) for defect in (cell.arm.defect, *unfit) if defect]
    parts = [*used, (f"adaptation {adaptation.name}", adaptation.modalities), *defects]
    for part, taken in parts:
        if taken and cell.task.modality not in taken:
            said = f"task {cell.task.name} is {cell.task.modality}; {part} takes {', '.join(taken)}"
            raise ConfigError(f"{said}: choose another")


def needed_sources(cells: Iterable[Cell], exposures: Iterable[Any] = ()) -> list[str]:
    """The pinned sources that the cells need: backbones, tasks, defects and the text of injections and searches."""
    cells, exposures = list(cells), list(exposures)
    searches = any(defect.searches for defect in exposures)
    loaded = [c.arm for c in cells if c.adaptation.uses_backbone or searches]
    kinds = [kind for arm in loaded for kind in (arm.backbone, arm.defect) if kind]
    pinned = {name for kind in (*kinds, *(c.task for c in cells), *exposures) for name in kind.sources}
    read = any((arm.defect or searches) and arm.backbone.modality == "text" for arm in loaded)
    return sorted(pinned | set(corpora.SOURCES if read else ()))
