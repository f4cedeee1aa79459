"""What a user says to Hydra: what is no setting is refused before Hydra reads it, and every setting is shown."""

import dataclasses

import pytest
import yaml

from homog import overrides, run, study, variants
from homog.config import ConfigError


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("foo=1", "unknown setting 'foo': valid: adaptation, arm, backbone, data"),
        ("+devise=cpu", "unknown setting 'devise': did you mean device"),
        ("++foo.bar=1", "unknown setting 'foo.bar': valid"),
        ("train=50", "unknown setting 'train': did you mean preset.train"),
        ("sizes.train=50", "did you mean preset.train"),
        ("rank=4", "unknown setting 'rank': did you mean adaptation.rank"),
        ("task=trecc", "unknown task 'trecc': did you mean trec"),
        ("task=trec,smss", "unknown task 'smss': did you mean sms_spam"),
        ("preset=lap", "unknown preset 'lap': did you mean laptop"),
        ("device=cudaa", "device=cudaa: valid: auto, cpu"),
        ("hydra/launcher=ray_aws", r"not installed: pip install 'homog-inheritance\[ray\]'"),
        ("trec", "'trec' is not key=value: did you mean task=trec"),
        ("word", "'word' is not key=value: see homog run --help"),
        ("~defect", "none can be taken away"),
        ("dose.x=1", "unknown setting 'dose.x'"),
    ],
)
def test_what_is_no_setting_is_refused_with_the_nearest_one(word, message, monkeypatch):
    monkeypatch.setattr(overrides, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=message):
        overrides.for_hydra([word])


@pytest.mark.parametrize(
    "word",
    [
        *("dose=0,0.5,1", "seed=range(0,5)", "task=glob(adult_*)", "task=choice(trec,sms_spam)", "results=/a b"),
        *("hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "adaptation.rank=4", "device=cuda:1", "--multirun", "-m"),
    ],
)
def test_what_hydra_knows_is_left_to_it(word):
    (handed,) = overrides.for_hydra([word])
    assert handed.lstrip("+").split("=")[0] == word.split("=")[0]


def test_the_value_of_a_flag_is_no_setting():
    assert overrides.for_hydra(["--cfg", "job", "-c", "all"]) == ["--cfg", "job", "-c", "all"]


def test_flags_may_stand_anywhere():
    assert overrides.for_hydra(["dose=0,1", "--multirun", "seed=1"]) == ["--multirun", "dose=0,1", "seed=1"]


def test_every_field_is_shown_with_its_default(capsys):
    assert run.main(["--cfg", "job", "adaptation=lora", "adaptation.alpha=4"]) == 0
    told = yaml.safe_load(capsys.readouterr().out)
    for group in variants.REGISTRIES:
        kind = variants.registry(group)[told[group]["name"]]
        assert set(told[group]) == {field.name for field in dataclasses.fields(kind) if field.init}, group
    assert told["adaptation"]["alpha"] == 4 and told["adaptation"]["rank"] == 8


@pytest.mark.parametrize("name", variants.configured("backbone"))
def test_the_yaml_of_a_backbone_leaves_no_field_out(name):
    told = yaml.safe_load(variants.yaml_of("backbone", name).read_text())
    assert set(told) == {field.name for field in dataclasses.fields(variants.registry("backbone")[name]) if field.init}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["device=cuda:7", "dose=0"], "device=cuda:7: "),
        (["hydra/launcher=joblibb", "--multirun"], "Could not find 'hydra/launcher/joblibb'"),
        (["seed='a"], "LexerNoViableAltException"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(arguments, message, tmp_path, capfd):
    assert code_of(lambda: run.main([*arguments, f"results={tmp_path}"])) == 2
    said = capfd.readouterr().err.strip().splitlines()
    assert len(said) == 1 and message in said[0] and "search path" not in said[0]


def code_of(act):
    """The exit code, however it is given."""
    try:
        return act()
    except SystemExit as ended:
        return ended.code


def test_a_study_takes_another_backbone_by_its_name():
    spec = study.load("inheritance")
    usual, other = (study.expand(spec, "smoke", given) for given in ({}, {"name": "smollm2"}))
    named = [{cell.arm.backbone.name for cell in cells} for cells in (usual, other)]
    assert named[1] - named[0] == {"smollm2"} and named[0] - named[1] == {"minilm_l6"}
    assert len(other) == len(usual)
    with pytest.raises(ConfigError, match="unknown backbone 'bert': "):
        study.expand(spec, "smoke", {"name": "bert"})
