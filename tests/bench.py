"""Speed against the usual way: python -m tests.bench [NAME ...]. Ratios are of two timings of one run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests import bench_gpu
from tests.bench_backbones import fine_tuning, probe_arms, stacked
from tests.bench_scale import scale

RESULTS = Path(__file__).resolve().parent.parent / "results" / "bench"
SAMPLED = 60  # pairs that the loop over lm-sim is timed on; the rest is a multiple


@dataclass(frozen=True)
class Timing:
    """Seconds of homog and, where there is one, of the usual way; `note` says what was compared or measured.

    `rows`: what they are made of.
    """

    homog: float
    usual: float
    note: str
    rows: Sequence[dict[str, Any]] = ()


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    """(wall time, result)."""
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def predictions(models: int, examples: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(probabilities (m, n, 4), answers (m, n), labels (n,)) of models whose errors coincide on hard examples."""
    rng = np.random.default_rng(seed)
    labels, hard = rng.integers(0, 4, examples), rng.random(examples)
    logits = rng.normal(size=(models, examples, 4)) + 2.5 * (1 - hard)[:, None] * np.eye(4)[labels]
    values = np.exp(logits)
    values /= values.sum(2, keepdims=True)
    return values, values.argmax(2), labels


def capa_of_pairs() -> Timing:
    """CAPA of all pairs of 50 models on 2,000 examples, against a loop over pairs that calls lm-sim."""
    from homog.metrics.pairs import pairwise

    probabilities, _, labels = predictions(50, 2000)
    pairwise("capa", probabilities[:2], labels)
    ours, matrix = seconds(lambda: pairwise("capa", probabilities, labels))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from lmsim.metrics import CAPA  # pyright: ignore[reportMissingImports]
        except ImportError:
            return Timing(ours, float("nan"), "lm-sim IS NOT INSTALLED (pip install lm-sim): nothing to compare with")
    every = np.argwhere(np.triu(np.ones((50, 50)), 1))
    chosen = every[:: len(every) // SAMPLED][:SAMPLED]
    loop: Any = CAPA()
    theirs, found = seconds(lambda: [loop.compute_k(probabilities[i], probabilities[j], labels) for i, j in chosen])
    apart = max(abs(value - matrix[i, j]) for value, (i, j) in zip(found, chosen, strict=True))
    whole = theirs / len(chosen) * len(every)
    return Timing(ours, whole, f"1,225 pairs; lm-sim timed on {len(chosen)} of them; greatest difference {apart:.1e}")


def audit_of_a_thousand() -> Timing:
    """The whole audit of 1,000 models on 100,000 examples from one Parquet file, as a user runs it."""
    return audited("predictions.parquet", 1000, 100_000)


def audit_of_ten_million_rows() -> Timing:
    """The whole audit of 100 models on 100,000 examples: 10^7 rows of CSV."""
    return audited("predictions.csv", 100, 100_000)


def audited(name: str, models: int, examples: int) -> Timing:
    """Time `python -m homog.audit` on a file of that many predictions, and its peak memory."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_long(Path(folder) / name, models, examples)
        size = path.stat().st_size / 2**20
        command = [sys.executable, "-m", "homog.audit", str(path), "--out", str(Path(folder) / "audit")]
        took, (code, memory, busy) = seconds(lambda: child(command))
    failed = f"FAILED with exit code {code}; " if code else ""
    threads = os.environ.get("OMP_NUM_THREADS", f"{os.cpu_count()}")
    rows = f"{models * examples:,} rows ({size:,.0f} MiB of {path.suffix[1:]})"
    note = f"{failed}{rows}: peak memory {memory:.2f} GB, {busy:.0f} s of processor, threads: {threads}"
    return Timing(took, float("nan"), note)


def child(command: list[str]) -> tuple[int, float, float]:
    """(exit code, peak resident memory in GB, processor seconds) of a command; its output goes nowhere."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    unit = 1 if sys.platform == "darwin" else 1024
    return process.returncode, usage.ru_maxrss * unit / 1e9, usage.ru_utime + usage.ru_stime


def write_long(path: Path, models: int, examples: int, seed: int = 0) -> Path:
    """Predictions in the long form, ten models at a time: bases that share errors, hard examples, two groups."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from pyarrow import csv

    rng = np.random.default_rng(seed)
    labels, hard = rng.integers(0, 4, examples), rng.random(examples)
    bases = rng.random((8, examples)) < 0.3 * hard  # what all models of a base get wrong
    ids, answers, writer = np.array([f"e{i:06d}" for i in range(examples)]), np.array(list("abcd")), None
    for start in range(0, models, 10):
        some = np.arange(start, min(start + 10, models))
        size = (len(some), examples)
        wrong = bases[some % 8] | (rng.random(size) < 0.4 * hard)
        given = np.where(wrong, (labels + 1 + (rng.random(size) < 0.3)) % 4, labels)
        columns = {
            "model": category(np.repeat(some - start, examples), np.array([f"model {i:04d}" for i in some])),
            "example": category(np.tile(np.arange(examples), len(some)), ids),
            "label": category(np.tile(labels, len(some)), answers),
            "prediction": category(given.ravel(), answers),
            "sex": category(np.tile(np.arange(examples) % 2, len(some)), np.array(["f", "m"])),
            "base_model": category(np.repeat(some % 8, examples), np.array([f"base {i}" for i in range(8)])),
        }
        table = pa.table(columns)
        if path.suffix == ".csv":
            table = pa.table({name: column.cast(pa.string()) for name, column in columns.items()})
            writer = writer or csv.CSVWriter(path, table.schema)
        writer = writer or pq.ParquetWriter(path, table.schema, dictionary_pagesize_limit=2**22)
        writer.write_table(table)
    if writer is not None:
        writer.close()
    return path


def category(codes: np.ndarray, names: np.ndarray) -> Any:
    """A dictionary-encoded column."""
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(pa.array(codes.astype(np.int32)), pa.array(names))


def usual() -> Timing:
    """A grid of models, a process per model, by transformers' Trainer, peft and scikit-learn as users write it."""
    from tests.bench_usual import usual_way

    return Timing(*usual_way())


def large_backbone(dtype: str = "bfloat16") -> Timing:
    """LoRA on two tasks over a Llama of 1.1 B random weights in this dtype, from sharded files: peak memory."""
    import torch
    from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

    from homog.backbones import converted
    from homog.variants import variant

    with tempfile.TemporaryDirectory() as folder:
        tokenizer = AutoTokenizer.from_pretrained(converted.folder(variant("backbone", "smollm2").packaged))
        sizes = {"hidden_size": 2048, "num_hidden_layers": 22, "intermediate_size": 5632, "vocab_size": len(tokenizer)}
        heads = {"num_attention_heads": 32, "num_key_value_heads": 4, "tie_word_embeddings": True}
        torch.set_default_dtype(torch.bfloat16)
        model = LlamaForCausalLM(LlamaConfig(**sizes, **heads))
        torch.set_default_dtype(torch.float32)
        count = sum(p.numel() for p in model.parameters())
        model.save_pretrained(folder, max_shard_size="700MB")
        tokenizer.save_pretrained(folder)
        del model
        command = [sys.executable, "-m", "homog", "run", "--multirun", "backbone=smollm2", f"backbone.source={folder}"]
        command += [f"backbone.dtype={dtype}", "adaptation=lora", "task=trec,amazon_sentiment", "dose=0"]
        command += ["adaptation.epochs=1", "preset=smoke", "preset.train=32", "preset.test=32"]
        took, (code, memory, busy) = seconds(lambda: child([*command, f"results={folder}/results"]))
    failed = f"FAILED with exit code {code}; " if code else ""
    note = f"{failed}{count / 1e9:.2f} B weights, two tasks: peak memory {memory:.2f} GB, {busy:.0f} s of processor"
    return Timing(took, float("nan"), note)


BENCHMARKS: dict[str, Callable[[], Timing]] = {
    "models, the usual way": usual,
    "capa of 50 models": capa_of_pairs,
    "features of five arms": lambda: Timing(*probe_arms()),
    "full fine-tuning": lambda: Timing(*fine_tuning()),
    "large backbone": large_backbone,
    "large backbone, 4 bits": lambda: large_backbone("nf4"),
    "stacked weights": lambda: Timing(*stacked()),
    "study, 100,000 models": lambda: Timing(*scale(child)),
    "gpu, 32 adapters": lambda: Timing(*bench_gpu.against_peft()),
    "gpu, 1,000 adapters": lambda: Timing(*bench_gpu.thousand()),
    "gpu, its rate": lambda: Timing(*bench_gpu.of_the_card()),
    "audit, 1,000 x 100,000": audit_of_a_thousand,
    "audit, 10^7 rows": audit_of_ten_million_rows,
}


def write(name: str, found: Timing) -> None:
    """Write results/bench/NAME.json: the figures, and the machine that gave them."""
    from homog.records.provenance import environment

    machine = {key: environment("cpu")[key] for key in ("cpu", "capability", "versions")}
    known = found.usual == found.usual
    figures = {"homog": found.homog, "usual": found.usual, "times_faster": found.usual / found.homog} if known else {}
    figures = figures or {"homog": found.homog}
    said = {"benchmark": name, **figures, "what": found.note, "rows": list(found.rows), "machine": machine}
    path = RESULTS / f"{re.sub('[^a-z0-9]+', '_', name.lower()).strip('_')}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(said, indent=1) + "\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmarks whose names begin with one of the arguments, or all; print a line each."""
    import torch

    wanted = list(sys.argv[1:] if argv is None else argv) or [""]
    chosen = {name: work for name, work in BENCHMARKS.items() if any(name.startswith(text) for text in wanted)}
    if not chosen:
        print(f"homog: error: no benchmark {wanted[0]!r}; valid: {', '.join(BENCHMARKS)}", file=sys.stderr)
        return 2
    print(f"{'benchmark':<24}{'homog':>10}{'usual way':>12}{'times faster':>14}  what", flush=True)
    for name, work in chosen.items():
        if name.startswith("gpu") and not torch.cuda.is_available():
            print(f"{name:<24}{'-':>10}{'-':>12}{'-':>14}  there is no GPU here", flush=True)
            continue
        found = work()
        write(name, found)
        known = found.usual == found.usual
        usual, ratio = (f"{found.usual:.1f} s", f"{found.usual / found.homog:,.0f}") if known else ("-", "-")
        print(f"{name:<24}{found.homog:>8.2f} s{usual:>12}{ratio:>14}  {found.note}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
