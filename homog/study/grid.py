"""study.yaml as typed values: a question, a hypothesis and the grid that answers it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from homog import variants
from homog.config import OWN, ConfigError, Sizes, build, choose, read_yaml

SIGNS = ("+", "-", "0")


@dataclass(frozen=True)
class Hypothesis:
    """What was expected, who says so, and the sign of the inherited harm.

    `sign`: '+' for harm, '-' for a benefit, '0' for neither. `improvements`: the exposures of defects that are planted
    as a benefit; '-' is expected of them. `primary`: the adaptation and the exposure of the one comparison that the
    study stands for, chosen before it was run; every other comparison is secondary.
    """

    claim: str
    source: str
    sign: str
    improvements: tuple[str, ...] = ()
    primary: tuple[str, ...] = ()


@dataclass(frozen=True)
class Arms:
    """Arms that differ in dose and injection seed; without a defect, the clean backbone.

    `vary`: fields of the defect and their values, in all combinations. They may not change what models are shown.
    """

    defect: str = ""
    dose: tuple[float, ...] = (0.0,)
    seed: tuple[int, ...] = (0,)
    sham: bool = False
    vary: dict[str, tuple[Any, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Block:
    """A full grid of cells that belongs to some presets: arms x adaptation x task x seed x data (see `Cell`).

    `backbone`: the backbones of this block, to compare the study's own with. Without it the block takes the study's
    own, and only that one is replaced by the user's (backbone.source=…). `vary`: fields of the adaptations and their
    values, in all combinations. `train`, `test`: sizes that differ from the preset's. With `paired`, an arm with a
    defect is adapted with the training sample of its own seed alone, and the clean arm with each: backbones and samples
    are replicated together, at the cost of one. Without it every arm meets every sample.
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
    paired: bool = False


@dataclass(frozen=True)
class Study:
    """A question and the grid that answers it. `exposures` are the defects under which every model is predicted.

    Without `specificity`, models of a backbone with a defect are predicted under the exposures of that defect alone,
    and those of a clean one under what is planted in it and what is natural.
    `tables`: tasks of this study alone, name -> the fields of task=csv (path, input, label ...); a path is taken from
    the folder of the study. `figures`: the study whose figures.py makes the tables and figures, if not its own.
    """

    name: str
    title: str
    question: str
    hypothesis: Hypothesis
    backbone: tuple[str, ...]
    exposures: tuple[str, ...]
    blocks: tuple[Block, ...]
    specificity: bool = True
    tables: dict[str, dict[str, Any]] = field(default_factory=dict)
    figures: str = ""

    @property
    def presets(self) -> list[str]:
        """Those at which it has cells."""
        return sorted({name for block in self.blocks for name in block.presets})


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
    """All studies: the folders of experiments/ that hold a study.yaml, the user's too."""
    return sorted(variants.studies())


def presets() -> list[str]:
    """All presets."""
    return sorted(variants.configured("preset"))


def load(name: str) -> Study:
    """The study of that name. Raises ConfigError for an unknown one or a key that cannot be meant."""
    folders = variants.studies()
    folder = folders[choose(name, folders, "study")]
    study = build(Study, {"name": name, **read_yaml(folder / "study.yaml")}, f"study {name}")
    choose(study.hypothesis.sign, SIGNS, f"study {name}.hypothesis.sign")
    for which in study.presets:
        choose(which, presets(), f"preset of study {name}")
    for block in study.blocks:
        for part in ("presets", "adaptation", "task", "arms", "seed", "data"):
            if not getattr(block, part):
                raise ConfigError(
                    f"study {name}.blocks: {part} is empty, so that the block has no cell; name at least one"
                )
    for exposure in study.exposures:
        choose(exposure, variants.registry("defect"), "defect")
    if study.hypothesis.primary:
        if len(study.hypothesis.primary) != 2:
            said = list(study.hypothesis.primary)
            raise ConfigError(f"study {name}.hypothesis.primary={said}: write [adaptation, exposure]")
        choose(study.hypothesis.primary[0], variants.registry("adaptation"), "adaptation")
        choose(study.hypothesis.primary[1], study.exposures, f"exposure of study {name}")
    for improvement in study.hypothesis.improvements:
        choose(improvement, study.exposures, f"exposure of study {name}")
    if study.figures:
        drawn = [other for other, place in folders.items() if (place / "figures.py").is_file()]
        choose(study.figures, drawn, f"study {name}.figures")
    if taken := set(study.tables) & set(variants.registry("task")):
        raise ConfigError(f"study {name}.tables: {sorted(taken)[0]} is a task already; name yours otherwise")
    return replace(study, tables={table: _beside(folder, fields) for table, fields in study.tables.items()})


def _beside(folder: Path, fields: dict[str, Any]) -> dict[str, Any]:
    """The fields of a table, with the files that lie in the study's folder found from anywhere."""
    files = {name: folder / str(fields[name]) for name in ("path", "test") if name in fields}
    return fields | {name: str(file) for name, file in files.items() if file.exists()}


def preset(name: str) -> Preset:
    """The preset of that name."""
    return build(Preset, read_yaml(variants.yaml_of("preset", name)), f"preset {name}")
