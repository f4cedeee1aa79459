"""Where variants are found: the user's folders first, then conf/ and experiments/ of the wheel or the checkout.

A user's folder holds `variants.py` with plain dicts TASKS, DEFECTS, ADAPTATIONS, BACKBONES (name -> frozen dataclass),
`conf/<group>/<name>.yaml` for each of them, and `experiments/<study>/study.yaml`. Its place is in the environment
(HOMOG_WITH), so every worker process loads it for itself and nothing of it is pickled.
"""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from homog.config import USERS, ConfigError, build, choose, read_yaml

WHEEL = Path(__file__).with_name("_shipped")  # where a wheel holds conf/ and experiments/
HOUSE = WHEEL if WHEEL.is_dir() else Path(__file__).resolve().parent.parent
CONF, EXPERIMENTS = HOUSE / "conf", HOUSE / "experiments"
WITH = "HOMOG_WITH"  # the user's folders, absolute, separated like a PATH
REGISTRIES = {
    "task": ("homog.tasks", "TASKS"),
    "defect": ("homog.defects", "DEFECTS"),
    "adaptation": ("homog.adaptations", "ADAPTATIONS"),
    "backbone": ("homog.backbones", "BACKBONES"),
}
DEFECT_KINDS = ("planted", "engineered", "natural")  # of the first two there are shams
BASES = {  # what a variant's class is derived from: it declares all that the rest of the house asks of it
    "task": ("homog.tasks.task", "TaskKind"),
    "defect": ("homog.defects.defect", "Defect"),
    "adaptation": ("homog.adaptations.adaptation", "Adaptation"),
    "backbone": ("homog.backbones.kind", "BackboneKind"),
}


def use(folders: Iterable[str | Path]) -> None:
    """Search these folders from now on, here and in every process that this one starts."""
    places = [Path(folder).expanduser().absolute() for folder in folders]
    os.environ[WITH] = os.pathsep.join(map(str, places))
    check()


def check() -> None:
    """Load the user's folders. Raises ConfigError, in a line, for what would fail later in the middle of a study."""
    for place in folders():
        for problem in problems(loaded(place), place):
            raise ConfigError(problem)


def folders() -> tuple[Path, ...]:
    """The user's folders, in the order in which they are searched."""
    return tuple(Path(name).absolute() for name in os.environ.get(WITH, "").split(os.pathsep) if name)


def registry(group: str) -> dict[str, Any]:
    """Name -> class of every variant of a group: the user's, then the house's."""
    return house(group) | users(group)


def users(group: str) -> dict[str, Any]:
    """Name -> class of the variants of the user's folders."""
    return {name: kind for place in folders() for name, kind in _named(loaded(place), group).items()}


def house(group: str) -> dict[str, Any]:
    """Name -> class of the house's variants. The rooms are named, not imported: they import this module."""
    room, name = REGISTRIES[group]
    return getattr(importlib.import_module(room), name)


def variant(group: str, name: Any, **overrides: Any) -> Any:
    """The variant that conf/<group>/<name>.yaml configures, with `overrides` of its fields."""
    kinds = registry(group)
    choose(name, kinds, group)
    return build(kinds[name], read_yaml(yaml_of(group, name)) | overrides, group)


@cache
def unusual(group: str, built: Any) -> dict[str, Any]:
    """The fields of a variant that are not as in its YAML; none of one that has no YAML. `sham` is not a setting."""
    if built.name not in registry(group):
        return {}
    usual = variant(group, built.name)
    values = {field.name: getattr(built, field.name) for field in dataclasses.fields(built) if field.name != "sham"}
    return {name: value for name, value in values.items() if value != getattr(usual, name)}


def configured(group: str) -> dict[str, Path]:
    """Name -> file of every YAML of a group."""
    places = [CONF, *(place / "conf" for place in folders())]
    return {path.stem: path for place in places for path in sorted((place / group).glob("*.yaml"))}


def yaml_of(group: str, name: str) -> Path:
    """The file of a YAML. Raises ConfigError for an unknown name."""
    files = configured(group)
    return files[choose(name, files, group)]


