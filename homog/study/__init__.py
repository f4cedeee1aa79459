"""A study: study.yaml -> its cells -> those that still have to be computed."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from homog import records
from homog.adaptations import ADAPTATIONS, label, saved
from homog.adaptations.prompting import told
from homog.backbones import BACKBONES
from homog.config import (
    CONF,
    EXPERIMENTS,
    OWN,
    Arm,
    Cell,
    ConfigError,
    Sizes,
    arm,
    build,
    choose,
    read_yaml,
    variant,
)
from homog.defects import DEFECTS
from homog.files import check_writable
from homog.tasks import TASKS


@dataclass(frozen=True)
class Hypothesis:
    """What was expected, who says so, and the sign of the inherited harm: '+', '-' or '0'.

    `improvements`: the exposures for which '-' is expected instead, since what was planted is a benefit.
    """

    claim: str
    source: str
    sign: str
    improvements: tuple[str, ...] = ()


@dataclass(frozen=True)
class Arms:
    """Arms that differ in dose and injection seed; without a defect, the clean backbone."""

    defect: str = ""
    dose: tuple[float, ...] = (0.0,)
    seed: tuple[int, ...] = (0,)
    sham: bool = False


@dataclass(frozen=True)
class Block:
    """A full grid of cells that belongs to some presets: arms x adaptation x task x seed x data (see `Cell`).

    `backbone`: those to compare with instead of the study's own, which a user's takes the place of. `vary`: fields of
    the adaptations with the values that they take, in all combinations. `train` and `test` take the place of the
    preset's sizes where they are given.
    """

    presets: tuple[str, ...]
    adaptation: tuple[str, ...]
    task: tuple[str, ...]
    arms: tuple[Arms, ...] = (Arms(),)
    seed: tuple[int, ...] = (0,)
    data: tuple[str, ...] = (OWN,)
    backbone: tuple[str, ...] = ()
    vary: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    train: int | None = None
    test: int | None = None


@dataclass(frozen=True)
class Study:
    """A question and the grid that answers it. `exposures` are the defects under which every model is predicted.

    Without `specificity`, models of a backbone with a defect are predicted under the exposures of that defect alone.
    """

    name: str
    title: str
    question: str
    hypothesis: Hypothesis
    backbone: tuple[str, ...]
    exposures: tuple[str, ...]
    blocks: tuple[Block, ...]
    specificity: bool = True


@dataclass(frozen=True)
class Preset:
    """How large a study is run; the meaning of its cells does not depend on it."""

    name: str
    train: int
    test: int
    max_length: int

    @property
    def sizes(self) -> Sizes:
        """The sizes of its cells."""
        return Sizes(self.train, self.test, self.max_length)


def names() -> list[str]:
    """All studies: the folders of experiments/ that hold a study.yaml."""
    return sorted(path.parent.name for path in EXPERIMENTS.glob("*/study.yaml"))


def presets() -> list[str]:
    """All presets."""
    return sorted(path.stem for path in (CONF / "preset").glob("*.yaml"))


def load(name: str) -> Study:
    """The study of that name. Raises ConfigError for an unknown one or a key that cannot be meant."""
    choose(name, names(), "study")
    study = build(Study, {"name": name, **read_yaml(EXPERIMENTS / name / "study.yaml")}, f"study {name}")
    for exposure in study.exposures:
        choose(exposure, DEFECTS, "defect")
    for improvement in study.hypothesis.improvements:
        choose(improvement, study.exposures, f"exposure of study {name}")
    return study


def exposed_by(study: Study, preset: str) -> dict[str, Any]:
    """Condition name -> the defect whose exposure it is; without specificity, of those that the preset has."""
    there = {grid.defect for block in study.blocks if preset in block.presets for grid in block.arms}
    there |= {name for name, kind in DEFECTS.items() if kind.kind == "natural"}
    names = [name for name in study.exposures if study.specificity or name in there]
    return views(variant("defect", name, DEFECTS) for name in names)


def views(defects: Iterable[Any]) -> dict[str, Any]:
    """Condition name -> defect: a defect with several exposures is there once for each of them."""
    return {view.exposure: view for defect in defects for view in defect.views}


def expand(study: Study, preset: str, overrides: Mapping[str, Any] | None = None) -> tuple[Cell, ...]:
    """The study's cells at a preset, each once, dose-1 arms first. `overrides`: fields of the study's backbones."""
    choose(preset, presets(), "preset")
    sizes = build(Preset, read_yaml(CONF / "preset" / f"{preset}.yaml"), f"preset {preset}").sizes
    own = [variant("backbone", name, BACKBONES, **(overrides or {})) for name in study.backbone]
    blocks = [block for block in study.blocks if preset in block.presets]
    if not blocks:
        raise ConfigError(f"study {study.name} has no cells at preset {preset}")
    others = {name: variant("backbone", name, BACKBONES) for block in blocks for name in block.backbone}
    pairs = [(block, one) for block in blocks for one in [others[name] for name in block.backbone] or own]
    cells = [cell for block, backbone in pairs for cell in _cells(block, backbone, sizes)]
    unique = {cell.id: cell for cell in cells}
    order = {"injected": 0, "clean": 1, "sham": 2}
    return tuple(sorted(unique.values(), key=lambda c: (-(c.arm.dose or 1), c.arm.seed, order[c.arm.kind])))


def _cells(block: Block, backbone: Any, sizes: Sizes) -> Iterable[Cell]:
    varied = [dict(zip(block.vary, values, strict=True)) for values in itertools.product(*block.vary.values())]
    adaptations = [variant("adaptation", name, ADAPTATIONS, **fields) for name in block.adaptation for fields in varied]
    tasks = [variant("task", name, TASKS) for name in block.task]
    arms = [found for grid in block.arms for found in _arms(grid, backbone)]
    sizes = replace(sizes, train=block.train or sizes.train, test=block.test or sizes.test)
    for one, adaptation, task, seed, data in itertools.product(arms, adaptations, tasks, block.seed, block.data):
        yield Cell(one, adaptation, task, seed, sizes, data)


def _arms(grid: Arms, backbone: Any) -> list[Arm]:
    if not grid.defect:
        return [arm(backbone, None, 0.0, 0)]
    defect = variant("defect", grid.defect, DEFECTS, **({"sham": True} if grid.sham else {}))
    return [arm(backbone, defect, dose, seed) for dose in grid.dose for seed in grid.seed]


def controls(cells: Iterable[Cell]) -> set[str]:
    """The ids of cells that are there to compare with: no arm has a defect under their backbone and adaptation.

    Where no cell at all has one, the study plants nothing and there are none.
    """
    cells = list(cells)
    planted = {(c.arm.backbone, label(c.adaptation)) for c in cells if c.arm.defect}
    return {c.id for c in cells if planted and (c.arm.backbone, label(c.adaptation)) not in planted}


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
    from homog.inputs import corpora

    cells, exposures = list(cells), list(exposures)
    kinds = [kind for c in cells for kind in (c.arm.backbone, c.task, c.arm.defect) if kind] + exposures
    found = {name for kind in kinds for name in kind.sources}
    read = any(c.arm.defect for c in cells) or any(defect.searches for defect in exposures)
    return sorted(found | set(corpora.SOURCES if read else ()))


def shown(one: Arm, exposures: Mapping[str, Any], specificity: bool) -> dict[str, Any]:
    """The exposures under which models of an arm are predicted: all, or those of its own defect."""
    own = one.defect.name if one.defect and not specificity else None
    return {name: defect for name, defect in exposures.items() if own in (None, defect.name)}


def pending(
    cells: Iterable[Cell], exposures: Mapping[str, Any], results: Path, specificity: bool = True, save: str = ""
) -> list[Cell]:
    """The cells without a readable record that holds all conditions under which they are `shown`, or not saved."""
    return [
        cell
        for cell in cells
        if not records.finished(results, cell.id, {records.CLEAN, *shown(cell.arm, exposures, specificity)})
        or (save and not records.model_kept(results, cell.id, save))
    ]


def backbone_overrides(arguments: Iterable[str]) -> dict[str, str]:
    """The fields in arguments of the form backbone.FIELD=VALUE."""
    pairs = [a.removeprefix("backbone.").split("=", 1) for a in arguments if a.startswith("backbone.")]
    return dict(pair for pair in pairs if len(pair) == 2)
