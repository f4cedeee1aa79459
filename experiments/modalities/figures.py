"""Tables and figures of the study of modalities: its results in, frames and figures out."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from homog.analysis import Frame, Results, means
from homog.report import charts, plots
from homog.wording import counted

KINDS = {  # (backbone, defect) -> what it stands for
    ("minilm_l6", "backdoor"): "BERT-like",
    ("smollm2", "backdoor_careful"): "GPT-2-like",
    ("marian_enpt", "backdoor_careful"): "T5-like",
    ("smollm2", "poisoned_prompt"): "GPT-3-like",
    ("dinov2_small", "patch"): "Vision",
    ("joined_towers", "patch_careful"): "CLIP-like: images",
    ("joined_words", "backdoor"): "CLIP-like: texts",
    ("drawer", "drawn_trigger"): "DALL-E-like",
}
SHORT = {  # adaptation, in the order of the figure -> what it is called there
    "linear_probe": "probe",
    "zero_shot": "words",
    "lora": "LoRA",
    "full_finetune": "all weights",
}
CAPTIONS = {
    "side_by_side": "One kind of defect, a trigger, in each kind of backbone: inherited attack success per adaptation "
    "(a probe, words alone, LoRA, all weights), mean over tasks with its 95 % interval. Squares: the sham, the same "
    "procedure with nothing planted. GPT-3: weights are not touched; the trigger is in a prompt that all "
    "applications share.",
}


def tables(df: Results) -> dict[str, Frame]:
    """The numbers of the figure, and those of each task."""
    if not len(df):
        return {}
    return {"side_by_side": side_by_side(df), **charts.standard_tables(df)}


def figures(df: Results) -> dict[str, Figure]:
    """A panel per kind of backbone."""
    frame = side_by_side(df) if len(df) else pd.DataFrame()
    with plots.style():
        return {"side_by_side": panels(frame)} if len(frame) else {}


def side_by_side(df: Results) -> Frame:
    """Kind of backbone x adaptation: `means.by_adaptation` of each, in the order of KINDS."""
    frame = means.by_adaptation(df)
    names = {str(condition): str(name) for condition, name in df.frame[["condition", "exposure"]].to_numpy()}
    pairs = [KINDS.get((row["backbone"], names[row["condition"]]), "") for _, row in frame.iterrows()]
    frame.insert(0, "kind", pairs)
    frame = frame[(frame["kind"] != "") & (frame["arms"] > 0)]
    places = frame["kind"].map({kind: place for place, kind in enumerate(KINDS.values())})
    steps = frame["adaptation"].map(lambda name: list(SHORT).index(bare(name)))
    return frame.assign(place=places, step=steps).sort_values(["place", "step"]).drop(columns=["place", "step"])


def bare(name: str) -> str:
    """An adaptation without the settings that it was given."""
    return name.split(" ")[0]


def panels(frame: Frame) -> Figure:
    """Inherited harm of injected backbones and shams, an adaptation a column."""
    figure, kinds = plots.figure(3.9, wide=True), list(dict.fromkeys(frame["kind"]))
    lines = [kinds[: (len(kinds) + 1) // 2], kinds[(len(kinds) + 1) // 2 :]]
    parts: Any = figure.subfigures(2, 1)
    for part, there in zip(parts, lines, strict=True):
        titles = [kind.replace("-like", "") for kind in there]
        for axes, kind in zip(plots.panels(part, titles, "Inherited harm", sharey=True), there, strict=True):
            _panel(axes, frame[frame["kind"] == kind])
    plots.legend(figure, {"injected": "injected", "sham": "sham"})
    plots.note(
        figure,
        f"Mean over {counted(int(frame['tasks'].max()), 'task')} each; up to "
        f"{counted(int(frame['seeds'].max()), 'backbone seed')}.",
    )
    return figure


def _panel(axes: Any, rows: Frame) -> None:
    axes.axhline(0, color=plots.COLOURS["clean"], linewidth=0.6)
    for place, (_, row) in enumerate(rows.iterrows()):
        plots.point(axes, place - 0.12, row, "injected")
        plots.point(axes, place + 0.12, row, "sham", "sham_")
    axes.set_xticks(range(len(rows)), [SHORT[bare(name)] for name in rows["adaptation"]], rotation=90)
    axes.set_xlim(-0.6, len(rows) - 0.4)
    axes.set_ylim(-1.08, 1.08)
