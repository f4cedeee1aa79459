"""One reader for each kind of result file of other evaluation suites: rows of model, task, example, label, prediction.

What a suite has judged right is right here: such a prediction is the label, and one judged wrong that reads like the
label is marked. Of several filters, trials and epochs the first is read. `notes` says what is not read.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from homog.audit.choices import AuditError, note
from homog.audit.spelling import alike

Row = dict[str, Any]
CHECKED = ("acc", "exact_match", "em", "quasi_exact_match", "acc_norm", "pass@1", "correct", "is_correct")
WRONG = "wrong"  # the answer where only that is known
PARENTS = ("base_model", "parent_model", "organization", "company")  # facts that become attributes of models
STAMP = re.compile(r"_(\d{4}-\d\d-\d\dT[\d.:-]+)$")
MOST = 200  # characters of a free answer


def _lines(path: Path) -> Iterator[Row]:
    with path.open(encoding="utf-8") as file:
        yield from (json.loads(line) for line in file if line.strip())


def judged(label: str, answer: str, right: bool | None) -> str:
    """The prediction: the label where it was judged right, else the answer, never one that reads like the label.

    Where nobody judged (None), it is right if it reads like one of the right answers.
    """
    if right is None:
        right = alike(answer) in map(alike, label.split(" | "))
    if right:
        return label
    answer = " ".join(answer.split())[:MOST] or "[empty]"
    return f"{answer} (judged wrong)" if alike(answer) == alike(label) else answer


def named(targets: Any) -> str:
    """One label of one or several right answers."""
    several = targets if isinstance(targets, (list, tuple)) else [targets]
    return " | ".join(" ".join(str(target).split())[:MOST] for target in several)


def _metric(values: Mapping[str, Any]) -> bool | None:
    """Whether an answer is right by the first of the metrics that count answers; None where there is none."""
    for name in CHECKED:
        for key, value in values.items():
            if key.partition(",")[0].partition("_@")[0] == name and isinstance(value, (bool, int, float)):
                return float(value) >= 1
    return None


def lm_eval(path: Path, notes: list[Row]) -> Iterator[Row]:
    """samples_<task>_<time>.jsonl, the model's name in results_<time>.json beside it."""
    task = STAMP.sub("", path.stem.removeprefix("samples_"))
    model, chosen, others = _lm_eval_model(path), None, set()
    for line in _lines(path):
        chosen = chosen or line.get("filter", "none")
        if line.get("filter", "none") != chosen:
            others.add(line["filter"])
            continue
        yield {"model": model, "task": task, "example": str(line["doc_id"]), **_lm_eval_answer(line)}
    if others:
        notes.append(
            note("ignored filter", f"{model} {task}", len(others), f"{chosen} is read, not {named([*others])}")
        )


def _lm_eval_answer(line: Row) -> Row:
    answer, right = line["filtered_resps"], _metric(line)
    if answer and isinstance(answer[0], (list, tuple)):  # (log-likelihood, whether it is the greedy one) of each choice
        choice = max(range(len(answer)), key=lambda i: float(answer[i][0]))
        texts = [str(asked.get("arg_1", "")).strip() for asked in dict(line.get("arguments") or {}).values()]
        target = line["target"]
        several = target if isinstance(target, list) else [target]
        places = [texts.index(str(t).strip()) if str(t).strip() in texts else t for t in several]
        label = named(places)
        right = str(choice) in map(str, places) if right is None else right
        return {"label": label, "prediction": judged(label, str(choice), right)}
    told, label = str(answer[0] if answer else ""), named(line["target"])
    return {"label": label, "prediction": judged(label, told, right)}


def _lm_eval_model(path: Path) -> str:
    stamp = STAMP.search(path.stem)
    beside = sorted(path.parent.glob("results_*.json"))
    same = [found for found in beside if stamp and found.stem.endswith(stamp[1])]
    for found in [*same, *reversed(beside)]:
        told = json.loads(found.read_text(encoding="utf-8"))
        arguments = (told.get("config") or {}).get("model_args") or ""
        given = arguments if isinstance(arguments, dict) else dict(re.findall(r"(\w+)=([^,]+)", str(arguments)))
        name = given.get("peft") or told.get("model_name") or given.get("pretrained") or given.get("model")
        if name:
            return str(name)
    return path.parent.name.replace("__", "/")


def helm(path: Path, notes: list[Row]) -> Iterator[Row]:
    """A run's folder, by its run_spec.json: display_predictions.json, else per_instance_stats.json; instances.json."""
    folder, spec = path.parent, json.loads(path.read_text(encoding="utf-8"))
    model = str(spec["adapter_spec"]["model"])
    task = re.sub(r"[,:]?model=[^,]*", "", spec.get("name", folder.name)).strip(",:")
    known = {row["id"]: row for row in _json(folder / "instances.json") if not row.get("perturbation")}
    shown = folder / "display_predictions.json"
    stats = {} if shown.is_file() else _helm_stats(folder)
    for row in _json(shown) if shown.is_file() else stats.values():
        given = known.get(row["instance_id"])
        if row.get("perturbation") or int(row.get("train_trial_index") or 0) or given is None:
            continue
        references = given["references"]
        texts = [_text(reference["output"]) for reference in references]
        label = named([t for t, r in zip(texts, references, strict=True) if "correct" in r["tags"]])
        place = row.get("predicted_index")
        told = texts[place] if place is not None else row.get("mapped_output") or row.get("predicted_text") or ""
        right = _metric(row.get("stats") or {})
        answer = judged(label, str(told) or ("" if shown.is_file() else WRONG), right)
        yield {"model": model, "task": task, "example": str(row["instance_id"]), "label": label, "prediction": answer}


