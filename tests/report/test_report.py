import re
import sys
from html.parser import HTMLParser
from types import SimpleNamespace

import pandas as pd
import pytest

from homog import analysis, records, report
from homog.analysis import means, verdicts
from homog.config import ConfigError, choose
from homog.report import answers, layout, pages, standard, study_report
from tests import fakes

TASKS = ["trec", "sms_spam", "adult_income"]


def overall(success=fakes.fired, tasks=TASKS, shams=(0, 1, 2), seeds=(0, 1, 2), **facts):
    cells = fakes.cells(tasks, seeds=seeds, shams=shams, test=80)
    found = fakes.found(cells, success, **facts)
    return means.by_adaptation(analysis.effects(cells, found, fakes.EXPOSURES))


def answer(*args, **options):
    (one,) = answers.answers(overall(*args, **options))
    return one


def outcome(sign: str, rows: pd.DataFrame) -> str:
    return answers.hypothesis_outcome(dict.fromkeys(rows["condition"], sign), rows)


def test_inherited():
    one = answer()
    assert one.verdict == "inherited" and one.name == "Linear probe"
    assert re.search(
        r"inherited harm 0\.\d\d \[0\.\d\d, \d\.\d\d\] \(mean over 3 tasks, 240 examples, 3 back", one.detail
    )
    assert "3 of 3 learned tasks above 0 after Holm" in one.detail and "sham" in one.detail
    assert one.sentence.startswith("Linear probe: inherited; inherited harm")


def test_not_inherited_is_said_as_plainly():
    one = answer(lambda cell: 0.0)
    assert one.verdict == "not inherited" and "0 of 3 learned tasks" in one.detail


def test_partly_inherited():
    assert answer(lambda c: fakes.fired(c) * (c.task.name != "trec")).verdict == "partly inherited"


def test_a_benefit_is_the_mirror_image_of_a_harm():
    cured = overall(lambda cell: 0.5 if cell.arm.kind == "clean" else 0.5 - 0.45 * (cell.arm.kind == "injected"))
    (one,) = answers.answers(cured)
    assert one.verdict == "benefit inherited" and "0 of 3 learned tasks above 0 after Holm, 3 below" in one.detail
    assert outcome("-", cured) == "met" and outcome("+", cured) == "not met"
    sham_too = overall(lambda cell: 0.5 * (cell.arm.kind == "clean"))
    assert answers.answers(sham_too)[0].verdict == "undecided"


def test_undecided_when_the_interval_is_too_wide():
    one = answer(lambda c: 0.08 if c.arm.kind == "injected" else 0.0, tasks=["trec"], seeds=(0,), shams=())
    assert one.verdict == "undecided"
    assert "1 backbone seed: interval over examples only" in one.detail and "no sham" in one.detail


def test_undecided_when_the_sham_does_as_much():
    one = answer(lambda cell: 0.5 if cell.arm.kind != "clean" else 0.0)
    assert one.verdict == "undecided" and "the sham, which plants nothing, does as much" in one.detail


def test_an_engineered_change_that_does_as_much_as_its_sham_is_called_noise():
    rows = overall(lambda cell: 0.5 if cell.arm.kind != "clean" else 0.0).assign(defect_kind="engineered")
    (one,) = answers.answers(rows)
    assert one.verdict == "as noise of the same size" and outcome("+", rows) == "partly met"


def test_undecided_when_a_backbone_failed_upstream():
    one = answer(upstream={"drift": 0.5, "effect": 0.1, "verified": False})
    assert one.verdict == "undecided" and "3 of 3 injected backbones failed upstream" in one.detail


def test_the_hypothesis_is_compared_with_the_answers():
    yes, no = overall(), overall(lambda cell: 0.0)
    assert outcome("+", yes) == "met" and outcome("0", yes) == "not met"
    assert outcome("+", no) == "not met" and outcome("0", no) == "met"
    assert outcome("-", yes) == "not met"
    both = pd.concat([yes, no.assign(adaptation="lora")])
    assert outcome("+", both) == "met for Linear probe; not met for LoRA"


def test_an_improvement_is_expected_below_0():
    hypothesis = SimpleNamespace(sign="+", improvements=("backdoor",), primary=())
    expected = verdicts.signs(hypothesis, {**fakes.EXPOSURES, "other": SimpleNamespace(name="other")})
    assert expected == {**dict.fromkeys(fakes.EXPOSURES, "-"), "other": "+"}
    assert answers.hypothesis_outcome(expected, overall()) == "not met"
    assert answers.expected(hypothesis) == "inherited harm above 0; of backdoor below 0"


def test_the_primary_comparison_is_said_first():
    hypothesis = SimpleNamespace(sign="+", improvements=(), primary=("lora", "backdoor"))
    both = pd.concat([overall(lambda cell: 0.0), overall().assign(adaptation="lora")])
    said = answers.said(hypothesis, fakes.EXPOSURES, both).outcome
    assert said == "primary (LoRA, Backdoor): met; all comparisons: not met for Linear probe; met for LoRA"


