"""Files that a reader sees whole or not at all, and folders that can take them."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
from filelock import FileLock

from homog.config import ConfigError, files_digest

HERE = re.sub(r"\W", "_", socket.gethostname())  # in the names of temporary files, with the number of the process
SETTLED = 60  # seconds without a change, after which a file of a process that is gone is nobody's
SPARE_BYTES = 64 * 2**20  # a folder with less room than this counts as full


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when the block ends well (fsync, rename, fsync)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.{HERE}-{os.getpid()}.", dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
    finally:
        temporary.unlink(missing_ok=True)


def tidy(*places: Path) -> None:
    """Remove from folders what processes of this machine were writing when they were killed, a minute ago or more."""
    for path in (path for place in places for path in place.glob(".*")):
        with contextlib.suppress(OSError):  # somebody else was faster
            if killed(path) and settled(path):
                path.unlink()


def killed(path: Path) -> int:
    """The process of this machine that a temporary file is named after, where it has ended; else 0."""
    told = re.fullmatch(rf".+\.{re.escape(HERE)}-(\d+)\.\w+", path.name)
    return int(told[1]) if told and not psutil.pid_exists(int(told[1])) else 0


@contextlib.contextmanager
def pooled(results: Path, process: int) -> Iterator[None]:
    """While the block runs, a file says that `process` has workers of joblib: should both be killed, it is known."""
    path = results / "runs" / "hydra" / f".sweep.{HERE}-{process}.workers"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    yield  # after an error the file stays, and `tidy_runs` looks after what it names
    path.unlink(missing_ok=True)


def forget(process: int) -> None:
    """Remove what joblib has named after a process that was killed from memory that processes share."""
    for name in (f"sem.loky-{process}-*", f"joblib_memmapping_folder_{process}_*"):
        for path in Path("/dev/shm").glob(name):
            with contextlib.suppress(OSError):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


def settled(path: Path) -> bool:
    """Whether a file or a folder has not changed for SETTLED seconds."""
    return time.time() - path.stat().st_mtime > SETTLED


def tidy_runs(results: Path) -> None:
    """Remove what killed sweeps left in a folder of results: files half-written, folders of jobs that are empty."""
    for workers in (results / "runs" / "hydra").glob(".sweep.*"):
        with contextlib.suppress(OSError):
            if (process := killed(workers)) and settled(workers):
                forget(process)
    tidy(*(results / "runs").glob("*"))
    for job in (results / "runs" / "hydra").glob("*"):
        with contextlib.suppress(OSError):  # it is not empty
            if settled(job):
                job.rmdir()


def made_once(target: Path, doing: str, make: Callable[[Path], None]) -> Path:
    """The folder `target`, filled by `make` on the first call, one process at a time; a reader sees it whole or not.

    `make` fills a folder beside it, whose files are then synced and which is renamed. `doing` is said first, on stderr.
    What the files hold is kept beside the folder; one that holds anything else is named and made again.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    seal = target.with_name(f"{target.name}.sha256")
    with FileLock(f"{target}.lock"):
        if target.is_dir() and (not seal.is_file() or seal.read_text() != files_digest(target)):
            print(f"homog: {target}: not what was written there; it is made again", file=sys.stderr, flush=True)
            shutil.rmtree(target)
        if not target.is_dir():
            print(f"homog: {doing}", file=sys.stderr, flush=True)
            temporary = target.with_name(f".{target.name}.part")
            shutil.rmtree(temporary, ignore_errors=True)
            temporary.mkdir()
            make(temporary)
            for path in temporary.iterdir():
                path.chmod(0o644)
                with path.open("rb") as file:
                    os.fsync(file.fileno())
            with replacing(seal) as written:
                written.write_text(files_digest(temporary))
            temporary.replace(target)
    return target


def check_writable(results: Path) -> None:
    """Raise ConfigError, before any compute, where records could not be written."""
    try:
        probe = results / "runs" / "records" / ".writable"
        with replacing(probe) as temporary:
            temporary.write_bytes(b"homog")
        probe.unlink(missing_ok=True)  # a job beside this one may have taken it away
        free = shutil.disk_usage(results).free
    except OSError as error:
        reason = error.strerror or error
        raise ConfigError(f"results={results}: cannot write there ({reason}); name a folder with results=…") from error
    if free < SPARE_BYTES:
        raise ConfigError(
            f"results={results}: only {free / 2**20:.0f} MiB free, {SPARE_BYTES / 2**20:.0f} are needed; "
            "free some or name another folder with results=…"
        )
