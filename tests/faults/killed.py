"""Sweeps that are killed, stopped, doubled or left without room: nothing that was finished is lost or changed.

`make test-faults` runs it: FUZZ=1 kills twenty times, a tenth of it twice.
"""

import hashlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from homog import files, records, study, variants
from homog.seeding import generator

ROUNDS = max(2, round(20 * float(os.environ.get("FUZZ", "1"))))
STUDY = """
title: Does a sweep lose anything?
question: Is every record what it was?
hypothesis: {claim: It is., source: this test, sign: "+"}
backbone: [minilm_l6]
exposures: [backdoor]
blocks:
  - presets: [smoke]
    arms:
      - {defect: backdoor, dose: [0, 1], seed: [0, 1, 2]}
      - {defect: backdoor, dose: [1], seed: [0, 1, 2], sham: true}
    adaptation: [linear_probe, lora, bitfit]
    task: [trec, sms_spam]
    seed: [0, 1]
"""
pytestmark = [pytest.mark.real, pytest.mark.timeout(1800)]


@pytest.fixture(autouse=True)
def lossless(tmp_path, monkeypatch):
    """A user's study of seven arms over a tiny backbone."""
    folder = tmp_path / "mine"
    (folder / "experiments" / "lossless").mkdir(parents=True)
    (folder / "experiments" / "lossless" / "study.yaml").write_text(STUDY)
    (folder / "variants.py").write_text("")
    monkeypatch.setenv(variants.WITH, str(folder))
    monkeypatch.delenv("HOMOG_WATCHED", raising=False)


def start(results, folder, *said, **more):
    command = [sys.executable, "-m", "homog.sweep", "study=lossless", "preset=smoke", f"results={results}"]
    command += [f"backbone.source={folder}", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2", *said]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)


def ended(sweep, limit=300):
    """(exit code, what it said); nothing that it started lives on."""
    family = psutil.Process(sweep.pid).children(recursive=True) if sweep.poll() is None else []
    said = sweep.communicate(timeout=limit)[0]
    _, alive = psutil.wait_procs(family, timeout=20)
    assert not alive, alive
    return sweep.returncode, said


def written(results):
    """Cell -> content of every record, in whatever file it is."""
    return {cell: content(records.load(results, cell)) for cell in records.kept(results)}


def content(record):
    digest = hashlib.sha256(json.dumps(record.provenance, sort_keys=True).encode())
    for name in record.conditions:
        digest.update(name.encode() + record.probabilities[name].tobytes())
    return digest.hexdigest()


def wait_for(results, count, sweep, limit=200):
    end = time.time() + limit
    while len(written(results)) < count and sweep.poll() is None and time.time() < end:
        time.sleep(0.1)
    assert sweep.poll() is None and len(written(results)) >= count


def cells(folder):
    return study.expand(study.load("lossless"), "smoke", {"source": str(folder)})


def whole(results, folder):
    """Every cell has a record that can be read, and nothing half-written is left that the next run does not remove."""
    for cell in cells(folder):
        assert records.load(results, cell.id).provenance["cell"]
    old, pools = time.time() - 2 * files.SETTLED, {files.killed(path) for path in half_written(results)}
    for path in half_written(results):
        os.utime(path, (old, old))
    files.tidy_runs(results)
    assert not half_written(results)
    assert not [path for pool in pools for path in Path("/dev/shm").glob(f"*[-_]{pool}[-_]*")]
    assert not list((results / "runs" / "failures").glob("*"))


def half_written(results):
    return [path for path in (results / "runs").rglob(".*") if path.is_file()]


def test_what_is_finished_outlives_every_kill(tmp_path, tiny_folder):
    rng, results, kept = generator("kills"), tmp_path / "results", {}
    for turn in range(ROUNDS):
        sweep = start(results, tiny_folder, "pack=yes" if turn % 2 == 0 else "pack=no")
        time.sleep(float(rng.uniform(4, 16)))
        if sweep.poll() is None:
            family = psutil.Process(sweep.pid).children(recursive=True)
            workers = [p for p in family if "loky" in " ".join(p.cmdline())]
            child = [p for p in family if "homog.run" in p.cmdline()]
            victims = [[psutil.Process(sweep.pid)], child, workers][turn % 3] or [psutil.Process(sweep.pid)]
            victims[int(rng.integers(len(victims)))].kill()
            if turn % 3 == 2 and rng.random() < 0.5:
                time.sleep(2)  # a sweep goes on without the worker that it lost
                sweep.kill()
        if turn % 3 == 2 and sweep.poll() is None:
            sweep.kill()
        ended(sweep)
        now = written(results)
        assert {name: now.get(name) for name in kept} == kept, f"round {turn}"
        kept = now
    code, said = ended(start(results, tiny_folder, "pack=yes"))
    assert code == 0, said
    now = written(results)
    assert {name: now.get(name) for name in kept} == kept
    whole(results, tiny_folder)
    assert list((results / "runs" / "arms").glob("*.parquet"))


def test_ctrl_c_ends_after_the_models_under_way_and_a_second_one_at_once(tmp_path, tiny_folder):
    results = tmp_path / "results"
    sweep = start(results, tiny_folder)
    wait_for(results, 2, sweep)
    sweep.send_signal(signal.SIGINT)
    code, said = ended(sweep, 180)
    assert code == 130 and "stopping after the models under way" in said and "run the same command to go on" in said
    kept = written(results)
    assert 2 <= len(kept) < len(cells(tiny_folder))
    assert not list((results / "runs" / "failures").glob("*"))  # none was cut off
    sweep = start(results, tiny_folder)
    wait_for(results, len(kept) + 2, sweep)
    sweep.send_signal(signal.SIGINT)
    time.sleep(0.3)
    sweep.send_signal(signal.SIGINT)
    began = time.time()
    assert ended(sweep, 60)[0] == 130 and time.time() - began < 30
    code, said = ended(start(results, tiny_folder))
    now = written(results)
    assert code == 0 and {name: now[name] for name in kept} == kept
    whole(results, tiny_folder)


def test_two_sweeps_at_once_leave_one_set_of_records(tmp_path, tiny_folder):
    results = tmp_path / "results"
    both = [start(results, tiny_folder) for _ in range(2)]
    for sweep in both:
        code, said = ended(sweep)
        assert code == 0, said
    whole(results, tiny_folder)


def test_a_file_in_place_of_a_folder_is_a_line(tmp_path, tiny_folder):
    for place in ("results", "results/runs", "results/runs/records"):
        root = tmp_path / place.replace("/", "-")
        path = root / place
        path.parent.mkdir(parents=True)
        path.write_text("no folder")
        code, said = ended(start(root / "results", tiny_folder))
        assert code == 2 and "Traceback" not in said, said
        assert said.count("homog: error:") == 1, said
        assert path.read_text() == "no folder"


def test_a_full_disk_ends_the_sweep_with_a_line_and_costs_nothing_that_was_there(tmp_path, tiny_folder):
    results = tmp_path / "results"
    sweep = start(results, tiny_folder)
    wait_for(results, 2, sweep)
    sweep.kill()
    ended(sweep)
    kept = written(results)

    def little_room():
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, resource.RLIM_INFINITY))
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

    code, said = ended(start(results, tiny_folder, preexec_fn=little_room))
    assert code in (1, 2) and "Traceback" not in said and "File too large" in said, said
    now = written(results)
    assert {name: now.get(name) for name in kept} == kept
    code, said = ended(start(results, tiny_folder))
    assert code == 0, said
    whole(results, tiny_folder)


