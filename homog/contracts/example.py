"""`homog init FOLDER`: a working example of each variant of your own, to change or to throw away."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from homog import command
from homog.command import Command, Given
from homog.config import ConfigError

MINE = Path(__file__).with_name("mine")
COMMAND = Command(
    "init",
    "Write a FOLDER with a task, a defect, an adaptation, a backbone and a small study of your own, all working.",
    names="FOLDER",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry of `homog init`; 0 = written, 2 = bad input."""
    return command.main(COMMAND, _act, argv)


def _act(given: Given) -> None:
    if len(given.names) != 1:
        raise ConfigError("name one new folder: homog init mine")
    folder = Path(given.names[0])
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} is there and not empty: name a new folder")
    shutil.copytree(MINE, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    study = next(folder.glob("experiments/*")).name
    print(f"{folder}/variants.py, conf/ and experiments/ written. Next:")
    print(f"  homog check {folder}")
    print(f"  homog sweep --with {folder} study={study} preset=smoke results=results-{folder.name}")
