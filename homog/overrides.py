"""What a user says to Hydra: checked before Hydra reads it, with every setting shown and every path quoted."""

from __future__ import annotations

import contextlib
import dataclasses
import io
import os
import re
from collections.abc import Callable, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from homog import variants
from homog.command import with_folders
from homog.config import ConfigError, choose, plain

WITH_VALUE = ("--cfg", "-c", "--package", "-p", "--config-path", "-cp", "--config-name", "-cn", "--config-dir", "-cd")
GROUPS = (*variants.REGISTRIES, "preset")
DEVICES = re.compile(r"auto|all|cpu|mps|cuda(:\d+)?")
PLAIN = re.compile(r"[\w.,-]+")  # names, several separated by commas: anything else is Hydra's own grammar
LAUNCHERS = {  # those that need an installation of their own -> the plugin's module, the extra
    "ray": ("hydra_plugins.hydra_ray_launcher", "ray"),
    "ray_cluster": ("hydra_plugins.hydra_ray_launcher", "ray"),
    "ray_aws": ("hydra_plugins.hydra_ray_launcher", "ray"),
}


def overrides(settings: Mapping[str, Any]) -> list[str]:
    """The settings as overrides for Hydra, with every text quoted: a path may hold '=', ',' or blanks."""
    from hydra.core.override_parser.types import Quote, QuotedString

    def word(value: Any) -> str:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        return str(value) if number else QuotedString(str(value), Quote.single).with_quotes()

    return [f"{key}={word(value)}" for key, value in settings.items()]


def for_hydra(arguments: Sequence[str]) -> list[str]:
    """The arguments as Hydra takes them: paths quoted, the user's folders among those that it searches.

    A field of a variant may be one that its YAML leaves out, which Hydra is told by `++`; `build` refuses a wrong one.
    Raises ConfigError for what no setting is called.
    """
    flags, said = apart(with_folders(arguments))
    words = list(flags)  # Hydra takes none between settings
    for word in said:
        _check(word)
        key, _, value = word.partition("=")
        path = key == "results" or (key == "backbone.source" and Path(value).exists())
        added = "++" if key.partition(".")[0] in variants.REGISTRIES and "." in key else ""
        words += [added + (overrides({key: value})[0] if path and value[:1] not in ("'", '"') else word)]
    if not variants.folders():
        return words
    places = ",".join(f"'file://{place / 'conf'}'" for place in variants.folders() if (place / "conf").is_dir())
    known = overrides({f"++hydra.job.env_set.{variants.WITH}": os.environ[variants.WITH]})
    return [*words, f"hydra.searchpath=[{places}]", *known]  # a worker on another machine lacks this environment


def apart(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """(Hydra's flags with their values, settings)."""
    flags, said, own = [], [], False
    for word in words:
        (flags if own or word.startswith("-") else said).append(word)
        own = word in WITH_VALUE
    return flags, said


def _check(word: str) -> None:
    key, equals, value = word.partition("=")
    bare = key.lstrip("+")
    if key.startswith("~"):
        raise ConfigError(f"'{word}': a run has one of each setting, so none can be taken away; give it another value")
    if not equals:
        groups = [group for group in GROUPS if word in _options(group)]
        hint = f"did you mean {groups[0]}={word}?" if groups else "see homog run --help"
        raise ConfigError(f"'{word}' is not key=value: {hint}")
    if bare.startswith("hydra"):
        _check_launcher(bare, value)
        return
    top, _, field = bare.partition(".")
    if top in GROUPS and not field:
        for name in value.split(",") if PLAIN.fullmatch(value) else ():
            choose(name, _options(top), top)
    elif top not in (*GROUPS, *settings()) or (field and top not in GROUPS):
        homes = [group for group in GROUPS if bare.rpartition(".")[2] in _fields(group)]
        if homes:
            raise ConfigError(f"unknown setting '{bare}': did you mean {homes[0]}.{bare.rpartition('.')[2]}?")
        choose(bare, [*GROUPS, *settings()], "setting")
    elif top == "device":
        check_device(value)
    elif top == "fused":
        choose(value.strip("'\""), FUSED, "fused")
    elif top == "pack":
        choose(value.strip("'\""), ("yes", "no"), "pack")


FUSED = ("auto", "yes", "no")


def _check_launcher(key: str, value: str) -> None:
    module, extra = LAUNCHERS.get(value, ("", "")) if key == "hydra/launcher" else ("", "")
    try:
        missing = bool(module) and find_spec(module) is None
    except ModuleNotFoundError:
        missing = True
    if missing:
        raise ConfigError(f"hydra/launcher={value} is not installed: pip install 'homog-inheritance[{extra}]'")


def check_device(name: str) -> None:
    """Raise ConfigError for what is no device; whether there is one is seen before anything is computed."""
    if not DEVICES.fullmatch(name.strip("'\"")) and PLAIN.fullmatch(name):
        raise ConfigError(f"device={name}: valid: auto, cpu, mps, cuda, cuda:1 ..., all")


def settings() -> dict[str, Any]:
    """The settings at the top of conf/config.yaml, with their defaults."""
    from omegaconf import OmegaConf

    values: Any = OmegaConf.to_container(OmegaConf.load(variants.CONF / "config.yaml"))
    return {key: value for key, value in values.items() if key not in ("defaults", "hydra")}


def _options(group: str) -> list[str]:
    """The names of a group's YAMLs."""
    return list(variants.configured(group))


def _fields(group: str) -> set[str]:
    """The fields of every variant of a group."""
    if group == "preset":
        return {"train", "test", "max_length"}
    return {field.name for kind in variants.registry(group).values() for field in dataclasses.fields(kind)}


def shown(job: Callable[[], Any]) -> str:
    """What `--cfg job` prints, by Hydra's `job`, with the fields that YAMLs leave out at their defaults.

    YAMLs of the house's backbones leave out none: to ask their classes would take the seconds that torch needs.
    """
    from omegaconf import OmegaConf

    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        job()
    values = plain(OmegaConf.create(printed.getvalue()))
    for group in variants.REGISTRIES:
        kinds = variants.users(group) | ({} if group == "backbone" else variants.house(group))
        kind = kinds.get(values[group].get("name"))
        if kind is None:
            continue
        values[group] |= {name: value for name, value in _defaults(kind).items() if name not in values[group]}
    return OmegaConf.to_yaml(OmegaConf.create(values))


def _defaults(kind: Any) -> dict[str, Any]:
    """Field -> default, of those that have one."""
    values = {}
    for field in dataclasses.fields(kind):
        if field.init and field.default is not dataclasses.MISSING:
            values[field.name] = list(field.default) if isinstance(field.default, tuple) else field.default
    return values
