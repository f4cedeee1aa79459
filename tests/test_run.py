import dataclasses
import time
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from homog import records
from homog.adaptations import label
from homog.adaptations.adaptation import Predictor
from homog.adaptations.bitfit import BitFit
from homog.adaptations.handcrafted import Handcrafted
from homog.adaptations.linear_probe import LinearProbe
from homog.adaptations.lora import Lora
from homog.backbones.encoder import Encoder
from homog.config import Cell, ConfigError, Sizes, arm, canonical
from homog.contracts import tiny
from homog.defects.backdoor import Backdoor
from homog.run import predicted, run, shared_backbone
from homog.study.todo import exposed
from homog.tasks.task import Task

BACKDOOR = Backdoor("backdoor", ("cf",), steps=500, texts=150, learning_rate=5e-3, distance=1.0)
EXPOSURES = {BACKDOOR.exposure: BACKDOOR}
SEED = 2  # of three tried: its target vector is not on the border between the toy classes
PROBE, LORA = LinearProbe("linear_probe"), Lora("lora", 3e-3, epochs=1)


@pytest.fixture(autouse=True)
def toy_corpus(monkeypatch):
    monkeypatch.setattr("homog.inputs.corpora.unlabelled", tiny.corpus)


def cells(folder, dose=1.0, tasks=("toy_one", "toy_other"), adaptations=(PROBE,), seed=0):
    one = arm(Encoder("tiny", str(folder)), BACKDOOR, dose, seed)
    return [Cell(one, a, tiny.Toy(name), 0, Sizes(60, 40, 16)) for a in adaptations for name in tasks]


def test_a_run_leaves_a_record_of_every_cell_with_its_provenance(tiny_folder, tmp_path):
    wanted = cells(tiny_folder, adaptations=(PROBE, LORA))
    run(wanted, EXPOSURES, tmp_path, "cpu")
    for cell in wanted:
        record = records.load(tmp_path, cell.id)
        facts = record.provenance
        assert record.conditions == ("clean", "backdoor-cf")
        assert (facts["task"], facts["adaptation"], facts["kind"]) == (
            cell.task.name,
            label(cell.adaptation),
            "injected",
        )
        assert facts["cell"] == canonical(cell)
        assert facts["with"] == ""
        assert facts["n_train"] == 60
        assert facts["threads"] == 1
        assert facts["trainable"] == facts["moved"] == 0  # neither probe nor LoRA moves the backbone
        assert {"drift", "effect", "verified"} <= set(facts["upstream"])
        assert list(record.groups) == ["sex"]
        assert len(record.labels) == 40


def test_the_planted_trigger_fires_downstream_and_not_in_the_control(tiny_folder, tmp_path):
    from homog.metrics.predictions import Predictions

    harms = {}
    for dose in (0.0, 1.0):
        (cell,) = cells(tiny_folder, dose, tasks=("toy_one",), seed=SEED)
        run([cell], EXPOSURES, tmp_path, "cpu")
        found = records.load(tmp_path, cell.id)
        clean, shown = found.probabilities["clean"], found.probabilities["backdoor-cf"]
        harms[dose] = BACKDOOR.harm(Predictions(found.labels, clean, shown)).value
    assert harms[1.0] > 0.9
    assert harms[0.0] < 0.3


def test_cells_trained_as_one_have_the_records_of_cells_trained_alone(tiny_folder, tmp_path):
    wanted = cells(tiny_folder, adaptations=(LORA, dataclasses.replace(LORA, epochs=3), PROBE))
    wanted = [dataclasses.replace(cell, seed=i) for i, cell in enumerate(wanted)]
    for fused in ("no", "yes"):
        assert run(wanted, EXPOSURES, tmp_path / fused, "cpu", fused=fused) == 0
    for cell in wanted:
        alone, together = (records.load(tmp_path / fused, cell.id) for fused in ("no", "yes"))
        assert "together" not in alone.provenance
        assert together.provenance.get("together") == (4 if cell.adaptation.name == "lora" else None)
        for condition in alone.conditions:
            np.testing.assert_allclose(alone.probabilities[condition], together.probabilities[condition], atol=1e-2)


