"""What one Hydra job computes: an arm of a study, one adaptation of an arm, or the cell set on the command line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from homog import study
from homog.config import Cell, arm, build, choose, typed
from homog.study.grid import Preset
from homog.study.todo import views
from homog.variants import REGISTRIES, registry

PARTS = 8  # an arm that is more than such a part of all there is to do is several jobs
LONG = 30_000  # inputs: three minutes of a core; a shorter arm is one job, since each job loads the backbone


def jobs(cells: Iterable[Cell]) -> list[str]:
    """What one Hydra job takes: an arm, or part of one: its id, a dash, and the adaptations, joined by plus signs.

    An arm that is long, and more than one PARTS-th of all there is to do, is several jobs, which share its injection:
    the first makes it. Where no arm has one, each adaptation of an arm is a job. Longest first, so that workers end
    together; of a backbone that must be trained first, all but one job come last, since they would wait for it.
    """
    arms: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        arms[cell.arm.id].append(cell)
    whole = {arm_id: length(group) for arm_id, group in arms.items()}
    most = max(LONG, sum(whole.values()) / PARTS)
    apart = all(group[0].arm.defect is None for group in arms.values())
    found: dict[str, int] = {}
    for arm_id, group in arms.items():
        if apart or whole[arm_id] > most:
            found |= {f"{arm_id}-{names}": length(part) for names, part in parts(group, apart).items()}
        else:
            found[arm_id] = whole[arm_id]
    longest = sorted(found, key=found.__getitem__, reverse=True)
    unmade = {arm_id: group[0].arm.backbone.unmade for arm_id, group in arms.items()}
    trains = {name: unmade[name.partition("-")[0]] for name in longest}
    first = {what: name for name, what in reversed(trains.items())}
    return sorted(longest, key=lambda name: trains[name] != "" and name != first[trains[name]])


def parts(cells: Iterable[Cell], apart: bool) -> dict[str, list[Cell]]:
    """Adaptations, joined by plus signs -> their cells: each that trains, and together all that only read features.

    `apart`: each alone.
    """
    cells = list(cells)
    trained = {cell.adaptation.name for cell in cells if apart or rounds(cell)}
    reading = "+".join(dict.fromkeys(cell.adaptation.name for cell in cells if cell.adaptation.name not in trained))
    found: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        found[cell.adaptation.name if cell.adaptation.name in trained else reading].append(cell)
    return found


def length(cells: Sequence[Cell]) -> int:
    """About how long cells of one arm take, its injection with them: in inputs that are trained on or predicted."""
    return rounds(cells[0].arm.defect) + sum(cell.sizes.test + 4 * rounds(cell) for cell in cells)


def rounds(part: Any) -> int:
    """About how many inputs a defect, or the model of a cell, is trained on, each as often as it comes."""
    if isinstance(part, Cell):
        return getattr(part.adaptation, "epochs", 0) * part.sizes.train
    return 4 * getattr(part, "steps", 0) * getattr(part, "batch", 0)


def job_names(cells: Iterable[Cell]) -> set[str]:
    """The jobs of whole arms, and of one adaptation of an arm."""
    return {name for cell in cells for name in (cell.arm.id, f"{cell.arm.id}-{cell.adaptation.name}")}


def job(settings: Mapping[str, Any], backbone: Mapping[str, Any]) -> tuple[list[Cell], dict[str, Any]]:
    """(cells still to do, condition -> defect) of a Hydra job: an arm of a study, or one cell set.

    `backbone`: the fields of the study's backbone that the user set.
    """
    results, preset = Path(settings["results"]), settings["preset"]["name"]
    if settings["study"]:
        spec = study.load(settings["study"])
        arm_id, _, adaptations = settings["arm"].partition("-")
        mine = adaptations.split("+") if adaptations else []
        cells = [c for c in study.expand(spec, preset, backbone, arm_id) if not mine or c.adaptation.name in mine]
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
