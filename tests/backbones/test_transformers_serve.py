"""The server of transformers itself, which gives no log-probabilities: answers are told, and counted."""

import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

import numpy as np
import pytest

from homog.backbones.endpoint import Endpoint
from homog.backbones.scoring import TOLD
from homog.contracts import tiny
from homog.variants import variant


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """(address, name of the model) of `transformers serve` over a tiny model."""
    pytest.importorskip("fastapi")
    folder = tiny.save_tiny(tmp_path_factory.mktemp("served") / "gpt2", "gpt2")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "transformers.cli.transformers", "serve", str(folder), "--device", "cpu"]
    command += ["--host", "127.0.0.1", "--port", str(port)]
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    address, end = f"http://127.0.0.1:{port}", time.time() + 120
    while server.poll() is None and time.time() < end:
        try:
            urllib.request.urlopen(f"{address}/health", timeout=2)
            break
        except urllib.error.HTTPError:
            break
        except OSError:
            time.sleep(0.2)
    try:
        assert server.poll() is None, server.communicate()[0][-2000:]
        yield f"{address}/v1", str(folder)
    finally:
        server.kill()
        server.communicate()


def test_it_is_asked_for_its_answers(served, tmp_path, monkeypatch):
    monkeypatch.setenv("HOMOG_CACHE", str(tmp_path / "cache"))
    address, name = served
    asked = Endpoint("endpoint", address, name, retries=0, timeout=60.0).load()
    assert asked.scoring == TOLD
    task = tiny.Toy("toy_two").load().sample(6, 6, 0)
    ((_, model),) = variant("adaptation", "zero_shot").fit(asked, [task], 0)
    given = model.predict(list(task.test["input"]))
    told = asked.facts()
    assert given.shape == (6, 3) and np.allclose(given.sum(1), 1)  # two answers, and none
    assert told["questions"] >= 6 and told["noise"] == 0