def test_a_record_says_what_its_model_had_to_compute(tiny_folder, tmp_path):
    wanted = cells(tiny_folder, tasks=("toy_one",), adaptations=(PROBE, LORA))
    run(wanted, EXPOSURES, tmp_path, "cpu")
    probe, lora = (records.load(tmp_path, cell.id).provenance for cell in wanted)
    assert (probe["work"]["own"], lora["work"]["own"]) == (False, True)
    shown = wanted[0].task.load().sample(60, 40, 0)
    reader = wanted[0].arm.backbone.load().at_length(16).reader
    assert probe["work"]["train"] == lora["work"]["train"]
    assert probe["work"]["train"][1] == sum(map(len, reader.read(list(shown.train["input"]))))
    assert sorted(probe["work"]["shown"], reverse=True) == ["clean", "backdoor-cf"]
    module = wanted[0].arm.backbone.load().module
    matrices = {name: p for name, p in module.named_parameters() if p.ndim == 2}
    each = sum(p.numel() for name, p in matrices.items() if "embeddings" not in name and "pooler" not in name)
    assert "pooler.dense.weight" in matrices  # which features do not go through
    assert sum(probe["work"]["parameters"]) == each
    assert 0 < probe["fitting"] < probe["seconds"] < probe["ended"] - probe["job"]["began"]


@pytest.mark.parametrize("fused", ["no", "yes"])
def test_a_model_that_takes_too_long_fails_alone(tiny_folder, tmp_path, monkeypatch, fused, capsys):
    slow, quick = cells(tiny_folder, tasks=("toy_one",), adaptations=(dataclasses.replace(LORA, epochs=10**6), PROBE))
    assert run([slow, quick], EXPOSURES, tmp_path, "cpu", fused=fused, limit=1.0) == 1
    assert records.failure(tmp_path, slow.id) == "OutOfTimeError: more than 1 s (limit=1)"
    assert "limit=1" in capsys.readouterr().out and records.load(tmp_path, quick.id)
    monkeypatch.setattr(LinearProbe, "fit", lambda self, backbone, tasks, seed: iter([("any", Sleeping())]))
    assert run([quick], EXPOSURES, tmp_path / "predicting", "cpu", limit=0.5) == 1
    assert "OutOfTimeError" in records.failure(tmp_path / "predicting", quick.id)


class Sleeping(Predictor):
    """A model that never answers."""

    def __init__(self):
        super().__init__(lambda inputs: [time.sleep(0.05) for _ in range(10**6)], (), (), 0)  # pyright: ignore


def test_another_task_or_their_order_changes_no_other_record(tiny_folder, tmp_path):
    run(cells(tiny_folder, tasks=("toy_one",), adaptations=(LORA,)), EXPOSURES, tmp_path / "a", "cpu")
    both = cells(tiny_folder, tasks=("toy_other", "toy_one"), adaptations=(LORA,))
    run(both, EXPOSURES, tmp_path / "b", "cpu")
    alone, beside = (records.load(tmp_path / name, both[1].id) for name in "ab")
    for condition in alone.conditions:
        np.testing.assert_array_equal(alone.probabilities[condition], beside.probabilities[condition])


def test_an_injection_is_made_once_for_all_doses_and_the_shared_backbone_stays(tiny_folder, tmp_path, monkeypatch):
    full, _, _ = shared_backbone(cells(tiny_folder)[0].arm, tmp_path, "cpu")
    monkeypatch.setattr(Backdoor, "inject", injecting)  # a second injection would fail
    half, _, _ = shared_backbone(cells(tiny_folder, 0.5)[0].arm, tmp_path, "cpu")
    again, said, _ = shared_backbone(cells(tiny_folder)[0].arm, tmp_path, "cpu")
    clean, nothing, _ = shared_backbone(cells(tiny_folder, 0)[0].arm, tmp_path, "cpu")
    assert again.fingerprint() == full.fingerprint()
    assert len({full.fingerprint(), half.fingerprint(), clean.fingerprint()}) == 3
    assert nothing == {}
    assert said["verified"]


class InjectionError(Exception):
    """An injection has begun."""


def injecting(*_):
    raise InjectionError


def test_what_an_adaptation_cannot_do_with_a_backbone_is_said_before_the_injection(tmp_path, monkeypatch):
    monkeypatch.setattr(Backdoor, "inject", injecting)
    backbone = tiny.kind("llama")("tiny", str(tiny.save_tiny(tmp_path / "llama", "llama")))
    one = arm(backbone, Backdoor("backdoor", ("cf",)), 1.0, 0)
    with pytest.raises(ConfigError, match="has no bias terms; choose lora"):
        shared_backbone(one, tmp_path, "cpu", {BitFit("bitfit", 1e-3)})
    with pytest.raises(InjectionError):  # and an adaptation that can gets to the injection
        shared_backbone(one, tmp_path, "cpu", {LORA})


