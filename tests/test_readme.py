import re
import shlex
from importlib import import_module
from types import SimpleNamespace

import numpy as np
import pytest

import homog
from homog import study
from homog.__main__ import VERBS
from homog.command import parsed
from homog.contracts import tiny
from homog.contracts.example import MINE
from homog.study.todo import exposed, views
from homog.variants import CONF, variant

ROOT = CONF.parent
README = (ROOT / "README.md").read_text()
PAGES = {path: path.read_text() for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))}
OWN, AUDIT, TREE = (PAGES[ROOT / "docs" / f"{name}.md"] for name in ("own", "audit", "tree"))


def rows(text):
    return [line for line in text.splitlines() if line.startswith("| ") and re.search(r"\| \d+ of \d+ \| \d+ \|", line)]


def test_the_table_is_the_one_that_the_command_made():
    shown = rows(README)
    made = rows((ROOT / "results" / "inheritance" / "report.md").read_text())
    assert len(shown) == 4
    assert set(shown) <= set(made)


def test_every_file_that_it_shows_or_names_exists():
    for page, text in PAGES.items():
        for path in re.findall(r"\]\((?!http)([^)#]+)\)", text):
            assert (page.parent / path).exists(), f"{page.name}: {path}"
    tree = TREE.split("```\nconf/")[1].split("```")[0]
    for name in re.findall(r"(?:^  |; +)(\w+\.py)", tree, flags=re.M):
        places = [
            ROOT / "homog" / name,
            ROOT / "tests" / name,
            *ROOT.glob(f"homog/*/{name}"),
            *ROOT.glob(f"experiments/*/{name}"),
        ]
        assert any(path.exists() for path in places), name


RECIPES = re.findall(r"```python\n(.*?)```", OWN, flags=re.S)


def test_its_recipes_are_those_that_init_writes_and_check_passes():
    """tests/contracts runs `homog check` on what `homog init` writes; here, that the README shows the same."""
    written = (MINE / "variants.py").read_text()
    assert len(RECIPES) == 3
    for recipe, name in zip(RECIPES, ("Complaints", "Mumble", "Ridge"), strict=True):
        assert f"class {name}" in recipe and recipe in written


def test_models_of_ones_own_are_recorded_as_it_says(tmp_path, monkeypatch):
    (call,) = re.findall(r"```python\n(task, shown = .*?)```", AUDIT, flags=re.S)
    task = tiny.Toy("toy_two").load()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(homog, "exposures", lambda *asked: (task, exposed(task, views([variant("defect", asked[1])]))))
    guess = SimpleNamespace(predict=lambda inputs: np.full((len(inputs), 2), 0.5))
    exec(call, {"homog": homog, "model": guess})
    (record,) = homog.load("results-mine").records.values()
    assert record.conditions == ("clean", "backdoor-cf") and record.provenance["kind"] == "injected"


def test_its_commands_are_ones_that_exist():
    for line in re.findall(r"^homog .*$", "\n".join(PAGES.values()).replace("\\\n", ""), flags=re.M):
        verb, words = line.split()[1], shlex.split(line, comments=True)[2:]
        assert verb in VERBS, line
        if verb in ("run", "sources"):
            continue
        words = [word for word in words if not word.startswith("--with") and word != "mine"]
        parsed(import_module(VERBS[verb][0]).COMMAND, words)


def test_it_covers_every_module():
    for path in (ROOT / "homog").iterdir():
        if path.suffix == ".py" and path.stem != "__init__":
            assert path.name in TREE, f"{path.name} is not in docs/tree.md"


@pytest.mark.parametrize("name", study.names())
def test_every_study_has_an_answer_and_its_results(name):
    assert (ROOT / "experiments" / name / "README.md").is_file()
    assert (ROOT / "results" / name / "report.html").is_file()


def test_the_worked_example_says_what_the_audits_say():
    made = [(ROOT / "results" / f"audit_{family}" / "report.md").read_text() for family in ("adult", "compas")]
    shown = AUDIT.split("**A worked example.**")[1].split("Reports:")[0]
    intervals = set(re.findall(r"\[[\d., %]+\]", " ".join(shown.split())))
    assert len(intervals) >= 6
    for interval in intervals:
        assert any(interval in text for text in made), interval
