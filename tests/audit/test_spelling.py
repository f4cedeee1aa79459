"""One value in several spellings is read rightly, or refused in a line: files as people bring them."""

import unicodedata

import numpy as np
import pandas as pd
import pytest

from homog.audit import audit
from homog.audit.choices import AuditError, Settings
from homog.audit.column_sources import source
from homog.audit.report import caveats
from homog.audit.tables import audited

FLOATS = "model,example,label,prediction\na,1,1,1.0\na,2,0,0.0\nb,1,1,1.0\nb,2,0,1.0\n"
CAPITALS = "example,label,a,b,c\n1,yes,yes,Yes,no\n2,no,no,No,no\n3,yes,no,Yes,yes\n"
INDEX = ",model,example,label,prediction\n0,a,1,1,1\n1,a,2,0,1\n2,b,1,1,0\n3,b,2,0,0\n"
INDEX_WIDE = ",example,label,a,b\n0,e1,1,1,0\n1,e2,0,0,0\n2,e3,1,1,1\n"
FALLBACK = (
    "model,example,label,prediction\na,1,A,A\na,2,B,[invalid]\na,3,C,C\na,4,D,B\nb,1,A,A\nb,2,B,B\nb,3,C,D\n"
    "b,4,D,[invalid]\n"
)
CALLED_NA = "model,example,label,prediction\na,1,NA,NA\na,2,X,NA\nb,1,NA,X\nb,2,X,X\n"


def read(tmp_path, text, **settings):
    path = tmp_path / "given.csv"
    path.write_text(text)
    return audited([source(path)], Settings(resamples=50, **settings))


def errors(found):
    return found.tables["error_rates"].set_index("model")["value"].to_dict()


def notes(found, what):
    rows = found.tables["notes"]
    return rows[rows["what"] == what]


@pytest.mark.parametrize(
    ("text", "right"),
    [
        (FLOATS, {"a": 0, "b": 0.5}),
        (CAPITALS, {"a": 1 / 3, "b": 0, "c": 1 / 3}),
        (INDEX, {"a": 0.5, "b": 0.5}),
        (INDEX_WIDE, {"a": 0, "b": 1 / 3}),
        (FALLBACK, {"a": 0.5, "b": 0.5}),
        (CALLED_NA, {"a": 0.5, "b": 0.5}),
    ],
    ids=["floats", "capitals", "index", "index wide", "fallback", "called NA"],
)
def test_what_people_bring_is_read_rightly(text, right, tmp_path):
    assert errors(read(tmp_path, text)) == pytest.approx(right)


def test_whole_floats_are_integers_in_every_kind_of_file(tmp_path):
    frame = pd.DataFrame(
        {"model": list("aabb"), "example": [1, 2, 1, 2], "label": [1, 0, 1, 0], "prediction": [1.0, 0.0, 1.0, 1.0]}
    )
    frame.to_parquet(tmp_path / "p.parquet")
    frame.to_json(tmp_path / "p.jsonl", orient="records", lines=True)
    for name in ("p.parquet", "p.jsonl"):
        assert errors(audited([source(tmp_path / name)], Settings(resamples=50))) == {"a": 0, "b": 0.5}


def test_another_spelling_is_said(tmp_path):
    (row,) = notes(read(tmp_path, CAPITALS), "answers spelled otherwise").itertuples()
    assert (row.subject, row.detail) == ("b", "read No as no, Yes as yes") and row[3] == 3  # `count` is a tuple's own


@pytest.mark.parametrize("spelled", ["yes ", " YES", "Yes", unicodedata.normalize("NFD", "yés")])
def test_blanks_case_and_form_do_not_make_a_model_wrong(spelled, tmp_path):
    right = unicodedata.normalize("NFC", spelled.strip().lower())
    rows = [f"{m},{e},{right if e % 2 else 'no'},{spelled if e % 2 else 'no'}" for m in "ab" for e in range(6)]
    found = read(tmp_path, "\n".join(["model,example,label,prediction", *rows]))
    assert errors(found) == {"a": 0, "b": 0}


def test_leading_zeros_of_a_code_are_said(tmp_path):
    found = read(tmp_path, "model,example,label,prediction\na,1,01,1\na,2,02,2\nb,1,01,01\nb,2,02,01\n")
    assert errors(found) == {"a": 0, "b": 0.5}
    assert notes(found, "answers spelled otherwise")["subject"].tolist() == ["a"]


