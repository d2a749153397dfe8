"""The frame of a picture for a card of TensorBoard's: one panel, letters that can be read there, no ground of its own.

A card shows a picture at about half of its size, on white or on near black: letters are large, and ink and ground are
such that both will do.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lightning_infogeo.figures.palette import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH, HEIGHT = 760, 400
"""Pixels."""

LETTERS, SMALL = 15, 11.5
"""Size of letters, points."""

_TITLE = 17
_DPI = 100
_POINT = _DPI / 72
"""Pixels."""

_WIDE = 0.6
"""Width of a letter in units of its size: of DejaVu Sans, on average."""

Box = tuple[float, float, float, float]
"""Left, bottom, width and height in pixels."""

Corners = tuple[float, float, float, float]
"""Left, bottom, right and top in pixels."""


def card(title: str, box: Box, colour: str = INK) -> tuple[Figure, Axes]:
    """Returns a figure of the size of a card, and its only panel.

    Args:
        title: the answer that the picture gives, in one line; made smaller until it fits.
        box: of the panel.
        colour: of the title.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH / _DPI, HEIGHT / _DPI), dpi=_DPI, facecolor="none")
    figure.set_layout_engine("none")
    left, bottom, width, height = box
    axes = figure.add_axes((left / WIDTH, bottom / HEIGHT, width / WIDTH, height / HEIGHT), facecolor="none")
    axes.grid(False)
    axes.tick_params(colors=INK, labelsize=LETTERS)
    for side, spine in axes.spines.items():
        spine.set(color=INK, visible=side in ("left", "bottom"))
    size = min(_TITLE, (WIDTH - 24) / (text_width(title, 1) * 1.1))
    figure.text(12 / WIDTH, 1 - 28 / HEIGHT, title, color=colour, fontsize=size, fontweight="bold", va="center")
    return figure, axes


def settled(figure: Figure) -> Figure:
    """Returns a figure whose letters are those of a card, whatever ``rcParams`` a user has set for figures of his own.

    A context of other settings would change them for the thread that trains, too.
    """
    from matplotlib.text import Text

    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            axis.get_ticklabels()  # makes them
    for text in figure.findobj(Text):
        text.set(usetex=False, fontfamily="DejaVu Sans")
    return figure


def text_width(text: str, size: float) -> float:
    """Returns about how many pixels a text of this size takes; finding out by drawing would take longer than drawing.

    Args:
        text: one line.
        size: of the letters, points.
    """
    return max(1, len(text)) * size * _WIDE * _POINT


def note(figure: Figure, text: str, row: int = 0) -> None:
    """Writes a line in small letters at the foot of the picture.

    Args:
        figure: from ``card``.
        text: one line.
        row: 0 is the lowest.
    """
    size = min(LETTERS - 1.5, (WIDTH - 24) / text_width(text, 1) * 1.05)
    figure.text(12 / WIDTH, (13 + 22 * row) / HEIGHT, text, color=INK, fontsize=size, va="center")


def log_steps(axes: Axes, first: float, last: float, along: str = "x") -> None:
    """Makes an axis one of optimizer steps, logarithmic, with whole powers of ten as ticks.

    Args:
        axes: the panel.
        first: step at its beginning, at least 1.
        last: at its end.
        along: "x" or "y".
    """
    from matplotlib.ticker import FixedLocator, NullLocator

    powers = [10**k for k in range(19) if first <= 10**k <= last]
    if len(powers) < 2:
        powers = sorted({int(first), int(last)})
    every = 1 + (len(powers) - 1) // 6
    shown = powers[::every]
    axis = axes.xaxis if along == "x" else axes.yaxis
    axes.set(**{f"{along}scale": "log"})
    axis.set_minor_locator(NullLocator())
    axis.set_major_locator(FixedLocator(shown))
    axis.set_ticklabels([step_name(step) for step in shown])


def step_name(step: int) -> str:
    """Returns a step in few letters.

    Example:
        >>> step_name(683), step_name(10_000), step_name(2_500_000)
        ('683', '10k', '2.5M')
    """
    for least, unit, letter in ((10**9, 10**9, "G"), (10**6, 10**6, "M"), (10**4, 10**3, "k")):
        if step >= least:
            return f"{step / unit:.4g}{letter}"
    return str(step)


