"""homog: what does every model adapted from a shared foundation model inherit from it?"""

from importlib import import_module
from typing import Any


def __getattr__(name: str) -> Any:
    """`homog.audit(frame)` without importing pandas for everything else."""
    if name == "audit":
        return import_module("homog.audit")
    raise AttributeError(f"module 'homog' has no attribute {name!r}")
