"""The files of an audit, its words and figures; a study's records audited."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from homog import records, study
from homog.audit import audit, figures, findings, report, studies
from homog.audit.__main__ import main
from homog.audit.choices import AuditError
from homog.report import layout, pages, plots
from homog.study import kept
from tests import fakes
from tests.audit.data import by_hand, decisions, planted

SMOKE = ["--study", "inheritance", "--preset", "smoke"]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("audit")
    frame = planted(models=6, bases=4, examples=120).assign(probability_a=0.4, probability_b=0.3)
    frame = frame.assign(probability_c=0.2, probability_d=0.1)
    frame["sex"] = np.where(frame["example"].str[1:].astype(int) % 2, "<f>", "m")
    frame.to_csv(folder / "p.csv", index=False)
    assert main([str(folder / "p.csv"), "--out", str(folder / "out"), "--resamples", "200"]) == 0
    return folder


def test_every_file_is_there_and_the_page_holds_everything(written):
    folder = written / "out"
    names = {path.stem for path in (folder / "tables").iterdir()}
    assert names == set(audit(by_hand(), resamples=10).tables)
    drawn = {path.name for path in (folder / "figures").iterdir()}
    kinds = ("failure_distribution", "agreement", "agreement_accuracy", "ladder", "market_share")
    assert drawn == {f"{kind}.{end}" for kind in kinds for end in ("pdf", "png")}
    page = (folder / "report.html").read_text()
    assert page.count("<svg") == 5
    assert not re.search(r'(src|href)="https?:', page)
    assert "&lt;f&gt;" in page and "<f>" not in page
    closed = Tags()
    closed.feed(page)
    assert closed.open == []
    text = (folder / "report.md").read_text()
    assert text.startswith("# Audit of 6 models on 120 examples\n")
    assert "](tables/pairs.csv)" not in text and "nan" not in text and "None" not in text


class Tags(HTMLParser):
    """The tags that are still open."""

    VOID = ("meta", "br", "path", "use", "rect", "image", "link", "input")

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        self.open += [tag] if tag not in self.VOID else []

    def handle_endtag(self, tag):
        if tag not in self.VOID:
            assert self.open.pop() == tag


def test_a_second_run_writes_the_same_bytes(written):
    before = {path: path.read_bytes() for path in (written / "out").rglob("*") if path.is_file()}
    assert main([str(written / "p.csv"), "--out", str(written / "out"), "--resamples", "200"]) == 0
    assert {path: path.read_bytes() for path in before} == before


def test_figures_of_an_earlier_audit_are_removed_but_nothing_else(tmp_path):
    folder = tmp_path / "figures"
    folder.mkdir()
    for name in ("agreement_old_task.png", "market_share.pdf", "mine.png"):
        (folder / name).write_bytes(b"")
    report.write(audit(by_hand(), resamples=10), tmp_path)
    there = {path.name for path in folder.iterdir()}
    assert "mine.png" in there and "agreement_old_task.png" not in there and "market_share.pdf" not in there
    assert "agreement.png" in there


def test_tables_read_back_are_the_tables(written):
    frame = pd.read_csv(written / "p.csv")
    tables = audit(frame, resamples=200).tables
    for name in ("pairs", "error_rates", "groups", "regression"):
        back = pd.read_csv(written / "out" / "tables" / f"{name}.csv", keep_default_na=True)
        numbers = tables[name].select_dtypes("float").columns
        np.testing.assert_allclose(back[numbers], tables[name][numbers], rtol=1e-5)
    assert pages.csv(pd.DataFrame({"x": [1 / 3, np.nan, np.inf]})) == "x\n0.333333\n\ninf\n".replace("\n\n", '\n""\n')


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.1234, "0.12"),
        (-0.00123, "−0.0012"),
        (12.34, "12.34"),
        (-0.0000031, "−3.1e−6"),
        (2.5e-12, "2.5e−12"),
        (1234.5, "1,234"),
        (5.2e9, "5.2e9"),
    ]
    + [(0, "0.00"), (float("nan"), "n/a"), (float("-inf"), "−∞"), (1.0, "1.00")],
)
def test_numbers_have_two_decimals_or_two_digits(value, said):
    assert layout.number(value, layout.decimals(value)) == said


@pytest.mark.parametrize(
    ("low", "high", "holm", "verdict"),
    [
        (0.2, 0.6, 0.001, "more failures are shared"),
        (-0.6, -0.2, 0.001, "fewer failures are shared"),
        (0.2, 0.6, 0.2, "undecided"),
        (-0.3, 0.6, 1.0, "undecided"),
        (-0.05, 0.04, 1.0, "failures are shared as in the control"),
        (0.01, 0.04, 0.001, "more failures are shared"),
    ],
)
def test_the_verdict_on_sharing(low, high, holm, verdict):
    row = {"shared": "arm", "control": "others", "value": (low + high) / 2, "low": low, "high": high, "holm": holm}
    assert findings._of_sharing(row).verdict == verdict


def test_percentages():
    assert [layout.percent(value) for value in (0, 0.00001, 0.0004, 0.0321, 0.5, 1)] == [
        "0 %",
        "<0.01 %",
        "0.04 %",
        "3.2 %",
        "50.0 %",
        "100 %",
    ]


@pytest.mark.parametrize("models", [2, 12, 45])
def test_figures_are_drawn_for_few_and_many_models(models):
    found = audit(planted(models=models, examples=150), resamples=20)
    for figure, caption in figures.figures(found).values():
        assert figure.get_size_inches()[0] in (plots.WIDTH, plots.WIDE)
        assert caption.endswith(".")
    many = replace(found.sections[0], tables=found.sections[0].tables)
    assert figures.agreement_accuracy(many).axes


def test_pairs_beyond_the_dots_are_counted_in_hexagons(monkeypatch):
    monkeypatch.setattr(figures, "DOTS", 20)
    found = audit(planted(models=8, examples=100), resamples=20)
    axes = figures.agreement_accuracy(found.sections[0]).axes[0]
    assert any(type(part).__name__ == "PolyCollection" for part in axes.collections)


def test_models_that_are_never_wrong_together():
    frame = by_hand("AB")
    frame["prediction"] = frame["label"]
    frame.loc[frame["model"] == "A", "prediction"] = "x"
    found = audit(frame, resamples=20)
    assert found.tables["measures"]["value"].isna()[1:3].all()
    assert found.tables["measures"]["reason"][1] == "B never fails"
    assert "n/a" in findings.findings(found)[0].detail
    assert figures.figures(found)["agreement_accuracy"][0].texts


def test_tasks_are_told_apart_in_files(tmp_path, capsys):
    frame = decisions(models=3, tasks=2, people=80).assign(task=lambda x: "Task / " + x["task"])
    frame.to_parquet(tmp_path / "p.parquet")
    assert main([str(tmp_path / "p.parquet"), "--out", str(tmp_path / "out"), "--resamples", "50"]) == 0
    said = capsys.readouterr().out
    assert "Audit of 3 models, 2 tasks, 80 people" in said
    drawn = {path.stem for path in (tmp_path / "out" / "figures").iterdir()}
    assert {"tasks", "agreement_Task___t0", "agreement_Task___t1"} <= drawn


def recorded(cells, **facts):
    """Fake records of cells, with the provenance that real ones have."""
    for cell in cells:
        arm = cell.arm
        said = {"kind": arm.kind, "dose": arm.dose, "arm_seed": arm.seed, "backbone": arm.backbone.label}
        said |= {"defect": arm.defect.name if arm.defect else "", "adaptation": cell.adaptation.name, "seed": cell.seed}
        said |= {"task": cell.task.name, "label_names": ["no", "yes"], "arm": arm.id}
        yield fakes.record(cell, **said, **facts)


def test_records_become_a_frame():
    cells = fakes.cells(["adult_income", "adult_married"], ["linear_probe", "lora"], seeds=(0, 1), test=30)
    frame = studies.predictions(recorded(cells))
    assert len(frame) == len(cells) * 30
    assert frame["model"].nunique() == 6
    assert set(frame["model"]) >= {"clean linear_probe", "injected 1 s1 lora"}
    attributes = frame.groupby("model")[["backbone", "kind", "arm", "adaptation"]].nunique()
    assert (attributes == 1).all().all()
    assert set(frame["label"]) == {"no", "yes"}
    found = audit(frame, resamples=50)
    assert found.families[0].tasks == ("adult_income", "adult_married")
    assert found.families[0].n == 30
    assert found.sections[0].ensemble.probabilities is not None
    shared = found.tables["notes"].set_index("subject").loc["backbone", "detail"]
    assert "minilm_l6: every model shares it" in shared
    assert set(found.tables["sharing"]["shared"]) >= {"the same model", "different models, same adaptation"}


def test_records_under_an_exposure():
    cells = fakes.cells(["adult_income"], seeds=(0, 1), test=30)
    exposed = studies.predictions(recorded(cells), fakes.CONDITION)
    assert len(exposed) == 90
    with pytest.raises(AuditError, match=r"has no condition other; valid: clean, "):
        studies.predictions(recorded(cells), "other")


def test_no_answer_is_wrong_and_no_option():
    cells, few = fakes.cells(["adult_income"], ["linear_probe", "lora"], test=30), []
    for record in recorded(cells):
        values = np.hstack([record.probabilities["clean"], np.zeros((30, 1), np.float32)])
        values[:5] = [0, 0, 1]
        few.append(replace(record, probabilities={**record.probabilities, "clean": values}))
    frame = studies.predictions(few)
    silent = frame["prediction"] == "no answer"
    assert silent.sum() == 5 * len(cells) and set(frame["label"]) == {"no", "yes"}
    likely = frame.loc[silent, ["probability_no", "probability_yes"]].to_numpy()
    assert (likely == 0.5).all() and "probability_no answer" not in frame
    found = audit(frame, resamples=50).tables
    assert "no option: no answer" in " ".join(found["notes"]["detail"])


def test_names_say_what_differs():
    cells = fakes.cells(["adult_income"], test=20)
    cells += [replace(cell, seed=1) for cell in cells]
    assert studies.predictions(recorded(cells))["model"].nunique() == 4
    names = studies.predictions(recorded(cells))["model"].unique()
    assert "clean linear_probe seed 1" in names


def test_models_that_learn_from_other_data_are_other_models():
    cells = fakes.cells(["adult_income"], doses=(0,), test=30)
    both = [replace(cells[0], data=data) for data in ("own", "disjoint")]
    found = [replace(r, provenance={**r.provenance, "data": c.data}) for c, r in zip(both, recorded(both), strict=True)]
    names = studies.predictions(found)["model"].unique().tolist()
    assert names == ["clean linear_probe own data", "clean linear_probe disjoint data"]


def test_a_study_from_the_command_line(tmp_path, capsys):
    cells = [cell for cell in study.expand(study.load("inheritance"), "smoke") if cell.task.name == "amazon_sentiment"]
    for record in recorded(cells[:-1]):
        records.save(tmp_path, record)
    where = ["--records", str(tmp_path), *SMOKE, "--out", str(tmp_path / "out"), "--resamples", "50"]
    assert main([*where, "--select", "task=amazon_*", "kind=*"]) == 0
    said = capsys.readouterr().out
    assert "records of study inheritance task=amazon_* kind=*" in said
    assert re.search(rf"no record +{cells[-1].id}", said)
    assert main([*where, "--select", "task=nothing"]) == 2
    assert re.search(r"no cell of study inheritance; valid: task=amazon_sentiment,", capsys.readouterr().err)
    assert main([*where, "--select", "colour=red"]) == 2
    assert "select: 'colour=red'; valid: backbone|kind|dose" in capsys.readouterr().err
    assert main([*where, "--select", "task=trec"]) == 2
    assert "has none of the 9 selected records" in capsys.readouterr().err
    assert main([*where[:2], "--study", "nothing"]) == 2
    assert "unknown study 'nothing'" in capsys.readouterr().err


def test_doses_are_selected_as_they_are_written():
    settings = {"dose": 1.0, "kind": "injected"}
    assert kept._matches(settings, *kept._pattern("dose=1"))
    assert kept._matches(settings, *kept._pattern("dose=0.5,1"))
    assert not kept._matches(settings, *kept._pattern("dose=0.5"))
    assert SimpleNamespace(**settings).kind == "injected"


def test_models_of_one_study_that_had_other_sizes_are_told_apart():
    cells = fakes.cells(["trec"], test=40)[:1]
    held = [record for train in (96, 4000) for record in recorded(cells, sizes={"train": train})]
    named = studies.predictions(held)["model"].unique()
    assert sorted(name.split("train ")[1].split(" ")[0] for name in named) == ["4000", "96"]
