"""A backbone over several GPUs: the hooks that bring states from one to the next are in the way of nothing."""

from dataclasses import replace
from typing import Any

import accelerate
import numpy as np
import pytest
import torch

from homog.config import ConfigError
from homog.contracts import rules, tiny
from homog.run import prepare
from homog.seeding import generator
from homog.variants import variant
from tests.fakes import short

TEXTS = list(tiny.Toy("toy").load().test["input"])


@pytest.fixture(scope="module", params=["bert", "llama", "t5"])
def spread(request, tmp_path_factory):
    """(backbone in one place, the same in parts that accelerate brings states to)."""
    folder = str(tiny.save_tiny(tmp_path_factory.mktemp("spread") / request.param, request.param))
    whole, parts = (tiny.kind(request.param)("tiny", folder).load(device) for device in ("cpu", "all"))
    main: Any = "cpu"
    places = {name: main for name, _ in parts.module.named_children()}
    accelerate.dispatch_model(parts.module, places, main_device=main, force_hooks=True)
    assert sum(hasattr(part, "_hf_hook") for part in parts.module.modules()) > len(places)
    return whole, parts


def test_features_are_the_same_whole_and_above_a_trunk(spread):
    whole, parts = spread
    wanted = whole.encode(TEXTS)
    np.testing.assert_array_equal(parts.encode(TEXTS), wanted)
    np.testing.assert_allclose(replace(parts, trunk=1, memo={}).encode(TEXTS), wanted, atol=1e-5)


@pytest.mark.parametrize("name", ["lora", "full_finetune", "soft_prompt"])
def test_adaptations_keep_the_contract(name, spread):
    assert min(rules.adapts(short(name), spread[1]).values()) > 0.6


def test_a_defect_is_planted_as_in_one_place(spread):
    moved = []
    for backbone in spread:
        defect = rules.short(variant("defect", "backdoor"), 20)
        injected = defect.inject(backbone, tiny.corpus()[0], generator("inject", "backdoor", 0))
        moved.append(backbone.changes(injected))
    assert moved[0] and moved[0].keys() == moved[1].keys()
    for name, value in moved[0].items():
        torch.testing.assert_close(moved[1][name], value, atol=1e-5, rtol=1e-4)


def test_all_is_what_several_gpus_are_called(monkeypatch):
    with pytest.raises(ConfigError, match="device=all: 0 GPUs are visible; use auto or cpu"):
        prepare("all")
    kinds = variant("backbone", "minilm_l6"), variant("backbone", "drawer")
    for count, wanted in ((1, ["cuda", "cuda"]), (2, ["all", "cuda"])):
        monkeypatch.setattr(torch.cuda, "device_count", lambda count=count: count)
        assert [prepare("all", kind) for kind in kinds] == wanted
