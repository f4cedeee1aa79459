"""House style of figures: one column of a paper, colour-blind-safe, same bytes on every run."""

from __future__ import annotations

import io
import math
import re
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from homog.records import replacing
from homog.report.layout import number

WIDTH, WIDE = 3.25, 6.75  # inches: one column, two
LETTERS = 18  # of text that an inch holds
HALO = {"facecolor": "white", "edgecolor": "none", "pad": 0.8}  # behind text on a hatched ground
COLOURS = {"injected": "#D55E00", "sham": "#0072B2", "clean": "#555555"}  # Okabe and Ito
MARKERS = {"injected": "o", "sham": "s", "clean": "D"}
HEAT = LinearSegmentedColormap.from_list("heat", ["#FFFFFF", "#FBD3B0", "#F0914B", "#C04E00", "#6E2A00"])
COOL = LinearSegmentedColormap.from_list("cool", ["#FFFFFF", "#C3DCF0", "#6FAEDB", "#0072B2", "#003A5C"])
STYLE: Any = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same glyphs everywhere
    "text.parse_math": False,  # a name may hold a dollar
    "font.size": 7,  # points, of all text: the least that can be read in print
    "axes.titlesize": 7,
    "axes.labelsize": 7,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "axes.linewidth": 0.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.5,
    "ytick.major.width": 0.5,
    "xtick.major.size": 2,
    "ytick.major.size": 2,
    "grid.linewidth": 0.4,
    "grid.color": "#DDDDDD",
    "lines.linewidth": 1.2,
    "hatch.linewidth": 0.4,
    "legend.frameon": False,
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "svg.fonttype": "path",
    "svg.hashsalt": "homog",
    "savefig.dpi": 300,
    "figure.dpi": 100,
}


def style() -> Any:
    """A context in which figures are drawn and saved in the house style."""
    return mpl.rc_context(STYLE)


def figure(height: float, wide: bool = False) -> Figure:
    """An empty figure, `height` inches high and one column wide (`wide`: two), whose parts make room for each other."""
    empty_figure = Figure(figsize=(WIDE if wide else WIDTH, height), layout="constrained")
    empty_figure.get_layout_engine().set(w_pad=0.02, h_pad=0.02, wspace=0.02, hspace=0.02)  # pyright: ignore
    return empty_figure


def panels(figure: Figure, titles: Sequence[str], ylabel: str, xlabel: str = "", **options: Any) -> list[Any]:
    """Axes side by side, one under each title, with a grid; `ylabel` on the first, `xlabel` on the middle one.

    `options`: sharex, sharey; `pad` of the titles in points.
    """
    pad = options.pop("pad", None)
    every = list(figure.subplots(1, len(titles), squeeze=False, **options)[0])
    for axes, title in zip(every, titles, strict=True):
        axes.set_title(title, weight="bold", pad=pad)
        axes.grid(axis="y")
        axes.set_axisbelow(True)
    every[0].set_ylabel(ylabel)
    every[len(every) // 2].set_xlabel(xlabel)
    return every


def save(figure: Figure, path: Path) -> list[Path]:
    """Write `path`.pdf and `path`.png (300 dpi) atomically; the same figure gives the same bytes."""
    paths = []
    for kind, metadata in (("pdf", {"CreationDate": None}), ("png", {})):
        target = path.parent / f"{path.name}.{kind}"
        with style(), replacing(target) as temporary:
            figure.savefig(temporary, format=kind, metadata=metadata)
        paths.append(target)
    return paths


def svg(figure: Figure, prefix: str = "") -> str:
    """The figure as an <svg> element for HTML; `prefix` keeps its ids apart from those of other figures."""
    buffer = io.StringIO()
    with style():
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :].strip()
    return re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{prefix}-", text) if prefix else text


def brief(low: float, high: float) -> str:
    """An interval in little room: '[.93, 1.0]'."""
    return f"[{short(low)}, {short(high)}]"


def short(value: float) -> str:
    """A number in little room: '.93', '−.02', '1.0'."""
    return number(value).replace("0.", ".", 1) if abs(value) < 0.995 else number(value, 1)


def ink(value: float) -> str:
    """Black or white, whichever can be read on the ground of `filled(value)`."""
    return "white" if abs(value) > 0.55 else "black"


def filled(value: float, **box: Any) -> Rectangle:
    """A rectangle shaded by `value` (-1..1): harm is orange, benefit blue."""
    return Rectangle(facecolor=HEAT(value) if value >= 0 else COOL(-value), edgecolor="#BBBBBB", **box)


def hatched(**box: Any) -> Rectangle:
    """A rectangle that says: there is no number here."""
    return Rectangle(facecolor="white", edgecolor="#BBBBBB", hatch="//////", **box)


