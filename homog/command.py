"""The grammar of every command: key=value for settings, --flags for what it does, bare words for names.

Each setting may also be written as a flag (--out DIR, --out=DIR). `--with DIR` goes with every command.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from homog import variants
from homog.config import ConfigError, choose

WIDTH = 24  # of the left column of a help page
BACKBONE = ("backbone.source", "backbone.revision")  # named where a key is misspelt


@dataclass(frozen=True)
class Setting:
    """A value that the user may give. `kind`: str, int, float, bool (a flag without a value) or tuple (several)."""

    name: str
    help: str
    default: Any = ""
    kind: Callable[[Any], Any] = str


DEVICE = Setting("device", "auto, cpu, cuda, cuda:1 ..., all", "auto")


@dataclass(frozen=True)
class Command:
    """What a verb takes. `names`: what its bare words are ('' = it takes none). `passes`: how further keys begin;
    "backbone=" where the backbone of a study can be another one.
    """

    verb: str
    about: str
    settings: tuple[Setting, ...] = ()
    names: str = ""
    passes: tuple[str, ...] = ()
    notes: str = ""


@dataclass
class Given:
    """What the user said.

    `backbone`: fields of the backbone, `name` that of another one; `passed`: arguments for Hydra, as they were written.
    """

    settings: dict[str, Any]
    names: list[str] = field(default_factory=list)
    backbone: dict[str, str] = field(default_factory=dict)
    passed: list[str] = field(default_factory=list)

    def __getitem__(self, name: str) -> Any:
        """The value of a setting, its default where the user gave none."""
        return self.settings[name]


def main(command: Command, act: Callable[[Given], int | None], argv: Sequence[str] | None = None) -> int:
    """Parse, act and give the exit code: bad input is one line and 2."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    if {"-h", "--help"} & set(arguments):
        print(page(command))
        return 0
    try:
        return act(parsed(command, with_folders(arguments))) or 0
    except (ConfigError, OSError) as error:
        return bad_input(error)


def bad_input(error: Exception) -> int:
    """Say in one line what is wrong; the exit code of bad input."""
    print(f"homog: error: {' '.join(str(error).split())}", file=sys.stderr)
    return 2


def with_folders(arguments: Sequence[str]) -> list[str]:
    """The arguments without --with DIR, whose folders are searched from now on."""
    rest, folders, words = [], [], iter(arguments)
    for word in words:
        if word == "--with":
            folders.append(next(words, ""))
        elif word.startswith("--with="):
            folders.append(word.removeprefix("--with="))
        else:
            rest.append(word)
    if "" in folders:
        raise ConfigError("--with: name your folder of variants; `homog init mine` writes an example")
    if folders:
        variants.use(folders)
    else:
        variants.check()
    return rest


def parsed(command: Command, arguments: Sequence[str]) -> Given:
    """What the user said. Raises ConfigError for an unknown key or a value of the wrong type."""
    known = {setting.name: setting for setting in command.settings}
    given, rest = Given({name: setting.default for name, setting in known.items()}), list(arguments)
    while rest:
        word = rest.pop(0)
        key, equals, value = word.removeprefix("--").partition("=")
        bare = key.lstrip("+")
        if word.startswith("--"):
            setting = known[choose(key.replace("-", "_"), known, "flag")]
            given.settings[setting.name] = _valued(setting, value if equals else None, rest)
        elif equals and bare.startswith(command.passes or ("\0",)) and bare.startswith("backbone."):
            given.backbone[bare.removeprefix("backbone.")] = value
        elif equals and bare == "backbone" and "backbone=" in command.passes:
            given.backbone["name"] = value
        elif equals and bare.startswith(command.passes or ("\0",)):
            given.passed.append(word)
        elif equals and re.fullmatch(r"[A-Za-z_]\w*(\.\w+)?", bare):
            more = BACKBONE if "backbone." in command.passes else ()
            setting = known[choose(bare, [*known, *more], "key")]
            given.settings[setting.name] = _valued(setting, value, [])
        elif command.names:
            given.names.append(word)
        else:
            raise ConfigError(f"'{word}' is not key=value; see --help")
    return given


def _valued(setting: Setting, value: str | None, rest: list[str]) -> Any:
    """The value of a setting, typed; where it was given as a flag, the value is taken from the words after it."""
    if setting.kind is bool and value is None:
        return True
    if setting.kind is tuple:
        values = [] if value is None else value.split()
        while value is None and rest and not rest[0].startswith("--"):
            values.append(rest.pop(0))
        return tuple(values)
    if value is None:
        if not rest:
            raise ConfigError(f"--{setting.name.replace('_', '-')} needs a value; see --help")
        value = rest.pop(0)
    try:
        return setting.kind(value)
    except ValueError as error:
        kind = {"int": "a whole number", "float": "a number"}.get(getattr(setting.kind, "__name__", ""), str(error))
        raise ConfigError(f"{setting.name}={value}: valid: {kind}") from error


def page(command: Command) -> str:
    """What --help prints."""
    names = f" [{command.names} ...]" if command.names else ""
    lines = [f"usage: homog {command.verb}{names} [KEY=VALUE ...] [--with DIR]", "", command.about, ""]
    for setting in command.settings:
        flag = setting.kind is bool
        left = f"--{setting.name.replace('_', '-')}" if flag else f"{setting.name}={_shown(setting.default)}"
        gap = "\n" + " " * (WIDTH + 4) if len(left) > WIDTH else ""
        lines.append(f"  {left:<{WIDTH}}  {gap}{setting.help}")
    if "backbone=" in command.passes:
        lines.append(f"  {'backbone=':<{WIDTH}}  another backbone than the study's own, by its name")
    if "backbone." in command.passes:
        lines.append(f"  {'backbone.source=':<{WIDTH}}  a directory or hub id: your own weights")
    lines.append(f"  {'--with DIR':<{WIDTH}}  a folder of your own variants (or HOMOG_WITH); see homog init")
    return "\n".join([*lines, *(["", command.notes] if command.notes else [])])


def _shown(default: Any) -> str:
    return "" if default in (None, (), "") else str(default)
