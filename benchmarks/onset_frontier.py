"""One picture of all detectors: false alarms against delay, each over its threshold, a panel a spacing.

    python benchmarks/onset_frontier.py benchmarks/onset_reporting.json docs/images/onset.png

draws again what ``onset.py --plot`` drew, from the figures that it left.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
from pathlib import Path
from typing import Any

from onset_detectors import Family, families

Points = dict[str, dict[str, dict[str, float]]]
"""Figures by spacing and detector."""

LEAST_RECALL = 0.5
"""A median of fewer runs is no delay of the detector."""

COLOURS = {
    "OverfittingOnset": "#D55E00",
    "held-out samples alone": "#E69F00",
    "EarlyStopping": "#0072B2",
    "patience in log time": "#56B4E9",
    "Label Wave": "#CC79A7",
    "MemorisationOnset": "#8C4A6E",
    "rule A": "#000000",
    "runmedic": "#009E73",
    "losslint": "#B58900",
}
DELAYS = (0.25, 0.5, 1, 2, 4, 8, 16)
LED_FROM = 20
"""Pixels from a point to its name from which on a line leads there."""

SHARES = (0, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1)


def draw_frontier(points: Points, drawn: dict[str, Family], where: Path) -> None:
    """Draws on white, so that it can be read on a dark page as well; shares on a scale of square roots."""
    import numpy as np
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 5.4), dpi=150, layout="constrained", facecolor="white")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(points), sharey=True, squeeze=False)[0]
    for axes, spacing in zip(panels, points, strict=True):
        axes.set_yscale("function", functions=(lambda y: np.sqrt(np.maximum(y, 0)), np.square))
        axes.set(title=f"records {float(spacing):.0%} apart", xscale="log", xlim=(0.14, 24), ylim=(0, 1))
        axes.set_xticks(DELAYS, [f"{delay:g}" for delay in DELAYS])
        axes.set_yticks(SHARES, [f"{share:g}" for share in SHARES])
        axes.minorticks_off()
        axes.grid(alpha=0.25)
        axes.axvline(1, color="0.5", linewidth=0.8)
    panels[0].set_ylabel("share of healthy runs with a flag that stands")
    figure.supxlabel("step of the flag ÷ onset, median; diamonds: as they come", size=10)
    figure.draw_without_rendering()  # labels are placed by their sizes
    figure.set_layout_engine("none")
    for axes, by_detector in zip(panels, points.values(), strict=True):
        places = {label: _draw_family(axes, label, family, by_detector) for label, family in drawn.items()}
        _label(axes, {label: found for label, found in places.items() if found})
    figure.savefig(where)


def _draw_family(axes: Any, label: str, family: Family, by_detector: dict[str, dict[str, float]]) -> dict[str, Any]:
    """Returns where the members lie, by their thresholds."""
    members = {t: by_detector[name] for t, name in family.members.items() if name in by_detector}
    places = {t: (p["flag/onset"], p["false alarms"]) for t, p in members.items() if p["recall"] >= LEAST_RECALL}
    if not places:
        return {}
    drawing = {"color": COLOURS[label], "clip_on": False, "zorder": 3}
    axes.plot(*zip(*places.values(), strict=True), "o-", markersize=3.5, linewidth=1.4, **drawing)
    if family.default in by_detector:
        point = by_detector[family.default]
        axes.plot(point["flag/onset"], point["false alarms"], "D", markersize=7, **drawing)
    return places


def _label(axes: Any, places: dict[str, dict[str, Any]]) -> None:
    """Writes every name beside its line, and thresholds beside its ends, where they cover nothing."""
    taken: list[Any] = []
    dots = [dot for found in places.values() for dot in _along(axes, list(found.values()))]
    for label, found in places.items():
        taken.append(_write(axes, label, list(found.values()), 8.0, COLOURS[label], taken, dots))
    for label, found in places.items():
        ends = list(found.items())
        for threshold, place in (ends[0], ends[-1]) if len(found) > 1 else ():
            taken.append(_write(axes, threshold, [place], 7.0, COLOURS[label], taken, dots))


def _along(axes: Any, line: list[Any]) -> list[Any]:
    """Returns pixels close to each other on a line."""
    corners = axes.transData.transform(line)
    between = [(1 - k / 16) * a + k / 16 * b for a, b in itertools.pairwise(corners) for k in range(16)]
    return [*corners, *between]


def _write(axes: Any, text: str, places: list[Any], size: float, colour: str, taken: list[Any], dots: Any) -> Any:
    """Writes a text by one of several places, as near as it can and where it covers least; returns its extent."""
    from matplotlib.transforms import Bbox

    note = axes.annotate(
        *(text, places[0], (0, 0)),
        annotation_clip=False,
        **{"textcoords": "offset pixels", "ha": "center", "va": "center", "size": size, "color": colour, "zorder": 5},
        arrowprops={"arrowstyle": "-", "color": colour, "lw": 0.5, "shrinkA": 0, "shrinkB": 2},
    )
    extent = note.get_tightbbox(axes.figure.canvas.get_renderer())
    options = []
    for place, far, angle in itertools.product(places, range(9, 120, 5), range(0, 360, 15)):
        x, y = axes.transData.transform(place)
        across, up = math.cos(math.radians(angle)), math.sin(math.radians(angle))
        moved = (across * (far + extent.width / 2), up * (far + extent.height / 2))
        box = Bbox.from_bounds(x + moved[0] - extent.width / 2, y + moved[1] - extent.height / 2, *extent.size)
        covered = 10 * sum(box.overlaps(other) for other in taken) + 5 * box.padded(3).count_contains(dots)
        outside = not all(axes.bbox.contains(*corner) for corner in box.corners())
        options.append((covered + far / 20 + (far > LED_FROM) + 20 * outside, far, moved, place, box))
    _, far, moved, place, box = min(options, key=lambda option: option[0])
    note.xy = place
    note.set_position(moved)
    note.arrow_patch.set_visible(far > LED_FROM)
    return box.padded(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", type=Path)
    parser.add_argument("picture", type=Path)
    options = parser.parse_args()
    draw_frontier(json.loads(options.figures.read_text())["points"], families(), options.picture)


if __name__ == "__main__":
    main()
