"""YAML -> strict typed frozen dataclasses -> canonical ids; the only place that sees a DictConfig."""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import json
import math
import sys
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

USERS = "homog_with"  # begins the module name of a user's folder
KEPT = "canonical content"  # where a variant keeps it: no field has a name with a blank
OWN, SHARED, DISJOINT = DATA = ("own", "shared", "disjoint")  # whose training examples a model gets


class ConfigError(ValueError):
    """A setting that cannot be meant: the message names the value, the valid choices and what to do."""


@dataclass(frozen=True)
class Sizes:
    """How much of each task is used: examples to train on, examples to predict, word pieces per example."""

    train: int
    test: int
    max_length: int = 128

    def __post_init__(self) -> None:
        for name, low in (("train", 8), ("test", 8), ("max_length", 8)):
            if getattr(self, name) < low:
                raise ConfigError(f"sizes.{name}={getattr(self, name)} is too small: use at least {low}")


@dataclass(frozen=True)
class Arm:
    """The backbone that a set of models shares: backbone + defect + dose + injection seed.

    `dose` is the share of the full defect, 0..1. At dose 0 every arm is the clean backbone, whatever the defect
    or the seed, so `arm()` builds those as one arm with defect None and seed 0.
    """

    backbone: Any
    defect: Any | None
    dose: float
    seed: int

    @property
    def kind(self) -> str:
        """'clean', 'sham' or 'injected'."""
        if self.defect is None:
            return "clean"
        return "sham" if self.defect.sham else "injected"

    @cached_property
    def id(self) -> str:
        """'a' + 10 hex digits (a leading letter, since Hydra would read 1e5 or 774411 as a number)."""
        return "a" + content_id(self)[:10]

    @cached_property
    def control(self) -> Arm:
        """The same backbone without the defect: one object for all cells of the arm."""
        return arm(self.backbone, None, 0.0, 0)

    @cached_property
    def twin(self) -> Arm:
        """The sham of an injected arm: one object for all cells of the arm."""
        return dataclasses.replace(self, defect=dataclasses.replace(self.defect, sham=True))  # pyright: ignore


def arm(backbone: Any, defect: Any | None, dose: float, seed: int) -> Arm:
    """The arm of these settings; dose 0 is the clean backbone. Raises ConfigError for a dose outside 0..1."""
    if not 0 <= dose <= 1:
        raise ConfigError(f"dose={dose:g} is outside 0..1: 0 is the clean backbone, 1 the defect as injected")
    if dose == 0 or defect is None:
        return Arm(backbone, None, 0.0, 0)
    return Arm(backbone, defect, float(dose), int(seed))


class Identified:
    """A dataclass that may leave out of its id what changes no result."""

    def identity(self) -> dict[str, Any]:
        """What decides the id: all fields. A "type" among them stands for the name of the class.

        So a class that was renamed or merged keeps its ids.
        """
        return fields_of(self)

    @classmethod
    def told(cls, content: Mapping[str, Any]) -> dict[str, Any]:
        """The fields that a content tells, as `identity` gave it; all others are as in the class."""
        names = {field.name for field in dataclasses.fields(cls) if field.init}  # pyright: ignore[reportArgumentType]
        return {name: value for name, value in content.items() if name in names}


@dataclass(frozen=True)
class Cell(Identified):
    """ONE adapted model: arm x adaptation x task x seed, at the sizes of its preset.

    `data` says which training examples the model gets. 'own': a random sample drawn by its seed, the same persons for
    all tasks of a family. 'shared': one sample, whatever the seed. 'disjoint': a sample that shares no example with
    that of another seed, nor of another task of the family.
    """

    arm: Arm
    adaptation: Any
    task: Any
    seed: int
    sizes: Sizes
    data: str = OWN

    def __post_init__(self) -> None:
        choose(self.data, DATA, "data")

    def identity(self) -> dict[str, Any]:
        """All fields; without `data` where it is the default, so that cells from before it was there keep their id."""
        return fields_of(self, leave_out=("data",) if self.data == OWN else ())

    @cached_property
    def id(self) -> str:
        """'c' + 16 hex digits of the canonical typed content: its `content_id`, put together from that of its parts."""
        parts = {name: _kept_text(getattr(self, name)) for name in ("adaptation", "arm", "sizes", "task")}
        parts |= {"seed": _text(self.seed), "type": _text(type_name(type(self)))}
        parts |= {} if self.data == OWN else {"data": _text(self.data)}
        whole = ",".join(f'"{name}":{parts[name]}' for name in sorted(parts))
        return "c" + hashlib.sha256(f"{{{whole}}}".encode()).hexdigest()[:16]

    @cached_property
    def control(self) -> Cell:
        """The cell that is the same but for the defect."""
        return dataclasses.replace(self, arm=self.arm.control)


