"""A second modality under the contract: nothing but a reader and what works on words assumes texts."""

import dataclasses
from typing import Any

import numpy as np
import pytest

from homog import records, study
from homog.adaptations import ADAPTATIONS
from homog.adaptations.linear_probe import LinearProbe
from homog.backbones.encoder import Encoder
from homog.config import Cell, ConfigError, Sizes, arm
from homog.contracts import arrays, rules
from homog.metrics.predictions import Predictions
from homog.run import run
from homog.study import views
from homog.variants import variant

KIND, TASK, DEFECT = arrays.LinearKind("linear"), arrays.Points("toy_two"), arrays.Marked("marked")
PROBE = LinearProbe("linear_probe")
ANY = [name for name, kind in ADAPTATIONS.items() if not kind.modalities]
REFUSED = {"ia3"}  # peft has to be told its target modules


@pytest.fixture(scope="module")
def backbone():
    return KIND.load()


def adaptation(name):
    kind = variant("adaptation", name)
    wanted = {"epochs": 4, "learning_rate": 1e-2}
    return dataclasses.replace(
        kind, **{k: v for k, v in wanted.items() if k in {f.name for f in dataclasses.fields(kind)}}
    )


def cell(adaptation: Any = PROBE, backbone: Any = KIND, task: Any = TASK, defect: Any = DEFECT, dose: Any = 1.0):
    return Cell(arm(backbone, defect, dose, 0), adaptation, task, 0, Sizes(80, 40))


@pytest.mark.parametrize("classes", [2, 3])
def test_backbone_task_and_defect_keep_the_contract(classes, backbone):
    for name, kind in (("linear", KIND), ("toy_two", TASK), ("marked", DEFECT)):
        rules.is_a_frozen_value(kind, name)
    rules.encodes(KIND)
    rules.loads_whole_examples(arrays.Points("toy", classes))
    rules.keeps_test_examples_apart(arrays.Points("toy", classes))
    rules.harms_by_what_changes(DEFECT)
    rules.exposes_the_same_examples(DEFECT, backbone)
    for sham in (False, True):
        rules.injects_the_same_again(dataclasses.replace(DEFECT, sham=sham), backbone)


@pytest.mark.parametrize("name", ANY)
def test_adaptations_of_any_modality_learn_from_points(name, backbone):
    if name in REFUSED:
        with pytest.raises(ConfigError, match="IA3 has none for model type 'linear'"):
            adaptation(name).check(backbone)
        return
    assert min(rules.adapts(adaptation(name), backbone).values()) > 0.85
    rules.adapts_each_task_alone(adaptation(name), backbone)


def test_a_run_writes_records_in_which_the_defect_grows_with_its_dose(tmp_path):
    harms = []
    for dose in (0.0, 0.5, 1.0):
        several = [cell(adaptation(name), dose=dose) for name in ("linear_probe", "full_finetune")]
        study.check(several, tmp_path, exposures=[DEFECT])
        assert study.needed_sources(several, [DEFECT]) == []
        run(several, views([DEFECT]), tmp_path, "cpu")
        kept = [records.load(tmp_path, one.id) for one in several]
        assert all(record.conditions == ("clean", "marked") and len(record.labels) == 40 for record in kept)
        assert dose == 0 or kept[0].provenance["upstream"]["verified"]
        assert (kept[0].provenance["backbone"], kept[0].provenance["moved"] > 0) == ("linear", False)
        assert kept[1].provenance["moved"] == 7 * 16
        shown = [Predictions(r.labels, r.probabilities["clean"], r.probabilities["marked"]) for r in kept]
        harms.append([DEFECT.harm(each).value for each in shown])
    assert np.greater(harms[2], 0.9).all() and np.less(harms[0], 0.35).all()


def test_parts_of_different_modalities_are_refused_before_anything_is_computed(tmp_path, tiny_folder):
    text = Encoder("tiny", str(tiny_folder))
    for wrong, said in (
        ({"backbone": text}, "task toy_two is point; a backbone of family encoder takes text"),
        ({"adaptation": variant("adaptation", "handcrafted")}, "is point; adaptation handcrafted takes text"),
        ({"defect": variant("defect", "backdoor")}, "is point; defect backdoor takes text"),
        ({"task": variant("task", "trec")}, "task trec is text; a backbone of family linear takes point"),
    ):
        with pytest.raises(ConfigError, match=said):
            study.check([cell(**wrong)], tmp_path)
    with pytest.raises(ConfigError, match="is point; defect backdoor takes text"):
        study.check([cell()], tmp_path, exposures=[variant("defect", "backdoor")])
    with pytest.raises(ConfigError, match="save=adapters: models of point inputs cannot be saved yet"):
        study.check([cell()], tmp_path, save="adapters")


def test_what_works_on_words_says_so(backbone):
    with pytest.raises(ConfigError, match="backbone linear reads inputs of modality point, and this needs text"):
        variant("defect", "universal_trigger").found_on(backbone, *arrays.PointReader().unlabelled())
