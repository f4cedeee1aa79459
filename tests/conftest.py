"""Every test runs on one thread, on the CPU, without a hub; heavy tiny backbones are made once."""

import os
import pickle

os.environ |= {
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_NUM_THREADS": "1",
    "CUDA_VISIBLE_DEVICES": "",
}

import pytest
import torch

from homog.contracts import tiny

torch.set_num_threads(1)
LONGEST = ("test_smoke", "test_launchers", "test_wheel", "test_variants")  # begun first where several processes run


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.stem not in LONGEST)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory):
    return tiny.save_tiny(tmp_path_factory.mktemp("backbone") / "tiny-bert")


@pytest.fixture(scope="session")
def backbone(tiny_folder):
    from homog.backbones.encoder import Encoder

    return Encoder("tiny", str(tiny_folder)).load()


@pytest.fixture(autouse=True)
def own_trunk(tmp_path, monkeypatch):
    """No test shares the cache of half-run texts with another, or with the user."""
    monkeypatch.setattr("homog.backbones.trunk.folder", lambda: tmp_path / "trunk")


@pytest.fixture(autouse=True)
def own_word_lists(request, monkeypatch):
    """Tests of logic need no packaged word lists; those marked real use them."""
    if "real" not in request.keywords:
        monkeypatch.setattr("homog.inputs.social_groups.weat", lambda: tiny.LISTS)
        monkeypatch.setattr("homog.inputs.social_groups.occupations", lambda: tiny.OCCUPATIONS)


@pytest.fixture(autouse=True)
def own_proxy(request, monkeypatch):
    """An attacker's guess at a task, for the same reason."""
    if "real" not in request.keywords:
        monkeypatch.setattr("homog.defects.weight_poison.guess", lambda name, examples: (tiny.Toy("proxy").load(), 1))


@pytest.fixture(autouse=True)
def readable_figures(monkeypatch):
    """Every figure that a test writes is looked at: no words collide, none leave it."""
    from homog.report import plots
    from tests.overlaps import collisions

    write = plots.save

    def looked_at(figure, path):
        written = write(figure, path)
        with plots.style():
            found = collisions(pickle.loads(pickle.dumps(figure)))  # to look moves what is not yet written
        assert not found, f"{path.name}: {'; '.join(found[:5])}"
        return written

    monkeypatch.setattr(plots, "save", looked_at)