def _helm_stats(folder: Path) -> dict[str, Row]:
    """Instance id -> its row, from statistics alone; the first trial, without perturbations and calibration."""
    rows: dict[str, Row] = {}
    for row in _json(folder / "per_instance_stats.json"):
        if not row.get("perturbation") and not int(row.get("train_trial_index") or 0):
            told = {stat["name"]["name"]: stat.get("mean", stat.get("sum")) for stat in row["stats"]}
            rows.setdefault(row["instance_id"], {"instance_id": row["instance_id"], "stats": {}})["stats"] |= told
    return rows


def _json(path: Path) -> Any:
    if not path.is_file():
        raise AuditError(f"{path.parent}: {path.name} is missing from this HELM run")
    return json.loads(path.read_text(encoding="utf-8"))


def _text(value: Any) -> str:
    return str(value["text"] if isinstance(value, dict) else value)


def inspect(path: Path, notes: list[Row]) -> Iterator[Row]:
    """An .eval (a zip of JSON) or .json log; of several epochs the first, of several scorers the first."""
    about, samples = _inspect_zip(path) if path.suffix == ".eval" else _inspect_json(path)
    model, task = str(about["model"]), str(about["task"])
    later, unscored = 0, 0
    for sample in samples:
        later += int(sample.get("epoch") or 1) > 1
        scores = [score for score in (sample.get("scores") or {}).values() if score is not None]
        unscored += not scores
        if int(sample.get("epoch") or 1) > 1 or not scores:
            continue
        label, answer = named(sample["target"]), scores[0].get("answer")
        told = answer if answer is not None else (sample.get("output") or {}).get("completion") or ""
        right = scores[0]["value"] in ("C", True, 1, 1.0)
        yield {
            "model": model,
            "task": task,
            "example": str(sample["id"]),
            "label": label,
            "prediction": judged(label, str(told), right),
        }
    if later:
        notes.append(note("ignored epochs", f"{model} {task}", later, "the first of each sample is read"))
    if unscored:
        notes.append(note("model that lacks examples", f"{model} {task}", unscored, "samples without a score"))


def _inspect_json(path: Path) -> tuple[Row, Iterable[Row]]:
    told = json.loads(path.read_text(encoding="utf-8"))
    return told["eval"], told.get("samples") or []


def _inspect_zip(path: Path) -> tuple[Row, Iterable[Row]]:
    import zipfile

    try:
        with zipfile.ZipFile(path) as archive:
            told = {info.filename: _member(archive, info, path) for info in archive.infolist()}
    except zipfile.BadZipFile as error:
        raise AuditError(f"{path}: not an Inspect log ({error})") from error
    about = json.loads(told.get("header.json") or told["_journal/start.json"])["eval"]
    return about, [json.loads(text) for name, text in told.items() if re.match(r"samples/.*\.json$", name)]


def _member(archive: Any, info: Any, path: Path) -> bytes:
    """A member of a zip, those compressed by Zstandard, which Python's own zipfile cannot read, too."""
    if info.compress_type != 93:
        return archive.read(info)
    try:
        import zstandard
    except ImportError as error:
        raise AuditError(
            f"{path}: compressed by Zstandard; pip install 'homog-inheritance[suites]' reads it"
        ) from error
    with path.open("rb") as file:
        file.seek(info.header_offset + 26)
        name, extra = (int.from_bytes(file.read(2), "little") for _ in range(2))
        file.seek(name + extra, 1)
        return zstandard.ZstdDecompressor().decompressobj().decompress(file.read(info.compress_size))


def lighteval(path: Path, notes: list[Row]) -> Iterator[Row]:
    """details_<task>_<time>.parquet below details/<model>/<time>."""
    import pyarrow.parquet as pq

    task = STAMP.sub("", path.stem.removeprefix("details_"))
    parts = path.parent.parts
    below = parts[parts.index("details") + 1 :] if "details" in parts else parts[-1:]
    model = "/".join(part for part in below if not STAMP.search(f"_{part}")) or path.parent.name
    for number, row in enumerate(pq.read_table(path).to_pylist()):
        doc, told, right = row["doc"], row["model_response"], _metric(row["metric"] or {})
        gold = doc.get("gold_index")
        places = gold if isinstance(gold, list) else [gold]
        choices, chances = doc.get("choices") or [], told.get("logprobs") or []
        if len(choices) > 1 and len(chances) == len(choices):
            label, answer = named(places), str(max(range(len(choices)), key=lambda i: chances[i]))
        else:
            label = named([choices[place] for place in places] if choices else places)
            answer = str((told.get("text_post_processed") or told.get("text") or [""])[0])
        example = str(doc.get("id") or number)
        prediction = judged(label, answer, right)
        yield {"model": model, "task": task, "example": example, "label": label, "prediction": prediction}


def every_eval_ever(path: Path, notes: list[Row]) -> Iterator[Row]:
    """Instance-level records; facts that name a parent model or an organisation become attributes."""
    for row in _lines(path):
        label = named(row["input"]["reference"])
        last = [told["extracted_value"] for told in row.get("answer_attribution") or [] if told.get("is_terminal")]
        raw = (row.get("output") or {}).get("raw") or [""]
        answer = last[-1] if last else raw[0] if isinstance(raw, list) else raw
        about = {name: value for name, value in (row.get("metadata") or {}).items() if name in PARENTS}
        yield {
            "model": row["model_id"],
            "task": row["evaluation_name"],
            "example": str(row["sample_id"]),
            "label": label,
            "prediction": judged(label, str(answer), bool(row["evaluation"]["is_correct"])),
            **about,
        }
