"""What a study cost, and how far that is from the floor: homog report cost STUDY."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from homog import records
from homog.analysis import costs
from homog.config import Cell, ConfigError
from homog.files import replacing
from homog.wording import counted

ROWS = 352  # states of a batch: 16 texts of 22 tokens
MEASURED = 1.0  # seconds


def rate(width: int, threads: int = 1) -> float:
    """10^12 operations a second of float32 products at the shapes of a block of this width, on this machine now."""
    import torch

    torch.set_num_threads(threads)
    states, up = torch.randn(ROWS, width), torch.randn(width, 4 * width)
    down, rounds = torch.randn(4 * width, width), 0
    for _ in range(3):
        _ = states @ up @ down
    began = time.perf_counter()
    while (took := time.perf_counter() - began) < MEASURED:
        _ = states @ up @ down
        rounds += 1
    return rounds * 16 * ROWS * width**2 / took / 1e12


def write(results: Path, name: str, preset: str, cells: Sequence[Cell]) -> str:
    """Write results/STUDY/cost.csv; the text for the terminal. ConfigError where no record tells what it read."""
    kept = [record for cell in cells if (record := records.load_or_none(results, cell.id))]
    telling = [record for record in kept if record.provenance.get("work")]
    if not telling:
        raise ConfigError(f"study {name}: no record in {results} tells what it had to compute: run it anew")
    facts = telling[0].provenance
    fast = rate(facts["work"]["width"], facts["threads"])
    frame = costs.kinds({cell.id: cell for cell in cells}, kept)
    frame["floor"] = frame["tflop"] / fast
    frame["share"] = frame["floor"] / frame["seconds"]
    with replacing(records.report_folder(results, name) / "cost.csv") as path:
        frame.to_csv(path, index=False, float_format="%.4g")
    told = costs.jobs(kept)
    return "\n".join([*_lines(frame, name, preset, len(kept), fast), *_outside(told, frame["seconds"].sum())])


def _lines(frame: Any, name: str, preset: str, models: int, fast: float) -> list[str]:
    seconds, floor = frame["seconds"].sum(), frame["floor"].sum()
    said = f"{name} at preset {preset}: {counted(models, 'model')}, {seconds:,.0f} s of computing them; the floor is"
    columns = {"train": 7, "models": 8, "seconds": 9, "fitting": 9, "predicting": 12, "floor": 8, "share": 7}
    head = f"{'adaptation':<40}" + "".join(f"{name:>{width}}" for name, width in columns.items())
    rows = [
        f"{row.adaptation:<40}{row.train:>7}{row.models:>8.0f}{row.seconds:>9,.0f}{row.fitting:>9,.0f}"
        f"{row.predicting:>12,.0f}{row.floor:>8,.0f}{row.share:>7.0%}"
        for row in frame.itertuples()
    ]
    return [f"{said} {floor:,.0f} s at {fast * 1000:.0f} GFLOP/s, {floor / seconds:.0%} of that", head, *rows]


def _outside(told: dict[str, float], seconds: float) -> list[str]:
    if not told["jobs"]:
        return []
    busy = seconds + told["injections"] + told["starting"] + told["between"]
    parts = f"injections {told['injections']:,.0f} s, starting {told['starting']:,.0f} s"
    said = f"outside models: {parts}, between models {told['between']:,.0f} s; {counted(int(told['jobs']), 'job')}"
    return [said, f"from first to last {told['wall']:,.0f} s: {busy / max(told['wall'], 1e-9):.2f} workers busy"]
