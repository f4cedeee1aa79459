"""One run: arm -> shared backbone -> for each adaptation: fit all tasks -> for each model: predict -> record."""

from __future__ import annotations

import errno
import gc
import os
import secrets
import signal
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import hydra

from homog import command, overrides, variants
from homog.command import DEVICE, Command, Setting
from homog.config import ConfigError, content_id, plain, typed
from homog.seeding import generator

COMMAND = Command(
    "run",
    "Compute the models of one set of choices and print what they inherit. With --multirun: of several, e.g.\n"
    "homog run --multirun task=trec,sms_spam dose=0,0.5,1. It is a Hydra application: --cfg job shows every setting,\n"
    "--hydra-help what Hydra does.",
    (
        Setting("defect", "what is planted or measured", "backdoor"),
        Setting("dose", "the share of it: 0 is the clean control", "1.0"),
        Setting("injection_seed", "the unit of replication", "0"),
        Setting("adaptation", "how the backbone is adapted; its fields: adaptation.KEY=VALUE", "linear_probe"),
        Setting("task", "to what", "trec"),
        Setting("backbone", "from what", "minilm_l6"),
        Setting("seed", "of the adaptation", "0"),
        Setting("preset", "sizes of samples", "laptop"),
        Setting("results", "where records go", "results"),
        Setting("save", "keep the models: adapters, models"),
        DEVICE,
        Setting("fused", "train the adapters of many models as one: yes, no, auto (on a GPU)", "auto"),
        Setting("limit", "seconds that a model may take; it fails when it takes more (0: no limit)", "0"),
    ),
    passes=("backbone.",),
)


FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)  # no room, or none to write in
STOP = "HOMOG_STOP"  # names a file; when it is there, a job ends after the model under way


def stopping() -> bool:
    """Whether the sweep that started this process has been told to stop."""
    return bool(os.environ.get(STOP)) and Path(os.environ[STOP]).exists()


def run(
    cells: Sequence[Any],
    exposures: dict[str, Any],
    results: Path,
    device: str,
    save: str = "",
    fused: str = "auto",
    limit: float = 0.0,
) -> int:
    """Compute and save the records of `cells`, all of one arm. `exposures`: condition -> defect.

    `save`: whether the models themselves are kept, too ('adapters', 'models'). `fused`: whether adapters of many cells
    are trained as one ('yes', 'no', 'auto': on a GPU). `limit`: seconds that a model may take to be fitted, and as many
    to predict; 0: no limit. Returns how many cells failed: each is
    said and kept as such, and the others go on.
    """
    from homog import records
    from homog.adaptations import saved
    from homog.records.provenance import environment, record, spent, work
    from homog.study.attempts import at_most, fitted, samples, say_failed
    from homog.study.todo import exposed

    job = {"id": secrets.token_hex(6), "began": time.time()}
    arm = cells[0].arm
    device = prepare(device, arm.backbone)
    fuse = fused == "yes" or (fused == "auto" and device.startswith(("cuda", "all")))
    groups, bad = samples(cells, results, fuse)
    exposures, shown = searched(exposures, arm.backbone, results, device)
    users = {cell.adaptation for group in groups for cell, _ in group if cell.adaptation.uses_backbone}
    backbone, upstream, planted = shared_backbone(arm, results, device, users) if users else (None, {}, {})
    facts = {"upstream": upstream, "found": shown, "job": job, **environment(device)}
    lengths = {cell.sizes.max_length for cell in cells}
    cut: dict[int, Any] = {n: backbone and backbone.at_length(n) for n in lengths}  # each remembers what it has encoded
    for cell, error in bad:
        say_failed(results, cell, error)
    failed = len(bad)
    for group in groups:
        if stopping():
            break
        shared = cut[group[0][0].sizes.max_length]
        for cell, task, model, seconds in fitted(group, shared, results, fuse, limit):
            began = time.perf_counter()
            try:
                if isinstance(model, Exception):
                    raise model
                inputs = exposed(task, exposures)
                with at_most(limit):
                    probabilities = predicted(model, inputs)
                aims = {condition: model.class_of(feature) for condition, feature in planted.items()}
                said = {**facts, "targets": aims, **spent(seconds, began), "work": work(shared, model, task, inputs)}
                if model.samples:
                    said["samples"] = {condition: model.samples(given) for condition, given in inputs.items()}
                new = record(cell, task, probabilities, model, shared, said)
                records.save(results, records.extended(results, new))
                if save:
                    saved.save(records.model_folder(results, cell.id), model, shared, save, new.provenance)
                records.clear_failure(results, cell.id)
            except Exception as error:
                say_failed(results, cell, error)
                failed += 1
            if stopping():
                break
    return failed


