"""homog: what does every model adapted from a shared foundation model inherit from it?"""

from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

try:
    __version__ = version("homog-inheritance")
except PackageNotFoundError:  # a checkout that nobody installed
    __version__ = "0+checkout"


def __getattr__(name: str) -> Any:
    """`homog.audit`, `load`, `record` and `exposures` without importing pandas for everything else."""
    if name == "audit":
        return import_module("homog.audit")
    if name == "load":
        return import_module("homog.report.loaded").load
    if name in ("record", "exposures"):
        return getattr(import_module("homog.study.told"), name)
    raise AttributeError(f"module 'homog' has no attribute {name!r}")
