"""Every form of the same predictions gives the same tables."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

from homog.audit import audit
from homog.audit.__main__ import main
from homog.audit.choices import Settings
from homog.audit.column_sources import of_frame, source
from homog.audit.tables import audited
from tests.audit.data import COMPANY, by_hand, planted, wide


def same(first, second, but=("notes",)):
    assert first.tables.keys() == second.tables.keys()
    for name in first.tables.keys() - set(but):
        pd.testing.assert_frame_equal(first.tables[name], second.tables[name], obj=name)


def of_files(*paths, **options):
    return audited([source(path) for path in paths], Settings(**options))


def test_long_and_wide_are_the_same():
    attributes = pd.DataFrame({"model": list(COMPANY), "company": list(COMPANY.values())})
    same(audit(by_hand()), audit(wide(by_hand()), attributes=attributes))
    same(audit(by_hand()), audit(wide(by_hand()), attributes=attributes, groups=["sex"]), but=("notes",))


def test_a_notebook_shows_errors_measures_and_notes():
    shown = audit(by_hand().assign(model=lambda frame: frame["model"] + "<i>"))._repr_html_()
    assert shown.count("<table") >= 2 and "<h4>Error rates</h4>" in shown
    assert "<i>" not in shown and "&lt;i&gt;" in shown


def test_order_of_rows_does_not_matter():
    same(audit(by_hand()), audit(by_hand().sample(frac=1, random_state=1)))


def test_csv_json_lines_and_parquet_are_the_same(tmp_path):
    frame = planted(models=3, examples=40)
    frame["label"], frame["prediction"] = (frame[name].map("abcd".index) for name in ("label", "prediction"))
    frame["probability_0"] = np.where(frame["prediction"] == 0, 0.75, 0.125)
    for number in (1, 2, 3):
        frame[f"probability_{number}"] = (1 - frame["probability_0"]) / 3
    frame["vip"] = frame["example"].str.endswith("7")
    frame.to_csv(tmp_path / "p.csv", index=False)
    frame.to_parquet(tmp_path / "p.parquet", row_group_size=7)
    frame.to_json(tmp_path / "p.jsonl", orient="records", lines=True)
    whole = audit(frame)
    assert whole.sections[0].ensemble.classes == ("0", "1", "2", "3")
    assert whole.tables["groups"]["value_of_group"].tolist() == ["False", "True"]
    for name in ("p.csv", "p.jsonl", "p.parquet"):
        same(whole, of_files(tmp_path / name))


def test_categories_and_mixed_columns_of_a_frame():
    frame = by_hand()
    same(audit(frame), audit(frame.astype("category")))
    frame["example"] = [int(name[1:]) if name > "e4" else name for name in frame["example"]]
    assert len(audit(frame).tables["systemic_failures"]) == 2


def test_text_that_looks_like_a_date_is_text(tmp_path):
    rows = [
        {"model": m, "example": f"2024-01-0{i}", "label": 1, "prediction": i % 2} for m in "ab" for i in range(1, 5)
    ]
    (tmp_path / "p.jsonl").write_text("\n".join(map(json.dumps, rows)))
    assert of_files(tmp_path / "p.jsonl").tables["systemic_failures"]["example"].tolist() == [
        "2024-01-02",
        "2024-01-04",
    ]


def test_several_files_of_either_form_are_put_together(tmp_path):
    frame = by_hand().drop(columns="company")
    frame[frame["model"] == "A"].to_csv(tmp_path / "a.csv", index=False)
    wide(frame[frame["model"] != "A"]).to_parquet(tmp_path / "bc.parquet")
    same(audit(frame), of_files(tmp_path / "a.csv", tmp_path / "bc.parquet"))


def test_a_group_column_that_only_one_file_has(tmp_path):
    frame = by_hand().drop(columns="company")
    frame[frame["model"] == "A"].to_csv(tmp_path / "a.csv", index=False)
    frame[frame["model"] != "A"].drop(columns="sex").to_csv(tmp_path / "bc.csv", index=False)
    same(audit(frame), of_files(tmp_path / "a.csv", tmp_path / "bc.csv"))


def test_names_with_dots_are_not_mixed_up_in_parquet(tmp_path):
    frame = wide(by_hand()).rename(columns={"A": "gpt-3", "B": "gpt-3.5", "C": "gpt-3.5.1"})
    frame.to_parquet(tmp_path / "p.parquet")
    rates = of_files(tmp_path / "p.parquet").tables["pairs"]
    assert rates["both_wrong_agreement"].tolist() == pytest.approx([1 / 2, 1, 2 / 3])


def test_an_empty_cell_of_a_wide_table_is_an_example_that_the_model_lacks(tmp_path):
    frame = wide(by_hand())
    frame.loc[frame["example"] == "e3", "A"] = None
    frame.to_csv(tmp_path / "p.csv", index=False)
    found = of_files(tmp_path / "p.csv")
    notes = found.tables["notes"].set_index("what")
    assert notes.loc["model that lacks examples", ["subject", "count"]].tolist() == ["A", 1]
    assert "e3" in notes.loc["model that lacks examples", "detail"]
    assert notes.loc["examples excluded for all models", "count"] == 1
    assert found.tables["error_rates"]["examples"].tolist() == [7, 7, 7]
    long = by_hand()
    lacking = audit(long[~((long["model"] == "A") & (long["example"] == "e3"))].drop(columns="company"))
    same(found, lacking)


def test_groups_of_a_wide_table(tmp_path, capsys):
    frame = wide(by_hand()).assign(sex=list("xyxyxyxy"))  # values that are labels too
    frame["age"] = list("xqxqxqxq")
    frame.to_csv(tmp_path / "p.csv", index=False)
    assert main([str(tmp_path / "p.csv"), "--out", str(tmp_path / "out")]) == 2
    said = capsys.readouterr().err
    assert "column age holds labels (x) and other values (q)" in said and "--groups" in said
    found = audit(frame, groups=["sex", "age"])
    assert found.sections[0].ensemble.models == ("A", "B", "C")
    assert set(found.tables["groups"]["group"]) == {"sex", "age"}
    with pytest.raises(ValueError, match=r"groups region: no such column; valid: sex, A, B, C"):
        audit(wide(by_hand()), groups=["region"])


def test_the_module_is_called_like_the_function():
    module = sys.modules["homog.audit"]
    same(module(by_hand()), audit(by_hand()))  # pyright: ignore[reportCallIssue]


def test_a_source_reads_the_columns_of_a_frame_by_position():
    frame = by_hand().rename(columns={"sex": 7})
    assert "7" in of_frame(frame).columns
    assert audit(frame).tables["groups"]["group"].unique().tolist() == ["7"]