def test_a_kill_while_an_injection_or_a_report_is_made_costs_nothing(tmp_path, tiny_folder):
    results = tmp_path / "results"
    sweep = start(results, tiny_folder)
    while not list((results / "runs" / "injections").glob("*.lock")) and sweep.poll() is None:
        time.sleep(0.01)
    sweep.kill()  # its children end with it
    ended(sweep)
    code, said = ended(start(results, tiny_folder))
    assert code == 0, said
    kept = written(results)
    report = [
        sys.executable,
        "-m",
        "homog",
        "report",
        "lossless",
        f"results={results}",
        f"backbone.source={tiny_folder}",
    ]

    def pages():
        files = [path for path in (results / "lossless").rglob("*.*") if path.is_file()]
        return {path: path.read_bytes() for path in files if path.name[0] != "."}

    before, rng = pages(), generator("killed reports")
    for _ in range(max(2, ROUNDS // 4)):
        writing = subprocess.Popen(report, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        time.sleep(float(rng.uniform(2, 9)))
        writing.kill()
        writing.communicate()
        assert written(results) == kept
        assert all(path.stat().st_size for path in pages())  # each is the old one or the new one
    assert subprocess.run(report, capture_output=True, check=False).returncode == 0
    whole(results, tiny_folder)
    assert {path.name for path in pages()} == {path.name for path in before}


def test_what_fetches_dies_with_the_sweep(tmp_path):
    if not shutil.which("setpriv"):
        pytest.skip("needs setpriv of Linux")
    place = tmp_path / "asleep"
    program = f"from homog import sources; sources._ran(['sh', '-c', 'echo $$ > {place}; sleep 60'])"
    fetching = subprocess.Popen([sys.executable, "-c", program])
    while not (place.exists() and place.read_text().strip()) and fetching.poll() is None:
        time.sleep(0.05)
    asleep = psutil.Process(int(place.read_text()))
    fetching.kill()
    fetching.wait()
    psutil.wait_procs([asleep], timeout=5)
    assert not asleep.is_running() or asleep.status() == psutil.STATUS_ZOMBIE
