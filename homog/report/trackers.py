"""Trackers of experiments: what a report has found as runs of MLflow, Weights & Biases or TensorBoard, offline."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tqdm import tqdm

from homog.analysis import Frame
from homog.config import ConfigError, choose

EACH = ("arm", "model")
SHARED = ("arm", "kind", "backbone", "defect", "dose", "arm_seed")
OWN = (
    "cell",
    *SHARED,
    "adaptation",
    "task",
    "seed",
    "data",
    "train",
    "test",
    "n_train",
    "trainable",
    "added",
    "device",
)
MEASURED = ("harm", "control_harm", "inherited")  # of each condition, in effects.csv


@dataclass(frozen=True)
class Run:
    """One run: `id` tells it apart in its study, `config` what it is, `metrics` what was found (no NaN)."""

    id: str
    name: str
    config: dict[str, Any]
    metrics: dict[str, float]
    files: list[Path] = field(default_factory=list)


def export(folder: Path, tracker: str, each: str = "arm") -> str:
    """Write the report in `folder` (results/STUDY) as runs of a tracker; the text for the terminal.

    A run for each `arm` (means over its models, by adaptation) or for each `model`, and one of the study with its
    figures. Local trackers write to `folder`'s neighbour tracked/; an MLflow server (MLFLOW_TRACKING_URI) and W&B
    online (WANDB_MODE) are used where the environment names them. Raises ConfigError without the report or the tracker.
    """
    made = runs(folder, choose(each, EACH, "tracked"))
    write = TRACKERS[there(tracker)]
    shown = tqdm(made, desc=folder.name, unit="run", disable=None)
    place = write(shown, folder.name, folder.parent / "tracked" / tracker)
    return f"{len(made)} runs of {folder.name} for {tracker}: {place}"


def there(tracker: str) -> str:
    """The name of a tracker. Raises ConfigError for an unknown one, and for one that is not installed."""
    if find_spec(choose(tracker, TRACKERS, "tracker")) is None:
        raise ConfigError(f"tracker={tracker} is not installed: pip install 'homog-inheritance[{tracker}]'")
    return tracker


def runs(folder: Path, each: str) -> list[Run]:
    """The runs of a report, from its tables alone: cells.csv and effects.csv. ConfigError where there are none."""
    import pandas as pd

    if not (folder / "cells.csv").is_file():
        raise ConfigError(f"no report in {folder}: write it first (homog report {folder.name})")
    cells: Frame = pd.read_csv(folder / "cells.csv", keep_default_na=False, na_values=[""])
    cells = cells[cells["status"] == "finished"]
    effects: Frame = pd.read_csv(folder / "effects.csv", keep_default_na=False, na_values=[""])
    measured = [name for name in MEASURED if name in effects]
    if each == "model":
        found = dict(iter(effects.groupby("cell")))
        made = [_of_model(row, found.get(row["cell"]), measured) for row in cells.to_dict("records")]
    else:
        made = [_of_arm(rows, effects[effects["arm"] == arm], measured) for arm, rows in cells.groupby("arm")]
    figures = sorted((folder / "figures").glob("*.png"))
    about = {"models": len(cells), "arms": cells["arm"].nunique()}
    return [*made, Run(folder.name, f"{folder.name} (report)", about, {}, [folder / "report.html", *figures])]


def _of_model(row: dict[str, Any], effects: Frame | None, measured: Sequence[str]) -> Run:
    metrics = {"accuracy": row["accuracy"], "seconds": row["seconds"]}
    for effect in [] if effects is None else effects.to_dict("records"):
        metrics |= {f"{effect['condition']}/{name}": effect[name] for name in measured}
    name = f"{row['kind']} {row['adaptation']} {row['task']} seed {row['seed']}"
    return Run(row["cell"], name, _known({key: row[key] for key in OWN}), _numbers(metrics))


def _of_arm(cells: Frame, effects: Frame, measured: Sequence[str]) -> Run:
    """Means over the models of an arm, by adaptation and condition."""
    first = cells.iloc[0].to_dict()
    metrics = {f"{adaptation}/accuracy": rows["accuracy"].mean() for adaptation, rows in cells.groupby("adaptation")}
    for (adaptation, condition), rows in effects.groupby(["adaptation", "condition"]):
        metrics |= {f"{adaptation}/{condition}/{name}": rows[name].mean() for name in measured}
    config = _known({key: first[key] for key in SHARED}) | {"models": len(cells)}
    planted = f" {first['defect']} dose {first['dose']:g}" if first["kind"] != "clean" else ""
    return Run(first["arm"], f"{first['kind']}{planted} seed {first['arm_seed']}", config, _numbers(metrics))


def _known(config: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if value == value}


def _numbers(metrics: dict[str, Any]) -> dict[str, float]:
    return {name.replace("=", " "): float(value) for name, value in metrics.items() if value == value}


def mlflow(made: Iterable[Run], study: str, where: Path) -> str:
    """Runs of MLflow, in a server that the environment names or in a folder; those that are there are left."""
    from mlflow.entities import Metric, Param  # pyright: ignore[reportMissingImports]
    from mlflow.tracking import MlflowClient  # pyright: ignore[reportMissingImports]

    server = os.environ.get("MLFLOW_TRACKING_URI", "")
    if not server:
        os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"  # a folder asks for no database, and is what works offline
    place = server or where.absolute().as_uri()
    client = MlflowClient(tracking_uri=place)
    there = client.get_experiment_by_name(study)
    experiment = there.experiment_id if there else client.create_experiment(study)
    known = {run.data.tags.get("homog") for run in client.search_runs([experiment], max_results=50_000)}
    for run in made:
        if run.id in known:
            continue
        begun = client.create_run(experiment, run_name=run.name, tags={"homog": run.id})
        metrics = [Metric(_plain(name), value, begun.info.start_time, 0) for name, value in run.metrics.items()]
        params = [Param(name, str(value)) for name, value in run.config.items()]
        client.log_batch(begun.info.run_id, metrics, params)
        for file in run.files:
            client.log_artifact(begun.info.run_id, str(file))
        client.set_terminated(begun.info.run_id)
    return f"{place} (mlflow ui --backend-store-uri {place})"


def _plain(name: str) -> str:
    """What MLflow takes as the name of a metric."""
    return "".join(sign if sign.isalnum() or sign in "_-./ :" else "_" for sign in name)


def wandb(made: Iterable[Run], study: str, where: Path) -> str:
    """Runs of Weights & Biases: kept here to be synchronised later, unless WANDB_MODE says otherwise."""
    import wandb as client  # pyright: ignore[reportMissingImports]

    where.mkdir(parents=True, exist_ok=True)
    for run in made:
        begun = client.init(
            project=f"homog-{study}",
            id=run.id,
            name=run.name,
            config=run.config,
            dir=where,
            mode=os.environ.get("WANDB_MODE", "offline"),
            settings=client.Settings(silent=True),
        )
        begun.log(run.metrics)
        begun.log({file.stem: client.Image(str(file)) for file in run.files if file.suffix == ".png"})
        begun.finish()
    return f"{where} (wandb sync {where}/wandb/offline-run-*)"


def tensorboard(made: Iterable[Run], study: str, where: Path) -> str:
    """Runs of TensorBoard: event files, written anew."""
    from torch.utils.tensorboard import SummaryWriter

    shutil.rmtree(where / study, ignore_errors=True)
    for run in made:
        with SummaryWriter(str(where / study / run.id)) as writer:
            scalars = {name: value for name, value in run.config.items() if isinstance(value, (bool, str, float, int))}
            if run.metrics:
                writer.add_hparams(scalars, run.metrics, run_name=".")
            for file in run.files:
                if file.suffix == ".png":
                    writer.add_image(file.stem, _pixels(file), dataformats="HWC")
    return f"{where / study} (tensorboard --logdir {where})"


def _pixels(file: Path) -> Any:
    import numpy as np
    from PIL import Image

    return np.asarray(Image.open(file).convert("RGB"))


TRACKERS: dict[str, Callable[[Iterable[Run], str, Path], str]] = {
    "mlflow": mlflow,
    "wandb": wandb,
    "tensorboard": tensorboard,
}
