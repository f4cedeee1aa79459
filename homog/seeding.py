"""Named random streams: every random number comes from a generator derived from the names of its purpose."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np


def entropy(*names: str | int) -> int:
    """Return 256 bits derived from `names` alone, the same on every machine.

    The order of the names counts, and ("a", 1), ("a1",) and ("a", "1") are three different streams.
    Raises ValueError without names and TypeError for anything but str and int.
    """
    if not names:
        raise ValueError("a random stream needs at least one name")
    for name in names:
        if isinstance(name, bool) or not isinstance(name, str | int):
            raise TypeError(f"names of a random stream are str or int, not {type(name).__name__}: {name!r}")
    return int.from_bytes(hashlib.sha256(json.dumps(names).encode()).digest())


def generator(*names: str | int) -> np.random.Generator:
    """Return a fresh generator for the stream called `names`, e.g. `generator("inject", "backdoor", 3)`.

    A stream depends on nothing but its names, so that adding a task or an arm never changes the
    numbers of another one. Raises as `entropy`.
    """
    return np.random.default_rng(entropy(*names))


@contextmanager
def one_thread(rng: np.random.Generator) -> Iterator[None]:
    """What is trained has the same bits whatever the machine's cores: one thread, torch seeded from `rng`."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(int(rng.integers(2**31)))
    try:
        yield
    finally:
        torch.set_num_threads(threads)


@contextmanager
def torch_stream(*names: str | int) -> Iterator[None]:
    """Let libraries that draw from torch's global generator (peft's start values) draw from the stream `names`.

    The global state is put back afterwards.
    """
    import torch

    with torch.random.fork_rng():
        torch.manual_seed(entropy(*names) % 2**63)
        yield
