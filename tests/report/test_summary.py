import numpy as np
import pandas as pd
import pytest

from homog import analysis
from homog.analysis import doses, means
from homog.report import pages, study_report, summary
from tests import fakes

ADAPTATIONS = ["nearest_centroid", "linear_probe", "lora"]


def effects(tasks, success, **grid):
    cells = fakes.cells(tasks, ADAPTATIONS, seeds=(0, 1, 2), shams=(0,), test=200, **grid)
    return analysis.effects(cells, fakes.found(cells, success), fakes.EXPOSURES)


def tables(of_study):
    return means.by_adaptation(of_study), doses.transmission(of_study)


def half(cell):
    """The backbone itself does 0.8 of harm, models adapted from it half of that, LoRA none."""
    return {"nearest_centroid": 0.8, "linear_probe": 0.4, "lora": 0.0}[cell.adaptation.name] * (
        cell.arm.kind == "injected"
    )


def test_a_line_per_condition_and_adaptation_with_transmission_and_the_share_that_inherited():
    frame = summary.summary({"inheritance": tables(effects(["trec", "sms_spam"], half))})
    rows = frame.set_index("adaptation")
    assert list(rows.index) == ["linear_probe", "lora"]  # the backbone itself has no line
    assert rows.loc["linear_probe", "value"] == pytest.approx(0.5, abs=0.07)
    assert rows.loc["linear_probe", "share"] == 1 and rows.loc["linear_probe", "answer"] == "inherited"
    assert rows.loc["lora", "value"] == pytest.approx(0, abs=0.05) and rows.loc["lora", "share"] == 0
    assert rows.loc["lora", "answer"] == "not inherited"


def test_a_condition_that_two_studies_have_is_taken_from_the_larger_one():
    small, large = effects(["trec"], half), effects(["trec", "sms_spam"], half)
    frame = summary.summary({"small": tables(small), "large": tables(large)})
    assert set(frame["study"]) == {"large"} and len(frame) == 2


def test_of_two_studies_of_one_size_the_first_counts():
    frame = summary.summary({name: tables(effects(["trec"], half)) for name in ("first", "second")})
    assert set(frame["study"]) == {"first"} and len(frame) == 2


def test_a_study_without_the_backbone_itself_has_no_line_however_large():
    labels = [f"lora epochs={epochs}" for epochs in range(12)]
    cells = fakes.cells(["trec", "sms_spam"], labels, seeds=(0, 1, 2))
    other = analysis.effects(cells, fakes.found(cells, fakes.fired), fakes.EXPOSURES)
    frame = summary.summary({"survival": tables(other), "inheritance": tables(effects(["trec"], half))})
    assert set(frame["study"]) == {"inheritance"} and len(frame) == 2
    assert summary.summary({"survival": tables(other)}).empty


def test_another_backbone_has_lines_of_its_own():
    one, two = effects(["trec", "sms_spam"], half), effects(["trec"], half)
    frame = summary.summary({"compression": tables(fakes.joined(one, fakes.copied(two, backbone="another")))})
    assert frame.groupby("backbone").size().to_dict() == {"minilm_l6": 2, "another": 2}
    drawn = summary.figure(frame)
    assert [text.get_text() for text in drawn.legends[0].texts] == ["Linear probe", "LoRA"]
    lines = [text.get_text() for text in drawn.axes[0].get_yticklabels()]
    assert len(lines) == 2 and lines[1] == f"{lines[0]} (another)"


def test_nothing_upstream_means_no_transmission_and_says_why():
    frame = summary.summary({"none": tables(effects(["trec"], lambda cell: 0.0))})
    assert np.isnan(frame["value"]).all() and frame["reason"].str.contains("not told from 0").all()


def test_files(tmp_path):
    other = effects(["trec"], half)
    other = fakes.copied(other, condition="other", defect="other")
    for name, of_study in {"a": effects(["trec"], half), "b": other}.items():
        for table, frame in zip(("summary", "transmission"), tables(of_study), strict=True):
            pages.write(tmp_path / name / "tables" / f"{table}.csv", pages.csv(frame))
    said = study_report.write_summary(tmp_path, ["a", "b", "not run"])
    made = pd.read_csv(tmp_path / "summary" / "tables" / "summary.csv")
    direct = summary.summary({"a": tables(effects(["trec"], half)), "b": tables(other)})
    assert made["answer"].tolist() == direct["answer"].tolist()
    assert made["value"].tolist() == pytest.approx(direct["value"].tolist(), rel=1e-4)
    folder = tmp_path / "summary"
    assert str(folder / "report.html") in said
    assert {path.name for path in folder.rglob("*.*")} == {
        *("summary.csv", "summary.tex", "summary.pdf", "summary.png", "report.md", "report.html")
    }
    assert "Transmission" not in said and (folder / "report.md").read_text().count("| ") > 20
    assert study_report.write_summary(tmp_path, []) == ""


def test_studies_without_injected_arms_have_no_line():
    clean = effects(["trec"], half, doses=(0,))
    clean = clean[clean["kind"] == "clean"]
    assert summary.summary({"natural": tables(clean)}).empty
