"""results/index.html: the answers of all reports on one page."""

import re
from html.parser import HTMLParser

import pytest

from homog import report
from homog.config import ConfigError
from homog.report import index
from homog.variants import CONF, studies

RESULTS = CONF.parent / "results"
REPORT = """# Is <b>it</b>?

A lead.

## Question

Why?

## Answer

**Hypothesis (above 0): met.**

- **Probe \\<x\\>: inherited**; 0.90 \\[0.80, 1.00\\].
- **LoRA: undecided**; 0.1.

### Summary

- **Not an answer**
"""


def written(folder, name="one", text=REPORT):
    (folder / name).mkdir(parents=True)
    (folder / name / "report.md").write_text(text)
    (folder / name / "report.html").write_text("")


def test_an_entry_is_title_outcome_and_answers_without_the_marks_of_markdown(tmp_path):
    written(tmp_path)
    entry = index.entry(tmp_path / "one")
    assert entry is not None
    assert (entry.title, entry.outcome, entry.more) == ("Is <b>it</b>?", "Hypothesis (above 0): met.", 0)
    assert entry.answers[0] == ("Probe <x>: inherited", "; 0.90 [0.80, 1.00].")


def test_the_page_is_escaped_and_the_main_study_comes_first(tmp_path):
    written(tmp_path, "a")
    written(tmp_path, "inheritance")
    (tmp_path / "b").mkdir()  # a study without a report
    assert str(tmp_path / "index.html") in index.write(tmp_path, ["a", "b", "inheritance"])
    text = (tmp_path / "index.html").read_text()
    assert "<b>it</b>" not in text and "Is &lt;b&gt;it&lt;/b&gt;?" in text
    assert re.findall(r'<article id="(\w+)"', text) == ["inheritance", "a"]


def test_more_answers_than_fit_are_counted(tmp_path):
    written(tmp_path, "a", REPORT.replace("### Summary", "\n".join(f"- **x{i}**; y" for i in range(9)) + "\n\n### S"))
    entry = index.entry(tmp_path / "a")
    assert entry is not None and len(entry.answers) == index.SHOWN and entry.more == 11 - index.SHOWN


def test_no_report_is_an_error_in_a_line(tmp_path, capsys):
    assert index.write(tmp_path, ["a"]) == ""
    assert report.main(["index", f"results={tmp_path}"]) == 2
    assert "no reports in" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="no reports in"):
        report._over_all("index", tmp_path)


class Links(HTMLParser):
    def __init__(self):
        super().__init__()
        self.ids, self.links, self.open = [], [], []

    def handle_starttag(self, tag, attrs):
        said = dict(attrs)
        self.ids += [said["id"]] if "id" in said else []
        self.links += [said[name] for name in ("href", "src") if name in said]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_committed_page_is_that_of_the_committed_reports(tmp_path):
    made = (RESULTS / "index.html").read_text()
    page = Links()
    page.feed(made)
    assert not page.open and len(page.ids) == len(set(page.ids))
    for link in page.links:
        assert link[1:] in page.ids if link.startswith("#") else (RESULTS / link).is_file(), link
    for name in studies():
        entry = index.entry(RESULTS / name)
        assert entry is None or entry.name in page.ids
    assert "http" not in made.replace("http-equiv", "")
