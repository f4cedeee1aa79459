"""Means over tasks, over complete blocks only: every task at every dose and backbone seed compared."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from homog.analysis.inherited import (
    LEVEL,
    chosen,
    difference,
    inherited,
    summary,
    undefined,
)
from homog.analysis.results import AGAINST_CLEAN, AGAINST_SHAM, COST, GROUP, HARM, SIZE, Frame, Results

UPSTREAM = "nearest_centroid"  # the adaptation that trains nothing: the backbone itself
NOTHING = summary(undefined())
LIMITS = ("value", "low", "high")
SUMMARIES = ("", "sham_", "beyond_", "cost_", "sham_cost_")  # prefixes of the intervals in `by_adaptation`


def by_adaptation(results: Results, dose: float = 1.0) -> Frame:
    """A row per adaptation: means over tasks of the inherited harm, the sham's, and the clean cost of both.

    `value`, `low`, `high`, `p`, `seeds`, `examples`, `reason`, and the same with each prefix of SUMMARIES,
    all over the same `tasks`; `beyond_` is harm less that of the sham of the same seed. `left_out` names tasks that
    lack a seed or an arm. `rms`: root mean square of inherited harm over tasks, what chance adds taken off, since harm
    and benefit cancel in the mean. `mde`: the smallest mean that would be found with 80 % power. Of `tested_tasks`,
    which the clean control has learned, `inherited_tasks` have an interval above 0 after Holm and `benefited_tasks` one
    below; `unlearned` names the others. `unverified` counts the injected arms that failed upstream, of `arms`.
    `upstream_`: the harm in the backbone itself. Conditions of natural defects, which nothing plants, have no row.
    """
    tests = inherited(results, dose=dose)
    shape = [*GROUP, "defect_kind", "dose", "tasks", "tested_tasks", "inherited_tasks", "benefited_tasks"]
    shape += ["unlearned", "rms", "arms", "unverified", "left_out"]
    shape += [f"{prefix}{name}" for prefix in SUMMARIES for name in NOTHING]
    shape += [f"upstream_{name}" for name in LIMITS]
    out = []
    for key, rows in results[results["defect_kind"] != "natural"].groupby(GROUP):
        mine = tests[(tests[GROUP] == list(key)).all(axis=1) & tests["value"].notna()]
        here = mine[mine["learned"].astype(bool)]
        told = here[here["holm"] < 1 - LEVEL]
        arms = chosen(rows, "injected", dose).frame.drop_duplicates("arm")
        row = dict(zip(GROUP, key, strict=True)) | {"defect_kind": rows["defect_kind"].iloc[0], "dose": dose}
        row |= {"tested_tasks": len(here), "inherited_tasks": int((told["value"] > 0).sum())}
        row |= {"benefited_tasks": int((told["value"] < 0).sum()), "rms": _rms(mine)}
        row["unlearned"] = ", ".join(mine.loc[~mine["learned"].astype(bool), "task"])
        row |= {"arms": len(arms), "unverified": int((arms["verified"] == False).sum())}  # noqa: E712
        row |= _compared(rows, dose)
        out.append(row)
    itself = {(row["backbone"], row["condition"]): row for row in out if row["adaptation"] == UPSTREAM}
    for row in out:
        there = itself.get((row["backbone"], row["condition"]), NOTHING)
        row |= {f"upstream_{name}": there[name] for name in LIMITS}
    return pd.DataFrame(out, columns=shape)


def _rms(tests: Frame) -> float:
    """Root mean square of the values over tasks, less the variance of chance in them; at least 0."""
    if not len(tests):
        return float("nan")
    return float(np.sqrt(max(0.0, (tests["value"] ** 2 - tests["standard_error"].fillna(0.0) ** 2).mean())))


def _compared(rows: Results, dose: float) -> dict[str, Any]:
    """The means of one adaptation over the tasks that injected arms and shams (if any) have in full."""
    parts = {"": chosen(rows, "injected", dose), "sham_": chosen(rows, "sham", dose)}
    blocks = {prefix: block(part) for prefix, part in parts.items()}
    tasks = blocks[""]["task"].unique().tolist()
    if len(parts["sham_"]):
        shared = set(blocks["sham_"]["task"])
        tasks = [task for task in tasks if task in shared] or tasks
    known = dict.fromkeys(task for part in parts.values() for task in part["task"])
    row: dict[str, Any] = {"tasks": len(tasks), "left_out": ", ".join(t for t in known if t not in tasks)}
    for prefix, part in blocks.items():
        reason = absent(parts[prefix], part, tasks)
        for name, measure in (("", AGAINST_CLEAN), ("cost_", COST)):
            mean = NOTHING | {"reason": reason} if reason else over_tasks(part, tasks, measure)
            row |= {f"{prefix}{name}{column}": value for column, value in mean.items()}
    return row | {f"beyond_{column}": value for column, value in _beyond(parts[""], tasks).items()}


def _beyond(rows: Results, tasks: list[str]) -> dict[str, Any]:
    """The mean over `tasks` of harm less that of the sham, over the seeds that have both in all of them."""
    paired = rows[rows["beyond_sham"].notna()]
    complete = block(paired[paired["task"].isin(tasks)])
    reason = absent(paired, complete, tasks)
    return NOTHING | {"reason": reason} if reason else over_tasks(complete, tasks, AGAINST_SHAM)


def absent(rows: Results, complete: Results, tasks: list[str]) -> str:
    """Why there is no mean over `tasks`, or ''."""
    if not len(rows):
        return "no such arm has a record"
    undefined = rows["reason"][rows["reason"] != ""]
    if not tasks:
        return f"no task is complete: {undefined.iloc[0]}" if len(undefined) else "no task is complete"
    return "" if set(tasks) <= set(complete["task"]) else "not measured on the same tasks"


def over_tasks(rows: Results, tasks: list[str], measure: tuple[str, ...] = AGAINST_CLEAN) -> dict[str, Any]:
    """The mean over `tasks` of injected less control, as columns."""
    parts = dict(rows.groupby("task"))
    return summary(difference([parts[task] for task in tasks], measure))


def controls(results: Results, beside: Collection[str]) -> Frame:
    """What the exposure does to models that share less: raw harm, nothing subtracted, beside those that share all.

    A row per condition, backbone, adaptation and arm kind, means over the tasks of the cells `beside`
    (`study.controls`), with the intervals of `analysis.difference`; without those cells, no rows.
    """
    out = []
    for condition, part in results[results["cell"].isin(beside)].groupby("condition"):
        rows = results[(results["condition"] == condition) & results["task"].isin(set(part["task"]))]
        rows = rows[(rows["kind"] == "clean") | ((rows["kind"] == "injected") & (rows["dose"] == 1))]
        for key, group in rows.groupby(["backbone", "adaptation", "kind"]):
            tasks = [of_task for _, of_task in group.groupby("task")]
            row = {"condition": condition} | dict(zip(("model of", "adaptation", "kind"), key, strict=True))
            row |= {"tasks": len(tasks), "accuracy": group["accuracy_clean"].mean()}
            out.append(row | summary(difference(tasks, HARM)))
    shape = ["condition", "model of", "adaptation", "kind", "tasks", "accuracy", *NOTHING]
    return pd.DataFrame(out, columns=shape).drop(columns="p")


def block(rows: Results) -> Results:
    """The largest complete part of `rows`: tasks x backbone seeds, each at every dose and adaptation seed.

    Largest by tasks times seeds; of equal ones that with more seeds. Undefined rows are not complete.
    """
    defined = rows[rows["reason"] == ""]
    if not len(defined):
        return defined
    pairs = defined.frame.groupby(["task", "arm_seed"], sort=False)
    sizes, doses = pairs.size(), pairs["dose"].nunique()
    full = ((sizes == sizes.max()) & (doses == rows["dose"].nunique())).unstack(fill_value=False)
    seeds = sorted(full.columns, key=lambda seed: (-full[seed].sum(), seed))
    complete = np.logical_and.accumulate(full[seeds].to_numpy(), axis=1)  # tasks x number of seeds: with all of these
    areas = complete.sum(0) * np.arange(1, len(seeds) + 1)
    last = np.flatnonzero(areas == areas.max())[-1]
    tasks, kept = full.index[complete[:, last]], seeds[: last + 1]
    return defined[defined["task"].isin(tasks) & defined["arm_seed"].isin(kept)]


def specificity(crossed: Results, dose: float = 1.0) -> Frame:
    """What arms of one defect do under the exposure of another: a row per defect, condition and adaptation.

    `crossed` is `analysis.effects(own=False)`. Mean harm over tasks less that of the clean control, as in
    `by_adaptation`; near 0 when harm is the defect's own.
    """
    injected = chosen(crossed, "injected", dose)
    shape = ["defect", *GROUP, "tasks", *NOTHING]
    parts = [by_adaptation(part, dose).assign(defect=defect) for defect, part in injected.groupby("defect")]
    return pd.concat(parts)[shape].reset_index(drop=True) if parts else pd.DataFrame(columns=shape)


def by_size(results: Results) -> Frame:
    """Mean inherited harm at dose 1, over the tasks that have every size: a row per adaptation, kind and size.

    `train`: training examples asked for, `n_train` those that the tasks had (their mean), `accuracy` that of the
    clean control, the columns of an interval, and `names` of the tasks. Adaptations with one size have no row.
    """
    out = []
    shape = [*GROUP, "kind", SIZE, "n_train", "accuracy", "tasks", *NOTHING, "names"]
    at_full = results[(results["kind"] != "clean") & (results["dose"] == 1) & (results["reason"] == "")]
    for key, rows in at_full.groupby([*GROUP, "kind"]):
        sizes = sorted(rows[SIZE].unique())
        tasks = [task for task, part in rows.groupby("task") if part[SIZE].nunique() == len(sizes)]
        for size in sizes if len(sizes) > 1 else ():
            here = rows[(rows[SIZE] == size) & rows["task"].isin(tasks)]
            clean = results[results["cell"].isin(set(here["control"]))]
            row = dict(zip([*GROUP, "kind"], key, strict=True)) | {SIZE: size, "n_train": here["n_train"].mean()}
            row |= {"accuracy": clean["accuracy_clean"].mean(), "tasks": len(tasks), "names": ", ".join(tasks)}
            out.append(row | over_tasks(here, tasks))
    return pd.DataFrame(out, columns=shape)


def components(results: Results) -> Frame:
    """What inherited harm varies with, where backbones and training samples are crossed: a row per adaptation.

    Standard deviations between injected `backbones`, between training `samples`, and of what is left (`rest`: their
    interaction and chance), by two-way analysis of variance, pooled over tasks; a negative variance is 0.
    """
    out = []
    shape = [*GROUP, "tasks", "backbones", "samples", "sd_backbones", "sd_samples", "sd_rest"]
    for key, rows in chosen(results, "injected", 1.0).groupby(GROUP):
        tables = [
            part.frame.pivot_table(index="arm_seed", columns="seed", values="inherited")
            for _, part in rows.groupby("task")
        ]
        tables = [table.to_numpy() for table in tables if min(table.shape) > 1 and table.notna().all(axis=None)]
        if not tables or len({table.shape for table in tables}) > 1:
            continue
        cells = np.stack(tables)  # (tasks, backbones, samples)
        (_, i, j), means = cells.shape, cells.mean((1, 2), keepdims=True)
        over = [cells.mean(2, keepdims=True) - means, cells.mean(1, keepdims=True) - means]
        rest = ((cells - means - over[0] - over[1]) ** 2).sum((1, 2)).mean() / ((i - 1) * (j - 1))
        square = [j * (over[0] ** 2).sum((1, 2)).mean() / (i - 1), i * (over[1] ** 2).sum((1, 2)).mean() / (j - 1)]
        sds = [max(0.0, (value - rest) / levels) ** 0.5 for value, levels in zip(square, (j, i), strict=True)]
        row = dict(zip(GROUP, key, strict=True)) | {"tasks": len(cells), "backbones": i, "samples": j}
        out.append(row | dict(zip(shape[-3:], (*sds, rest**0.5), strict=True)))
    return pd.DataFrame(out, columns=shape)


def task_means(results: Results) -> Frame:
    """Mean `inherited` over seeds: a row per adaptation, kind, dose, task; NaN where a seed is undefined."""
    groups = results.frame.groupby([*GROUP, "kind", "dose", "task"], sort=False)
    return groups["inherited"].agg(lambda x: x.mean(skipna=False)).reset_index()