def canonical(value: Any) -> Any:
    """JSON-ready content of a typed value."""
    if isinstance(value, Identified) or dataclasses.is_dataclass(value):
        content = value.identity() if isinstance(value, Identified) else fields_of(value)
        return {"type": type_name(type(value)), **content, **_code(type(value))}
    if isinstance(value, (list, tuple)):
        return [canonical(item) for item in value]
    return value


def type_name(kind: type) -> str:
    """A class of the house by its bare name, any other by its qualified name.

    A class in variants.py of a user's folder is `with.NAME`, one in other.py of it `with.other.NAME`: the name does not
    depend on where the folder is.
    """
    package, _, rest = kind.__module__.partition(".")
    if package == "homog":
        return kind.__name__
    package = "with" if package.startswith(f"{USERS}_") else package
    return ".".join(part for part in (package, rest, kind.__qualname__) if part)


def _code(kind: type) -> dict[str, str]:
    """What decides a class of a user's folder beside its fields: the folder's code and data. Of others nothing."""
    package = kind.__module__.partition(".")[0]
    if not package.startswith(f"{USERS}_"):
        return {}
    return {"code": files_digest(Path(sys.modules[package].__path__[0]), apart=("conf", "experiments", "results"))}


def files_digest(place: Path, apart: Iterable[str] = ()) -> str:
    """sha256 (hex) of a file, or of the names and contents of all files below a folder but for the folders `apart`.

    Hidden files and compiled code do not count. A file is read again only when its size or time has changed.
    """
    if place.is_file():
        return _file_digest(place, place.stat().st_size, place.stat().st_mtime_ns)
    whole = hashlib.sha256()
    for path in sorted(path for path in place.rglob("*") if path.is_file()):
        parts = path.relative_to(place).parts
        if parts[0] not in apart and "__pycache__" not in parts and not any(part[0] == "." for part in parts):
            status = path.stat()
            whole.update(f"{'/'.join(parts)}\0{_file_digest(path, status.st_size, status.st_mtime_ns)}\0".encode())
    return whole.hexdigest()


