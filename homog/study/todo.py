"""Under which conditions models are predicted, and the cells that lack a record of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from homog import records
from homog.config import Arm, Cell
from homog.seeding import generator
from homog.study.grid import Study
from homog.variants import registry, variant


def exposed_by(study: Study, preset: str) -> dict[str, Any]:
    """Condition name -> the defect whose exposure it is; without specificity, of those that the preset has."""
    there = {arms.defect for block in study.blocks if preset in block.presets for arms in block.arms}
    there |= {name for name, kind in registry("defect").items() if kind.kind == "natural"}
    names = [name for name in study.exposures if study.specificity or name in there]
    return views(variant("defect", name) for name in names)


def views(defects: Iterable[Any]) -> dict[str, Any]:
    """Condition name -> defect: a defect with several exposures is there once for each of them."""
    return {view.exposure: view for defect in defects for view in defect.views}


def shown_to(study: Study, preset: str) -> Callable[[Arm], dict[str, Any]]:
    """What gives the exposures under which models of an arm are predicted: all of the study that its inputs can show.

    Without specificity, models of a backbone with a defect are shown that defect, and those of the clean backbone what
    is planted in it and what is natural: it is their control. A backbone in which nothing is planted is shown all.
    """
    every = exposed_by(study, preset)
    planted: dict[str, set[str]] = defaultdict(set)
    for block in study.blocks:
        for name in (block.backbone or study.backbone) if preset in block.presets else ():
            planted[name] |= {arms.defect for arms in block.arms if arms.defect}

    def shown(arm: Arm) -> dict[str, Any]:
        mine = {name: defect for name, defect in every.items() if defect.fits(arm.backbone.modality)}
        if study.specificity:
            return mine
        if arm.defect:
            return {name: defect for name, defect in mine.items() if defect.name == arm.defect.name}
        control = {
            name: defect
            for name, defect in mine.items()
            if defect.kind == "natural" or defect.name in planted[arm.backbone.name]
        }
        return control if planted[arm.backbone.name] else mine

    return shown


def pending(
    cells: Iterable[Cell], shown: Callable[[Arm], Mapping[str, Any]], results: Path, save: str = ""
) -> list[Cell]:
    """The cells without a readable record that holds all conditions under which they are `shown`, or not saved."""
    there = set(records.kept(results))
    return [
        cell
        for cell in cells
        if cell.id not in there
        or not records.finished(results, cell.id, {records.CLEAN, *shown(cell.arm)})
        or (save and not records.model_kept(results, cell.id, save))
    ]


def exposed(task: Any, exposures: dict[str, Any]) -> dict[str, list[Any]]:
    """Condition -> the test inputs under it, None where it does not apply to an example.

    The places of triggers depend on the task and the condition alone.
    """
    import pandas as pd
    from pandas.api.types import is_scalar

    from homog.records import CLEAN, COUNTERPART

    inputs = {CLEAN: list(task.test["input"])}
    for condition, defect in exposures.items():
        shown = defect.expose(task.test, generator("expose", condition, task.family or task.name))
        columns = {"input": condition, "counterpart": condition + COUNTERPART}
        for column, name in columns.items():
            if column in shown:  # pandas may turn None into NaN
                inputs[name] = [None if is_scalar(given) and pd.isna(given) else given for given in shown[column]]
    return inputs
