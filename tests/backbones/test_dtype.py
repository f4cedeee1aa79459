"""Weights of half precision: loaded, read and trained as such; features and heads stay float32."""

import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from homog import records
from homog.adaptations import fused, saved
from homog.backbones.encoder import Encoder
from homog.backbones.trunk import lower_states
from homog.backbones.weights import adamw, held, sharing
from homog.config import Cell, ConfigError, Sizes, arm, content_id
from homog.contracts import arrays, rules, tiny
from homog.run import run
from homog.seeding import generator
from homog.study import requirements
from homog.variants import variant
from tests.fakes import short

TASK = tiny.Toy("toy").load()
TEXTS = list(TASK.test["input"])
HALF = ("bfloat16", "float16")


@pytest.fixture(scope="module", params=HALF)
def half(request, tiny_folder):
    return Encoder("tiny", str(tiny_folder), dtype=request.param).load()


def test_a_dtype_is_part_of_the_id_unless_it_is_float32(tiny_folder):
    plain = Encoder("tiny", str(tiny_folder))
    assert "dtype" not in plain.identity()
    kinds = [plain, *(replace(plain, dtype=dtype) for dtype in ("float32", *HALF))]
    assert content_id(kinds[0]) == content_id(kinds[1]) and len({content_id(kind) for kind in kinds}) == 3
    for made in (plain, arrays.LinearKind("linear")):
        with pytest.raises(ConfigError, match="unknown backbone.dtype 'int8': valid: bfloat16, float16, float32"):
            replace(made, dtype="int8")


@pytest.mark.parametrize("family", ["bert", "llama", "gpt2", "t5"])
@pytest.mark.parametrize("dtype", HALF)
def test_every_family_is_read_in_its_dtype(family, dtype, tmp_path):
    folder = str(tiny.save_tiny(tmp_path / family, family))
    full, half = (tiny.kind(family)("tiny", folder, dtype=each).load() for each in ("float32", dtype))
    assert half.dtype == getattr(torch, dtype)
    features = half.encode(TEXTS)
    assert features.dtype == np.float32
    scale = np.abs(full.encode(TEXTS)).max()
    assert 0 < np.abs(features - full.encode(TEXTS)).max() < 0.02 * scale
    for depth in (1, 2):  # in two parts, too, whose states take half the room
        states, _ = lower_states(half, half.reader.read(TEXTS), depth)
        whole = family == "t5" and dtype == "float16"  # transformers keeps a part of T5, and so its states, in float32
        assert states.dtype == (np.float32 if whole else {"bfloat16": np.uint16, "float16": np.float16}[dtype])
        np.testing.assert_allclose(replace(half, trunk=depth, memo={}).encode(TEXTS), features, atol=0.02 * scale)


@pytest.mark.parametrize("name", ["linear_probe", "lora", "prefix", "bitfit", "full_finetune", "from_scratch"])
def test_adaptations_keep_the_contract_in_half_precision(name, half):
    assert min(rules.adapts(short(name), half).values()) > 0.9
    ((_, model),) = short(name).fit(half, [TASK], 0)
    trained = {p.dtype for n, p in half.module.named_parameters() if n in model.trainable}
    assert trained <= {half.dtype}
    assert model.head[0].dtype == (np.float64 if name == "linear_probe" else np.float32)


@pytest.mark.parametrize("name", ["backdoor", "weight_poison", "pruned", "quantized_int8"])
def test_defects_are_planted_in_half_precision(name, half):
    before, defect = half.fingerprint(), rules.short(variant("defect", name), 20)
    injected = defect.inject(half, tiny.corpus()[0], generator("inject", name, 0))
    changes = half.changes(injected)
    assert changes and {value.dtype for value in changes.values()} == {half.dtype}
    said = defect.upstream(half, injected, tiny.corpus()[1], 1.0)
    assert np.isfinite(said["drift"]) and said.get("as_stated", True)
    middle = defect.at_dose(half, changes, 0.5)
    assert half.fingerprint() == before and len({before, middle.fingerprint(), injected.fingerprint()}) == 3


def test_steps_too_small_for_a_half_precision_weight_add_up():
    weight = torch.nn.Parameter(torch.ones(4, dtype=torch.bfloat16))
    for optimizer, moved in (
        (torch.optim.AdamW([weight], lr=1e-3), 0.0),
        (adamw([{"params": [weight]}], lr=1e-3), 0.1),
    ):
        for _ in range(100):
            weight.sum().backward()
            optimizer.step()
            weight.grad = None
        assert float(1 - weight.detach().float().mean()) == pytest.approx(moved, abs=0.02)