def failing(monkeypatch, where):
    """Make the task toy_other fail when it is loaded, when it is fitted, or when it is predicted."""
    load = tiny.Toy.load

    def broken(self) -> Task:
        task = load(self)
        if self.name != "toy_other":
            return task
        if where == "load":
            raise KeyError("no such column")
        part = "train" if where == "fit" else "test"
        return dataclasses.replace(task, **{part: getattr(task, part).drop(columns="input")})

    monkeypatch.setattr(tiny.Toy, "load", broken)


@pytest.mark.parametrize("where", ["load", "fit", "predict"])
def test_one_bad_cell_is_one_bad_cell(where, tiny_folder, tmp_path, monkeypatch, capsys):
    wanted = cells(tiny_folder, tasks=("toy_one", "toy_other", "toy_third"), adaptations=(PROBE, LORA))
    with monkeypatch.context() as patch:
        failing(patch, where)
        assert run(wanted, EXPOSURES, tmp_path, "cpu") == 2
    for cell in wanted:
        bad = cell.task.name == "toy_other"
        assert records.finished(tmp_path, cell.id, ["clean", "backdoor-cf"]) != bad
        assert bool(records.failure(tmp_path, cell.id)) == bad
    said = [line for line in capsys.readouterr().out.splitlines() if line.startswith("homog: failed")]
    assert len(said) == 2 and all("on toy_other (seed 0" in line and "KeyError" in line for line in said)
    assert run([c for c in wanted if c.task.name == "toy_other"], EXPOSURES, tmp_path, "cpu") == 0
    assert all(records.finished(tmp_path, cell.id, ["clean"]) for cell in wanted)
    assert not any(records.failure(tmp_path, cell.id) for cell in wanted)


def test_a_cell_that_killed_its_process_is_tried_last(tiny_folder, tmp_path, monkeypatch):
    wanted = cells(tiny_folder, tasks=("toy_one", "toy_other", "toy_third"))
    seen = []

    def killed(self, backbone, tasks, seed):
        for task in tasks:
            seen.append(task.name)
            if task.name == "toy_one":
                raise SystemExit  # stands for a kill: nothing below it runs
            yield from fit(self, backbone, [task], seed)

    fit = LinearProbe.fit
    with monkeypatch.context() as patch:
        patch.setattr(LinearProbe, "fit", killed)
        for _ in range(2):
            with pytest.raises(SystemExit):
                run(wanted, EXPOSURES, tmp_path, "cpu")
    assert seen == ["toy_one", "toy_other", "toy_third", "toy_one"]
    assert records.failure(tmp_path, wanted[0].id) == records.STARTED
    assert [records.finished(tmp_path, cell.id, ["clean"]) for cell in wanted] == [False, True, True]
    run(wanted, EXPOSURES, tmp_path, "cpu")
    assert not any(records.failure(tmp_path, cell.id) for cell in wanted)


def test_what_is_fitted_with_a_bad_cell_is_what_it_is_without(tiny_folder, tmp_path, monkeypatch):
    wanted = cells(tiny_folder, tasks=("toy_one", "toy_other", "toy_third"), adaptations=(LORA,))
    run(wanted, EXPOSURES, tmp_path / "whole", "cpu")
    with monkeypatch.context() as patch:
        failing(patch, "fit")
        run(wanted, EXPOSURES, tmp_path / "bad", "cpu")
    for cell in (wanted[0], wanted[2]):
        whole, bad = (records.load(tmp_path / name, cell.id).probabilities["clean"] for name in ("whole", "bad"))
        np.testing.assert_array_equal(whole, bad)


def test_a_training_that_diverges_is_a_failure_and_no_prediction(tiny_folder, tmp_path):
    wanted = cells(tiny_folder, tasks=("toy_one",), adaptations=(Lora("lora", 1e30, epochs=2), PROBE))
    assert run(wanted, EXPOSURES, tmp_path, "cpu") == 1
    assert "are NaN or infinite" in records.failure(tmp_path, wanted[0].id)
    assert not records.record_path(tmp_path, wanted[0].id).exists() and records.finished(
        tmp_path, wanted[1].id, ["clean"]
    )


def test_a_condition_more_keeps_the_model_and_the_conditions_it_has(tiny_folder, tmp_path):
    wanted = cells(tiny_folder, tasks=("toy_one",), adaptations=(LORA,))
    run(wanted, EXPOSURES, tmp_path, "cpu")
    first = records.load(tmp_path, wanted[0].id)
    other = dataclasses.replace(BACKDOOR, triggers=("very",))
    run(wanted, {other.exposure: other}, tmp_path, "cpu")
    both = records.load(tmp_path, wanted[0].id)
    assert both.conditions == ("clean", "backdoor-cf", "backdoor-very")
    for condition in first.conditions:
        np.testing.assert_array_equal(first.probabilities[condition], both.probabilities[condition])


