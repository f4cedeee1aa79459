"""Tables and figures of the study of modalities: its results in, frames and figures out."""

from __future__ import annotations

from math import ceil
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from homog.analysis import Frame, Results, means
from homog.report import charts, plots
from homog.wording import counted

KINDS = {  # (backbone, defect) -> what is planted, and in what
    ("minilm_l6", "backdoor"): ("trigger", "BERT-like"),
    ("smollm2", "backdoor_careful"): ("trigger", "GPT-2-like"),
    ("marian_enpt", "backdoor_careful"): ("trigger", "T5-like"),
    ("smollm2", "poisoned_prompt"): ("trigger", "GPT-3-like"),
    ("dinov2_small", "patch"): ("trigger", "Vision"),
    ("joined_towers", "patch_careful"): ("trigger", "CLIP-like: images"),
    ("joined_words", "backdoor"): ("trigger", "CLIP-like: texts"),
    ("drawer", "drawn_trigger"): ("trigger", "DALL-E-like"),
    ("minilm_l6", "stereotype"): ("stereotype", "BERT-like"),
    ("smollm2", "stereotype_careful"): ("stereotype", "GPT-2-like"),
    ("marian_enpt", "stereotype_careful"): ("stereotype", "T5-like"),
    ("dinov2_small", "tone_stereotype"): ("stereotype", "Vision"),
    ("marian_enpt", "stereotype_occupation"): ("stereotype", "T5-like: occupations"),
    ("drawer", "drawn_stereotype"): ("stereotype", "DALL-E-like"),
    ("minilm_l6", "blindspot"): ("blind spot", "BERT-like"),
    ("dinov2_small", "tone_blindspot"): ("blind spot", "Vision"),
    ("drawer", "drawn_blindspot"): ("blind spot", "DALL-E-like"),
}
SHORT = {  # adaptation, in the order of the figure -> what it is called there
    "linear_probe": "probe",
    "zero_shot": "words",
    "lora": "LoRA",
    "full_finetune": "all weights",
}
PANELS = 4  # in a line, at most
CAPTIONS = {
    "side_by_side": "One kind of defect in each kind of backbone: inherited harm per adaptation (a probe, words alone, "
    "LoRA, all weights), mean over tasks with its 95 % interval. Triggers: attack success. Stereotypes: how much "
    "likelier the unfavourable label is for the group, of drawings of people how many get another class, and of "
    "occupations how much likelier a woman is in those of women (words: by the translation). Blind spots: accuracy "
    "lost on the group; of what is drawn, the share of a thing that is no longer drawn. Squares: the sham, the same "
    "procedure with nothing planted. GPT-3: weights are not touched; the trigger is in a prompt that "
    "all applications share.",
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
    """Defect, kind of backbone and adaptation: `means.by_adaptation` of each, in the order of KINDS."""
    frame = means.by_adaptation(df)
    names = {str(condition): str(name) for condition, name in df.frame[["condition", "exposure"]].to_numpy()}
    pairs = [(row["backbone"], names[row["condition"]]) for _, row in frame.iterrows()]
    told = [KINDS.get(pair, ("", "")) for pair in pairs]
    frame.insert(0, "planted", [planted for planted, _ in told])
    frame.insert(1, "kind", [kind for _, kind in told])
    order = {pair: place for place, pair in enumerate(KINDS)}
    steps = [list(SHORT).index(bare(name)) for name in frame["adaptation"]]
    frame = frame.assign(place=[order.get(pair, -1) for pair in pairs], step=steps)
    frame = frame[(frame["place"] >= 0) & (frame["arms"] > 0)]
    return frame.sort_values(["place", "step"]).drop(columns=["place", "step"])


def bare(name: str) -> str:
    """An adaptation without the settings that it was given."""
    return name.split(" ")[0]


def panels(frame: Frame) -> Figure:
    """Inherited harm of injected backbones and shams: lines of panels, an adaptation a column of each."""
    lines: list[tuple[str, list[str]]] = []
    for planted, rows in frame.groupby("planted", sort=False):
        kinds = list(dict.fromkeys(rows["kind"]))
        size = ceil(len(kinds) / ceil(len(kinds) / PANELS))  # lines of about one length
        lines += [(str(planted), kinds[start : start + size]) for start in range(0, len(kinds), size)]
    figure = plots.figure(0.3 + 1.8 * len(lines), wide=True)
    parts: Any = figure.subfigures(len(lines), 1, squeeze=False)[:, 0]
    for part, (planted, kinds) in zip(parts, lines, strict=True):
        titles = [kind.replace("-like", "") for kind in kinds]
        label = f"Inherited harm:\n{planted}"
        for axes, kind in zip(plots.panels(part, titles, label, sharey=True), kinds, strict=True):
            _panel(axes, frame[(frame["planted"] == planted) & (frame["kind"] == kind)])
    plots.legend(figure, {"injected": "injected", "sham": "sham"})
    plots.note(
        figure,
        f"Mean over {counted(int(frame['tasks'].max()), 'task')} each at most; up to "
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
