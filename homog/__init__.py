"""homog: what does every model adapted from a shared foundation model inherit from it?"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

try:
    __version__ = version("homog-inheritance")
except PackageNotFoundError:  # a checkout that nobody installed
    __version__ = "0+checkout"


def __getattr__(name: str) -> Any:
    """`homog.audit(frame)` and `homog.load(results)` without importing pandas for everything else."""
    if name == "audit":
        return import_module("homog.audit")
    if name == "load":
        return import_module("homog.study.kept").load
    raise AttributeError(f"module 'homog' has no attribute {name!r}")