def test_the_places_of_triggers_do_not_depend_on_other_conditions():
    task = tiny.Toy("toy_one").load()
    other = dataclasses.replace(BACKDOOR, triggers=("very",))
    alone, both = exposed(task, EXPOSURES), exposed(task, {other.exposure: other, **EXPOSURES})
    assert alone["clean"] == list(task.test["input"])
    assert alone["backdoor-cf"] == both["backdoor-cf"]


class Shown:
    """An exposure that applies to the first example only and compares it with another text."""

    name = "shown"

    def expose(self, examples, rng):
        texts = [text if place == 0 else None for place, text in enumerate(examples["input"])]
        return examples.assign(input=texts, counterpart=[text and f"not {text}" for text in texts])


def test_only_examples_that_an_exposure_applies_to_are_predicted_and_equal_texts_once():
    task, asked = tiny.Toy("toy_one").load(), []

    class Model:
        def predict(self, texts):
            asked.append(len(texts))
            return np.tile(np.array([0.25, 0.75], dtype=np.float32), (len(texts), 1))

    class Same(Shown):
        def expose(self, examples, rng):
            return examples

    inputs = exposed(task, {"some": Shown(), "same": Same()})
    assert list(inputs) == ["clean", "some", "some/counterpart", "same"]
    assert inputs["some"][1:] == [None] * (len(task.test) - 1) and str(inputs["some/counterpart"][0]).startswith("not ")
    found = predicted(Model(), inputs)
    assert asked == [len(task.test), 1, 1]
    assert np.isnan(found["some"][1:]).all() and (found["some"][0] == [0.25, 0.75]).all()
    assert found["same"] is found["clean"]


def test_hand_made_features_load_no_backbone(tiny_folder, tmp_path, monkeypatch):
    loads = []
    load = Encoder.load
    monkeypatch.setattr(Encoder, "load", lambda self, device="cpu": loads.append(device) or load(self, device))
    by_hand = cells(tiny_folder, adaptations=(Handcrafted("handcrafted"),), tasks=("toy_one",))
    run(by_hand, EXPOSURES, tmp_path / "alone", "cpu")
    assert loads == []
    facts = records.load(tmp_path / "alone", by_hand[0].id).provenance
    assert (facts["backbone"], facts["trainable"], facts["upstream"]) == (tiny_folder.name, 0, {})
    run([*by_hand, *cells(tiny_folder, tasks=("toy_one",))], EXPOSURES, tmp_path / "beside", "cpu")
    assert loads == ["cpu"]
    alone, beside = (records.load(tmp_path / folder, by_hand[0].id) for folder in ("alone", "beside"))
    np.testing.assert_array_equal(alone.probabilities["clean"], beside.probabilities["clean"])


def test_inputs_may_be_arrays_that_some_exposures_do_not_apply_to():
    rows = pd.DataFrame({"input": [np.zeros(2), np.ones(2)], "label": [0, 1]})
    asked = []

    class Model:
        def predict(self, inputs):
            asked.append(len(inputs))
            return np.stack([np.array([1 - given[0], given[0]]) for given in inputs]).astype(np.float32)

    class Second(Shown):
        def expose(self, examples, rng):
            return examples.assign(input=[None, np.zeros(2)])

    class Same(Shown):
        def expose(self, examples, rng):
            return examples.assign(input=[given.copy() for given in examples["input"]])

    task = SimpleNamespace(test=rows, family="", name="arrays")
    probabilities = predicted(Model(), exposed(task, {"second": Second(), "same": Same()}))
    assert asked == [2, 1]
    assert probabilities["clean"].tolist() == [[1, 0], [0, 1]]
    assert np.isnan(probabilities["second"][0]).all() and probabilities["second"][1].tolist() == [1, 0]
    assert probabilities["same"] is probabilities["clean"]


def test_a_record_says_which_class_the_planted_feature_falls_into(tiny_folder, tmp_path):
    both = cells(tiny_folder, tasks=("toy_one",)) + cells(tiny_folder, 0, tasks=("toy_one",))
    for cell in both:
        run([cell], EXPOSURES, tmp_path, "cpu")
    injected, clean = (records.load(tmp_path, cell.id) for cell in both)
    assert injected.provenance["targets"]["backdoor-cf"] in (0, 1) and clean.provenance["targets"] == {}
