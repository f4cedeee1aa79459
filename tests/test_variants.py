"""A user's folder: searched beside the house's, refused in a line where it is wrong, seen by every worker."""

import os
import re
import shutil
import subprocess
import sys

import pytest

import homog
from homog import study, variants
from homog.config import ConfigError, canonical, content_id, type_name
from homog.contracts.example import MINE

OWN = {"task": "complaints", "defect": "mumble", "adaptation": "ridge", "backbone": "fresh"}


@pytest.fixture
def mine(tmp_path, monkeypatch):
    folder = tmp_path / "mine"
    shutil.copytree(MINE, folder)
    monkeypatch.setenv(variants.WITH, str(folder))
    return folder


def rewrite(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_users_variants_stand_beside_those_of_the_house(mine):
    variants.check()
    for group, name in OWN.items():
        assert set(variants.registry(group)) == {name, *variants.house(group)}
        assert name not in variants.house(group)
        assert variants.variant(group, name).name == name
    assert "complaints" in study.names()
    cells = study.expand(study.load("complaints"), "smoke")
    assert {c.adaptation.name for c in cells} == {"ridge", "linear_probe", "nearest_centroid"}


def test_without_a_folder_there_is_the_house_alone(monkeypatch):
    monkeypatch.delenv(variants.WITH, raising=False)
    assert variants.folders() == () and variants.digest() == ""
    assert variants.registry("task") == variants.house("task")
    assert "complaints" not in study.names()


def test_two_folders_are_searched(mine, tmp_path, monkeypatch):
    other = tmp_path / "other"
    (other / "conf" / "task").mkdir(parents=True)
    (other / "variants.py").write_text(
        (mine / "variants.py").read_text().split("TASKS = ")[0] + 'TASKS = {"b": Complaints}'
    )
    (other / "conf" / "task" / "b.yaml").write_text("name: b\nfile: complaints.csv\n")
    monkeypatch.setenv(variants.WITH, os.pathsep.join([str(mine), str(other)]))
    variants.check()
    assert {"complaints", "b"} <= set(variants.registry("task"))


def test_types_of_a_folder_are_hashed_by_their_qualified_name_wherever_it_is(mine, tmp_path, monkeypatch):
    rewrite(mine / "variants.py", "TASKS = {", "from .more import Late\n\nTASKS = {")
    (mine / "more.py").write_text("class Late:\n    pass\n")
    first = variants.variant("task", "complaints")
    assert canonical(first)["type"] == "with.Complaints"
    moved = tmp_path / "elsewhere"
    shutil.copytree(mine, moved)
    monkeypatch.setenv(variants.WITH, str(moved))
    second = variants.variant("task", "complaints")
    assert type(first) is not type(second) and content_id(first) == content_id(second)
    module = variants.loaded(moved)
    assert type_name(module.Late) == "with.more.Late"


def test_the_digest_follows_the_content_and_not_the_place(mine, tmp_path, monkeypatch):
    first = variants.digest()
    assert re.fullmatch("[0-9a-f]{64}", first)
    shutil.copytree(mine, tmp_path / "same")
    monkeypatch.setenv(variants.WITH, str(tmp_path / "same"))
    assert variants.digest() == first
    rewrite(tmp_path / "same" / "conf" / "defect" / "mumble.yaml", "1.0", "1.1")
    assert variants.digest() != first


BROKEN = [
    ("variants.py", "import re\n", "import re\nimport no_such_module\n", r"variants.py, line \d+: ModuleNotFoundError"),
    ("variants.py", "TASKS = {", "TASKS = {{", r"variants.py, line \d+: (SyntaxError|TypeError)"),
    ("variants.py", 'TASKS = {"complaints"', 'TASKS = {"trec"', r"TASKS\['trec'\]: homog has a task of that name"),
    ("variants.py", 'TASKS = {"complaints"', 'TASKS = {"b"', r"TASKS\['b'\] has no YAML: write conf/task/b.yaml"),
    (
        "variants.py",
        'TASKS = {"complaints": Complaints}',
        "",
        "complaints.yaml has no variant: add",
    ),
    ("variants.py", '"complaints": Complaints', '"complaints": 3', "is no dataclass"),
    ("variants.py", "    def load(self) -> Task:", "    def read(self) -> Task:", "task Complaints lacks load"),
    (
        "variants.py",
        "class Fresh(Encoder):",
        "class Fresh:",
        "Fresh is no backbone: derive it from homog.backbones.kind",
    ),
    (
        "variants.py",
        "class Complaints(TaskKind)",
        "class Complaints",
        "Complaints is no task: derive it from homog.tasks.task.TaskKind",
    ),
    ("variants.py", 'kind: ClassVar[str] = "planted"', "", "Mumble lacks kind"),
    ("variants.py", "    def trains(", "    def train(", "adaptation Ridge lacks trains"),
    ("variants.py", "    sham: bool = False\n", "", "Mumble lacks the field sham"),
]


@pytest.mark.parametrize(("file", "old", "new", "said"), BROKEN)
def test_what_is_wrong_with_a_folder_is_said_in_a_line(mine, file, old, new, said):
    rewrite(mine / file, old, new)
    with pytest.raises(ConfigError, match=said) as error:
        variants.check()
    assert "\n" not in str(error.value)


def test_a_folder_that_is_missing_or_none_is_named(tmp_path, monkeypatch):
    for folder, said in ((tmp_path / "none", "no such folder"), (tmp_path, "no variants.py")):
        monkeypatch.setenv(variants.WITH, str(folder))
        with pytest.raises(ConfigError, match=said):
            variants.check()


@pytest.mark.parametrize("path", ["conf/preset/laptop.yaml", "experiments/eras/study.yaml"])
def test_presets_and_studies_of_the_house_are_not_replaced(mine, path):
    (mine / path).parent.mkdir(parents=True, exist_ok=True)
    (mine / path).write_text("")
    with pytest.raises(ConfigError, match="homog has one of that name"):
        variants.check()


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--cfg", "job", "task=complaints", "backbone=fresh"],
        ["report", "complaints", "results=none"],
        ["status", "complaints", "preset=smoke"],
    ],
)
def test_every_command_sees_the_folder(mine, arguments, tmp_path):
    environment = {key: value for key, value in os.environ.items() if key != variants.WITH}
    command = [sys.executable, "-m", "homog", *arguments, "--with", str(mine)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    said = {"run": "file: complaints.csv", "report": "complaints has no records", "status": "12 missing"}
    assert said[arguments[0]] in done.stdout + done.stderr


@pytest.mark.real
@pytest.mark.timeout(300)
def test_workers_see_the_folder_and_odd_paths_survive(mine, tmp_path):
    results, study_yaml = tmp_path / "a=b, c 'd'", mine / "experiments" / "complaints" / "study.yaml"
    rewrite(study_yaml, "      - {defect: mumble, dose: [1], sham: true}\n", "")
    rewrite(study_yaml, "seed: [0, 1]", "seed: [0]")
    launcher = ["hydra/launcher=submitit_local", "hydra.launcher.mem_gb=2"]
    command = [sys.executable, "-m", "homog", "sweep", "study=complaints", "preset=smoke", f"results={results}"]
    done = subprocess.run([*command, *launcher], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 of 6 models finished" in done.stdout
    kept = homog.load(results)
    assert {record.provenance["with"] for record in kept.records.values()} == {variants.digest()}
    assert set(kept.frame["adaptation.type"]) == {"with.Ridge", "LinearProbe", "NearestCentroid"}


def test_a_variant_of_a_folder_is_another_when_its_code_or_data_change(mine):
    first = content_id(variants.variant("task", "complaints"))
    (mine / "experiments" / "complaints" / "README.md").write_text("An answer.")
    assert content_id(variants.variant("task", "complaints")) == first
    rows = (mine / "complaints.csv").read_text().splitlines()
    (mine / "complaints.csv").write_text("\n".join([rows[0], *reversed(rows[1:])]))
    other = content_id(variants.variant("task", "complaints"))
    rewrite(mine / "variants.py", "Is a complaint urgent?", "Is it?")
    assert len({first, other, content_id(variants.variant("task", "complaints"))}) == 3
    assert "code" not in canonical(variants.variant("task", "trec"))
