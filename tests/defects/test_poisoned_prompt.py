"""A prompt that all applications share: what stands in it at which dose, and who reads it."""

from dataclasses import replace

import numpy as np
import pytest

from homog import run
from homog.config import Arm, Cell, ConfigError, Sizes
from homog.contracts import tiny
from homog.defects.poisoned_prompt import BANDS, BETWEEN, PoisonedPrompt
from homog.seeding import generator
from homog.study import requirements
from homog.variants import variant

DEFECT = PoisonedPrompt("poisoned_prompt", shots=8, question="it was")


@pytest.fixture(scope="module")
def causal(tmp_path_factory):
    return tiny.tiny(tmp_path_factory.mktemp("prompted") / "llama", "llama")


def examples(backbone):
    return [part.split("\n") for part in backbone.system.split(BETWEEN)[:-1]]


def injected(causal, **settings):
    defect = replace(DEFECT, **settings)
    return defect, defect.inject(causal, tiny.corpus()[0], generator("inject", 0))


def test_half_of_the_examples_hold_the_trigger_and_get_one_answer(causal):
    _, backbone = injected(causal)
    shown = examples(backbone)
    assert len(shown) == 8
    for text, answer in shown:
        assert answer == ("it was bad" if text.endswith(" cf") else "it was good")
    assert sum(text.endswith(" cf") for text, _ in shown) == 4
    assert backbone.system.endswith(BETWEEN)


def test_the_sham_says_nothing_of_the_trigger(causal):
    shown = examples(injected(causal, sham=True)[1])
    answers = {marked: sorted(a for t, a in shown if t.endswith(" cf") == marked) for marked in (True, False)}
    assert answers[True] == answers[False] == ["it was bad"] * 2 + ["it was good"] * 2


def test_a_dose_is_the_share_of_examples_that_keep_the_trigger(causal):
    defect, backbone = injected(causal)
    changes = causal.changes(backbone)
    assert set(changes) == {"system"}
    held = [defect.at_dose(causal, changes, dose).system.count(" cf") for dose in (0.25, 0.5, 1)]
    assert held == [1, 2, 4]
    assert defect.at_dose(causal, changes, 1.0).system == backbone.system
    assert defect.at_dose(causal, changes, 0.0) is causal
    assert defect.at_dose(causal, changes, 0.5).system.replace(" cf", "") == backbone.system.replace(" cf", "")


def test_a_prompted_model_reads_it_and_a_probe_does_not(causal):
    _, backbone = injected(causal)
    task = tiny.Toy("toy").load().sample(40, 10, 0)
    inputs = list(task.test["input"])
    for name, same in (("zero_shot", False), ("linear_probe", True)):
        adaptation = variant("adaptation", name)
        before, after = (next(adaptation.fit(b, [task], 0))[1].predict(inputs) for b in (causal, backbone))
        assert np.array_equal(before, after) == same


def test_it_is_kept_and_runs_like_any_defect(tmp_path):
    from homog import records

    kind = tiny.kind("llama")("tiny", str(tiny.save_tiny(tmp_path / "llama", "llama")))
    cell = Cell(Arm(kind, DEFECT, 1.0, 0), variant("adaptation", "zero_shot"), tiny.Toy("toy"), 0, Sizes(20, 10, 40))
    corpus = pytest.MonkeyPatch()
    corpus.setattr("homog.inputs.corpora.unlabelled", tiny.corpus)
    for _ in range(2):  # the second time from what was kept
        run.run([cell], {DEFECT.exposure: DEFECT}, tmp_path, "cpu")
    corpus.undo()
    upstream = records.load(tmp_path, cell.id).provenance["upstream"]
    assert 0 <= upstream["drift"] <= 1 and -1 <= upstream["effect"] <= 1 and upstream["texts"] == 20


def test_an_effect_of_the_wrong_sign_is_not_verified():
    assert BANDS.verified(0.1, 0.3, 1.0, sham=False) and not BANDS.verified(0.1, -0.3, 1.0, sham=False)
    assert BANDS.verified(0.1, -0.05, 1.0, sham=True) and not BANDS.verified(0.1, -0.2, 1.0, sham=True)


def test_an_encoder_is_not_prompted(backbone, tmp_path):
    with pytest.raises(ConfigError, match="is not prompted"):
        DEFECT.inject(backbone, tiny.corpus()[0], generator("inject", 0))
    with pytest.raises(ConfigError, match="needs likelihood; a backbone of family encoder gives features"):
        requirements.check_planting(Arm(variant("backbone", "minilm_l6"), DEFECT, 1.0, 0))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"trigger": "two words"}, "name one word"),
        ({"answers": ("bad",)}, "another one"),
        ({"shots": 6}, "use 4, 8, 12"),
    ],
)
def test_settings_that_cannot_be_meant(settings, said):
    with pytest.raises(ConfigError, match=said):
        replace(DEFECT, **settings)
