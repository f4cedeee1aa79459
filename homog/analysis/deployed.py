"""All deployers of one decision, whatever they share, and what pairs on one backbone share beyond pairs on two."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from homog.analysis.ensembles import DEPLOYERS, Ensemble
from homog.analysis.ladders import ladder_table
from homog.analysis.results import Frame, Results
from homog.config import DISJOINT, SHARED


def deployed(df: Results, without_backbone: Collection[str] = ()) -> dict[str, Ensemble]:
    """Task -> all its deployers. Attributes: `backbone`, `adaptation`, `data` (the training sample).

    Models of the adaptations `without_backbone` share none: each counts as a backbone of its own.
    """
    every = {}
    there = df[df["data"].isin([SHARED, DISJOINT]) & (df["family"] == "")]
    for task, rows in there.groupby("task"):
        frame = rows.frame
        samples = frame["data"].where(frame["data"] == SHARED, "seed " + frame["seed"].astype(str))
        bases = frame["backbone"].where(~frame["adaptation"].isin(without_backbone), frame["cell"])
        attributes = {"backbone": bases, "adaptation": frame["adaptation"], "data": samples}
        every[str(task)] = Ensemble(
            DEPLOYERS,
            str(task),
            np.stack(rows.each("failed"))[None],
            tuple(frame["cell"]),
            (str(task),),
            people=rows.each("people")[0],
            labels=rows.each("labels")[0],
            options=rows.each("probabilities")[0].shape[1],
            predictions=np.stack([given.argmax(1) for given in rows.each("probabilities")])[None],
            attributes={name: values.to_numpy(dtype=object) for name, values in attributes.items()},
        )
    return every


def backbone_ladders(df: Results, adaptation: str, chosen: Mapping[str, Sequence[str] | None]) -> Frame:
    """`ladder_table` of the backbone by task, for models of one adaptation with training data of their own.

    `chosen`: name of a selection (column `of`) -> its backbones, None for all. No pair has common data. Columns `task`
    and `of` beside those of the table; a selection with fewer than 2 backbones or 4 models has no rows.
    """
    parts = []
    own = df[(df["adaptation"] == adaptation) & (df["data"] == DISJOINT) & (df["family"] == "")]
    for task, rows in own.groupby("task"):
        for of, names in chosen.items():
            here = rows if names is None else rows[rows["backbone"].isin(names)]
            if here["backbone"].nunique() > 1 and len(here) > 3:
                (ensemble,) = deployed(here).values()
                data = ensemble.attributes["data"]
                climbed = ladder_table(ensemble, "backbone", apart=data[:, None] != data)
                parts.append(climbed.assign(task=task, of=of))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=["task", "of"])
