"""Names that people bring do nothing in pages, spreadsheets, LaTeX, figures and folders but be read."""

import pandas as pd
import pytest

from homog.audit import audit
from homog.audit.figures import _ends, figures
from homog.report import layout, pages, plots
from homog.report.pages import Block, Page
from tests.audit.data import by_hand

NAMES = ["<script>alert(1)</script>", "[x](javascript:alert(1))", "=HYPERLINK(1)", "a^b~c", "$\\frac$", "a_b", "$"]


def test_a_spreadsheet_computes_nothing():
    frame = pd.DataFrame({"model": ["=1+1", "+cmd", "@x", "-a", "-3", "+", "ok"], "value": [0.5, -1, 2, 3, 4, 5, 6]})
    lines = pages.csv(frame).splitlines()[1:]
    assert [line.partition(",")[0] for line in lines] == ["'=1+1", "'+cmd", "'@x", "'-a", "-3", "+", "ok"]
    assert [line.partition(",")[2] for line in lines] == ["0.5", "-1", "2", "3", "4", "5", "6"]


def test_markdown_holds_no_tag_and_no_link_of_a_name():
    frame = pd.DataFrame({"model": NAMES})
    page = Page("<b>t</b>", "p < 0.05", [("A", [Block(text=NAMES[0], table=frame, rows=len(frame), lines=NAMES)])], [])
    text = pages.rendered("report.md.j2", page)
    assert "<script" not in text and "<b>" not in text and "[x](" not in text
    assert "p < 0.05" in text and "&lt;script>" in text
    assert pages.rendered("report.html.j2", page).count("<script") == 1  # the one that sorts tables


@pytest.mark.parametrize(("name", "tex"), [("a^b", r"a\textasciicircum{}b"), ("a~b", r"a\textasciitilde{}b")])
def test_latex_shows_the_letters(name, tex):
    assert tex in layout.latex(pd.DataFrame({"model": [name]}))


@pytest.mark.parametrize("name", ["a=b", "a=b=c", "=", "= =", " =", "a=b backbone=x", ""])
def test_a_name_with_an_equals_sign_is_a_name(name):
    assert name.partition(" backbone=")[0] in layout.readable(name)


def test_figures_show_any_name():
    frame = by_hand().replace({"model": {"A": "$", "B": "$\\frac{", "C": "a_$b$^"}})
    with plots.style():
        for figure, _ in figures(audit(frame, resamples=20)).values():
            assert "<svg" in plots.svg(figure)


def test_no_two_tasks_have_one_file():
    names = ["a/b", "a_b", "a b", "../x", "a_b_2"]
    ends = _ends(names)
    assert len(set(ends.values())) == len(names)
    assert all(end.replace("_", "").isalnum() and "/" not in end for end in ends.values())


def test_a_file_outside_is_never_written(tmp_path):
    frame = pd.concat([by_hand().assign(task=task) for task in ("../../x", "a/b", "a_b")])
    from homog.audit import report

    report.write(audit(frame, resamples=20), tmp_path / "in" / "audit")
    assert {path.name for path in tmp_path.iterdir()} == {"in"}
    assert len(list((tmp_path / "in" / "audit" / "figures").glob("agreement_*.png"))) >= 3