@cache
def _file_digest(path: Path, size: int, time: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fields_of(value: Any, leave_out: Iterable[str] = ()) -> dict[str, Any]:
    """The canonical content of a dataclass's fields."""
    names = [f.name for f in dataclasses.fields(value) if f.name not in leave_out]
    return {name: canonical(getattr(value, name)) for name in names}


def content_id(value: Any) -> str:
    """sha256 (hex) of the canonical content. Values are typed first, so 0 and 0.0 of a float field are one."""
    return hashlib.sha256(_text(value).encode()).hexdigest()


def _text(value: Any) -> str:
    return json.dumps(canonical(value), sort_keys=True, separators=(",", ":"))


def _kept_text(value: Any) -> str:
    """`_text` of a part, kept with it: very many cells hold the same one."""
    kept = vars(value)
    if KEPT not in kept:
        kept[KEPT] = _text(value)
    return kept[KEPT]


def choose(name: Any, choices: Iterable[str], what: str) -> Any:
    """`name` if it is one of `choices`; otherwise ConfigError with the valid ones and the nearest."""
    valid = sorted(choices)
    if name in valid:
        return name
    near = difflib.get_close_matches(str(name), valid, n=1)
    hint = f"did you mean {near[0]}? " if near else ""
    raise ConfigError(f"unknown {what} '{name}': {hint}valid: {', '.join(valid)}")


LEAST = {  # of the numbers in variants of the house, by name: the smallest that means anything
    **dict.fromkeys(("alpha", "batch", "budget", "concurrency", "examples", "layers", "longest", "rank", "shots"), 1),
    **dict.fromkeys(("steps", "texts", "tokens", "versions", "width", "window"), 1),
    **dict.fromkeys(("epochs", "guidance", "learning_rate", "price_in", "price_out", "restriction", "retries"), 0),
    **dict.fromkeys(("calibration", "side", "spread", "warmup", "weight_decay"), 0),
    **dict.fromkeys(("C", "distance", "strength", "temperature", "timeout", "words"), 1e-6),
    "codes": 2,
}


def check_numbers(built: Any, where: str) -> None:
    """Raise ConfigError for a number of a variant of the house that is below its LEAST, infinite, or none (NaN)."""
    if not type(built).__module__.startswith("homog."):
        return
    for name, low in LEAST.items():
        value = getattr(built, name, None)
        if isinstance(value, (int, float)) and not (low <= value < math.inf or (name == "C" and value > 0)):
            raise ConfigError(f"{where}.{name}={value}: use a number, at least {low:g}")


def build(kind: Callable[..., Any], values: Mapping[str, Any], where: str) -> Any:
    """An instance of the dataclass `kind`; unknown, missing or mistyped keys raise ConfigError naming them."""
    hints = typing.get_type_hints(kind)
    fields = {f.name: f for f in dataclasses.fields(kind) if f.init}  # pyright: ignore[reportArgumentType]
    for key in values:
        choose(key, fields, f"key of {where}")
    required = {n for n, f in fields.items() if f.default is f.default_factory is dataclasses.MISSING}
    missing = sorted(required - set(values))
    if missing:
        raise ConfigError(f"{where}: missing {', '.join(missing)} (keys: {', '.join(fields)})")
    fields = {key: typed(value, hints[key], f"{where}.{key}") for key, value in values.items()}
    try:
        built = kind(**fields)
        check_numbers(built, where)
        return built
    except ValueError as error:  # what a user's variant may raise for a value that it does not take
        raise error if isinstance(error, ConfigError) else ConfigError(f"{where}: {error}") from error


def typed(value: Any, hint: Any, where: str) -> Any:
    """`value` as the annotated type: int is taken for float, a list for a tuple, nothing else is converted."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint is Any:
        return value
    if origin in (typing.Union, types.UnionType):
        for option in args:
            try:
                return typed(value, option, where)
            except ConfigError:
                continue
    elif origin is tuple and isinstance(value, (list, tuple)):
        return tuple(typed(item, args[0], f"{where}[{i}]") for i, item in enumerate(value))
    elif origin is dict and isinstance(value, Mapping):
        return {key: typed(item, args[1], f"{where}.{key}") for key, item in value.items()}
    elif hint is float and isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    elif isinstance(hint, type) and type(value) is hint:
        return value
    elif dataclasses.is_dataclass(hint) and isinstance(value, Mapping):
        return build(typing.cast(Any, hint), value, where)
    expected = hint.__name__ if isinstance(hint, type) else str(hint)
    raise ConfigError(f"{where}={value!r} is {type(value).__name__}, expected {expected}")


def plain(config: Any) -> dict[str, Any]:
    """A DictConfig as plain Python values, interpolations resolved."""
    from omegaconf import OmegaConf

    return typing.cast(dict[str, Any], OmegaConf.to_container(config, resolve=True))


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file, with YAML 1.2 numbers (1e-4 is a float). Raises ConfigError naming the file."""
    from omegaconf import OmegaConf

    try:
        values = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    except Exception as error:
        reason = " ".join(str(error).split())
        raise ConfigError(f"{path}: cannot be read as YAML: {reason}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"{path}: expected a mapping of keys to values")
    return typing.cast(dict[str, Any], values)
