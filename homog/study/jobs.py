"""What one Hydra job computes: an arm of a study, one adaptation of an arm, or the cell set on the command line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from homog import study
from homog.config import Cell, arm, build, choose, typed
from homog.study.grid import Preset
from homog.study.todo import views
from homog.variants import REGISTRIES, registry


def jobs(cells: Iterable[Cell]) -> list[str]:
    """What one Hydra job takes: an arm; where no arm has an injection to share, one adaptation of an arm.

    Longest first, so that workers end together.
    """
    cells = list(cells)
    split = all(cell.arm.defect is None for cell in cells)
    lengths: dict[str, int] = {}
    for cell in cells:
        name = f"{cell.arm.id}-{cell.adaptation.name}" if split else cell.arm.id
        lengths[name] = lengths.get(name, rounds(cell.arm.defect)) + cell.sizes.test + 4 * rounds(cell)
    return sorted(lengths, key=lengths.__getitem__, reverse=True)


def rounds(part: Any) -> int:
    """About how many inputs a defect, or the model of a cell, is trained on, each as often as it comes."""
    if isinstance(part, Cell):
        return getattr(part.adaptation, "epochs", 0) * part.sizes.train
    return 4 * getattr(part, "steps", 0) * getattr(part, "batch", 0)


def job_names(cells: Iterable[Cell]) -> set[str]:
    """All jobs that a sweep may start: arms, and adaptations of an arm."""
    return {name for cell in cells for name in (cell.arm.id, f"{cell.arm.id}-{cell.adaptation.name}")}


def job(settings: Mapping[str, Any], backbone: Mapping[str, Any]) -> tuple[list[Cell], dict[str, Any]]:
    """(cells still to do, condition -> defect) of a Hydra job: an arm of a study, or one cell set.

    `backbone`: the fields of the study's backbone that the user set.
    """
    results, preset = Path(settings["results"]), settings["preset"]["name"]
    if settings["study"]:
        spec = study.load(settings["study"])
        arm_id, _, adaptation = settings["arm"].partition("-")
        cells = [c for c in study.expand(spec, preset, backbone, arm_id) if adaptation in ("", c.adaptation.name)]
        if not cells or not arm_id:
            choose(settings["arm"], job_names(study.expand(spec, preset, backbone)), "arm of this study")
        exposures = study.shown_to(spec, preset)(cells[0].arm)
    else:
        cell, exposures = single(settings)
        cells = [cell]
    study.check(cells, results, settings["save"], exposures.values())
    return study.pending(cells, lambda _: exposures, results, settings["save"]), exposures


def single(settings: Mapping[str, Any]) -> tuple[Cell, dict[str, Any]]:
    """(the cell, condition -> defect) of a run that names its variants on the command line."""
    built = {}
    for group in REGISTRIES:
        kinds = registry(group)
        built[group] = build(kinds[choose(settings[group].get("name"), kinds, group)], settings[group], group)
    dose = typed(settings["dose"], float, "dose")
    seed, injection_seed = (typed(settings[key], int, key) for key in ("seed", "injection_seed"))
    shared = arm(built["backbone"], built["defect"], dose, injection_seed)
    sizes = build(Preset, settings["preset"], "preset").sizes
    cell = Cell(shared, built["adaptation"], built["task"], seed, sizes, settings["data"])
    return cell, views([built["defect"]])
