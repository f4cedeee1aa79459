"""Whether the words of a figure are too small, collide with each other or leave it: its texts as they are drawn."""

from itertools import combinations
from typing import Any

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

TOUCH = 0.12  # share of the smaller of two boxes that may lie in the other: their corners hold no ink
LEAST = 7  # points
OUT = 1.5  # pixels that a box may reach over the edge


def texts(figure: Any) -> list[tuple[str, Any]]:
    """(what it says, its box in pixels) of every text that is seen, rotated ones left out."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    kept = [text for text in seen(figure) if text.get_rotation() % 90 == 0]
    return [(text.get_text(), text.get_window_extent(canvas.get_renderer())) for text in kept]


def seen(figure: Any) -> list[Text]:
    """The texts of a drawn figure that are seen."""
    shown = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    axes = {axis for each in figure.axes for axis in (each.xaxis, each.yaxis)}
    ticks = {id(label): axis for axis in axes for label in axis.get_ticklabels(which="both")}
    drawn = {id(tick) for axis in axes for tick in _drawn(axis)}
    kept = [text for text in shown if id(text) not in ticks or id(text) in drawn]
    return [text for text in kept if text.axes is None or text.axes.get_visible()]


def _drawn(axis: Any) -> list[Text]:
    """The labels of the ticks inside the axis: others are kept by matplotlib and not drawn."""
    low, high = sorted(axis.get_view_interval())
    if not axis.get_visible() or not axis.axes.axison:
        return []
    slack = 1e-6 * (high - low)
    inside = [tick for tick in axis.get_major_ticks() if low - slack <= tick.get_loc() <= high + slack]
    return [label for tick in inside for label in (tick.label1, tick.label2) if label.get_visible()]


def collisions(figure: Any) -> list[str]:
    """What collides, leaves the figure or is too small, in words; none where the figure can be read."""
    boxes = [(said, box) for said, box in texts(figure) if box.width > 0 and box.height > 0]
    width, height = figure.bbox.width, figure.bbox.height
    found = [
        f"{said!r} leaves the figure"
        for said, box in boxes
        if box.x0 < -OUT or box.y0 < -OUT or box.x1 > width + OUT or box.y1 > height + OUT
    ]
    small = {text.get_text() for text in seen(figure) if float(text.get_fontsize()) < LEAST}
    found += [f"{said!r} is smaller than {LEAST} points" for said in sorted(small)]
    for (one, a), (other, b) in combinations(boxes, 2):
        wide, high = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        if wide > 0 and high > 0 and wide * high > TOUCH * min(a.width * a.height, b.width * b.height):
            found.append(f"{one!r} and {other!r}")
    return found
