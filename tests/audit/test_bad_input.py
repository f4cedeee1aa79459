"""Bad input is one clear line, or a listed exclusion."""

import numpy as np
import pandas as pd
import pytest

from homog.audit import audit
from homog.audit.__main__ import main
from homog.audit.choices import AuditError
from tests.audit.data import by_hand, planted, wide


def refused(frame, message, **options):
    with pytest.raises(AuditError, match=message) as error:
        audit(frame, **options)
    assert "\n" not in str(error.value)


def noted(found, what):
    rows = found.tables["notes"][found.tables["notes"]["what"] == what]
    assert len(rows) == 1, found.tables["notes"]
    return rows.iloc[0]


def run(capsys, *arguments):
    """What the command says when it refuses."""
    assert main([str(argument) for argument in arguments]) == 2
    said = capsys.readouterr()
    assert said.out == "" and said.err.count("\n") == 1 and said.err.startswith("homog: error: ")
    return said.err


@pytest.mark.parametrize("column", ["model", "example", "label", "prediction"])
def test_missing_values_are_named_and_counted(tmp_path, capsys, column):
    frame = by_hand()
    frame.loc[[3, 9], column] = None
    refused(frame, rf"column {column}: 2 missing values \(first: the frame row 4\)")
    frame.to_csv(tmp_path / "p.csv", index=False)
    said = run(capsys, tmp_path / "p.csv", "--out", tmp_path / "out")
    assert f"column {column}: 2 missing values (first: {tmp_path / 'p.csv'} row 4)" in said
    assert not (tmp_path / "out").exists()


def test_missing_values_of_a_group_are_a_group():
    frame = by_hand()
    frame.loc[frame["example"] == "e8", "sex"] = None
    found = audit(frame)
    assert found.tables["groups"]["value_of_group"].tolist() == ["(missing)", "f", "m"]
    assert noted(found, "examples without a group")["count"] == 1


def test_missing_attributes_are_named():
    frame = by_hand()
    frame.loc[frame["model"] == "B", "company"] = None
    refused(frame, "attribute company: no value for B; valid: one for each model, or --ignore company")
    assert "same_company" not in audit(frame, ignore=["company"]).tables["pairs"]


def test_a_model_that_lacks_examples_is_named_and_counted():
    frame = by_hand()
    lacks = (frame["model"] == "B") & frame["example"].isin(["e1", "e7"])
    found = audit(frame[~lacks])
    row = noted(found, "model that lacks examples")
    assert (row["subject"], row["count"], row["detail"]) == ("B", 2, "of 8: e1, e7")
    assert "6 of 8" in noted(found, "examples excluded for all models")["detail"]
    assert found.tables["error_rates"]["examples"].tolist() == [6, 6, 6]
    assert found.tables["lacking"].values.tolist() == [["e1", 1], ["e7", 1]]


def test_no_examples_in_common():
    frame = by_hand()
    apart = frame[(frame["model"] == "A") == (frame["example"] > "e2")]
    refused(apart, r"no example is answered by all 3 models \(B has 2, C has 2, A has 6 of 8\)")
    found = audit(apart, pairwise_complete=True)
    assert found.tables["pairs"]["examples"].tolist() == [0, 0, 2]
    assert found.tables["pairs"]["error_consistency"].isna().tolist()[:2] == [True, True]
    assert noted(found, "no measure of joint failure")["detail"] == "no example is answered by every model"
    assert found.sections[0].market.reason


@pytest.mark.parametrize("bad", [0.5, -0.2])
def test_probabilities_that_do_not_sum_to_one_name_the_rows(bad):
    frame = by_hand()
    frame["probability_x"], frame["probability_y"], frame["probability_z"] = 0.2, 0.3, 0.5
    frame.loc[9, "probability_y"] = bad
    refused(frame, r"probabilities of 1 row do not sum to 1 or are below 0 \(model B, example e2: ")
    frame.loc[9, "probability_y"] = np.nan
    refused(frame, r"column probability_y: 1 missing value \(first: model B, example e2\)")
    refused(frame.drop(columns="probability_y"), "label y has no column probability_y; valid: x, z")
    refused(frame.assign(probability_y="much"), "column probability_y holds text; valid: numbers from 0 to 1")


def test_duplicated_rows_are_dropped_and_listed():
    frame = by_hand()
    twice = pd.concat([frame, frame.iloc[[2, 3]], frame.iloc[[2]]])
    found = audit(twice)
    row = noted(found, "duplicate rows")
    assert row["count"] == 3 and "model A, example e3; model A, example e4" in row["detail"]
    pd.testing.assert_frame_equal(found.tables["measures"], audit(frame).tables["measures"])


def test_conflicting_rows_are_refused():
    frame = by_hand()
    other = frame.iloc[[2]].assign(prediction="y")
    refused(pd.concat([frame, other]), r"several rows with different predictions \(first: model A, example e3\)")
    wrong = frame.copy()
    wrong.loc[12, "label"] = "z"
    refused(wrong, r"1 example has several labels \(e5; e5 has y, z\)")
    soft = frame.assign(probability_x=0.2, probability_y=0.3, probability_z=0.5)
    other = soft.iloc[[2]].assign(probability_x=0.3, probability_y=0.2)
    refused(pd.concat([soft, other]), r"several rows with different probability_x \(first: model A, example e3\)")
    refused(frame.assign(person=frame["model"]), "person is not the same in all rows of an example")


