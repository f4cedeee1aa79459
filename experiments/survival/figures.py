"""Tables and figures of the survival study: its results in, frames and figures out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from homog import analysis
from homog.analysis import Frame, Results, means
from homog.analysis.inherited import is_learned
from homog.analysis.results import usual_rows
from homog.analysis.verdicts import MEANINGFUL, met_by
from homog.metrics import transfer
from homog.report import plots
from homog.report.answers import Finding, Said
from homog.report.layout import bracket, readable
from homog.variants import variant
from homog.wording import joined

ADAPTED = ("epochs", "learning_rate", "weight_decay", "rank")  # fields of the adaptation
INJECTED = ("defect.distance", "defect.layers")  # fields of the defect
KNOBS = (*ADAPTED, "n_train", *INJECTED)
MIDDLE = {"weight_decay": 16}  # the epochs at which a knob is turned, where they are not 4
NAMES = {"n_train": "examples", "defect.distance": "planted distance", "defect.layers": "planted layers"}
COLOURS = dict(zip(("lora", "full_finetune"), ("#0072B2", "#D55E00"), strict=True))
OTHERS = ("#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
RULE = (
    "survives: at every amount the 95 % interval of inherited harm lies above half of that at the first amount; halved "
    "at an amount: the interval there lies below half; undecided: neither; nothing to survive: at the first amount the "
    f"interval reaches below 0 or the harm is below {MEANINGFUL}. Where what is planted is varied, the amount that the "
    "other studies use takes the place of the first."
)
LEGEND = (
    "Inherited harm with 95 % intervals, mean over tasks, at the first (or usual) and the last amount. Half-life: "
    "the amount at which half of the first is left, by linear interpolation; 'beyond' is not within the amounts seen. "
    "Amounts at which the clean control is no better than the most frequent label count nowhere: it learned nothing."
)
STATISTICS = (
    "Inherited harm is the harm of a model adapted from the injected backbone less that of the model adapted from the "
    "clean one in the same way, both exposed on the same examples. Intervals are t intervals over backbone seeds, each "
    "with a training sample of its own, and examples. Half-lives are of the means; their range over seeds is in the "
    "table."
)
CAPTIONS = {
    "survival": "Inherited harm against the amount of adaptation: number of epochs, at four epochs learning rate, rank "
    "of the adapters and training examples, at 16 epochs weight decay; and against what was planted: the distance of "
    "the vector, in lengths of a feature, and the number of layers that were trained. Line and band: mean over tasks "
    "with its 95 % interval. "
    "Dashed, squares: the sham. Dotted: half of the first amount. Crosses: amounts at which the clean control is no "
    "better than the most frequent label. Amounts are spread evenly.",
}


def tables(df: Results) -> dict[str, Frame]:
    """What is left of the first with the half-life, every point of every curve, and every task at the usual size."""
    return {"survival": lives(df), "curves": curves(df), "inheritance": analysis.inherited(usual_rows(df))}


def figures(df: Results) -> dict[str, Figure]:
    """A row of panels per condition, a column per knob."""
    points = curves(df)
    with plots.style():
        return {"survival": survival(points)} if len(points) else {}


def said(df: Results) -> Said:
    """The answer per condition, adaptation and knob."""
    frame = lives(df)
    answers, shown = [], []
    for _, row in frame.iterrows():
        name = f"{row['condition']}, {readable(row['adaptation'])}, {NAMES.get(row['knob'], readable(row['knob']))}"
        span = f"{row['from']:g} to {row['to']:g}"
        first, last = bracket(row, "first_"), bracket(row, "last_")
        answers.append(
            Finding(name, row["answer"], f"{span}: {first} to {last} ({row['tasks']} tasks, n {row['n']:,})")
        )
        cells = {"Models": name, "Amounts": span, "First": first, "Last": last, "Half-life": _life(row["half_life"])}
        shown.append(cells | {"Answer": row["answer"], "n": f"{row['n']:,}"})
    asked = [answer for answer in answers if answer.verdict != "nothing to survive"]
    kept = sum(answer.verdict == "survives" for answer in asked)
    outcome = f"{met_by(kept, len(asked))}: {kept} of {len(asked)} survive"
    return Said(answers, frame, pd.DataFrame(shown), outcome, "harm stays above half", LEGEND, RULE, STATISTICS)


def _life(value: float) -> str:
    return "beyond" if np.isposinf(value) else "n/a" if np.isnan(value) else f"{value:.2g}"


def turned(df: Results) -> Iterator[tuple[dict[str, Any], Results]]:
    """(condition, adaptation and knob, the rows in which only that knob is turned) where it has several amounts."""
    frame = df.frame.assign(adaptation=df["variant"])
    rows = df.with_rows(frame.assign(**{knob: np.nan for knob in KNOBS if knob not in frame}))
    for (condition, adaptation), part in rows.groupby(["condition", "adaptation"]):
        for knob in KNOBS:
            middle = usual_amounts(part, knob)
            others = [name for name in KNOBS if name != knob and pd.notna(middle[name])]
            only = part[np.logical_and.reduce([part["adaptation"].notna(), *(_is(part, n, middle[n]) for n in others)])]
            only = only[only[knob].notna() | ((only["kind"] == "clean") & (knob in INJECTED))]
            if only[knob].nunique() > 1:
                yield {"condition": condition, "adaptation": adaptation, "knob": knob}, only


def usual_amounts(part: Results, knob: str) -> dict[str, float]:
    """Every knob -> its amount where `knob` is turned and it is not, of the rows of one condition and adaptation."""
    adaptation = variant("adaptation", part["variant"].iloc[0])
    usual = {name: getattr(adaptation, name, np.nan) for name in ADAPTED}
    usual |= {"epochs": MIDDLE.get(knob, 4)} if pd.notna(usual["epochs"]) else {}
    defect = variant("defect", part["exposure"].iloc[0])
    planted = {name: getattr(defect, name.removeprefix("defect."), np.nan) for name in INJECTED}
    planted |= {name: np.nan for name in INJECTED if part[name].isna().all()}  # none of the study varies it
    return {**usual, **planted, "n_train": part["n_train"].mode()[0]}


def _is(part: Results, knob: str, amount: float) -> Any:
    """The rows with that amount; clean models have every amount of what is planted."""
    return (part[knob] == amount) | ((part["kind"] == "clean") & (knob in INJECTED))


def curves(df: Results) -> Frame:
    """A row per condition, adaptation, knob, arm kind and amount: inherited harm, over the tasks with every amount."""
    out = []
    for key, rows in turned(df):
        for kind in ("injected", "sham"):
            part = rows[rows["kind"] == kind]
            amounts = sorted(part[key["knob"]].dropna().unique())
            tasks = _whole(part.frame, key["knob"], len(amounts))
            for amount in amounts if tasks else ():
                here = part[part[key["knob"]] == amount]
                mean = means.over_tasks(here, tasks)
                alike = (rows["kind"] == "clean") & _is(rows, key["knob"], amount)
                clean = rows[alike & rows["task"].isin(tasks)]
                facts = {"accuracy": clean["accuracy_clean"].mean(), "majority": clean["majority"].mean()}
                shown = clean.frame.drop_duplicates("task")["n"].sum()
                facts["learned"] = is_learned(facts["accuracy"], facts["majority"], shown)
                usual = amount == usual_amounts(rows, key["knob"])[key["knob"]]
                out.append(
                    {**key, "kind": kind, "amount": amount, "usual": usual, "tasks": len(tasks), **facts, **mean}
                )
    shape = ["condition", "adaptation", "knob", "kind", "amount", "usual", "tasks", "accuracy", "majority", "learned"]
    shape += list(means.NOTHING)
    return pd.DataFrame(out, columns=shape)


def _whole(part: Frame, knob: str, amounts: int) -> list[str]:
    """The tasks that have every amount at every backbone seed."""
    seeds = part["arm_seed"].nunique()
    sizes = part.groupby("task", sort=False)[[knob, "arm_seed"]].apply(lambda rows: len(rows.drop_duplicates()))
    return [str(task) for task, size in sizes.items() if size == amounts * seeds] if len(part) else []


def lives(df: Results) -> Frame:
    """A row per curve of injected arms: first and last harm, what is left, half-life over seeds, the answer by RULE."""
    every, out = curves(df), []
    for key, rows in turned(df):
        mine = (every[list(key)] == list(key.values())).all(axis=1) & (every["kind"] == "injected")
        points = every[mine & (every["learned"] == True)]  # noqa: E712 - an empty frame has no bool column
        if len(points) < 2:
            continue
        first, last = reference(points), points.iloc[-1]
        row = key | {"from": first["amount"], "to": last["amount"], "tasks": first["tasks"], "answer": verdict(points)}
        for name, point in (("first", first), ("last", last)):
            row |= {f"{name}_{column}": point[column] for column in ("value", "low", "high")}
        row["remaining"] = last["value"] / first["value"] if row["answer"] != "nothing to survive" else np.nan
        seen = rows[(rows["kind"] == "injected") & rows[key["knob"]].isin(set(points["amount"]))]
        row |= {"half_life": np.nan} if key["knob"] in INJECTED else half_life(seen.frame, key["knob"])
        out.append(row | {"seeds": first["seeds"], "n": first["examples"]})
    return pd.DataFrame(out)


def reference(points: Frame) -> Any:
    """The point that the others of a curve are compared with: the first, or the usual one of what is planted."""
    usual = points[points["usual"] & points["knob"].isin(INJECTED)]
    return (usual if len(usual) else points).iloc[0]


def half_life(rows: Frame, knob: str) -> dict[str, float]:
    """`transfer.survival` of the inherited harm, mean over tasks, a row per backbone seed."""
    whole = rows[rows["task"].isin(_whole(rows, knob, rows[knob].nunique()))]
    table = whole.groupby(["arm_seed", knob])["inherited"].mean().unstack(knob)
    life = transfer.survival(table.columns.to_numpy(dtype=float), table.to_numpy())
    return {"half_life": life.half_life, "half_life_from": life.low, "half_life_to": life.high}


def verdict(points: Frame) -> str:
    """By RULE, of the points of a curve in the order of their amounts."""
    first = reference(points)
    later = points[points["amount"] != first["amount"]]
    if not (first["low"] > 0 and first["value"] >= MEANINGFUL):
        return "nothing to survive"
    half = first["value"] / 2
    halved = later[later["high"] < half]
    if len(halved):
        return f"halved at {joined([f'{amount:g}' for amount in halved['amount']])}"
    return "survives" if (later["low"] > half).all() else "undecided"


def survival(points: Frame) -> Figure:
    """All curves."""
    conditions, knobs = points["condition"].unique(), [knob for knob in KNOBS if knob in set(points["knob"])]
    figure = plots.figure(0.6 + 1.25 * len(conditions), wide=len(knobs) > 3)
    panels = figure.subplots(len(conditions), len(knobs), squeeze=False, sharey=True)
    names = points["adaptation"].unique().tolist()
    colours = COLOURS | dict(zip((name for name in names if name not in COLOURS), OTHERS, strict=False))
    for row, condition in zip(panels, conditions, strict=True):
        for axes, knob in zip(row, knobs, strict=True):
            here = points[(points["condition"] == condition) & (points["knob"] == knob)]
            amounts = sorted(here["amount"].unique())
            axes.axhline(0, color=plots.COLOURS["clean"], linewidth=0.6)
            for (name, kind), rows in here.groupby(["adaptation", "kind"], sort=False):
                _curve(axes, [amounts.index(amount) for amount in rows["amount"]], rows, colours[name], kind == "sham")
            axes.set_xticks(range(len(amounts)), [f"{amount:g}" for amount in amounts], rotation=90)
            axes.set_xlim(-0.3, len(amounts) - 0.7)
            axes.grid(axis="y")
            if condition == conditions[0]:
                name = NAMES.get(knob, knob.replace("_", " "))
                axes.set_title(name.replace(" ", "\n"))
        row[0].set_ylabel(condition.split("-")[0], weight="bold")
    _legend(figure, {name: colours[name] for name in names})
    n = points[points["kind"] == "injected"]
    text = f"Inherited harm (n {n['examples'].min():,} to {n['examples'].max():,} examples, {n['seeds'].max()} seeds)."
    plots.note(figure, text)
    return figure


def _curve(axes: Any, x: list[int], rows: Frame, colour: str, sham: bool) -> None:
    if not sham:
        axes.fill_between(x, rows["low"], rows["high"], color=colour, alpha=0.2, linewidth=0)
        axes.axhline(reference(rows)["value"] / 2, color=colour, linewidth=0.6, linestyle=":")
    look = {"linestyle": "--", "linewidth": 0.7, "marker": "s"} if sham else {"marker": "o"}
    axes.plot(x, rows["value"], color=colour, markersize=2.2, **look)
    useless = [(place, value) for place, value, fine in zip(x, rows["value"], rows["learned"], strict=True) if not fine]
    axes.plot(*zip(*useless, strict=True), "x", color="black", markersize=4) if useless else None


def _legend(figure: Figure, colours: dict[str, str]) -> None:
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=colour, marker="o", markersize=3, label=readable(n)) for n, colour in colours.items()
    ]
    look: dict[str, Any] = {"color": "#555555", "linestyle": "--", "linewidth": 0.7, "marker": "s", "markersize": 3}
    figure.legend(handles=[*handles, Line2D([], [], label="sham", **look)], loc="outside upper center", ncols=4)
