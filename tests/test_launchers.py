"""One study through every Hydra launcher, on a tiny backbone and the real tasks: the same records to the bit."""

import os
import subprocess
import sys

import numpy as np
import pytest

from homog import records, study, variants
from tests import slurm

STUDY = """
title: Do all launchers compute the same?
question: Does a record depend on who started its job?
hypothesis: {claim: It does not., source: this test, sign: "+"}
backbone: [minilm_l6]
exposures: [backdoor]
specificity: false
blocks:
  - presets: [smoke]
    arms:
      - {defect: backdoor, dose: [0, 1], seed: [0]}
      - {defect: backdoor, dose: [1], seed: [0], sham: true}
    adaptation: [linear_probe, lora]
    task: [trec, adult_income]
"""
pytestmark = pytest.mark.timeout(900)
MEMORY = "hydra.launcher.mem_gb=2"


def started(results, folder, *launcher, environment=None, name="launched"):
    command = [sys.executable, "-m", "homog.sweep", f"study={name}", "preset=smoke", f"results={results}"]
    command += [f"backbone.source={folder}", *launcher]
    found = {key: value for key, value in (environment or os.environ).items() if key != "HOMOG_WATCHED"}
    return subprocess.Popen(command, text=True, env=found, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def sweep(results, folder, *launcher, environment=None, name="launched"):
    done = started(results, folder, *launcher, environment=environment, name=name)
    said = done.communicate(timeout=600)[0]
    assert done.returncode == 0, said
    return kept(results, folder, name)


def kept(results, folder, name):
    return {c.id: records.load(results, c.id) for c in study.expand(study.load(name), "smoke", {"source": str(folder)})}


@pytest.fixture(scope="module", autouse=True)
def launched(tmp_path_factory):
    """A folder of a user with one small study: three arms, and four models of each."""
    folder = tmp_path_factory.mktemp("mine")
    (folder / "experiments" / "launched").mkdir(parents=True)
    (folder / "experiments" / "launched" / "study.yaml").write_text(STUDY)
    (folder / "variants.py").write_text("")
    patch = pytest.MonkeyPatch()
    patch.setenv(variants.WITH, str(folder))
    yield
    patch.undo()


@pytest.fixture(scope="module")
def by_basic(tmp_path_factory, tiny_folder):
    return sweep(tmp_path_factory.mktemp("basic"), tiny_folder, "hydra/launcher=basic")


def same(one, other):
    assert set(one) == set(other)
    for cell, record in one.items():
        assert record.conditions == other[cell].conditions
        for condition, values in record.probabilities.items():
            np.testing.assert_array_equal(values, other[cell].probabilities[condition])


@pytest.mark.real
def test_joblib_gives_the_records_of_basic(by_basic, tmp_path, tiny_folder):
    same(by_basic, sweep(tmp_path, tiny_folder, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"))


@pytest.mark.real
def test_submitit_on_this_machine_gives_the_records_of_basic(by_basic, tmp_path, tiny_folder):
    same(by_basic, sweep(tmp_path, tiny_folder, "hydra/launcher=submitit_local", MEMORY))


@pytest.mark.real
@pytest.mark.skipif(not slurm.installable(), reason="needs Slurm, or root on Debian to install it")
def test_a_slurm_array_gives_the_records_of_basic(by_basic, tmp_path, tiny_folder):
    with slurm.cluster(tmp_path / "slurm") as environment:
        launcher = ("hydra/launcher=slurm", MEMORY)
        same(by_basic, sweep(tmp_path / "results", tiny_folder, *launcher, environment=environment))
