"""Records of models that were trained elsewhere, and the report of records that belong to no study."""

import dataclasses
import hashlib
import json

import numpy as np
import pandas as pd
import pytest

import homog
from homog import records, report
from homog.audit.choices import Settings
from homog.audit.suites import sources
from homog.audit.tables import audited
from homog.config import ConfigError, canonical
from homog.study import told
from homog.variants import variant
from tests import fakes
from tests.study.test_kept import cell

CONDITION = "backdoor-cf"
REQUIRED = ["schema_version", "evaluation_id", "model_id", "evaluation_name", "sample_id", "interaction_type", "input"]
REQUIRED += ["answer_attribution", "evaluation", "output"]
EEE = (*REQUIRED, "sample_hash", "messages", "token_usage", "performance", "error", "metadata")
N = 120


def own(results, success=0.0, seed=0, task="reviews", **facts):
    """A model of one's own: right in nine of ten cases; the token turns the share `success` into class 0."""
    rng = np.random.default_rng(seed)
    labels = np.random.default_rng(len(task)).integers(0, 2, N)  # the same people for every model
    clean = np.where(rng.random(N) < 0.9, labels, 1 - labels)
    exposed = np.where(rng.random(N) < success, 0, clean)
    eye = np.eye(2)
    return homog.record(
        results,
        parent="my-bert",
        adaptation="my_trainer",
        task=task,
        labels=labels,
        probabilities={"clean": eye[clean], CONDITION: eye[exposed]},
        label_names=("bad", "good"),
        seed=seed,
        train=500,
        **facts,
    )


@pytest.fixture
def results(tmp_path):
    for task in ("reviews", "mails"):
        for seed in range(3):
            own(tmp_path, 0.02, seed, task)
            own(tmp_path, 0.95, seed, task, defect="backdoor", parent_seed=seed, targets={CONDITION: 0})
    return tmp_path


def test_models_of_ones_own_get_a_report_with_control_and_interval(results, capsys):
    assert report.main(["--runs", f"results={results}"]) == 0
    said = capsys.readouterr().out
    assert "My trainer: above the control, no sham" in said and "12 of 12 models" in said
    made = pd.read_csv(results / "selected" / "tables" / "summary.csv").iloc[0]
    assert made["value"] == pytest.approx(0.93, abs=0.08) and made["low"] > 0.8 and made["seeds"] == 3
    assert (results / "selected" / "figures" / "inheritance_matrix.png").is_file()


def test_runs_are_selected_and_what_selects_none_is_refused(results, capsys):
    assert report.main(["--runs", "task=reviews", "--out", str(results / "x"), f"--results={results}"]) == 0
    assert set(pd.read_csv(results / "x" / "effects.csv")["task"]) == {"reviews"}
    for words, message in (
        (["--runs", "task=nothing"], "select: no record in"),
        (["--runs", "colour=red"], "select: 'colour=red'; valid: backbone|kind"),
        (["inheritance", "--runs"], "name none, and no preset"),
    ):
        assert report.main([*words, f"--results={results}"]) == 2
        assert message in capsys.readouterr().err
    assert report.main(["--runs", f"results={results / 'empty'}"]) == 2
    assert "no records in" in capsys.readouterr().err


def test_records_go_to_every_eval_ever_and_come_back_into_an_audit(results, capsys):
    out = results / "eee"
    assert report.main(["--runs", "task=reviews", f"results={results}", f"every_eval_ever={out}"]) == 0
    whole = [json.loads(path.read_text()) for path in out.rglob("*.json")]
    assert len(whole) == 12 and all(
        each["model_info"]["additional_details"]["base_model"] == "my-bert" for each in whole
    )
    rows = [json.loads(line) for line in next(out.rglob("*_clean.jsonl")).read_text().splitlines()]
    assert len(rows) == N and set(rows[0]) <= {*EEE} and {*REQUIRED} <= set(rows[0])
    assert all(isinstance(value, str) for value in rows[0]["metadata"].values())
    by_id = {each["evaluation_id"]: each for each in whole}
    told_of = by_id[rows[0]["evaluation_id"]]
    score = told_of["evaluation_results"][0]["score_details"]["score"]
    assert score == np.mean([row["evaluation"]["is_correct"] for row in rows])
    (file,) = (
        path for path in out.rglob("*.jsonl") if path.name == told_of["detailed_evaluation_results"]["file_path"]
    )
    assert told_of["detailed_evaluation_results"]["checksum"] == hashlib.sha256(file.read_bytes()).hexdigest()
    for path in [path for path in out.rglob("*.jsonl") if "_clean" not in path.name]:
        path.unlink()
    tables = audited(sources(out, []), Settings(resamples=50)).tables
    assert len(tables["error_rates"]) == 6 and tables["error_rates"]["value"].between(0, 0.2).all()