def test_a_prediction_that_is_never_a_label_is_allowed_and_listed():
    frame = by_hand()
    frame.loc[0, "prediction"] = "unsure"
    found = audit(frame)
    row = noted(found, "predictions that are never a label")
    assert row["count"] == 1 and row["detail"] == "counted as wrong: unsure"
    assert found.sections[0].ensemble.options == 4
    assert audit(frame, options=3).sections[0].ensemble.options == 3  # as told
    refused(frame, r"options = 2, but there are 3 labels \(x, y, z\)", options=2)


def test_a_column_that_is_neither_group_nor_attribute():
    frame = by_hand().assign(confidence=np.linspace(0, 1, 24))
    refused(frame, "column confidence differs within models and within examples .* or --ignore confidence")
    assert noted(audit(frame, ignore=["confidence"]), "ignored column")["subject"] == "confidence"
    refused(frame, "ignore: there is no column nothing", ignore=["confidence", "nothing"])


def test_a_constant_column_and_a_text_are_listed():
    texts = by_hand()["example"].map({f"e{i}": f"text {i}" for i in range(1, 9)})
    frame = planted(models=3, examples=60)
    frame["text"] = "about " + frame["example"]
    found = audit(frame.assign(year=2024, base_model="one"))
    notes = found.tables["notes"].set_index("subject")
    assert notes.loc["year", "what"] == "constant column"
    assert "nothing here is a control" in notes.loc["base_model", "detail"]
    assert notes.loc["text", "what"] == "column of many values"
    assert found.tables["groups"].empty
    shown = audit(by_hand().assign(text=texts)).tables["systemic_failures"]
    assert shown["text"].tolist() == ["text 1", "text 2"]


def test_one_model_only():
    refused(by_hand("A"), r"one model only \(A\); valid: at least 2")


def test_missing_columns_are_named():
    refused(by_hand().drop(columns="label"), r"the frame: no column label \(it has model, example, prediction, sex")
    refused(by_hand().drop(columns="prediction"), "no column prediction")
    refused(wide(by_hand()).drop(columns="label"), "no column label")
    refused(wide(by_hand())[["example", "label", "sex"]], "no column of a model beside example, label, sex")
    refused(wide(by_hand()).assign(probability_x=1.0), "columns need the long form")
    refused(by_hand().iloc[:0], "the table has no rows")
    refused(by_hand().assign(sex=[["f"]] * 24), "column sex holds lists or objects")
    refused(pd.concat([by_hand(), by_hand()[["sex"]]], axis=1), "column sex is there twice")


def test_attributes_of_a_file():
    frame, known = wide(by_hand()), pd.DataFrame({"model": ["A", "B", "D"], "size": [1, 2, 3]})
    refused(frame, "attributes: no row for model C", attributes=known)
    known = known.replace("D", "C")
    assert audit(frame, attributes=known).tables["error_rates"]["size"].tolist() == ["1", "2", "3"]
    refused(frame, "attributes: model 'A' is there twice", attributes=known.replace("B", "A"))
    refused(frame, "attributes: no size for model B", attributes=known.assign(size=[1, None, 3]))
    refused(frame, "attributes: columns size; valid: model and", attributes=known[["size"]])
    more = pd.concat([known, pd.DataFrame({"model": ["E"], "size": [9]})])
    assert noted(audit(frame, attributes=more), "unused attributes")["subject"] == "E"
    refused(frame, r"base = 'company'; valid: size", attributes=known, base="company")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("p.csv", b"", "not a table"),
        ("p.csv", b"model,example,label,prediction\n", "the table has no rows"),
        ("p.csv", b"a,b\n1,2\n3\n", "not a table (CSV parse error: Row #3: Expected 2 columns, got 1"),
        ("p.csv", bytes(range(256)) * 20, "p.csv: "),
        ("p.csv", b"model,example,label,prediction,label\nm,e,1,1,1\n", "column label is there twice"),
        ("p.jsonl", b"{'model': 1}", "not a table (JSON parse error"),
        ("p.jsonl", b"[1, 2, 3]\n", "not a table"),
        ("p.parquet", b"PAR1 and more that is none", "not a table"),
        ("p.xlsx", b"PK", "unknown kind of file '.xlsx'; valid: .csv, .jsonl, .ndjson, .parquet"),
    ],
)
def test_files_that_are_no_tables(tmp_path, capsys, name, content, message):
    (tmp_path / name).write_bytes(content)
    said = run(capsys, tmp_path / name)
    assert message in said and name in said


def test_the_command_line_is_checked(tmp_path, capsys):
    assert "there is no such file" in run(capsys, tmp_path / "none.csv")
    assert "there is no such file" in run(capsys, tmp_path / "folder.csv")
    assert "name files of predictions, or --records" in run(capsys)
    assert "--records needs --study" in run(capsys, "--records", tmp_path)
    by_hand().to_csv(tmp_path / "p.csv", index=False)
    assert "resamples = 0; valid: at least 1" in run(capsys, tmp_path / "p.csv", "--resamples", 0)
    assert "level = 95.0; valid: above 0" in run(capsys, tmp_path / "p.csv", "--level", 95)
    assert "options = 1; valid" in run(capsys, tmp_path / "p.csv", "--options", 1)
    assert "resamples=many: valid: a whole number" in run(capsys, tmp_path / "p.csv", "--resamples", "many")
    assert "unknown flag 'outt': did you mean out?" in run(capsys, tmp_path / "p.csv", "--outt", "x")
    assert main(["--help"]) == 0
    assert "wide form" in capsys.readouterr().out


def test_a_page_of_parquet_that_is_damaged_is_said_when_it_is_read(tmp_path, capsys):
    path = tmp_path / "p.parquet"
    by_hand().to_parquet(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:4] + b"\xff" * 12 + whole[16:])
    assert main([str(path), f"out={tmp_path}"]) == 2
    assert "p.parquet: not a table" in capsys.readouterr().err