def shared_backbone(
    arm: Any, results: Path, device: str, adaptations: Iterable[Any] = ()
) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """(the arm's backbone, what was verified upstream, what was planted: condition -> feature).

    An injection is made once and kept by its content id.

    Raises ConfigError, before the injection, for one of the `adaptations` that cannot work on this backbone.
    """
    from homog import records

    clean = arm.backbone.load(device)
    for adaptation in adaptations:
        adaptation.check(clean)
    if arm.defect is None:
        return clean, {}, {}
    planting = arm.defect.planting
    injection = content_id(replace(arm, defect=planting, dose=1.0))[:20]
    train, held_out = clean.reader.unlabelled()
    with records.lock(results, injection):
        kept = records.load_weights(results, injection)
        if kept is None:
            began = time.perf_counter()
            injected = planting.inject(clean, train, generator("inject", planting.name, arm.seed))
            kept = clean.changes(injected), {"seconds": time.perf_counter() - began}
            records.save_weights(results, injection, *kept)
    backbone = arm.defect.at_dose(clean, kept[0], arm.dose)
    upstream = arm.defect.upstream(clean, backbone, held_out, arm.dose)
    facts = {**upstream, "injection": injection, "injection_seconds": kept[1]["seconds"]}
    return backbone, facts, arm.defect.planted(backbone, held_out)


