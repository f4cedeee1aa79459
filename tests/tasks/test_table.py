"""A user's own table as a task: read rightly from any kind of file, or refused in one line that names rows."""

import dataclasses
import json

import datasets
import numpy as np
import pandas as pd
import pytest

from homog.config import ConfigError, content_id
from homog.contracts import rules
from homog.tasks.table import Table
from homog.variants import variant

N = 60
TEXTS = [f"The {'good' if i % 2 else 'bad'} thing number {i}." for i in range(N)]
LABELS = ["yes" if i % 2 else "no" for i in range(N)]


def frame(**columns):
    return pd.DataFrame({"text": TEXTS, "label": LABELS, **columns})


def written(rows, tmp_path, name="t.csv"):
    path = tmp_path / name
    writers = {"csv": rows.to_csv, "parquet": rows.to_parquet}
    if path.suffix == ".jsonl":
        rows.to_json(path, orient="records", lines=True)
    elif path.suffix == ".tsv":
        rows.to_csv(path, sep="\t", index=False)
    else:
        writers[path.suffix[1:]](path, index=False)
    return path


def table(path, **fields) -> Table:
    return variant("task", "csv", path=str(path), **fields)


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.parquet", "t.jsonl"])
@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (LABELS, ("no", "yes")),
        ([i % 2 for i in range(N)], ("0", "1")),
        ([float(i % 2) for i in range(N)], ("0", "1")),
        ([(2, 10)[i % 2] for i in range(N)], ("2", "10")),
        ([("NA", "null")[i % 2] for i in range(N)], ("NA", "null")),
        ([bool(i % 2) for i in range(N)], None),
    ],
)
def test_every_kind_of_file_gives_the_same_task(name, labels, names, tmp_path):
    kind = table(written(frame(label=labels), tmp_path, name))
    rules.loads_whole_examples(kind)
    rules.keeps_test_examples_apart(kind)
    rules.is_a_frozen_value(kind, "csv")
    task = kind.load()
    assert names is None or task.label_names == names
    for part in (task.train, task.test):
        assert [("good" in text) for text in part["input"]] == (part["label"] == 1).tolist()
    assert (len(task.train), len(task.test)) == (40, 20)


def test_the_id_follows_the_content_and_not_the_place(tmp_path):
    path = written(frame(), tmp_path)
    first, elsewhere = content_id(table(path)), tmp_path / "moved.csv"
    elsewhere.write_bytes(path.read_bytes())
    assert content_id(table(elsewhere)) == first
    shuffled = frame(label=np.random.default_rng(0).permutation(LABELS))
    assert content_id(table(written(shuffled, tmp_path))) != first
    assert content_id(table(elsewhere, label="text")) != first


def test_persons_stay_on_one_side_and_groups_are_columns(tmp_path):
    who, tone = [f"p{i // 4}" for i in range(N)], ["a" if i % 3 else "" for i in range(N)]
    path = written(frame(who=who, tone=tone), tmp_path)
    task = table(path, person="who", groups=("tone",), unfavourable="no").load()
    assert not set(task.train["person"]) & set(task.test["person"])
    assert set(task.test["tone"]) == {"a", "not stated"} and task.unfavourable == 0


def test_a_split_of_ones_own_is_kept_and_shares_no_text(tmp_path):
    path = written(frame(), tmp_path)
    other = frame(text=[TEXTS[0], *(f"{text} Again." for text in TEXTS[1:])])
    kind = table(path, test=str(written(other, tmp_path, "test.csv")))
    rules.keeps_test_examples_apart(kind)
    task = kind.load()
    assert (len(task.train), len(task.test)) == (N - 1, N)  # the text of both is in the test alone
    assert sorted(task.test["input"]) == sorted(other["text"])
    changed = content_id(kind)
    written(other.iloc[::-1], tmp_path, "test.csv")
    assert content_id(kind) != changed


