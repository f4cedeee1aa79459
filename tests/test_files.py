"""Folders that are made once, and proved to hold what was written each time they are used."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from homog import files

PROGRAM = """
import time
from pathlib import Path
from homog.files import replacing
with replacing(Path("{}") / "record"):
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def make(tmp_path):
    made = []

    def fill(folder):
        made.append(folder)
        (folder / "weights").write_bytes(b"1234")
        (folder / "config.json").write_text("{}")

    return made, lambda: files.made_once(tmp_path / "cache" / "model", "making it", fill)


def test_a_folder_is_made_once(make, capsys):
    made, again = make
    assert again() == again() and len(made) == 1
    assert capsys.readouterr().err == "homog: making it\n"


@pytest.mark.parametrize("harm", ["changed", "cut", "gone", "added", "unsealed"])
def test_a_folder_that_holds_anything_else_is_named_and_made_again(make, harm, capsys):
    made, again = make
    folder = again()
    weights = folder / "weights"
    if harm == "gone":
        weights.unlink()
    elif harm == "added":
        (folder / "adapter").write_bytes(b"x")
    elif harm == "unsealed":
        folder.with_name("model.sha256").unlink()
    else:
        weights.write_bytes(b"12" if harm == "cut" else b"1235 and more")
    assert again() == folder and len(made) == 2
    assert weights.read_bytes() == b"1234" and not (folder / "adapter").exists()
    assert "model: not what was written there; it is made again" in capsys.readouterr().err


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    killed = subprocess.Popen([sys.executable, "-c", PROGRAM.format(tmp_path)], stdout=subprocess.PIPE)
    assert killed.stdout and killed.stdout.readline() == b"writing\n"
    killed.kill()
    killed.communicate()
    (left,) = tmp_path.glob(".*")
    others = [tmp_path / ".user", tmp_path / f".x.{files.HERE}-{os.getpid()}.abc", tmp_path / ".x.elsewhere-1.abc"]
    for path in others:
        path.write_text("")
    files.tidy(tmp_path)
    assert left.exists()  # it may be that of a process on another machine of the same name, which still writes
    for path in (left, *others):
        os.utime(path, (1, 1))
    files.tidy(tmp_path, tmp_path / "none")
    assert sorted(tmp_path.glob(".*")) == sorted(others)


def in_memory(process):
    """Names that the test left: those of an earlier process, killed, may bear the same number."""
    names = (f"sem.loky-{process}-tidied", f"joblib_memmapping_folder_{process}_tidied")
    return [name for name in names if (Path("/dev/shm") / name).exists()]


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="no memory that processes share by name")
def test_what_killed_workers_leave_in_memory_is_removed_with_the_next_sweep(tmp_path):
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    alive = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    for process in (ended.pid, alive.pid):
        with pytest.raises(ZeroDivisionError), files.pooled(tmp_path, process):
            (Path("/dev/shm") / f"sem.loky-{process}-tidied").touch()
            (Path("/dev/shm") / f"joblib_memmapping_folder_{process}_tidied").mkdir()
            raise ZeroDivisionError
    with files.pooled(tmp_path, 1):
        assert len(list((tmp_path / "runs" / "hydra").glob(".sweep.*"))) == 3
    try:
        files.tidy_runs(tmp_path)
        assert len(in_memory(ended.pid)) == 2  # as young as it is, it may be that of a process elsewhere
        for path in (tmp_path / "runs" / "hydra").glob(".sweep.*"):
            os.utime(path, (1, 1))
        files.tidy_runs(tmp_path)
        assert not in_memory(ended.pid) and len(in_memory(alive.pid)) == 2  # another's is not touched
        assert [files.killed(path) for path in (tmp_path / "runs" / "hydra").glob(".*")] == [0]
    finally:
        alive.communicate(b"\n")
        files.forget(alive.pid)
    assert not in_memory(alive.pid)


def test_empty_folders_of_jobs_are_removed(tmp_path):
    jobs = [tmp_path / "runs" / "hydra" / name for name in ("empty", "young", "full")]
    for job in jobs:
        job.mkdir(parents=True)
    (jobs[2] / "run.log").write_text("")
    for job in (jobs[0], jobs[2]):
        os.utime(job, (1, 1))
    files.tidy_runs(tmp_path)
    assert sorted(path.name for path in jobs[0].parent.glob("*")) == ["full", "young"]