def empty(figure: Figure, why: str) -> Figure:
    """A figure that says why it shows nothing."""
    figure.text(0.5, 0.5, why, ha="center", va="center")
    return figure


def legend(figure: Figure, labels: Mapping[str, str]) -> None:
    """A legend above the figure; keys are arm kinds, 'thin' (a thin line) or 'dot' (a small dot)."""
    handles = []
    for key, label in labels.items():
        look: dict[str, Any] = {"color": COLOURS["injected"], "linewidth": 0.4}
        if key == "dot":
            look = {"color": COLOURS["clean"], "marker": ".", "markersize": 4, "linewidth": 0}
        elif key in COLOURS:
            look = marker(key)
        handles.append(Line2D([], [], label=label, **look))
    room = figure.get_figwidth() * LETTERS - sum(map(len, labels.values())) - 6 * len(labels)
    ncols = len(handles) if room > 0 else math.ceil(len(handles) / 2)
    figure.legend(handles=handles, loc="outside upper center", ncols=ncols, handlelength=1.5)


def marker(kind: str) -> dict[str, Any]:
    """How an arm kind is marked: only the injected arm's marker is full."""
    full = COLOURS[kind] if kind == "injected" else "white"
    return {"color": COLOURS[kind], "marker": MARKERS[kind], "markersize": 4, "markerfacecolor": full}


def note(figure: Figure, text: str) -> None:
    """A note under the figure, wrapped to its width: what n is."""
    most = int(LETTERS * figure.get_figwidth())
    lines = [line for part in text.split("\n") for line in textwrap.wrap(part, most)]
    figure.supxlabel("\n".join(lines), fontsize="medium", color="#333333", x=0.01, ha="left")


def curve(axes: Any, x: Any, rows: Any, kind: str) -> None:
    """A line through the values of `rows` (columns value, low, high) with its interval as a band."""
    axes.fill_between(x, rows["low"], rows["high"], color=COLOURS[kind], alpha=0.25, linewidth=0)
    axes.plot(x, rows["value"], color=COLOURS[kind], marker=MARKERS[kind], markersize=2.5)


def dots(axes: Any, x: float, values: Any, kind: str) -> None:
    """Small dots, spread a little around `x` so that equal ones can be told apart."""
    spread = [0.14 * (place + 0.5) / len(values) - 0.07 for place in range(len(values))]
    places = [x + step for step in spread]
    look = {"color": COLOURS[kind], "markersize": 3.5, "markeredgewidth": 0, "alpha": 0.5}
    axes.plot(places, values, ".", **look)


def beside(axes: Any, texts: Sequence[str], places: Any) -> None:
    """A short text at each of `places` (n, 2), on the side where it meets no other mark or text.

    To be called when the axes have their size: after `figure.draw_without_rendering()`.
    """
    dot = axes.figure.dpi / 72
    marks = axes.transData.transform(places)
    taken: list[tuple[float, float, float, float]] = [
        (x - 2 * dot, y - 2 * dot, x + 2 * dot, y + 2 * dot) for x, y in marks
    ]
    for text, (x, y), place in zip(texts, marks, places, strict=True):
        wide, high = 2.4 * dot * len(text), 3.1 * dot  # half of them
        turns = [
            (r * math.cos(a), r * math.sin(a)) for r in (6, 9, 12, 16) for a in (0.6, 2.5, 3.8, 5.6, 1.6, 4.7, 0, 3.14)
        ]
        middles = [(x + u * dot, y + v * dot) for u, v in turns]
        boxes = [(a - wide, b - high, a + wide, b + high) for a, b in middles]
        best = min(range(len(boxes)), key=lambda i: sum(_met(boxes[i], other) for other in taken))
        look: dict[str, Any] = {"ha": "center", "va": "center_baseline"}
        axes.annotate(text, place, xytext=turns[best], textcoords="offset points", **look)
        taken.append(boxes[best])


def _met(one: tuple[float, float, float, float], other: tuple[float, float, float, float]) -> float:
    """The area that two boxes (left, low, right, high) share."""
    wide, high = min(one[2], other[2]) - max(one[0], other[0]), min(one[3], other[3]) - max(one[1], other[1])
    return wide * high if wide > 0 and high > 0 else 0.0


def point(axes: Any, x: float, row: Any, kind: str, prefix: str = "") -> None:
    """A mean with its interval (columns value, low, high of `row`); nothing where it is NaN."""
    value, low, high = (float(row[prefix + name]) for name in ("value", "low", "high"))
    if math.isnan(value):
        return
    axes.plot([x, x], [low, high], color=COLOURS[kind], linewidth=1.0, zorder=3, solid_capstyle="butt")
    axes.plot(x, value, zorder=4, **marker(kind))
