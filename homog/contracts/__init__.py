"""The contract that variants keep, and `homog check`: yours put to the test."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from homog import command, variants
from homog.command import Command, Given
from homog.config import ConfigError
from homog.wording import line

if TYPE_CHECKING:
    from collections.abc import Callable

COMMAND = Command(
    "check",
    "Put every variant of your FOLDER through the contract tests, on a tiny backbone and toy tasks. Load your tasks\n"
    "and backbones. Print what passed, or one line on what failed. Your studies are expanded, not run.",
    names="FOLDER",
)
FAMILIES = ("bert", "llama", "t5")  # tiny backbones: the first that has what a variant needs is taken


def main(argv: Sequence[str] | None = None) -> int:
    """Entry of `homog check`; 0 = all passed, 1 = a contract is broken, 2 = bad input."""
    return command.main(COMMAND, _act, argv)


def _act(given: Given) -> int:
    variants.use(given.names or variants.folders())
    if not variants.folders():
        raise ConfigError("name your folder: homog check mine; `homog init mine` writes one")
    failed = 0
    for group in variants.REGISTRIES:
        for name in set(variants.registry(group)) - set(variants.house(group)):
            breaches = list(broken(group, name))
            failed += len(breaches)
            print(*(f"{group} {name}: {said}" for said in breaches or ["passed"]), sep="\n", flush=True)
    for name, folder in variants.studies().items():
        if folder.parent != variants.EXPERIMENTS:
            failed += _expanded(name)
    return int(failed > 0)


def broken(group: str, name: str) -> Iterator[str]:
    """What a variant breaks, a line each; nothing where it keeps the contract."""
    from homog.contracts import rules

    try:
        built = variants.variant(group, name)
    except ConfigError as error:
        yield str(error)
        return
    yield from _breach(rules.is_a_frozen_value, built, name)
    for rule in rules.ALONE[group]:
        yield from _breach(rule, built)
    if not rules.ON_BACKBONE[group]:
        return
    with tempfile.TemporaryDirectory() as folder:
        try:
            backbone = tiny_backbone(built, Path(folder))
        except ConfigError as error:
            yield str(error)
            return
    for rule in rules.ON_BACKBONE[group]:
        yield from _breach(rule, rules.short(built, 20), backbone)


def _breach(rule: Callable[..., Any], *arguments: Any) -> Iterator[str]:
    try:
        rule(*arguments)
    except ConfigError as error:
        yield line(error, None)
    except Exception as error:  # whatever a user's code raises is a line, too
        yield f"{rule.__name__.replace('_', ' ')}: {type(error).__name__}: {' '.join(str(error).split())}"


def tiny_backbone(built: Any, folder: Path) -> Any:
    """A loaded tiny backbone of the modality and the first family that has what the variant needs; else an encoder."""
    from transformers.utils import logging

    from homog.contracts import arrays, pictures, tiny

    logging.disable_progress_bar()
    if built.modalities and "text" not in built.modalities:
        toys = {"point": lambda: arrays.LinearKind("tiny"), "image": lambda: pictures.kind(folder)}
        taken = [modality for modality in built.modalities if modality in toys]
        if not taken:
            raise ConfigError(f"no toy backbone takes {', '.join(built.modalities)}: only its class was looked at")
        return toys[taken[0]]().load()
    able = [f for f in FAMILIES if tiny.kind(f).gives(built.needs)]
    return tiny.tiny(folder, (able or FAMILIES)[0])


def _expanded(name: str) -> int:
    """Say what a study has at each preset; 1 where it cannot be expanded."""
    from homog import study

    try:
        spec = study.load(name)
        used = [preset for preset in study.presets() if preset in spec.presets]
        cells = {preset: len(study.expand(spec, preset)) for preset in used}
    except ConfigError as error:
        print(f"study {name}: {error}")
        return 1
    print(f"study {name}: passed ({', '.join(f'{count} cells at {preset}' for preset, count in cells.items())})")
    return 0
