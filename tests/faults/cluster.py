"""Jobs of a real one-machine Slurm and Ray that are preempted, requeued, cancelled or killed: make test-faults."""

import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psutil
import pytest

from homog import study, variants
from tests import slurm
from tests.test_launchers import MEMORY, STUDY, kept, started, sweep

pytestmark = [pytest.mark.timeout(900), pytest.mark.real]
SLOW = """
import time
from dataclasses import dataclass
from homog.adaptations.linear_probe import LinearProbe

@dataclass(frozen=True)
class Slow(LinearProbe):
    def fit(self, backbone, tasks, seed):
        for fitted in super().fit(backbone, tasks, seed):
            time.sleep(3)
            yield fitted

ADAPTATIONS = {"slow": Slow}
"""


@pytest.fixture(scope="module", autouse=True)
def launched(tmp_path_factory):
    """A folder of a user with a small study of three arms, whose models take their time, and the same in haste."""
    folder = tmp_path_factory.mktemp("mine")
    for name, adaptation in (("slow", "slow"), ("launched", "linear_probe")):
        (folder / "experiments" / name).mkdir(parents=True)
        text = STUDY.replace("linear_probe, lora", adaptation)
        (folder / "experiments" / name / "study.yaml").write_text(text)
    (folder / "variants.py").write_text(SLOW)
    (folder / "conf" / "adaptation").mkdir(parents=True)
    (folder / "conf" / "adaptation" / "slow.yaml").write_text("name: slow\nC: 0.05\n")
    patch = pytest.MonkeyPatch()
    patch.setenv(variants.WITH, str(folder))
    yield
    patch.undo()


@pytest.fixture(scope="module")
def by_basic(tmp_path_factory, tiny_folder):
    return sweep(tmp_path_factory.mktemp("basic"), tiny_folder, "hydra/launcher=basic")


def until(ask, missing, limit=120):
    """What `ask` gives, as soon as that is anything."""
    end = time.time() + limit
    while time.time() < end:
        if found := ask():
            return found
        time.sleep(0.2)
    raise AssertionError(missing)


def running(environment, fewest):
    """The ids of tasks of a job array that run, as soon as there are so many."""
    told = ["squeue", "--noheader", "--states=RUNNING", "--array", "--format=%i"]

    def ids():
        said = subprocess.run(told, capture_output=True, text=True, env=environment, check=True).stdout.split()
        return said if len(said) >= fewest else []

    return until(ids, "no job of the array runs")


def kill_a_step(environment):
    """Kill the step of a task that runs. Of the job, TERM comes first, which submitit ignores.

    A task that has just begun has no step yet, and one may end before it is asked for.
    """

    def killed():
        told = (["scancel", "--signal=KILL", f"{each}.0"] for each in running(environment, 1))
        done = (subprocess.run(each, env=environment, capture_output=True, check=False) for each in told)
        return any(not each.returncode for each in done)

    until(killed, "no step of a job runs", 60)


def written(results, fewest):
    """Path -> content of the records, as soon as there are so many."""

    def files():
        found = {path: path.read_bytes() for path in (results / "runs" / "records").glob("*.parquet")}
        return found if len(found) >= fewest else {}

    return until(files, "no record was written")


def same_probes(by_basic, slow, folder):
    """Slow probes are as those of the other study, arm by arm and task by task."""
    source = {"source": str(folder)}
    places = {
        name: {
            (c.arm.id, c.task.name): c.id
            for c in study.expand(study.load(name), "smoke", source)
            if c.adaptation.name == kind
        }
        for name, kind in {"launched": "linear_probe", "slow": "slow"}.items()
    }
    assert len(places["slow"]) == 6
    for place, cell in places["slow"].items():
        for condition, values in slow[cell].probabilities.items():
            np.testing.assert_array_equal(values, by_basic[places["launched"][place]].probabilities[condition])


@pytest.mark.skipif(not slurm.installable(), reason="needs Slurm, or root on Debian to install it")
def test_jobs_of_slurm_that_are_preempted_requeued_or_cancelled_lose_nothing(by_basic, tmp_path, tiny_folder):
    results, launcher = tmp_path / "results", ("hydra/launcher=slurm", MEMORY)
    with slurm.cluster(tmp_path / "slurm") as environment:

        def tell(*command):
            subprocess.run(command, env=environment, check=True, capture_output=True)

        sweeping = started(results, tiny_folder, *launcher, environment=environment, name="slow")
        first = running(environment, 2)
        there = written(results, 1)
        tell("scancel", "--signal=USR2", first[0])  # what Slurm sends before a time limit, and before preemption
        tell("scontrol", "requeue", first[1])
        said = sweeping.communicate(timeout=300)[0]
        assert sweeping.returncode == 0, said
        same_probes(by_basic, kept(results, tiny_folder, "slow"), tiny_folder)
        assert {path: path.read_bytes() for path in there} == there  # nothing is computed twice

        results = tmp_path / "cancelled"
        sweeping = started(results, tiny_folder, *launcher, environment=environment, name="slow")
        there = written(results, 1)
        kill_a_step(environment)
        said = sweeping.communicate(timeout=300)[0]
        assert sweeping.returncode == 1, said
        assert "Traceback" not in said and "run the same command" in said, said
        slow = sweep(results, tiny_folder, *launcher, environment=environment, name="slow")
        same_probes(by_basic, slow, tiny_folder)
        assert {path: path.read_bytes() for path in there} == there


@contextmanager
def ray_cluster():
    """The address of a Ray of two workers on this machine, which knows the user's folder."""
    port = slurm.free_port()
    ray = str(Path(sys.executable).with_name("ray"))
    started = [
        "start",
        "--head",
        f"--port={port}",
        "--num-cpus=2",
        "--include-dashboard=false",
        "--disable-usage-stats",
    ]
    subprocess.run([ray, *started], check=True, capture_output=True)
    try:
        yield f"127.0.0.1:{port}"
    finally:
        subprocess.run([ray, "stop", "--force"], check=False, capture_output=True)


def test_a_ray_that_is_there_computes_the_same_and_a_killed_worker_costs_its_model_alone(
    by_basic, tmp_path, tiny_folder
):
    pytest.importorskip("ray")
    pytest.importorskip("hydra_plugins.hydra_ray_launcher")
    with ray_cluster() as address:
        launcher = ("hydra/launcher=ray_cluster", f"hydra.launcher.ray.init.address={address}")
        results = tmp_path / "results"
        sweeping = started(results, tiny_folder, *launcher, name="slow")
        try:
            there = written(results, 1)
        except AssertionError:
            sweeping.terminate()
            raise AssertionError(sweeping.communicate()[0]) from None
        busy = [p for p in psutil.process_iter(["cmdline"]) if "ray::_run_job" in " ".join(p.info["cmdline"] or [])]
        assert busy
        busy[0].kill()
        said = sweeping.communicate(timeout=300)[0]
        assert "Traceback" not in said, said
        same_probes(by_basic, sweep(results, tiny_folder, *launcher, name="slow"), tiny_folder)
        assert {path: path.read_bytes() for path in there} == there
