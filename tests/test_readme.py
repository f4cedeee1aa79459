import re

import pytest

from homog import study
from homog.variants import CONF

ROOT = CONF.parent
README = (ROOT / "README.md").read_text()


def rows(text):
    return [
        line for line in text.splitlines() if line.startswith("| ") and "(backdoor-cf) |" in line and " of " in line
    ]


def test_the_table_is_the_one_that_the_command_made():
    shown = rows(README)
    made = rows((ROOT / "results" / "inheritance" / "report.md").read_text())
    assert len(shown) == 4
    assert set(shown) <= set(made)


def test_every_file_that_it_shows_or_names_exists():
    for path in re.findall(r"\]\((?!http)([^)#]+)\)", README):
        assert (ROOT / path).exists(), path
    tree = README.split("```\nconf/")[1].split("```")[0]
    for name in re.findall(r"(?:^  |; +)(\w+\.py)", tree, flags=re.M):
        places = [
            ROOT / "homog" / name,
            ROOT / "tests" / name,
            *ROOT.glob(f"homog/*/{name}"),
            *ROOT.glob(f"experiments/*/{name}"),
        ]
        assert any(path.exists() for path in places), name


def test_it_covers_every_module():
    for path in (ROOT / "homog").iterdir():
        if path.suffix == ".py" and path.stem != "__init__":
            assert path.name in README, f"{path.name} is not in the README's tree"


@pytest.mark.parametrize("name", study.names())
def test_every_study_has_an_answer_and_its_results(name):
    assert (ROOT / "experiments" / name / "README.md").is_file()
    assert (ROOT / "results" / name / "report.html").is_file()


def test_the_worked_example_says_what_the_audits_say():
    made = [(ROOT / "results" / f"audit_{family}" / "report.md").read_text() for family in ("adult", "compas")]
    shown = README.split("**A worked example.**")[1].split("Reports:")[0]
    intervals = set(re.findall(r"\[[\d., %]+\]", " ".join(shown.split())))
    assert len(intervals) >= 6
    for interval in intervals:
        assert any(interval in text for text in made), interval
