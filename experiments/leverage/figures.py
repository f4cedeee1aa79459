"""Tables and figures of the leverage study: its results in, frames and figures out."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from homog import analysis
from homog.analysis import Frame, Results, doses, means
from homog.report import charts, plots
from homog.report.layout import readable
from homog.wording import ranged

SIGNS = {"backdoor": 1, "improvement": -1}  # of the inherited harm, if the defect arrives
CAPTIONS = {
    "both_sides": "What arrives in adapted models from a spoiled and from a repaired backbone: inherited harm, "
    "above 0 for harm done, below 0 for harm removed. Large: mean over tasks with its 95 % interval, circle injected, "
    "square sham. Dots: tasks. Below: tasks reached after Holm, of those tested.",
    "transmission": "Harm done or removed in adapted models per unit done or removed in the backbone itself (nearest "
    "centroid), with its 95 % interval: 1 = all of it arrives. Nothing is shown where the backbone's own is not told "
    "from 0.",
    **{f"{name}_{key}": text for name in SIGNS for key, text in charts.CAPTIONS.items()},
}


def tables(df: Results) -> dict[str, Frame]:
    """The numbers behind the figures."""
    frames = {"reached": reached(df), "transmission": doses.transmission(df)}
    frames["inheritance"] = pd.concat([analysis.inherited(df, kind=kind) for kind in ("injected", "sham")])
    return frames


def figures(df: Results) -> dict[str, Figure]:
    """Both sides beside each other, transmission of both, and the usual figures of each."""
    if not len(df):
        return {}
    with plots.style():
        drawn = {"both_sides": both_sides(df), "transmission": transmission(df)}
    for condition in df["condition"].unique():
        drawn |= charts.standard_figures(df[df["condition"] == condition], f"{defects(df)[condition]}_")
    return drawn


def defects(df: Results) -> dict[str, str]:
    """Condition -> the defect that it elicits, one of SIGNS."""
    return dict(zip(df["condition"], df["exposure"], strict=True))


def reached(df: Results) -> Frame:
    """Per condition, adaptation and arm kind: tasks `reached` (Holm, expected sign), and those `against` it.

    `possible`: the inherited share of what there was to inherit: of the clean control's harm for the improvement
    (1 = all of it is gone), of what the control was spared for the backdoor (1 = every eligible example is turned).
    """
    out = []
    for kind, prefix in (("injected", ""), ("sham", "sham_")):
        tests = analysis.inherited(df, kind=kind)
        for _, mean in means.by_adaptation(df).iterrows():
            part = tests[(tests[analysis.GROUP] == mean[analysis.GROUP].tolist()).all(axis=1) & tests["p"].notna()]
            sign = SIGNS[defects(df)[mean["condition"]]]
            sure, right = part["holm"] < 1 - analysis.LEVEL, part["value"] * sign > 0
            row: dict[str, Any] = {"condition": mean["condition"], "adaptation": mean["adaptation"], "kind": kind}
            row |= {"tested": len(part), "reached": int((sure & right).sum()), "against": int((sure & ~right).sum())}
            control = part["control_harm"].mean()
            row["possible"] = sign * part["value"].mean() / (control if sign < 0 else 1 - control)
            names = ("value", "low", "high", "p", "seeds", "examples", "reason")
            out.append(row | {name: mean[prefix + name] for name in names})
    return pd.DataFrame(out)


def both_sides(df: Results) -> Figure:
    """Inherited harm by adaptation, a panel for the spoiled and one for the repaired backbone."""
    means_of, conditions = reached(df), sorted(df["condition"].unique())
    names = df["adaptation"].unique().tolist()
    figure = plots.figure(2.5, wide=True)
    titles = [readable(defects(df)[condition]) for condition in conditions]
    panels = plots.panels(figure, titles, "Inherited harm")
    for axes, condition in zip(panels, conditions, strict=True):
        axes.axhline(0, color=plots.COLOURS["clean"], linewidth=0.6)
        ticks = []
        for place, name in enumerate(names):
            for side, kind in ((-0.18, "injected"), (0.18, "sham")):
                rows = df[df["adaptation"] == name]
                tasks = analysis.inherited(rows, kind=kind, condition=condition)["value"]
                plots.dots(axes, place + side - 0.05, tasks, kind)
                here = (
                    (means_of["condition"] == condition) & (means_of["adaptation"] == name) & (means_of["kind"] == kind)
                )
                for _, row in means_of[here].iterrows():
                    plots.point(axes, place + side + 0.08, row, kind)
                    ticks += [f"{readable(name)}\n{row['reached']} of {row['tested']}"] if kind == "injected" else []
        axes.set_xticks(range(len(ticks)), ticks, rotation=60, ha="right")
    plots.legend(figure, {"injected": "injected", "sham": "sham", "dot": "a task"})
    plots.note(figure, f"{df['n'].max():,} test examples a task, {_seeds(df)}. The scales differ.")
    return figure


def _seeds(df: Results) -> str:
    counts = df.frame[df["kind"] != "clean"].groupby(["kind", "condition"], sort=False)["arm_seed"].nunique()
    return ", ".join(f"{defects(df)[condition]} {kind} seeds {n}" for (kind, condition), n in counts.items())


def transmission(df: Results) -> Figure:
    """Transmission by adaptation, both conditions side by side."""
    sent, figure = doses.transmission(df), plots.figure(2.0)
    if sent["value"].isna().all():
        return plots.empty(figure, "The backbone's own harm is not told from 0.")
    axes, names = figure.add_subplot(), sent["adaptation"].unique().tolist()
    axes.axhline(1, color=plots.COLOURS["clean"], linewidth=0.6)
    axes.axhline(0, color=plots.COLOURS["clean"], linewidth=0.6)
    looks = {"backdoor": ("injected", -0.12), "improvement": ("sham", 0.12)}
    for _, row in sent.iterrows():
        look, side = looks[defects(df)[row["condition"]]]
        plots.point(axes, names.index(row["adaptation"]) + side, row, look)
    axes.set_xticks(range(len(names)), [readable(name) for name in names])
    axes.set(ylabel="Transmission", xlim=(-0.5, len(names) - 0.5))
    axes.grid(axis="y")
    plots.legend(figure, {look: f"{name}, injected" for name, (look, _) in looks.items()})
    plots.note(figure, f"{ranged(sent['tasks'], 'task')}. {_seeds(df)}.")
    return figure