@pytest.fixture(scope="module")
def grid(tmp_path_factory):
    """(results, cells, the cell that is missing, what the first report printed)."""
    results = tmp_path_factory.mktemp("results")
    cells = fakes.cells(TASKS, ["linear_probe", "lora"], doses=(0, 0.5, 1), seeds=(0, 1, 2), shams=(0,))
    gone = cells[-1]
    for cell in cells[:-1]:
        verified = cell.arm.kind != "sham"
        upstream = {"drift": 0.01, "effect": 0.9, "verified": verified, "texts": 400} if cell.arm.defect else {}
        records.save(results, fakes.record(cell, fakes.fired(cell), upstream=upstream))
    return results, cells, gone, write(results, cells)


def write(results, cells):
    figures = report.figures_of("inheritance")
    return study_report.write(results, fakes.study(), "laptop", cells, fakes.EXPOSURES, figures)


def contents(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_report_is_whole_and_the_same_on_a_second_run(grid):
    results, cells, _, text = grid
    folder = results / "inheritance"
    first = contents(folder)
    tables = [
        "summary",
        "inheritance",
        "dose_response",
        "dose_slopes",
        "clean_cost",
        "accuracy",
        "upstream",
        "parameters",
    ]
    figures = ["inheritance_matrix", "dose_response", "clean_cost"]
    expected = {"cells.csv", "effects.csv", "report.html", "report.md"}
    expected |= {f"tables/{name}.{kind}" for name in tables for kind in ("csv", "tex")}
    expected |= {f"figures/{name}.{kind}" for name in figures for kind in ("pdf", "png")}
    assert set(first) == expected
    (folder / "figures" / "of_an_earlier_report.png").write_bytes(b"")
    assert write(results, cells) == text and contents(folder) == first
    assert "LoRA" in text and f"{len(cells) - 1} of {len(cells)} models finished" in text
    assert f"met, so far: 1 of {len(cells)} cells are missing" in text
    assert (
        "Not verified upstream: 1 injected or sham backbone failed" in text
        and "  sham minilm_l6" in text
        and str(folder / "report.html") in text
    )


def test_the_report_names_missing_cells_and_failed_injections(grid):
    results, cells, gone, _ = grid
    folder = results / "inheritance"
    for page in ("report.html", "report.md"):
        said = (folder / page).read_text()
        assert gone.id in said and "not verified upstream" in said.lower() and "no record" in said
    table = pd.read_csv(folder / "cells.csv").set_index("cell")
    assert len(table) == len(cells) and table.loc[gone.id, "status"] == "missing"
    assert table["status"].value_counts().to_dict() == {"finished": len(cells) - 1, "missing": 1}
    effects = pd.read_csv(folder / "effects.csv")
    assert gone.id not in set(effects["cell"]) and "numerator" not in effects
    assert list(effects.columns) == analysis.WRITTEN


class Page(HTMLParser):
    """Ids and links of a page, and whether its elements are closed."""

    def __init__(self):
        super().__init__()
        self.ids, self.open, self.links = [], [], []

    def handle_starttag(self, tag, attrs):
        named = dict(attrs)
        self.ids += [named["id"]] if "id" in named else []
        self.links += [value for key, value in attrs if key in ("href", "src", "xlink:href")]
        if tag not in ("meta", "br", "link", "img"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_the_page_is_one_self_contained_escaped_file(grid):
    results = grid[0]
    text = (results / "inheritance" / "report.html").read_text()
    page = Page()
    page.feed(text)
    assert not page.open and len(page.ids) == len(set(page.ids))
    assert text.count("<svg") == 3 and "Nobody &lt;2021&gt;" in text and "Nobody <2021>" not in text
    inside = {link for link in page.links if link.startswith("#")}
    assert {link[1:] for link in inside} <= set(page.ids)
    assert all((results / "inheritance" / link).is_file() for link in set(page.links) - inside - {"../index.html"})


def test_a_study_without_figures_of_its_own_gets_the_standard_ones(grid):
    results, cells, *_ = grid
    study_report.write(results, fakes.study("bare"), "smoke", cells, fakes.EXPOSURES, None)
    drawn = {path.stem for path in (results / "bare" / "figures").glob("*.png")}
    assert drawn == {"inheritance_matrix", "dose_response", "clean_cost"}
    assert standard.CAPTIONS["inheritance_matrix"][:40] in (results / "bare" / "report.md").read_text()


def test_figures_of_several_conditions_are_told_apart_and_have_the_caption_of_their_kind(tmp_path):
    cells = fakes.cells(["trec"], seeds=(0, 1, 2))
    effects = analysis.effects(cells, fakes.found(cells), fakes.EXPOSURES)
    other = fakes.copied(effects, condition="other-x")
    drawn = standard.figures(fakes.joined(effects, other))
    assert {"backdoor_cf_clean_cost", "other_x_clean_cost"} < set(drawn) and len(drawn) == 6
    assert study_report._caption("other_x_clean_cost", standard.CAPTIONS) == standard.CAPTIONS["clean_cost"]
    assert study_report._caption("mine", standard.CAPTIONS) == "Mine"


def test_a_study_that_exposes_to_nothing_says_that_it_has_no_answer(tmp_path):
    cells = fakes.cells(["trec"], doses=(0,))
    text = study_report.write(tmp_path, fakes.study(), "laptop", cells, {}, None)
    assert "0 of 1 model finished" in text
    for record in fakes.found(cells).values():
        records.save(tmp_path, record)
    text = study_report.write(tmp_path, fakes.study(), "laptop", cells, {}, None)
    assert "Hypothesis (inherited harm above 0): undecided" in text
    assert "1 of 1 model finished" in text


def test_long_lists_are_capped():
    lines = [f"cell {i}" for i in range(40)]
    assert pages.capped(lines, "cells.csv")[-1] == "and 10 more, all in cells.csv"
    assert len(pages.capped(lines, "cells.csv")) == 31 and pages.capped(lines[:30], "x") == lines[:30]


def test_tables_for_paper_and_page_are_escaped():
    frame = pd.DataFrame({"a_b": ["50 %", "x|y"], "c": ["\N{MINUS SIGN}0.02", "<0.001"]})
    assert r"a\_b & c \\" in layout.latex(frame) and r"50 \% & $-$0.02 \\" in layout.latex(frame)
    assert r"| x\|y | <0.001 |" in layout.markdown(frame)


@pytest.fixture
def registry(grid, monkeypatch):
    """homog.study with one study that has records at one of two presets, all of whose cells a larger one has, too."""
    results, cells, *_ = grid
    more = fakes.cells(["trec"], ["lora"], seeds=(7,))

    def load(name):
        choose(name, ["inheritance", "other"], "study")
        return fakes.study(name)

    def expand(study, preset, overrides=None):
        if study.name == "other" or preset == "paper":
            raise ConfigError("no cells") if preset == "smoke" else ConfigError("none here")
        return tuple({"laptop": cells, "desktop": [*cells, *more]}.get(preset, cells[-1:]))

    fake = SimpleNamespace(
        load=load,
        expand=expand,
        exposed_by=lambda study, preset: fakes.EXPOSURES,
        names=lambda: ["inheritance", "other"],
        presets=lambda: ["desktop", "laptop", "paper", "smoke"],
    )
    monkeypatch.setitem(sys.modules, "homog.study", fake)
    monkeypatch.setattr("homog.study", fake, raising=False)
    return results


def test_by_default_every_study_with_records_at_its_largest_preset(registry, capsys):
    assert report.main([f"results={registry}"]) == 0
    printed = capsys.readouterr().out
    assert "Study inheritance, preset laptop, backbone minilm_l6;" in printed and "other" not in printed
    assert (registry / "inheritance" / "report.html").is_file()
    (registry / "index.html").unlink()
    assert report.main([f"results={registry}", "inheritance"]) == 0
    assert (registry / "index.html").is_file()  # to which the page links


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["inheritence"], "did you mean inheritance? valid: inheritance, other"),
        (["preset=tiny"], "valid: desktop, laptop, paper, smoke"),
        (["presett=laptop"], "did you mean preset?"),
        (["other"], "study other has no records"),
        (["inheritance", "preset=smoke"], "study inheritance has no records at preset smoke"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(registry, capsys, arguments, says):
    assert report.main([f"results={registry}", *arguments]) == 2
    out, error = capsys.readouterr()
    assert out == "" and error.count("\n") == 1 and error.startswith("homog: error: ") and says in error


def test_no_records_at_all(registry, tmp_path, capsys):
    assert report.main([f"results={tmp_path / 'none'}"]) == 2
    assert "no study has records" in capsys.readouterr().err


def test_help(capsys):
    assert report.main(["--help"]) == 0
    assert "usage: homog report" in capsys.readouterr().out


def test_an_arm_is_named_with_what_is_varied_in_it():
    told = {"kind": "injected", "backbone": "b", "defect": "d", "dose": 1.0, "arm_seed": 2}
    varied = {"defect.pruned": 0.3, "defect.layers": float("nan")}
    assert study_report.named(pd.Series(told | varied)) == "injected b, d at dose 1, pruned 0.3, backbone seed 2"
    assert study_report.named(pd.Series(told)) == "injected b, d at dose 1, backbone seed 2"


def test_of_several_numbers_in_a_row_the_second_is_shown_without_what_belongs_to_it():
    row = {"value": 0.5, "low": 0.4, "high": 0.6, "p": 0.01, "mde": 0.2, "sham_value": 0.0, "sham_low": -0.1}
    frame = pd.DataFrame([row | {"sham_high": 0.1, "sham_p": 0.9, "sham_mde": 0.1, "sham_seeds": 3, "seeds": 5}])
    shown = layout.display(frame)
    assert list(shown) == ["Value [95 % interval]", "p", "Detectable with 80 % power", "Sham value", "Seeds"]
    assert shown["Sham value"][0] == "0.00 [−0.10, 0.10]"