def studies() -> dict[str, Path]:
    """Name -> folder of every study."""
    places = [EXPERIMENTS, *(place / "experiments" for place in folders())]
    return {path.parent.name: path.parent for place in places for path in sorted(place.glob("*/study.yaml"))}


def digest() -> str:
    """sha256 (hex) over the .py and .yaml files of the user's folders; '' where there are none."""
    places, whole = folders(), hashlib.sha256()
    for place in places:
        for path in sorted(p for p in place.rglob("*") if p.suffix in (".py", ".yaml")):
            content = path.read_bytes()
            whole.update(f"{path.relative_to(place)}\0{len(content)}\0".encode() + content)
    return whole.hexdigest() if places else ""


def module_at(name: str, path: Path) -> ModuleType:
    """A file of experiments/ as a module; no package holds it."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@cache
def loaded(folder: Path) -> ModuleType:
    """The variants.py of a user's folder, as a package of its own (`from .other import X` works in it)."""
    path = folder / "variants.py"
    if not path.is_file():
        what = "there is no variants.py in it" if folder.is_dir() else "no such folder"
        raise ConfigError(f"--with {folder}: {what}; `homog init {folder.name}` writes an example")
    name = f"{USERS}_{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(name, path, submodule_search_locations=[str(folder)])
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ConfigError(f"{_place(error, folder)}: {type(error).__name__}: {error}") from error
    return module


def problems(module: ModuleType, folder: Path) -> Iterator[str]:
    """What is wrong with a user's variants, a line each."""
    for group, (_, registered) in REGISTRIES.items():
        kinds, files = _named(module, group), {path.stem for path in (folder / "conf" / group).glob("*.yaml")}
        for name, kind in kinds.items():
            where = f"{folder}/variants.py: {registered}[{name!r}]"
            if name in house(group):
                yield f"{where}: homog has a {group} of that name; choose another name"
            elif name not in files:
                yield f"{where} has no YAML: write conf/{group}/{name}.yaml (its first line: name: {name})"
            elif not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
                yield f"{where} is no dataclass: put @dataclass(frozen=True) above it"
            elif problem := lacking(group, kind):
                yield f"{where}: {problem}"
        for name in sorted(files - set(kinds)):
            yield f"{folder}/conf/{group}/{name}.yaml has no variant: add {name!r} to {registered} in variants.py"
    for group, taken in (("preset", CONF / "preset" / "{}.yaml"), ("experiments", EXPERIMENTS / "{}" / "study.yaml")):
        mine = (folder / "conf/preset").glob("*.yaml") if group == "preset" else folder.glob("experiments/*")
        for path in mine:
            if Path(str(taken).format(path.stem)).exists():
                yield f"{path}: homog has one of that name; choose another name"


def lacking(group: str, kind: Any) -> str:
    """What a class lacks to be a variant of its group, in a line; '' where it is one."""
    place, name = BASES[group]
    base: Any = getattr(importlib.import_module(place), name)
    if not issubclass(kind, base):
        return f"{kind.__name__} is no {group}: derive it from {place}.{name}"
    without = sorted(kind.__abstractmethods__)
    if group == "defect" and kind.kind not in DEFECT_KINDS:
        without.append(f"kind ({', '.join(DEFECT_KINDS)})")
    needed = ("name", "sham") if group == "defect" and kind.kind in DEFECT_KINDS[:2] else ("name",)
    without += [f"the field {field}" for field in needed if field not in _fields(kind)]
    return f"{group} {kind.__name__} lacks {', '.join(without)}" if without else ""


def _fields(kind: Any) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)} if dataclasses.is_dataclass(kind) else set()


def _named(module: ModuleType, group: str) -> dict[str, Any]:
    return getattr(module, REGISTRIES[group][1], {})


def _place(error: Exception, folder: Path) -> str:
    """File and line of the user's folder where an error came from."""
    if isinstance(error, SyntaxError):
        return f"{error.filename}, line {error.lineno}"
    lines = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).is_relative_to(folder)]
    return f"{lines[-1].filename}, line {lines[-1].lineno}" if lines else f"{folder}/variants.py"
