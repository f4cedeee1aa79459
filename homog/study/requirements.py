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
        backbone, adaptation, modality = cell.arm.backbone, cell.adaptation, cell.task.modality
        for part, taken in (
            (f"a backbone of family {backbone.family}", backbone.modalities),
            (f"adaptation {adaptation.name}", adaptation.modalities),
        ):
            if taken and modality not in taken:
                raise ConfigError(
                    f"task {cell.task.name} is {modality}; {part} takes {', '.join(taken)}: choose another"
                )
        if adaptation.in_words:
            told(cell.task)
        if adaptation.needs not in backbone.abilities:
            raise ConfigError(
                f"adaptation {adaptation.name} needs {adaptation.needs}; a backbone of family {backbone.family} gives "
                f"{', '.join(backbone.abilities)}: choose another adaptation or backbone"
            )


def needed_sources(cells: Iterable[Cell], exposures: Iterable[Any] = ()) -> list[str]:
    """The pinned sources that the cells need: backbones, tasks, defects and the text of injections and searches."""
    cells, exposures = list(cells), list(exposures)
    kinds = [kind for c in cells for kind in (c.arm.backbone, c.task, c.arm.defect) if kind] + exposures
    pinned = {name for kind in kinds for name in kind.sources}
    read = any(c.arm.defect for c in cells) or any(defect.searches for defect in exposures)
    return sorted(pinned | set(corpora.SOURCES if read else ()))