def test_two_labels_that_are_alike_are_refused(tmp_path):
    text = "model,example,label,prediction\na,1,yes,yes\na,2,Yes,yes\nb,1,yes,no\nb,2,Yes,yes\n"
    with pytest.raises(AuditError, match=r"labels 'Yes' \(.*row 2\) and 'yes' \(.*row 1\): one class or two\?"):
        read(tmp_path, text)


def test_answers_in_another_code_are_refused(tmp_path):
    text = "model,example,label,prediction\na,1,1,yes\na,2,0,no\nb,1,1,1\nb,2,0,1\n"
    with pytest.raises(AuditError, match=r"model a: none of its 2 answers \(no, yes\) is ever a label \(0, 1\)"):
        read(tmp_path, text)


def test_a_model_that_never_answers_is_wrong_and_not_refused(tmp_path):
    text = "model,example,label,prediction\na,1,1,[invalid]\na,2,0,[invalid]\nb,1,1,1\nb,2,0,1\n"
    assert errors(read(tmp_path, text)) == {"a": 1, "b": 0.5}


@pytest.mark.parametrize("options", [None, 4])
def test_what_is_no_answer_is_no_option(options, tmp_path):
    found = read(tmp_path, FALLBACK, options=options)
    assert found.sections[0].ensemble.options == 4
    (row,) = notes(found, "predictions that are never a label").itertuples()
    assert "[invalid]" in row.detail


def test_missing_words_are_missing_where_no_class_is_called_so(tmp_path):
    text = "model,example,label,prediction,sex\na,1,x,NA,f\na,2,y,y,NA\nb,1,x,x,f\nb,2,y,x,NA\n"
    with pytest.raises(AuditError, match="column prediction: 1 missing value"):
        read(tmp_path, text)
    found = read(tmp_path, text.replace("x,NA,f", "x,x,f"))
    assert found.tables["groups"]["value_of_group"].tolist() == ["(missing)", "f"]


def test_ids_that_are_alike_are_said(tmp_path):
    text = "model,example,label,prediction\na,001,x,x\na,2,y,y\nb,1,x,x\nb,2,y,x\n"
    found = read(tmp_path, text)
    (row,) = notes(found, "examples whose ids are alike").itertuples()
    assert row[3] == 1 and "001 and 1" in row.detail


def test_predictions_beside_their_probabilities_are_counted(tmp_path):
    text = "model,example,label,prediction,probability_x,probability_y\n"
    text += "a,1,x,x,0.9,0.1\na,2,y,x,0.2,0.8\nb,1,x,y,0.6,0.4\nb,2,y,y,0.5,0.5\n"
    (row,) = notes(read(tmp_path, text), "predictions beside their probabilities").itertuples()
    assert row[3] == 2 and "model a, example 2" in row.detail


def test_line_breaks_in_quotes_are_read_in_files_of_any_size(tmp_path):
    rng, n, path = np.random.default_rng(0), 90_000, tmp_path / "big.csv"
    label = rng.integers(0, 2, n)
    text = np.array([f'He said "{i}",\nthen left the room and the house, {"x" * 90}.\nNext.' for i in range(n)], object)
    parts = [
        pd.DataFrame({"model": m, "example": np.arange(n), "label": label, "prediction": label, "text": text})
        for m in "ab"
    ]
    pd.concat(parts).to_csv(path, index=False)
    assert path.stat().st_size > 2**24
    found = source(path)
    assert found.rows == 2 * n


def test_exclusions_are_the_first_note():
    rng, frames = np.random.default_rng(0), []
    truth = rng.integers(1, 2000, 200)
    for m in range(4):
        right = rng.random(200) < 0.5
        given = np.where(right, truth, rng.integers(10_000, 20_000, 200))
        frames.append(pd.DataFrame({"model": f"m{m}", "example": range(200), "label": truth, "prediction": given}))
    frames[0] = frames[0].iloc[:150]
    found = audit(pd.concat(frames), resamples=50)
    table = found.tables["notes"]
    assert table["what"].iloc[0] == "examples excluded for all models" and table["count"].iloc[0] == 50
    assert len(table) < 6 and caveats(found)[0].startswith("50 examples excluded for all models: 150 of 200")
