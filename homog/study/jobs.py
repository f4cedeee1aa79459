"""What one Hydra job computes: an arm of a study, one adaptation of an arm, or the cell set on the command line."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from homog import records, study
from homog.adaptations import ADAPTATIONS
from homog.backbones import BACKBONES
from homog.config import Cell, arm, build, choose, typed
from homog.defects import DEFECTS
from homog.tasks import TASKS


def jobs(cells: Iterable[Cell]) -> list[str]:
    """What one Hydra job takes: an arm; where no arm has an injection to share, one adaptation of an arm."""
    cells = list(cells)
    split = all(cell.arm.defect is None for cell in cells)
    return list(dict.fromkeys(f"{c.arm.id}-{c.adaptation.name}" if split else c.arm.id for c in cells))


def job_names(cells: Iterable[Cell]) -> set[str]:
    """All jobs that a sweep may start: arms, and adaptations of an arm."""
    return {name for cell in cells for name in (cell.arm.id, f"{cell.arm.id}-{cell.adaptation.name}")}


def job(cfg: Mapping[str, Any], overrides: Iterable[str]) -> tuple[list[Cell], dict[str, Any]]:
    """(cells still to do, condition -> defect) of a Hydra job: an arm of a study, or one cell set."""
    results, preset = Path(cfg["results"]), cfg["preset"]["name"]
    if cfg["study"]:
        spec = study.load(cfg["study"])
        every = study.expand(spec, preset, study.backbone_overrides(overrides))
        arm_id, _, adaptation = choose(cfg["arm"], job_names(every), "arm of this study").partition("-")
        cells = [c for c in every if c.arm.id == arm_id and adaptation in ("", c.adaptation.name)]
        exposures = study.shown(cells[0].arm, study.exposed_by(spec, preset), spec.specificity)
    else:
        cell, exposures = single(cfg)
        cells = [cell]
    study.check(cells, results, cfg["save"])
    return study.pending(cells, exposures, results, save=cfg["save"]), exposures


def single(cfg: Mapping[str, Any]) -> tuple[Cell, dict[str, Any]]:
    """(the cell, condition -> defect) of a run that names its variants on the command line."""
    kinds = {"backbone": BACKBONES, "defect": DEFECTS, "adaptation": ADAPTATIONS, "task": TASKS}
    built = {}
    for group, registry in kinds.items():
        kind = registry[choose(cfg[group].get("name"), registry, group)]
        built[group] = build(kind, cfg[group], group)
    dose = typed(cfg["dose"], float, "dose")
    seed, injection_seed = (typed(cfg[key], int, key) for key in ("seed", "injection_seed"))
    one = arm(built["backbone"], built["defect"], dose, injection_seed)
    sizes = build(study.Preset, cfg["preset"], "preset").sizes
    cell = Cell(one, built["adaptation"], built["task"], seed, sizes, cfg["data"])
    return cell, study.views([built["defect"]])


def outcome(cfg: Mapping[str, Any]) -> str:
    """What a single run found, in a line per condition."""
    cell, exposures = single(cfg)
    record = records.load(Path(cfg["results"]), cell.id)
    clean = record.probabilities[records.CLEAN]
    control = records.found(Path(cfg["results"]), cell.control.id)
    accuracy = (clean.argmax(1) == record.labels).mean()
    lines = [f"homog: {records.record_path(Path(cfg['results']), cell.id)}"]
    lines.append(
        f"{cell.arm.kind} backbone, dose {cell.arm.dose:g}, {cell.adaptation.name} on {cell.task.name}: "
        f"accuracy {accuracy:.3f} (n {len(clean)})"
    )
    for condition, defect in exposures.items():
        rate = defect.harm(record.under(condition, control))
        lines.append(f"exposed to {condition}: harm {rate.value:.3f} (n {rate.n}); the clean control: dose=0")
    return "\n".join(lines)
