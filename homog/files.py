"""Files that a reader sees whole or not at all, and folders that can take them."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock

from homog.config import ConfigError, files_digest

SPARE_BYTES = 64 * 2**20  # a folder with less room than this counts as full


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary file beside `path` that takes its place when the block ends well (fsync, rename, fsync)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
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
