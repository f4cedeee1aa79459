"""What only a GPU is timed on runs on a CPU, too: with two models, so that it works where there is one."""

import numpy as np
import pytest
import torch

from homog import variants
from homog.__main__ import main as homog
from tests import bench, bench_gpu
from tests.bench_scale import scale

pytestmark = pytest.mark.real


@pytest.fixture
def few(monkeypatch):
    for name, value in {"TASKS": ("trec", "sms_spam"), "TRAIN": 16, "TEST": 8}.items():
        monkeypatch.setattr(bench_gpu, name, value)


def test_many_adapters_are_timed_against_one_after_another(few):
    together, alone, said = bench_gpu.against_peft("cpu", 2)
    assert together > 0 and alone > 0 and said == "2 LoRA of MiniLM-L6 x 16 examples; cpu"


def test_operations_are_those_of_the_tokens_that_are_trained_on(few, monkeypatch):
    monkeypatch.setattr(bench_gpu, "rate", lambda device: 1e8)
    took, _, said = bench_gpu.of_the_card("cpu", 2, "minilm_l6")
    backbone, adaptation, tasks = bench_gpu.parts("minilm_l6", "cpu", epochs=8)
    texts = [text for _, task, _ in bench_gpu.wanted(adaptation, tasks, 2) for text in task.train["input"]]
    tokens = sum(len(ids) for ids in backbone.text_reader.tokenizer(texts)["input_ids"])
    layers = [m for m in backbone.module.encoder.modules() if isinstance(m, torch.nn.Linear)]
    reached = 4 * 8 * tokens * sum(layer.weight.numel() for layer in layers) / took
    assert said == f"2 LoRA of minilm_l6: {reached / 1e12:.2f} of 0.00 TFLOP/s in float32 ({reached / 1e8:.0%}); cpu"


def test_the_rate_is_that_of_matrix_products():
    assert 1e9 < bench_gpu.rate("cpu") < 1e14


def test_a_study_that_is_finished_is_found_so_and_reported(capsys):
    asked = []

    def child(command):
        asked.append(command[3])
        try:
            return homog(command[3:]), 0.5, 1.0
        finally:
            variants.use([])

    took, _, said = scale(child, 3)
    assert asked == ["status", "report"] and took > 0 and "300 done, 0 missing" in capsys.readouterr().out
    assert said.startswith("300 finished models: status ") and "FAILED" not in said and said.endswith("s, 0.50 GB")


def test_where_there_is_no_gpu_that_is_said_and_nothing_written(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(bench, "RESULTS", tmp_path)
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert bench.main(["gpu"]) == 0
    assert capsys.readouterr().out.count("there is no GPU here") == 3 and not list(tmp_path.iterdir())
    assert bench.main(["cpu"]) == 2
    found = bench.Timing(2.0, 6.0, "what")
    bench.write("some", found)
    assert '"times_faster": 3.0' in (tmp_path / "some.json").read_text() and np.isfinite(found.usual)