def test_a_folder_of_datasets_brings_its_splits_and_names(tmp_path):
    features = datasets.Features(
        {"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["sad", "glad"])}
    )
    rows = frame(label=[i % 2 for i in range(N)])
    parts = {
        name: datasets.Dataset.from_pandas(rows.assign(text=rows["text"] + name), features=features)
        for name in ("train", "validation")
    }
    datasets.DatasetDict(**parts).save_to_disk(str(tmp_path / "d"))
    kind = table(tmp_path / "d", test="validation")
    task = kind.load()
    assert task.label_names == ("sad", "glad") and len(task.test) == N
    assert all(text.endswith("validation") for text in task.test["input"])
    with pytest.raises(ConfigError, match="unknown split of .* 'tset': .*valid: train, validation"):
        table(tmp_path / "d", test="tset").load()


DEFORMED = {
    "text": ([None, *TEXTS[1:]], LABELS, "column text of task.path=.*: row 1 has no text"),
    "label": (TEXTS, [*LABELS[:-2], None, " "], "column label .*: each of rows 59, 60 has no label"),
    "decimals": (TEXTS, [i / 7 for i in range(N)], "row(s)? 2, 3, 4, ... is a number with decimals"),
    "lists": (TEXTS, [[i % 2, 2] for i in range(N)], "holds several labels: homog's tasks have one class"),
    "tokens": ([text.split() for text in TEXTS], LABELS, "is no text: join tokens"),
    "numbers": (list(range(N)), LABELS, "is no text"),
    "unknown": (TEXTS, [i % 2 - 1 for i in range(N)], "is below 0, which data sets write where a label is not known"),
    "one class": (TEXTS, ["yes"] * N, "every row has the class 'yes'; a task needs two classes"),
    "ids": (TEXTS, [f"c{i}" for i in range(N)], "60 classes in 60 rows; valid: at most 100"),
    "spelling": (TEXTS, ["Yes", *LABELS[1:]], "'Yes' and 'yes' differ in spelling alone"),
    "few": (TEXTS[:10], LABELS[:10], r"[0-9]+ different texts to (train|test) on, at least"),
    "the same": (["good"] * 30 + ["bad"] * 30, LABELS, "different texts to (train|test) on, at least"),
}


@pytest.mark.parametrize("name", DEFORMED)
@pytest.mark.parametrize("kind", ["t.parquet", "t.jsonl"])
def test_deformed_tables_are_refused_in_one_line(name, kind, tmp_path):
    texts, labels, said = DEFORMED[name]
    path = written(pd.DataFrame({"text": texts, "label": labels}), tmp_path, kind)
    with pytest.raises(ConfigError, match=said) as refused:
        table(path).check()
    assert "\n" not in str(refused.value) and len(str(refused.value)) < 400


@pytest.mark.parametrize("name", ["text", "label", "decimals", "unknown", "one class", "ids", "spelling", "few"])
def test_and_so_are_deformed_csv_files(name, tmp_path):
    texts, labels, said = DEFORMED[name]
    with pytest.raises(ConfigError, match=said):
        table(written(pd.DataFrame({"text": texts, "label": labels}), tmp_path)).check()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.csv", None, "there is no such file"),
        ("t.xlsx", b"PK", "not a file, a folder of datasets|unknown kind of file '.xlsx'"),
        ("t.parquet", b"PAR1", "not a table"),
        ("t.jsonl", b"{", "not a table"),
        ("t.csv", b"", "not a table"),
        ("t.csv", b"\xff\xfe\x00\x01", "not a table"),
        ("t.csv", b"text,lable\na,b\n", "unknown column of task.path=.* 'label': did you mean lable"),
        ("t.csv", b'text,label\n"a\nb,1\n', "not a table|no text|at least"),
    ],
)
def test_files_that_are_no_table_are_refused_in_one_line(name, content, said, tmp_path):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        table(tmp_path / name).check()


def test_without_a_table_it_says_how_to_name_one():
    with pytest.raises(ConfigError, match="task csv has no table: task.path=<file"):
        variant("task", "csv").check()


def test_fields_are_those_of_the_yaml():
    usual = variant("task", "csv")
    assert {field.name for field in dataclasses.fields(usual)} == set(json.loads(json.dumps(dataclasses.asdict(usual))))