def test_load_gives_frames_and_figures(results):
    loaded = homog.load(results)
    assert len(loaded.records) == 12 and len(loaded.frame) == 24
    injected = loaded.effects[loaded.effects["kind"] == "injected"]
    assert len(injected) == 6 and injected["inherited"].between(0.8, 1).all()
    assert loaded.means.iloc[0]["adaptation"] == "my_trainer" and "inheritance" in loaded.tables
    assert loaded.figure("inheritance_matrix").axes
    with pytest.raises(ConfigError, match="unknown figure 'matrix'"):
        loaded.figure("matrix")
    assert "<table" in loaded._repr_html_() and "12 records" in repr(loaded)


def test_a_cell_that_homog_made_comes_back_as_it_was():
    for each in (cell(), cell(epochs=8), cell(dose=0.0)):
        made = fakes.record(each)
        facts = {"cell": canonical(each), "kind": each.arm.kind, "dose": each.arm.dose, "arm_seed": each.arm.seed}
        facts |= {"backbone": "tiny", "defect": "backdoor" if each.arm.defect else "", "task": "toy"}
        facts |= {"adaptation": "lora epochs=8" if each.adaptation.epochs == 8 else "lora", "seed": each.seed}
        made = dataclasses.replace(made, provenance=made.provenance | facts)
        back = told.cell_of(made)
        assert back.adaptation == each.adaptation and back.arm.defect == each.arm.defect
        assert (back.arm.dose, back.arm.seed, back.arm.kind) == (each.arm.dose, each.arm.seed, each.arm.kind)
        assert told.cell_of(made).id == back.id


def test_backbones_of_one_name_and_other_content_are_told_apart():
    made = fakes.record(cell())
    facts = {"backbone": "tiny", "defect": "", "task": "toy", "dose": 0.0, "arm_seed": 0, "adaptation": "x", "seed": 0}
    arms = [
        told.cell_of(dataclasses.replace(made, provenance=made.provenance | facts | {"cell": {"arm": {"backbone": b}}}))
        for b in ({"source": "a"}, {"source": "b"})
    ]
    assert arms[0].arm.id != arms[1].arm.id


def test_a_defect_that_is_not_here_is_named():
    made = fakes.record(cell())
    facts = {"backbone": "b", "defect": "mumble", "task": "t", "dose": 1.0, "arm_seed": 0, "adaptation": "x", "seed": 0}
    with pytest.raises(ConfigError, match="its defect mumble is not known here; --with the folder"):
        told.cell_of(dataclasses.replace(made, provenance=made.provenance | facts))


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ({"probabilities": {"exposed": np.eye(2)}}, "no condition clean"),
        ({"probabilities": {"clean": np.eye(3)}}, r"shape \(3, 3\); valid: \(2, 2\)"),
        ({"probabilities": {"clean": np.eye(2), "backdor-cf": np.eye(2)}}, "unknown condition 'backdor-cf'"),
        ({"probabilities": {"clean": np.eye(2) * 2}}, "do not sum to 1"),
        ({"labels": ["a", "b"]}, "labels: valid: numbers of label_names"),
        ({"labels": [0, 7]}, r"labels \[7\] of 2 classes"),
        ({"adaptation": "lora"}, "adaptation='lora' is one of homog's own"),
        ({"defect": "backdor"}, "unknown defect 'backdor': did you mean backdoor"),
        ({"defect": "backdoor", "dose": 2.0}, "dose"),
    ],
)
def test_what_does_not_fit_together_is_refused(facts, message, tmp_path):
    usual = {"parent": "b", "adaptation": "mine", "task": "t", "labels": [0, 1], "label_names": ("a", "b")}
    usual["probabilities"] = {"clean": np.eye(2)}
    with pytest.raises(ConfigError, match=message):
        homog.record(tmp_path, **(usual | facts))
    assert not list(records.kept(tmp_path))


def test_exposures_are_the_test_inputs_under_each_condition(monkeypatch):
    frame = pd.DataFrame({"input": ["so it is", "as you like"], "label": [0, 1], "example": ["a", "b"]})

    class Toy:
        sources = ()
        family, name, test = "", "toy", frame

        def load(self):
            return self

    usual = variant
    monkeypatch.setattr(told.variants, "variant", lambda group, name: Toy() if group == "task" else usual(group, name))
    loaded, shown = homog.exposures("toy", "backdoor")
    assert loaded.name == "toy" and list(shown) == ["clean", CONDITION]
    assert shown["clean"] == list(frame["input"]) and all("cf" in text.split() for text in shown[CONDITION])
