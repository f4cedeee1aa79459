"""Figures of an audit: how many models fail, who fails alike, agreement against accuracy, the market, several tasks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import MaxNLocator

from homog.analysis.across_decisions import distributions
from homog.analysis.ensembles import Ensemble
from homog.analysis.failing_alike import similarity
from homog.audit.tables import Audit, Section
from homog.metrics.agreement import wrong_agreement_baseline
from homog.report import charts, plots
from homog.report.layout import percent, readable
from homog.wording import counted

OBSERVED, CHANCE, APART = plots.COLOURS["injected"], plots.COLOURS["clean"], plots.COLOURS["sham"]
BLANK = "#E4E4E4"  # a model with itself
BINS = 40  # bars at most
NAMED = 30  # models above which the heat map has no names
NUMBERED = 9  # models above which it has no numbers
CELL = 0.28  # inches that a cell needs for its number
DOTS = 2000  # pairs above which they are counted in hexagons
NAMES = {
    "capa": "CAPA",
    "capa_discrete": "CAPA of the answers",
    "error_consistency": "Error consistency",
    "both_wrong_agreement": "Same answer\nwhen both are wrong",
}
CAPTIONS = {
    "failure_distribution": "How many models fail an example: observed, and if the models failed independently, each "
    "at its own error rate (Poisson-binomial).",
    "agreement": "Agreement of every pair of models beyond what their accuracies imply: 0 = as independent models. "
    "Models in the order of average-linkage clustering: blocks are models that fail alike. Hatched: undefined.",
    "agreement_accuracy": "Agreement of every pair of models against their mean accuracy. Dashed: independent errors.",
    "ladder": charts.LADDER,
    "market_share": "What happens as deployers move onto one base, averaged over all choices of who moves. Left: the "
    "share of examples that every deployer fails. Right: how often that is, against independent failures.",
    "tasks": "In how many of the tasks one person is failed by the same model: observed, and if failures in different "
    "tasks were independent. Bars: mean over models. Dots: models.",
}


def figures(audit: Audit) -> dict[str, tuple[Figure, str]]:
    """Name -> (figure, caption): of each task and of each family of tasks."""
    every: dict[str, tuple[Figure, str]] = {}
    ends = _ends([*(family.setting for family in audit.families), *(s.ensemble.setting for s in audit.sections)])
    with plots.style():
        for family in audit.families:
            words = (f" {', '.join(map(readable, family.tasks))}.", ends[family.setting])
            every["tasks" + (words[1] if len(audit.families) > 1 else "")] = tasks(family), CAPTIONS["tasks"] + words[0]
        for section in audit.sections:
            task = section.ensemble.setting
            drawn = {
                "failure_distribution": failure_distribution(section) if section.distribution.n else None,
                "agreement": agreement(section),
                "agreement_accuracy": agreement_accuracy(section),
                "ladder": climbed(section),
                "market_share": market_share(section) if len(section.market.curve) else None,
            }
            said, end = (f" Task: {readable(task)}.", ends[task]) if task else ("", "")
            every |= {name + end: (figure, CAPTIONS[name] + said) for name, figure in drawn.items() if figure}
    return every


def _ends(names: Iterable[str]) -> dict[str, str]:
    """Name -> what the names of its files end in; no two names have one, as a/b and a_b would."""
    ends: dict[str, str] = {}
    for name in dict.fromkeys(names):
        end = "_" + "".join(letter if letter.isascii() and letter.isalnum() else "_" for letter in name)[:60]
        taken = set(ends.values())
        ends[name] = next(tried for tried in (end, *(f"{end}_{i}" for i in range(2, 10**6))) if tried not in taken)
    return ends


def failure_distribution(section: Section) -> Figure:
    """Bars: observed; line: independent."""
    distribution, figure = section.distribution, plots.figure(2.0)
    axes, k = figure.add_subplot(), len(section.ensemble.models)
    width = math.ceil((k + 1) / BINS)
    starts = np.arange(0, k + 1, width)
    places = starts + (width - 1) / 2
    bars = {"width": 0.8 * width, "color": OBSERVED, "linewidth": 0}
    axes.bar(places, np.add.reduceat(distribution.observed, starts), **bars)
    axes.plot(
        places, np.add.reduceat(distribution.baseline, starts), color=CHANCE, marker="D", markersize=2, linewidth=0.8
    )
    said = "Number of models that fail" + (f" (bars of {width})" if width > 1 else "")
    axes.set(xlabel=said, ylabel="Share of examples", xlim=(-0.6 * width, starts[-1] + width - 0.4))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    _legend(figure, ["observed", "independent"])
    ends = f"All {k} fail: {percent(distribution.observed[-1])} (independent {percent(distribution.baseline[-1])}). "
    ends += f"None fails: {percent(distribution.observed[0])} ({percent(distribution.baseline[0])})."
    plots.note(figure, f"{ends} {counted(distribution.n, 'example')}.")
    return figure


def _legend(figure: Figure, labels: list[str]) -> None:
    looks = {
        "observed": Patch(color=OBSERVED),
        "independent": Line2D([], [], color=CHANCE, marker="D", markersize=2, linewidth=0.8),
        "a model": Line2D([], [], color="black", marker=".", markersize=3, linewidth=0, alpha=0.6),
    }
    figure.legend([looks[name] for name in labels], labels, loc="outside upper center", ncols=3, handlelength=1.5)


def agreement(section: Section) -> Figure:
    """The matrix of similarity in the order of the tree, with numbers where there are few models."""
    ensemble, order = section.ensemble, section.order
    name, k = similarity(ensemble), len(order)
    matrix = section.matrices[name][np.ix_(order, order)].copy()
    np.fill_diagonal(matrix, np.nan)
    named = k <= NAMED
    figure = plots.figure(max(2.9, 1.1 + 0.13 * k * named), wide=named and k > 9)
    axes = figure.add_subplot()
    top = max(0.1, float(np.nanmax(matrix, initial=0.1)))
    least = float(np.nanmin(matrix, initial=np.inf))
    bottom = least if top / 2 < least < top else 0.0
    image = axes.imshow(
        matrix, cmap=plots.HEAT.with_extremes(bad=BLANK), vmin=bottom, vmax=top, interpolation="nearest"
    )
    extend = "min" if least < bottom else "neither"
    bar = figure.colorbar(image, ax=axes, shrink=0.8, aspect=25, extend=extend)
    bar.set_label(NAMES[name])
    bar.outline.set_linewidth(0.5)  # pyright: ignore
    _model_names(axes, ensemble, order)
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    plots.note(figure, f"{counted(k, 'model')}, {counted(ensemble.n, 'example')}.{_capped(ensemble)}")
    figure.draw_without_rendering()  # names take what room they need
    _cells(axes, matrix, bottom, top, axes.get_window_extent().width / figure.dpi / k >= CELL)
    return figure


def _capped(ensemble: Ensemble) -> str:
    return "" if len(ensemble.models) <= NAMED else " The order is in tables/order.csv."


def _cells(axes: Any, matrix: np.ndarray, bottom: float, top: float, room: bool) -> None:
    """Numbers, where there is `room`; undefined pairs hatched, the diagonal grey."""
    k = len(matrix)
    for i, j in np.argwhere(np.isnan(matrix)).tolist() if k <= NAMED else ():
        box: dict[str, Any] = {"xy": (j - 0.5, i - 0.5), "width": 1, "height": 1, "linewidth": 0}
        if i != j:
            axes.add_patch(plots.hatched(**box))
    for i, j in np.argwhere(~np.isnan(matrix)).tolist() if room and k <= NUMBERED else ():
        value = float(matrix[i, j])
        look: dict[str, Any] = {"ha": "center", "va": "center_baseline"}
        axes.text(j, i, plots.short(value), color=plots.ink((value - bottom) / (top - bottom)), **look)


def _model_names(axes: Any, ensemble: Ensemble, order: np.ndarray) -> None:
    k = len(order)
    if k > NAMED:
        axes.set(xticks=[], yticks=[], xlabel="Models", ylabel="Models")
        return
    axes.set_yticks(range(k), [f"{_short(ensemble.models[i])}  {place + 1}" for place, i in enumerate(order)])
    shown = range(0, k, 1 if k <= 15 else 3)
    axes.set_xticks(shown, [place + 1 for place in shown])


def _short(name: str, most: int = 26) -> str:
    return name if len(name) <= most else f"{name[: most - 9]}…{name[-8:]}"


def agreement_accuracy(section: Section) -> Figure:
    """Pairs by mean accuracy and agreement; pairs of one base apart from others."""
    ensemble, pairs = section.ensemble, section.tables["pairs"]
    name = "both_wrong_agreement" if ensemble.options > 2 else "error_consistency"
    figure = plots.figure(2.1)
    axes = figure.add_subplot()
    known = pairs[pairs[name].notna()]
    x, y = (known["accuracy_a"] + known["accuracy_b"]) / 2, known[name]
    base = section.market.base
    same = known[f"same_{base}"].to_numpy(dtype=bool) if base else np.zeros(len(known), dtype=bool)
    if not len(known):
        return plots.empty(figure, "No pair of models is ever wrong together.")
    _pairs(figure, axes, x.to_numpy(), y.to_numpy(), same, base)
    chance = wrong_agreement_baseline(ensemble.options) if ensemble.options > 2 else 0.0
    axes.axhline(chance, color=CHANCE, linewidth=0.8, linestyle=(0, (3, 2)))
    axes.set(xlabel="Mean accuracy of the pair", ylabel=NAMES[name])
    axes.margins(0.06)
    axes.xaxis.set_major_locator(MaxNLocator(6))
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    left = len(pairs) - len(known)
    said = f" {counted(left, 'pair')} without joint errors left out." if left else ""
    plots.note(
        figure,
        f"{counted(len(known), 'pair')} of {len(ensemble.models)} models, {counted(ensemble.n, 'example')}.{said}",
    )
    return figure


def _pairs(figure: Figure, axes: Any, x: np.ndarray, y: np.ndarray, same: np.ndarray, base: str) -> None:
    kinds = [(~same, "different" if base else "", APART, "s"), (same, "same", OBSERVED, "o")]
    if len(x) > DOTS:
        axes.hexbin(x, y, gridsize=35, cmap=plots.HEAT, bins="log", linewidths=0.1, mincnt=1)
        kinds = [(same, "same", "black", ".")] if 0 < same.sum() <= DOTS else []
    handles = []
    for chosen, word, colour, shape in kinds:
        if chosen.any():
            look: dict[str, Any] = {"color": colour, "marker": shape, "markersize": 3, "linewidth": 0, "alpha": 0.6}
            look["markeredgewidth"] = 0
            axes.plot(x[chosen], y[chosen], **look)
            handles.append(Line2D([], [], label=f"{word} {readable(base).lower()} ({chosen.sum():,})", **look))
    if base and handles:
        figure.legend(handles=handles, loc="outside upper center", ncols=2, handlelength=1)


def climbed(section: Section) -> Figure | None:
    """The ladder of the base that is shared, or of the first attribute that some models share."""
    table = section.tables["ladder"]
    shared = section.market.base if (table["shared"] == section.market.base).any() else table["shared"].head(1).max()
    rows = table[table["shared"] == shared]
    return charts.ladder({readable(str(shared)): rows}, readable(str(shared)).lower()) if len(rows) else None


def market_share(section: Section) -> Figure:
    """Systemic failure and H by the share of deployers on the shared base."""
    market, figure = section.market, plots.figure(2.0)
    curve, panels = market.curve, figure.subplots(1, 2)
    for axes, name, label in zip(
        panels, ("systemic_failure", "homogenization"), ("All deployers fail", "H"), strict=True
    ):
        rows = curve.rename(columns={name: "value", f"{name}_low": "low", f"{name}_high": "high"})
        plots.curve(axes, rows["share"], rows, "injected")
        axes.set(title=label, xticks=[0, 0.5, 1], xticklabels=["0", ".5", "1"], xlim=(-0.04, 1.04))
        axes.set_ylim(bottom=0)
        axes.grid(axis="y")
    panels[1].axhline(1, color=CHANCE, linewidth=0.8, linestyle=(0, (3, 2)))
    figure.supxlabel("")
    for axes in panels:
        axes.set_xlabel("Share on the shared base")
    words = f"{len(curve) - 1} deployers; shared: {market.base} {market.shared}; control: {market.control}. "
    plots.note(figure, f"{words}{counted(section.distribution.n, 'example')}; bands: intervals.")
    return figure


def tasks(family: Ensemble) -> Figure:
    """In how many tasks a person is failed: mean over models, and each model as a dot."""
    each, figure = distributions(family), plots.figure(2.0)
    axes, t = figure.add_subplot(), np.arange(len(family.tasks) + 1)
    observed, baseline = (
        np.array([getattr(distribution, name) for distribution in each]) for name in ("observed", "baseline")
    )
    axes.bar(t, observed.mean(0), width=0.7, color=OBSERVED, linewidth=0)
    spread = np.linspace(-0.25, 0.25, len(observed)) if len(observed) > 1 else [0.0]
    for place, row in zip(spread, observed, strict=True):
        axes.plot(t + place, row, ".", color="black", markersize=3, markeredgewidth=0, alpha=0.6)
    axes.plot(t, baseline.mean(0), color=CHANCE, marker="D", markersize=2.5, linewidth=0.8)
    axes.set(xlabel=f"Number of {len(t) - 1} tasks in which a person is failed", ylabel="Share of people", xticks=t)
    axes.grid(axis="y")
    axes.set_axisbelow(True)
    _legend(figure, ["observed", "independent", "a model"])
    ends = f"{percent(observed[:, -1].mean())} (independent {percent(baseline[:, -1].mean())})"
    size = f"{family.n:,} people, {counted(len(each), 'model')}"
    plots.note(figure, f"Failed in all {len(t) - 1}: {ends}. {size}.")
    return figure
