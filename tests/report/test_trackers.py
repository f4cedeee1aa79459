"""What a report has found, as runs of trackers of experiments."""

import shutil

import numpy as np
import pandas as pd
import pytest

from homog import records, report, study, sweep
from homog.config import ConfigError
from homog.report import trackers
from homog.variants import CONF
from tests.records.test_records import fake

RESULTS = CONF.parent / "results"


@pytest.fixture
def folder(tmp_path):
    """The report of a study, of which a few models are kept."""
    shutil.copytree(RESULTS / "inheritance" / "figures", tmp_path / "inheritance" / "figures")
    (tmp_path / "inheritance" / "report.html").write_text("<p>")
    cells = pd.read_csv(RESULTS / "inheritance" / "cells.csv").groupby("arm").head(3)
    effects = pd.read_csv(RESULTS / "inheritance" / "effects.csv")
    cells.to_csv(tmp_path / "inheritance" / "cells.csv", index=False)
    effects[effects["cell"].isin(cells["cell"])].to_csv(tmp_path / "inheritance" / "effects.csv", index=False)
    return tmp_path / "inheritance"


def test_a_run_for_each_model_holds_what_its_tables_say(folder):
    made = {run.id: run for run in trackers.runs(folder, "model")}
    cells, effects = (pd.read_csv(folder / f"{name}.csv") for name in ("cells", "effects"))
    assert set(made) == {*cells["cell"], "inheritance"}
    for row in effects.to_dict("records"):
        run = made[row["cell"]]
        assert run.metrics["accuracy"] == row["accuracy_clean"] and run.config["adaptation"] == row["adaptation"]
        told = run.metrics.get(f"{row['condition']}/inherited", float("nan"))
        np.testing.assert_equal(told, row["inherited"])
    assert all(value == value for run in made.values() for value in (*run.metrics.values(), *run.config.values()))
    whole = made["inheritance"]
    assert whole.config["models"] == len(cells) and len(whole.files) > 2


def test_a_run_for_each_arm_holds_means(folder):
    made = {run.id: run for run in trackers.runs(folder, "arm")}
    effects = pd.read_csv(folder / "effects.csv")
    arm, adaptation, condition = effects[["arm", "adaptation", "condition"]].iloc[0]
    rows = effects[(effects["arm"] == arm) & (effects["adaptation"] == adaptation)].query("condition == @condition")
    assert made[arm].metrics[f"{adaptation}/{condition}/harm"] == pytest.approx(rows["harm"].mean())
    assert set(made) == {*pd.read_csv(folder / "cells.csv")["arm"], "inheritance"}


def test_tensorboard_reads_back_what_was_written(folder):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    said = trackers.export(folder, "tensorboard")
    where = folder.parent / "tracked" / "tensorboard" / "inheritance"
    assert str(where) in said
    for run in trackers.runs(folder, "arm"):
        there = EventAccumulator(str(where / run.id)).Reload()
        assert {name: there.Scalars(name)[0].value for name in there.Tags()["scalars"]} == pytest.approx(run.metrics)
    assert there.Tags()["images"]  # of the last run, the study's
    files = sorted(path.parent.name for path in where.rglob("events*"))
    trackers.export(folder, "tensorboard")
    assert sorted(path.parent.name for path in where.rglob("events*")) == files  # written anew, not once more


def test_mlflow_holds_each_run_once(folder, monkeypatch):
    tracking = pytest.importorskip("mlflow.tracking")
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    trackers.export(folder, "mlflow")
    trackers.export(folder, "mlflow")
    client = tracking.MlflowClient(tracking_uri=(folder.parent / "tracked" / "mlflow").as_uri())
    experiment = client.get_experiment_by_name("inheritance")
    runs = client.search_runs([experiment.experiment_id])
    wanted = {run.id: run.metrics for run in trackers.runs(folder, "arm")}
    assert {run.data.tags["homog"]: run.data.metrics for run in runs} == wanted


def test_bad_input_is_a_line(folder, tmp_path, capsys, monkeypatch):
    for arguments, said in [
        (["--tracker", "mlflow"], "name the studies"),
        (["inheritance", "--tracker", "mlfow"], "did you mean mlflow?"),
        (["nothing", "--tracker", "tensorboard"], "write it first (homog report nothing)"),
        (["inheritance", "--tracker", "wandb", "--tracked", "cell"], "valid: arm, model"),
    ]:
        assert report.main([*arguments, f"results={tmp_path}"]) == 2
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1

    monkeypatch.setattr(trackers, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'homog-inheritance\[mlflow\]'"):
        trackers.export(folder, "mlflow")


def test_a_sweep_asks_for_its_tracker_before_it_computes(tmp_path, capsys, monkeypatch):
    where = ["study=inheritance", "preset=smoke", f"results={tmp_path}"]
    assert sweep.main([*where, "tracker=mlfow"]) == 2
    assert "did you mean mlflow?" in capsys.readouterr().err
    cells = study.expand(study.load("inheritance"), "smoke")
    conditions = ("clean", *study.exposed_by(study.load("inheritance"), "smoke"))
    for cell in cells:
        records.save(tmp_path, fake(cell.id, conditions=conditions))
    asked = []
    monkeypatch.setattr(report, "write", lambda *given: asked.append("report"))
    monkeypatch.setattr(trackers, "export", lambda folder, tracker, each: asked.append((folder, tracker)) or "done")
    assert sweep.main([*where, "--tracker", "tensorboard"]) == 0
    assert asked == ["report", (tmp_path / "inheritance", "tensorboard")]