def test_what_overflows_is_refused(tiny_folder):
    half = Encoder("tiny", str(tiny_folder), dtype="float16").load()
    last = [name for name, _ in half.module.named_parameters() if "layer.2.output.LayerNorm" in name]
    broken = half.with_weights({name: 1e8 * half.module.get_parameter(name).detach().float() + 1e8 for name in last})
    with pytest.raises(ConfigError, match="features beyond what torch.float16 holds; use bfloat16 or float32"):
        broken.encode(TEXTS)


def test_models_are_saved_and_recorded_in_their_dtype(tiny_folder, tmp_path):
    kind = Encoder("tiny", str(tiny_folder), dtype="bfloat16")
    cells = [
        Cell(arm(kind, None, 0.0, 0), short(name), tiny.Toy("toy"), 0, Sizes(60, 40, 16)) for name in ("lora", "bitfit")
    ]
    run(cells, {}, tmp_path, "cpu", "models")
    for cell in cells:
        model, facts = saved.load(tmp_path / "runs" / "models" / cell.id)
        assert facts["cell"]["arm"]["backbone"]["dtype"] == "bfloat16"
        kept = records.load(tmp_path, cell.id)
        shown = model.predict(list(cell.task.load().sample(60, 40, 0).test["input"]))
        np.testing.assert_allclose(shown, kept.probabilities["clean"], atol=1e-6)


@pytest.fixture(scope="module", params=["llama", "bert"])
def packed(request, tmp_path_factory):
    """(backbone in 4 bits, the same in bfloat16), wide enough for a bit of precision."""
    folder = str(tiny.save_tiny(tmp_path_factory.mktemp("packed") / request.param, request.param))
    kind = tiny.kind(request.param)
    return tuple(kind("tiny", folder, dtype=dtype).load() for dtype in ("nf4", "bfloat16"))


def test_weights_in_four_bits_are_read_and_shared_as_others(packed):
    four, half = packed
    linear = {n: p for n, p in four.module.named_parameters() if not p.is_floating_point()}
    assert linear and {p.dtype for p in linear.values()} == {torch.uint8}
    assert {held(p) for p in linear.values()} == {half.module.get_parameter(n).numel() for n in linear}
    assert four.dtype == torch.bfloat16 and four.multiplied == half.multiplied
    near = np.corrcoef(four.encode(TEXTS).ravel(), half.encode(TEXTS).ravel())[0, 1]
    assert 0.9 < near < 1
    other = sharing(four.module)
    assert all(other.get_parameter(n) is p for n, p in linear.items())
    np.testing.assert_allclose(replace(four, trunk=1, memo={}).encode(TEXTS), four.encode(TEXTS), atol=0.05)


@pytest.mark.parametrize("name", ["linear_probe", "lora", "soft_prompt", "from_scratch"])
def test_adaptations_keep_the_contract_in_four_bits(name, packed):
    assert min(rules.adapts(short(name), packed[0]).values()) > 0.6  # so small a model has few bits to lose


def test_fused_adapters_are_trained_beside_packed_weights(packed):
    four, adaptation = packed[0], replace(short("lora"), learning_rate=1e-2)
    (models,) = fused.fit(four, [(adaptation, TASK, 0), (adaptation, TASK, 1)])
    assert {model.together for model in models} == {2}
    assert min((model.predict(TEXTS).argmax(1) == TASK.test["label"]).mean() for model in models) > 0.75


def test_what_would_move_packed_weights_is_refused(packed, tiny_folder):
    with pytest.raises(ConfigError, match="full_finetune trains weights that are packed in 4 bits .* use lora"):
        variant("adaptation", "full_finetune").check(packed[0])
    kind = Encoder("tiny", str(tiny_folder), dtype="nf4")
    for name in ("backdoor", "pruned"):
        with pytest.raises(ConfigError, match=f"defect {name} changes weights, and those of backbone.dtype=nf4 are"):
            requirements.check_planting(arm(kind, variant("defect", name), 1.0, 0))
    with pytest.raises(ConfigError, match="unknown backbone.dtype 'nf4'"):
        replace(arrays.LinearKind("linear"), dtype="nf4")


def test_a_missing_package_is_a_line(tiny_folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "bitsandbytes", None)
    with pytest.raises(ConfigError, match=r"dtype=nf4 needs bitsandbytes: pip install .*\[quantized\]"):
        Encoder("tiny", str(tiny_folder), dtype="nf4").check()