def end_labels(axes: Axes, ends: Mapping[str, tuple[float, str]], least: float = 24) -> list[Corners]:
    """Writes names of lines to the right of the panel, beside their ends and apart from each other.

    Returns where they are.

    Args:
        axes: the panel, its limits set.
        ends: height of the end of each line in data, and its colour, by name.
        least: pixels from one name to the next.
    """
    to_pixels, box = axes.transData, axes.get_window_extent()
    low = axes.get_ylim()[0]
    heights = {name: float(to_pixels.transform((axes.get_xlim()[1], max(y, low)))[1]) for name, (y, _) in ends.items()}
    places: dict[str, float] = {}
    lowest = box.y0
    for name in sorted(heights, key=lambda name: heights[name]):
        places[name] = lowest = max(heights[name], lowest)
        lowest += least
    surplus = max(0.0, lowest - least - box.y1)
    taken: list[Corners] = []
    for name, place in places.items():
        at = (box.x1 + 8) / WIDTH, (place - surplus) / HEIGHT
        size = min(LETTERS, (WIDTH - 12 - box.x1) / (1.15 * text_width(name, 1)))
        figure: Any = axes.figure
        figure.text(*at, name, color=ends[name][1], fontsize=size, fontweight="bold", va="center")
        taken.append((box.x1 + 8, place - surplus - least / 2, WIDTH, place - surplus + least / 2))
    return taken


class Words:
    """Words beside points of a panel, none over another, and over a line only where there is no other place.

    Args:
        axes: the panel, its limits set.
        box: in which all words stand; the whole card below its title where none is given.
        taken: where other words are.
    """

    def __init__(self, axes: Axes, box: Box = (4, 4, WIDTH - 8, HEIGHT - 50), taken: Sequence[Corners] = ()) -> None:
        self._axes = axes
        self._within = box
        self._taken: list[Corners] = list(taken)
        self._lines: list[Corners] = []

    def write(self, text: str, at: Sequence[float], colour: str, size: float = LETTERS, bold: bool = False) -> bool:
        """Writes a word beside a point; returns whether there was room.

        Args:
            text: one line.
            at: the point in data.
            colour: of the letters.
            size: of the letters, points.
            bold: whether they are.
        """
        x, y = self._axes.transData.transform((float(at[0]), float(at[1])))
        wide, high = text_width(text, size) * (1.08 if bold else 1), 1.3 * size * _POINT
        boxes = [
            (x + dx, y + dy, x + dx + wide, y + dy + high)
            for away in (14.0, 26.0, 38.0)
            for dx, dy in (
                (away, -high / 2),
                (-away - wide, -high / 2),
                (-wide / 2, away),
                (-wide / 2, -away - high),
                (away, away - high / 2),
                (away, -away - high / 2),
                (-away - wide, away - high / 2),
                (-away - wide, -away - high / 2),
            )
        ]
        return self._written(text, boxes, colour, size, bold)

    def write_beside_upright(
        self, text: str, places: Sequence[tuple[str, float]], colour: str, size: float = LETTERS
    ) -> bool:
        """Writes a word beside an upright line, as high as there is room; returns whether there was any.

        Args:
            text: one line.
            places: where it may stand: "left" or "right" of a line, and that line's x in data; a later one only
                where none is clear at those before.
            colour: of the letters.
            size: of the letters, points.
        """
        wide, high = text_width(text, size), 1.3 * size * _POINT
        bottom, top = self._within[1], self._within[1] + self._within[3]
        rows = range(int(top - 1.3 * high), int(bottom), -int(high / 2))
        boxes = []
        for side, x in places:
            at = float(self._axes.transData.transform((x, self._axes.get_ylim()[1]))[0])
            start = at - 6 - wide if side == "left" else at + 6
            boxes += [(start, y, start + wide, y + high) for y in rows]
        return self._written(text, boxes, colour, size)

    def avoid(self, points: Any, radius: float = 4) -> None:
        """Lets words stand over these points, shape (n, 2) in data, only where there is no other place."""
        for x, y in self._axes.transData.transform(points):
            self._lines.append((x - radius, y - radius, x + radius, y + radius))

    def avoid_line(self, points: Any) -> None:
        """The same for the line through points, shape (n, 2) in data."""
        import numpy as np

        pixels = self._axes.transData.transform(points)
        for a, b in itertools.pairwise(pixels):
            ways = np.linspace(0, 1, 2 + int(np.abs(b - a).max() / 8))[:, None]
            self._lines += [(x - 4, y - 4, x + 4, y + 4) for x, y in a + ways * (b - a)]

    def _written(self, text: str, boxes: Sequence[Corners], colour: str, size: float, bold: bool = False) -> bool:
        """Writes in the first box that is clear, or else not taken; returns whether there is one."""
        left, bottom, width, height = self._within
        right, top = left + width, bottom + height
        within = [b for b in boxes if b[0] >= left and b[2] <= right and b[1] >= bottom and b[3] <= top]
        free = [box for box in within if not any(_overlap(box, word) for word in self._taken)]
        clear = [box for box in free if not any(_overlap(box, point) for point in self._lines)]
        for box in [*clear, *free][:1]:
            self._taken.append(box)
            figure: Any = self._axes.figure
            style = {"color": colour, "fontsize": size, "fontweight": "bold" if bold else "normal", "va": "center"}
            figure.text(box[0] / WIDTH, (box[1] + box[3]) / 2 / HEIGHT, text, **style)
        return bool(free)


def _overlap(a: Corners, b: Corners) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
