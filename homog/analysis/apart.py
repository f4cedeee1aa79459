"""Frames of models on several backbones: named apart, and beside them models that alternate between backbones."""

from __future__ import annotations

import pandas as pd

from homog.analysis import Frame

ALTERNATING = "backbone=alternating"  # models that share all but the backbone


def usual(df: Frame) -> str:
    """The backbone of most rows, of equal ones the first: a study's own comes first. '' where there are no rows."""
    return str(df.groupby("backbone", sort=False).size().idxmax()) if len(df) else ""


def on_usual(df: Frame) -> Frame:
    """The rows of the `usual` backbone."""
    return df[df["backbone"] == usual(df)]


def named_apart(df: Frame) -> Frame:
    """The frame with `adaptation` naming the backbone too, where that is not the `usual` one; its rows come last."""
    other = df[df["backbone"] != usual(df)]
    names = [f"{name} backbone={one}" for name, one in zip(other["adaptation"], other["backbone"], strict=True)]
    return pd.concat([on_usual(df), other.assign(adaptation=names)]) if len(other) else df


def told_apart(df: Frame) -> Frame:
    """`named_apart`, with ALTERNATING models: copies of the clean ones that go from backbone to backbone.

    The next task and the next deployer always has another one: they share adaptation and training data as the others
    do, and no pretrained backbone.
    """
    mixed = _alternating(df[df["kind"] == "clean"])
    mixed = mixed.assign(adaptation=[f"{name} {ALTERNATING}" for name in mixed["adaptation"]])
    return pd.concat([named_apart(df), mixed]) if len(mixed) else named_apart(df)


def _alternating(df: Frame) -> Frame:
    backbones = sorted(df["backbone"].unique())
    there = df[df.groupby("adaptation")["backbone"].transform("nunique") == len(backbones)]
    if len(backbones) < 2 or there.empty:
        return df[:0]
    places = {task: i for _, part in there.groupby("family") for i, task in enumerate(sorted(part["task"].unique()))}
    turn = (there["task"].map(places) + there["seed"]) % len(backbones)
    return there[there["backbone"] == turn.map(dict(enumerate(backbones)))].assign(backbone=" and ".join(backbones))
