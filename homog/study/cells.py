"""The grid of a study -> its cells, each once."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from homog.adaptations import label
from homog.config import Arm, Cell, ConfigError, Sizes, arm, choose
from homog.study import grid
from homog.study.grid import Arms, Block, Study
from homog.variants import registry, variant


def expand(study: Study, preset: str, overrides: Mapping[str, Any] | None = None, arm: str = "") -> tuple[Cell, ...]:
    """The study's cells at a preset, each once, dose-1 arms first. `overrides`: fields of the study's own backbones.

    Its field `name` is that of a backbone that takes their place. `arm`: the id of the one whose cells are wanted.
    """
    sizes = grid.preset(preset).sizes
    fields = {name: value for name, value in (overrides or {}).items() if name != "name"}
    names = [overrides["name"]] if overrides and "name" in overrides else study.backbone
    own = [variant("backbone", name, **fields) for name in names]
    blocks = [block for block in study.blocks if preset in block.presets]
    if not blocks:
        raise ConfigError(f"study {study.name} has no cells at preset {preset}; it has {', '.join(study.presets)}")
    others = {name: variant("backbone", name) for block in blocks for name in block.backbone}
    pairs = [(block, backbone) for block in blocks for backbone in [others[name] for name in block.backbone] or own]
    tables = {name: replace(variant("task", "csv", **fields), name=name) for name, fields in study.tables.items()}
    cells = [cell for block, backbone in pairs for cell in _cells(block, backbone, sizes, tables, arm)]
    unique = {cell.id: cell for cell in cells}
    order = {"injected": 0, "clean": 1, "sham": 2}
    return tuple(sorted(unique.values(), key=lambda c: (-(c.arm.dose or 1), c.arm.seed, order[c.arm.kind])))


def _cells(block: Block, backbone: Any, sizes: Sizes, tables: Mapping[str, Any], one: str) -> Iterable[Cell]:
    varied = _combinations(block.vary)
    adaptations = [variant("adaptation", name, **fields) for name in block.adaptation for fields in varied]
    known = [*tables, *registry("task")]
    tasks = [tables.get(choose(name, known, "task")) or variant("task", name) for name in block.task]
    arms = [shared for which in block.arms for shared in _arms(which, backbone) if one in ("", shared.id)]
    sizes = replace(sizes, train=block.train or sizes.train, test=block.test or sizes.test)
    for shared, adaptation, task, seed, data in itertools.product(arms, adaptations, tasks, block.seed, block.data):
        if not (block.paired and shared.defect) or seed == shared.seed:
            yield Cell(shared, adaptation, task, seed, sizes, data)


def _arms(which: Arms, backbone: Any) -> list[Arm]:
    if not which.defect:
        return [arm(backbone, None, 0.0, 0)]
    sham = {"sham": True} if which.sham else {}
    defects = [variant("defect", which.defect, **sham, **fields) for fields in _combinations(which.vary)]
    shown = {view.exposure for view in variant("defect", which.defect).views}
    for defect in defects:
        if {view.exposure for view in defect.views} != shown:
            raise ConfigError(
                f"arms of {which.defect}: vary {', '.join(which.vary)} changes the exposure; give it a name of its own "
                "(a YAML in conf/defect)"
            )
    return [arm(backbone, defect, dose, seed) for defect in defects for dose in which.dose for seed in which.seed]


def _combinations(vary: Mapping[str, Iterable[Any]]) -> list[dict[str, Any]]:
    """Field -> value, for every combination of the values; one that is empty for no fields."""
    return [dict(zip(vary, values, strict=True)) for values in itertools.product(*vary.values())]


def controls(cells: Iterable[Cell]) -> set[str]:
    """The ids of cells that share less: under their backbone and adaptation, no cell of the study has a defect.

    A study that plants nothing has none of them.
    """
    cells = list(cells)
    planted = {(c.arm.backbone, label(c.adaptation)) for c in cells if c.arm.defect}
    return {c.id for c in cells if planted and (c.arm.backbone, label(c.adaptation)) not in planted}
