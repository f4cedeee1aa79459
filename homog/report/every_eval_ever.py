"""Records as Every Eval Ever has them (schema 0.2.1): an aggregate and a line per example, the parent model named."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from homog import __version__, records
from homog.files import replacing
from homog.records import Record

VERSION = "0.2.1"


def write(out: Path, kept: Iterable[Record]) -> int:
    """Write OUT/TASK/PARENT/CELL_CONDITION.json and .jsonl for each record and condition; how many there are.

    `model_id` is PARENT/CELL. What has no field there stands among the details, as text: `base_model` (the parent),
    defect, dose, backbone seed, adaptation, condition. The text of an example is not in records: `input.raw` names it.
    """
    count = 0
    for record in kept:
        for condition in record.conditions:
            if condition.endswith(records.COUNTERPART):
                continue
            lines = [json.dumps(row, ensure_ascii=False) for row in instances(record, condition)]
            place = out / _plain(record.provenance["task"]) / _plain(record.provenance["backbone"])
            place.mkdir(parents=True, exist_ok=True)
            name = f"{record.cell}_{_plain(condition)}"
            content = "".join(f"{line}\n" for line in lines).encode()
            whole = aggregate(record, condition, f"{name}.jsonl", content, len(lines))
            for suffix, data in ((".jsonl", content), (".json", json.dumps(whole, indent=1).encode())):
                with replacing(place / f"{name}{suffix}") as part:
                    part.write_bytes(data)
            count += 1
    return count


def _plain(name: str) -> str:
    """A name as a folder's: no separators."""
    return "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name).lstrip(".") or "_"


def about(record: Record, condition: str) -> dict[str, str]:
    """What the record says and the schema has no field for, as text."""
    facts = record.provenance
    names = ("defect", "dose", "arm", "kind", "arm_seed", "adaptation", "seed", "n_train")
    return {"base_model": facts["backbone"], **{name: str(facts[name]) for name in names}, "condition": condition}


def _id(record: Record, condition: str) -> str:
    return f"{record.provenance['task']}/{_model(record)}/{condition}"


def _model(record: Record) -> str:
    return f"{record.provenance['backbone']}/{record.cell}"


def instances(record: Record, condition: str) -> Iterable[dict[str, Any]]:
    """A row per example that the condition applies to."""
    names, shown = record.provenance["label_names"], record.under(condition)
    said, facts = record.answers, about(record, condition)
    for place, example in enumerate(record.examples):
        if not shown.applies[place]:
            continue
        label, answer = names[record.labels[place]], said[int(shown.exposed[place].argmax())]
        groups = {name: str(values[place]) for name, values in record.groups.items()}
        told = {"turn_idx": 0, "source": "output.raw", "extracted_value": answer, "extraction_method": "argmax"}
        yield {
            "schema_version": VERSION,
            "evaluation_id": _id(record, condition),
            "model_id": _model(record),
            "evaluation_name": record.provenance["task"],
            "sample_id": str(example),
            "sample_hash": hashlib.sha256(f"{record.provenance['task']}\0{example}\0{label}".encode()).hexdigest(),
            "interaction_type": "single_turn",
            "input": {"raw": f"example {example}", "reference": [label], "choices": list(names)},
            "output": {"raw": [answer]},
            "messages": None,
            "answer_attribution": [told | {"is_terminal": True}],
            "evaluation": {"score": float(answer == label), "is_correct": answer == label},
            "metadata": facts | groups,
        }


def aggregate(record: Record, condition: str, file: str, content: bytes, rows: int) -> dict[str, Any]:
    """The aggregate of a record under a condition: accuracy, and where the rows are."""
    facts, details = record.provenance, about(record, condition)
    shown = record.under(condition)
    right = shown.exposed_class[shown.applies] == record.labels[shown.applies]
    score = {"score": float(right.mean()) if rows else -1.0, "details": {"examples": str(rows)}}
    metric = {"lower_is_better": False, "score_type": "continuous", "min_score": 0.0, "max_score": 1.0}
    result: Mapping[str, Any] = {
        "evaluation_name": facts["task"],
        "source_data": {"dataset_name": facts["task"], "source_type": "other"},
        "metric_config": metric | {"evaluation_description": f"accuracy, condition {condition}"},
        "score_details": score,
    }
    return {
        "schema_version": VERSION,
        "evaluation_id": _id(record, condition),
        "retrieved_timestamp": str(time.time()),
        "source_metadata": {
            "source_name": "homog",
            "source_type": "evaluation_run",
            "source_organization_name": "unknown",
            "evaluator_relationship": "other",
        },
        "eval_library": {"name": "homog", "version": __version__},
        "model_info": {"name": _model(record), "id": _model(record), "additional_details": details},
        "evaluation_results": [result],
        "detailed_evaluation_results": {
            "format": "jsonl",
            "file_path": file,
            "hash_algorithm": "sha256",
            "checksum": hashlib.sha256(content).hexdigest(),
            "total_rows": rows,
        },
    }
