"""The main job on the real backbone and real data, killed twice on the way."""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from homog import analysis, records, study

COMMAND = ("study=inheritance", "preset=smoke", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
ENVIRONMENT = {key: value for key, value in os.environ.items() if key != "HOMOG_WATCHED"}
SPEC = study.load("inheritance")


def start(results):
    command = [sys.executable, "-m", "homog.sweep", *COMMAND, f"results={results}"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT)


def written(results):
    return {p.name: p.stat().st_mtime_ns for p in (results / "runs" / "records").glob("*.parquet")}


def wait_for(results, count, sweep, limit=300):
    end = time.time() + limit
    while len(written(results)) < count and sweep.poll() is None and time.time() < end:
        time.sleep(0.2)
    assert sweep.poll() is None, sweep.communicate()[0]
    assert len(written(results)) >= count


def mean(effects, kind, column):
    return effects[effects["kind"] == kind][column].mean()


@pytest.mark.real
@pytest.mark.timeout(900)
def test_a_sweep_survives_kills_and_finds_the_backdoor_inherited_and_the_controls_clean(tmp_path):
    # the process that holds the workers is killed: the sweep ends, says so, and no worker lives on
    sweep = start(tmp_path)
    wait_for(tmp_path, 2, sweep)
    family = psutil.Process(sweep.pid).children(recursive=True)
    next(p for p in family if "homog.run" in p.cmdline()).kill()
    shown = sweep.communicate(timeout=120)[0]
    assert sweep.returncode == 1, shown
    assert "run the same command to go on" in shown
    gone, alive = psutil.wait_procs(family, timeout=20)
    assert gone
    assert not alive
    # one worker is killed: the sweep goes on by itself; then it is killed as a whole, and nothing of it lives on
    before = written(tmp_path)
    sweep = start(tmp_path)
    wait_for(tmp_path, len(before) + 2, sweep)
    workers = [p for p in psutil.Process(sweep.pid).children(recursive=True) if "loky" in " ".join(p.cmdline())]
    max(workers, key=lambda p: sum(p.cpu_times()[:2])).kill()
    wait_for(tmp_path, len(written(tmp_path)) + 3, sweep)
    family = psutil.Process(sweep.pid).children(recursive=True)
    sweep.send_signal(signal.SIGKILL)
    assert "homog: a worker was killed; going on with" in sweep.communicate()[0]
    gone, alive = psutil.wait_procs(family, timeout=20)
    assert gone
    assert not alive
    # what was finished is kept, the rest is computed
    before |= written(tmp_path)
    shown = start(tmp_path).communicate(timeout=600)[0]
    after = written(tmp_path)
    assert len(after) == 12, shown
    assert {name: after[name] for name in before} == before
    assert "12 of 12" in shown
    check_headline(tmp_path)
    # and a further run computes nothing
    began = time.time()
    shown = start(tmp_path).communicate(timeout=120)[0]
    assert "12 finished, 0 to do" in shown
    assert written(tmp_path) == after
    assert time.time() - began < 60


def check_headline(results):
    cells = study.expand(SPEC, "smoke")
    kept, _ = analysis.read(results, cells)
    effects = analysis.effects(cells, kept, study.exposed_by(SPEC, "smoke"))
    assert analysis.missing(cells, effects).empty
    assert effects[effects["kind"] != "clean"]["verified"].all()
    assert mean(effects, "injected", "harm") > 0.7  # the trigger decides
    assert mean(effects, "injected", "inherited") > 0.6
    assert (
        mean(effects, "sham", "inherited") < 0.15
    )  # a trigger that means nothing does nothing more than a random word
    assert mean(effects, "clean", "harm") < 0.3
    lost = mean(effects, "injected", "accuracy_clean") - mean(effects, "clean", "accuracy_clean")
    assert lost > -0.08  # clean accuracy is not lost
    assert (effects["accuracy_clean"] > effects["majority"]).mean() > 0.8
    for cell in cells:  # the trainable set, as recorded on the real backbone
        facts = records.load(results, cell.id).provenance
        frozen = cell.adaptation.name != "full_finetune"
        assert (facts["moved"] == 0) == frozen
        assert facts["moved"] <= facts["trainable"]
