"""Result files of other suites: small ones by hand, in the form that each writes."""

import json
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from homog.audit import audit, suite_files
from homog.audit.__main__ import main
from homog.audit.choices import AuditError, Settings
from homog.audit.column_sources import READERS
from homog.audit.suites import sources
from homog.audit.tables import audited

TIME = "2026-01-02T03-04-05.678901"


def rows(*paths):
    """(rows as tuples of model, task, example, label, prediction, notes) of what is read."""
    notes = []
    tables = [table for path in paths for table in sources(path, notes)]
    names = ("model", "task", "example", "label", "prediction")
    read = [zip(*(pa.chunked_array(list(t.read(n))).to_pylist() for n in names), strict=True) for t in tables]
    return [row for part in read for row in part], notes


def write(path, *values):
    """JSON lines, or one JSON value."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = path.suffix == ".jsonl"
    path.write_text("".join(json.dumps(value) + "\n" for value in values) if lines else json.dumps(values[0]))
    return path


def choice(doc, target, scores, texts=("no", "yes"), **facts):
    arguments = {f"gen_args_{i}": {"arg_0": "Q", "arg_1": f" {text}"} for i, text in enumerate(texts)}
    answer = [[str(score), "False"] for score in scores]
    return {
        "doc_id": doc,
        "doc": {"question": "Q"},
        "target": target,
        "arguments": arguments,
        "resps": [[a] for a in answer],
        "filtered_resps": answer,
        "filter": "none",
    } | facts


def said(doc, target, answer, how, right):
    return {"doc_id": doc, "target": target, "filtered_resps": [answer], "filter": how, "exact_match": right}


def lm_eval(folder, name="org/model-a", flip=False):
    write(folder / f"results_{TIME}.json", {"config": {"model": "hf", "model_args": f"pretrained={name},dtype=float"}})
    lines = [choice(i, i % 2, [-1.0, -2.0] if (i % 2 == 0) != (flip and i < 2) else [-2.5, -0.5]) for i in range(6)]
    return write(folder / f"samples_boolq_{TIME}.jsonl", *lines)


def test_lm_eval_choices_and_the_name_of_the_model(tmp_path):
    read, notes = rows(lm_eval(tmp_path / "a", flip=True))
    assert read[0] == ("org/model-a", "boolq", "0", "0", "1") and read[2] == ("org/model-a", "boolq", "2", "0", "0")
    assert len(read) == 6 and not notes
    text = write(tmp_path / "b" / f"samples_x_{TIME}.jsonl", choice(0, "yes", [-9, -1]), choice(1, " no", [-9, -1]))
    assert [row[3:] for row in rows(text)[0]] == [("1", "1"), ("0", "1")]  # a target in words is its place
    assert rows(text)[0][0][0] == "b"  # without results the folder names the model
    several = write(tmp_path / "c" / f"samples_x_{TIME}.jsonl", choice(0, [0, 1], [-9, -1], acc=1.0))
    assert rows(several)[0][0][3:] == ("0 | 1", "0 | 1")


def test_lm_eval_reads_one_filter_and_what_the_suite_judged(tmp_path):
    lines = [said(0, "42", "42.", "strict", 0), said(0, "42", "42", "flexible", 1), said(1, "7", "7", "strict", 1.0)]
    lines += [said(2, "Paris", "paris", "strict", 0), said(3, "Rome", "", "strict", 0)]
    read, notes = rows(write(tmp_path / f"samples_gsm8k_{TIME}.jsonl", *lines))
    assert [row[4] for row in read] == ["42.", "7", "paris (judged wrong)", "[empty]"]
    assert notes[0]["what"] == "ignored filter" and notes[0]["detail"] == "strict is read, not flexible"


def test_a_folder_of_several_models_is_read_and_of_two_runs_the_later_one(tmp_path):
    lm_eval(tmp_path / "one")
    lm_eval(tmp_path / "two", "org/model-b", flip=True)
    old = f"samples_boolq_{TIME.replace('2026', '2025')}.jsonl"
    write(tmp_path / "two" / old, *[choice(i, 0, [-1, -2]) for i in range(6)])
    read, notes = rows(tmp_path)
    assert [row[0] for row in read] == ["org/model-a"] * 6 + ["org/model-b"] * 6
    assert [note["what"] for note in notes] == ["ignored file"]
    assert main([str(tmp_path), "--out", str(tmp_path / "report"), "--resamples", "50"]) == 0
    assert "org/model-b" in (tmp_path / "report" / "report.md").read_text()


def helm(folder, shown=True):
    write(folder / "run_spec.json", {"name": "boolq:model=org_m", "adapter_spec": {"model": "org/m"}})
    references = [{"output": {"text": t}, "tags": ["correct"] if t == "Yes" else []} for t in ("Yes", "No")]
    known = [{"id": f"id{i}", "input": {"text": "Q"}, "references": references} for i in range(3)]
    write(folder / "instances.json", [*known, known[0] | {"perturbation": {"name": "typos"}}])
    answers = [" Yes", "No", "maybe"]
    stats = [{"exact_match": 1.0}, {"exact_match": 0.0}, {"exact_match": 0.0}]
    told = [
        {"instance_id": f"id{i}", "predicted_text": a, "train_trial_index": 0, "stats": s}
        for i, (a, s) in reversed(list(enumerate(zip(answers, stats, strict=True))))
    ]
    perturbed = {**told[0], "perturbation": {"name": "typos"}}
    if shown:
        write(folder / "display_predictions.json", [*told, perturbed, {**told[0], "train_trial_index": 1}])
    scored = [
        {
            "instance_id": row["instance_id"],
            "train_trial_index": 0,
            "stats": [{"name": {"name": "exact_match"}, "mean": row["stats"]["exact_match"]}],
        }
        for row in told
    ]
    write(folder / "per_instance_stats.json", scored)
    return folder / "run_spec.json"


def test_helm_is_joined_by_id_without_perturbations_and_further_trials(tmp_path):
    read, _ = rows(helm(tmp_path / "run"))
    assert sorted(row[2:] for row in read) == [("id0", "Yes", "Yes"), ("id1", "Yes", "No"), ("id2", "Yes", "maybe")]
    assert {row[:2] for row in read} == {("org/m", "boolq")}
    alone, _ = rows(helm(tmp_path / "alone", shown=False))  # statistics say who is right, not what was answered
    assert sorted(row[4] for row in alone) == ["Yes", "wrong", "wrong"]
    (tmp_path / "run" / "instances.json").unlink()
    with pytest.raises(AuditError, match="instances.json is missing from this HELM run"):
        rows(tmp_path / "run" / "run_spec.json")


def samples():
    scores = {"match": {"value": "C", "answer": "a"}}, {"match": {"value": "I", "answer": "b"}}, {}
    told = [
        {"id": i, "epoch": 1, "target": "a", "output": {"completion": "x"}, "scores": score}
        for i, score in enumerate(scores)
    ]
    return [*told, told[1] | {"epoch": 2}]


ABOUT = {"eval": {"model": "openai/m", "task": "arc"}}


def test_inspect_as_json_and_as_a_zip(tmp_path):
    log = write(tmp_path / "log.json", {"version": 2, **ABOUT, "samples": samples()})
    read, notes = rows(log)
    assert read == [("openai/m", "arc", "0", "a", "a"), ("openai/m", "arc", "1", "a", "b")]
    assert [note["what"] for note in notes] == ["ignored epochs", "model that lacks examples"]
    zipped = tmp_path / "log.eval"
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.writestr("header.json", json.dumps(ABOUT))
        for sample in samples():
            archive.writestr(f"samples/{sample['id']}_epoch_{sample['epoch']}.json", json.dumps(sample))
    assert sorted(rows(zipped)[0]) == read


def test_a_member_that_zstandard_compressed_is_read(tmp_path):
    content = json.dumps(ABOUT).encode()
    packed, path = zstandard.ZstdCompressor().compress(content), tmp_path / "x.eval"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("header.json", packed)
    with zipfile.ZipFile(path) as archive:
        (info,) = archive.infolist()
        info.compress_type = 93  # as Inspect writes it; Python's own zipfile cannot
        assert suite_files._member(archive, info, path) == content


def test_lighteval_by_choices_and_by_text(tmp_path):
    folder = tmp_path / "details" / "org" / "m" / TIME
    folder.mkdir(parents=True)
    doc = {"query": "Q", "choices": ["no", "yes"], "gold_index": [1]}
    told = [{"logprobs": [-1.0, -2.0], "text": []}, {"logprobs": [-3.0, -2.0], "text": []}]
    table = {"doc": [doc, doc], "model_response": told, "metric": [{"acc": 0}, {"acc": 1}]}
    pq.write_table(pa.table(table), folder / f"details_boolq|0_{TIME}.parquet")
    read, _ = rows(tmp_path)
    assert read == [("org/m", "boolq|0", "0", "1", "0"), ("org/m", "boolq|0", "1", "1", "1")]
    free = {"doc": [{"choices": ["4"], "gold_index": 0}], "model_response": [{"text": ["5"]}], "metric": [{"em": 0.0}]}
    pq.write_table(pa.table(free), folder / f"details_gsm_{TIME}.parquet")
    assert rows(folder / f"details_gsm_{TIME}.parquet")[0] == [("org/m", "gsm", "0", "4", "5")]


def eee(model, right, **metadata):
    return [
        {
            "schema_version": "instance_level_eval_0.2.1",
            "evaluation_id": "e",
            "model_id": model,
            "evaluation_name": "boolq",
            "sample_id": f"s{i}",
            "interaction_type": "single_turn",
            "input": {"raw": "Q", "reference": ["yes"]},
            "output": {"raw": ["so yes" if ok else "no"]},
            "answer_attribution": [
                {
                    "turn_idx": 0,
                    "source": "output.raw",
                    "extracted_value": "yes" if ok else "no",
                    "extraction_method": "regex",
                    "is_terminal": True,
                }
            ],
            "evaluation": {"score": float(ok), "is_correct": ok},
            "metadata": metadata,
        }
        for i, ok in enumerate(right)
    ]


def test_every_eval_ever_with_the_parent_model_as_an_attribute(tmp_path):
    rng = np.random.default_rng(0)
    hard = rng.random(80) < 0.4
    for model, parent in (("a1", "a"), ("a2", "a"), ("b1", "b"), ("b2", "b")):
        right = ~hard if parent == "a" else rng.random(80) < 0.6
        write(tmp_path / f"{model}.jsonl", *eee(model, list(map(bool, right)), base_model=parent, subject="x"))
    read, notes = rows(tmp_path)
    assert len(read) == 320 and not notes and {row[3] for row in read} == {"yes"}
    tables = audited(sources(tmp_path, []), Settings(resamples=50)).tables
    assert set(tables["ladder"]["shared"]) == {"base_model"} and (tables["ladder"]["difference_low"] > 0).all()


def test_a_table_of_what_is_right_alone(tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        [{"model": m, "example": i, "correct": int(rng.random() < 0.7)} for m in ("a", "b") for i in range(40)]
    )
    direct = audit(frame, resamples=50)
    errors = dict(zip(*(direct.tables["error_rates"][name] for name in ("model", "value")), strict=True))
    wrong = {model: 1 - frame.loc[frame["model"] == model, "correct"].mean() for model in "ab"}
    assert errors == pytest.approx(wrong)
    assert "only correctness is known" in set(direct.tables["notes"]["what"])
    for suffix, save in ((".csv", frame.to_csv), (".parquet", frame.to_parquet)):
        save(tmp_path / f"t{suffix}", index=False)
        read, _ = rows_of(tmp_path / f"t{suffix}")
        assert read == [("right", "right" if ok else "wrong") for ok in frame["correct"]]
    with pytest.raises(AuditError, match="column correct holds 0.5"):
        audit(frame.assign(correct=0.5))


def rows_of(path):
    (table,) = sources(path, [])
    columns = [pa.chunked_array(list(table.read(name))).to_pylist() for name in ("label", "prediction")]
    return list(zip(*columns, strict=True)), table


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("samples_x.jsonl", '{"doc_id": 1, "filtered_resps": []}\n{"doc_id": 2}\n'),
        ("samples_x.jsonl", '{"doc_id": 1, "filtered_resps": [["a", 1]], "target": 0}\n'),
        ("log.json", '{"version": 2, "eval": {"model": "m"}, "samples": []}'),
        ("log.eval", "no zip"),
        ("x.jsonl", '{"sample_id": 1, "evaluation": 2, "input": 3}\n'),
    ],
)
def test_what_a_suite_would_not_have_written_is_one_line(name, content, tmp_path, capsys):
    path = tmp_path / name
    path.write_text(content)
    assert main([str(path), "--out", str(tmp_path / "out")]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert str(path) in line


def test_a_folder_without_any_and_tables_as_before(tmp_path, capsys):
    assert main([str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert "no result files in this folder; valid: of lm-evaluation-harness" in capsys.readouterr().err
    for suffix in READERS:
        assert suffix in (".csv", ".jsonl", ".ndjson", ".parquet")
