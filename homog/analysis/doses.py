"""How harm follows the dose, and how much of what the backbone does its adapted models do."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pandas as pd

from homog.analysis.inherited import LEVEL, chosen, sample, summary
from homog.analysis.means import LIMITS, NOTHING, UPSTREAM, absent, block, over_tasks
from homog.analysis.results import GROUP, Frame, Results
from homog.metrics.transfer import dose_slope, transmission_interval


def dose_response(results: Results) -> Frame:
    """Mean inherited harm by dose, per adaptation, over the tasks and seeds that are there at every dose.

    Rows of kind `injected` start at dose 0, the clean control less itself: 0 by construction. A row of kind
    `sham` is over the same tasks, NaN with a reason where the sham lacks one. `names` lists the tasks.
    """
    shape = [*GROUP, "kind", "dose", "tasks", *NOTHING, "names"]
    out = []
    for key, rows in results.groupby(GROUP):
        complete = block(rows[rows["kind"] == "injected"])
        tasks = complete["task"].unique().tolist()
        if not tasks:
            continue
        said = {"tasks": len(tasks), "names": ", ".join(tasks)} | dict(zip(GROUP, key, strict=True))
        parts = [(dose, part) for dose, part in complete.groupby("dose", sort=True)]
        points = [over_tasks(part, tasks) | {"kind": "injected", "dose": dose} for dose, part in parts]
        clean = points[-1] | {"dose": 0.0, "p": np.nan, "value": 0.0, "low": 0.0, "high": 0.0}
        for dose in sorted(rows[rows["kind"] == "sham"]["dose"].unique()):
            sham = chosen(rows, "sham", dose)
            part = block(sham[sham["task"].isin(tasks)])
            reason = absent(sham, part, tasks)
            mean = NOTHING | {"reason": reason} if reason else over_tasks(part, tasks)
            points.append(mean | {"kind": "sham", "dose": dose})
        out += [row | said for row in (clean, *points)]
    return pd.DataFrame(out, columns=shape)


def dose_slopes(results: Results) -> Frame:
    """Inherited harm per full dose, and whether it rises with the dose: a row per adaptation with 3 doses or more.

    `value`: slope over tasks and backbones, from the clean control (dose 0, harm 0) on, errors clustered by backbone.
    `trend`: p of Page's test that harm rises in the order of the doses, blocks are tasks and backbones.
    """
    out = []
    shape = [*GROUP, "doses", "tasks", *LIMITS, "p", "trend", "seeds", "reason"]
    injected = results[results["kind"] == "injected"]
    for key, rows in injected.groupby(GROUP):
        whole = block(rows).frame
        if whole["dose"].nunique() < 2:
            continue
        table = whole.pivot_table(index=["task", "arm_seed", "seed"], columns="dose", values="inherited").dropna()
        doses, harm = np.array([0.0, *table.columns]), np.column_stack([np.zeros(len(table)), table.to_numpy()])
        backbone = np.repeat(table.index.get_level_values("arm_seed").to_numpy(), len(doses))
        slope = dose_slope(harm.ravel(), np.tile(doses, len(table)), backbone)
        row = dict(zip(GROUP, key, strict=True)) | {"doses": len(doses), "tasks": whole["task"].nunique()}
        row |= {name: getattr(slope, name) for name in (*LIMITS, "p", "reason")}
        out.append(row | {"trend": _trend(harm), "seeds": whole["arm_seed"].nunique()})
    return pd.DataFrame(out, columns=shape)


def _trend(blocks: np.ndarray) -> float:
    """p of Page's trend test over blocks (n, k) in ascending order."""
    from scipy.stats import page_trend_test

    return float(page_trend_test(blocks).pvalue) if len(blocks) > 1 else float("nan")


def transmission(results: Results, dose: float = 1.0) -> Frame:
    """Harm caused in adapted models per unit of harm caused in the backbone itself: a row per adaptation.

    The backbone itself is the adaptation UPSTREAM, which trains nothing, on the same tasks, seeds and examples.
    1 = all of it arrives. `names` lists the tasks; NaN with a reason where the harm upstream is not told from 0.
    """
    shape = [*GROUP, "dose", "tasks", *NOTHING, "names"]
    out = []
    injected = chosen(results, "injected", dose)
    for key, rows in injected.groupby(GROUP):
        named = dict(zip(GROUP, key, strict=True)) | {"dose": dose}
        there = (injected.frame[GROUP[:2]] == list(key)[:2]).all(axis=1) & (injected["adaptation"] == UPSTREAM)
        if named["adaptation"] != UPSTREAM:
            out.append(named | _transmitted(rows, injected[there]))
    return pd.DataFrame(out, columns=shape)


def _transmitted(down: Results, up: Results) -> dict[str, Any]:
    """Transmission over the tasks, backbones and training samples that both have in full."""
    keys = [pd.MultiIndex.from_frame(part.frame[["task", "arm_seed", "seed"]]) for part in (down, up)]
    shared = [down[keys[0].isin(keys[1])], up[keys[1].isin(keys[0])]]
    whole = [block(part) for part in shared]
    tasks = [task for task in whole[0]["task"].unique() if task in set(whole[1]["task"])]
    seeds = [sorted(part["arm_seed"].unique()) for part in whole]
    if not tasks or seeds[0] != seeds[1]:
        return {"tasks": 0, "names": "", **NOTHING, "reason": "no task has harm both in models and in the backbone"}
    samples = [[sample(part[part["task"] == task]) for task in tasks] for part in whole]
    bad = next((drawn for part in samples for drawn in part if isinstance(drawn, str)), "")
    if bad:
        return {"tasks": 0, "names": "", **NOTHING, "reason": bad}
    interval = transmission_interval(*cast(Any, samples), level=LEVEL)
    return {"tasks": len(tasks), "names": ", ".join(tasks)} | summary(interval)
