"""What a study needs before anything is computed: room to write, backbones that load, tasks that fit, public files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from homog.adaptations import saved
from homog.adaptations.prompting import told
from homog.config import Cell, ConfigError
from homog.files import check_writable
from homog.inputs import corpora


def check(cells: Sequence[Cell], results: Path, save: str = "") -> None:
    """Raise, before any compute, for a backbone that cannot be loaded, a task it cannot take, or a full folder."""
    check_writable(results)
    for adaptation in {id(c.adaptation): c.adaptation for c in cells}.values():
        saved.check(adaptation, save)
    for backbone in {id(c.arm.backbone): c.arm.backbone for c in cells}.values():
        backbone.check()
    for cell in cells:
        backbone, modality = cell.arm.backbone, getattr(cell.task, "modality", "text")
        if modality not in backbone.modalities:
            raise ConfigError(
                f"task {cell.task.name} is {modality}; a backbone of family {backbone.family} takes "
                f"{', '.join(backbone.modalities)}: choose another task or backbone"
            )
        if getattr(cell.adaptation, "in_words", False):
            told(cell.task)
        need = getattr(cell.adaptation, "needs", "features")
        if need not in backbone.abilities:
            raise ConfigError(
                f"adaptation {cell.adaptation.name} needs {need}; a backbone of family {backbone.family} gives "
                f"{', '.join(backbone.abilities)}: choose another adaptation or backbone"
            )


def needed_sources(cells: Iterable[Cell], exposures: Iterable[Any] = ()) -> list[str]:
    """The pinned sources that the cells need: backbones, tasks, defects and the text of injections and searches."""
    cells, exposures = list(cells), list(exposures)
    kinds = [kind for c in cells for kind in (c.arm.backbone, c.task, c.arm.defect) if kind] + exposures
    pinned = {name for kind in kinds for name in kind.sources}
    read = any(c.arm.defect for c in cells) or any(defect.searches for defect in exposures)
    return sorted(pinned | set(corpora.SOURCES if read else ()))