def searched(exposures: dict[str, Any], kind: Any, results: Path, device: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """(the exposures, condition -> what it shows): what is searched on the clean backbone is filled in.

    Every arm of a backbone is shown the same: a search is made once and kept by its content id.
    """
    from homog import records

    shown: dict[str, Any] = {}
    for condition, defect in exposures.items():
        if not defect.searches:
            continue
        search = content_id((kind, defect))[:20]
        with records.lock(results, search):
            kept = records.load_weights(results, search)
            if kept is None:
                clean = kind.load(device)
                searched_for = defect.found_on(clean, clean.reader.unlabelled()[0], generator("search", condition))
                kept = {}, {defect.searches: getattr(searched_for, defect.searches)}
                records.save_weights(results, search, *kept)
        shown[condition] = kept[1][defect.searches]
        told = shown[condition] if isinstance(shown[condition], str) else tuple(shown[condition])
        exposures = exposures | {condition: replace(defect, **{defect.searches: told})}
    return exposures, shown


def predicted(model: Any, inputs: dict[str, list[Any]]) -> dict[str, Any]:
    """Condition -> probabilities (n, classes), NaN where the condition has no input for an example.

    Conditions that show the same inputs are predicted once.
    """
    import numpy as np

    from homog.inputs.reader import content_of

    values: dict[str, np.ndarray] = {}
    contents = {condition: content_of(given) for condition, given in inputs.items()}
    for condition, given in inputs.items():
        if contents[condition] in values:
            continue
        there = np.array([each is not None for each in given])
        if not there.any():  # clean inputs come first, and are there
            values[contents[condition]] = np.full_like(next(iter(values.values())), np.nan)
            continue
        probabilities = model.predict([each for each in given if each is not None])
        values[contents[condition]] = np.full((len(given), probabilities.shape[1]), np.nan, dtype=np.float32)
        values[contents[condition]][there] = probabilities
    return {condition: values[key] for condition, key in contents.items()}


def prepare(device: str, kind: Any = None) -> str:
    """The device to use. One thread per CPU worker: two were measured slower than one, and give other bits.

    `all` stays only where there are several GPUs, and a `kind` of backbone that can lie on them.
    """
    import torch

    gpus = torch.cuda.device_count()
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "cpu"
    if device.startswith(("cuda", "all")) and int(device.partition(":")[2] or 0) >= gpus:
        raise ConfigError(f"device={device}: {gpus} GPUs are visible; use auto or cpu")
    if device == "all" and (gpus == 1 or not getattr(kind, "spreads", True)):
        device = "cuda"
    if device == "cpu":
        torch.set_num_threads(1)
    return device


@hydra.main(version_base="1.3", config_path=str(variants.CONF), config_name="config")
def job(cfg: Any) -> None:
    """One Hydra job: an arm of a study, or one cell set."""
    from hydra.core.hydra_config import HydraConfig
    from hydra.core.override_parser.overrides_parser import OverridesParser
    from hydra.types import RunMode

    from homog import sources, study
    from homog.study import jobs

    gc.collect()  # the backbone of the job that this process did before
    settings, hydra_config = plain(cfg), HydraConfig.get()
    said = OverridesParser.create().parse_overrides(list(hydra_config.overrides.task))
    fields = {o.key_or_group.partition("."): str(o.value()) for o in said}
    backbone = {field or "name": value for (group, _, field), value in fields.items() if group == "backbone"}
    try:
        variants.check()
        cells, exposures = ([], {}) if stopping() else jobs.job(settings, backbone)
        sources.fetch(study.needed_sources(cells, exposures.values()))
        device = prepare(settings["device"]) if cells else ""
        limit = typed(settings["limit"], float, "limit")
    except ConfigError as error:
        if hydra_config.mode == RunMode.MULTIRUN:
            raise
        sys.exit(command.bad_input(error))  # one line; Hydra would add one of its own
    failed = cells and run(
        cells, exposures, Path(settings["results"]), device, settings["save"], settings["fused"], limit
    )
    if cells and settings["pack"] == "yes":
        from homog import records

        records.pack(Path(settings["results"]), cells[0].arm.id, [cell.id for cell in cells])
    if failed and hydra_config.mode != RunMode.MULTIRUN:
        sys.exit(1)
    if not settings["study"] and not failed:
        from homog.report.outcome import outcome

        cell, exposures = jobs.single(settings)
        print(outcome(cell, exposures, Path(settings["results"])))


def end_with_parent() -> None:
    """Wait for the end of standard input, which a sweep holds open while it lives; then end this process group."""
    os.read(0, 1)
    os.killpg(0, signal.SIGKILL)


def main(argv: Sequence[str] | None = None) -> int:
    """Entry of `homog run`: bad input is one line and exit code 2."""
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    arguments = list(sys.argv[1:] if argv is None else argv)
    if {"-h", "--help"} & set(arguments):
        print(command.page(COMMAND))
        return 0
    os.environ["HYDRA_FULL_ERROR"] = "1"  # so that Hydra hands its errors over instead of printing a page
    if os.environ.pop("HOMOG_WATCHED", ""):
        threading.Thread(target=end_with_parent, daemon=True).start()
    try:
        sys.argv[1:] = overrides.for_hydra(arguments)
        print(overrides.shown(job), end="") if {"--cfg", "-c"} & set(arguments) and "job" in arguments else job()
    except (HydraException, OmegaConfBaseException) as error:
        return command.bad_input(ConfigError(str(error).partition("Config search path")[0]))
    except ConfigError as error:
        return command.bad_input(error)
    except OSError as error:
        if error.errno not in FULL:
            raise
        return command.bad_input(ConfigError(f"{error}; make room, and run the same command to go on"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
