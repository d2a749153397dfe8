"""One picture of all detectors: false alarms against delay, each over its threshold, a panel a spacing.

    python benchmarks/onset_frontier.py benchmarks/onset_reporting.json docs/images/onset.png

draws again what ``onset.py --plot`` drew, from the figures that it left.
"""

from __future__ import annotations

import argparse
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
    "EarlyStopping": "#0072B2",
    "patience in log time": "#56B4E9",
    "Label Wave": "#CC79A7",
    "MemorisationOnset": "#8C4A6E",
    "rule A": "#000000",
    "runmedic": "#009E73",
    "losslint": "#B58900",
}
DELAYS = (0.25, 0.5, 1, 2, 4, 8)


def draw_frontier(points: Points, drawn: dict[str, Family], where: Path) -> None:
    """Draws on white, so that it can be read on a dark page as well."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 4.4), layout="constrained", facecolor="white")
    panels = figure.subplots(1, len(points), sharey=True, squeeze=False)[0]
    for axes, (spacing, by_detector) in zip(panels, points.items(), strict=True):
        axes.set(title=f"records {float(spacing):.0%} apart", xscale="log", xlim=(0.2, 16), ylim=(-0.02, 1.0))
        axes.set_xticks(DELAYS, [f"{delay:g}" for delay in DELAYS])
        axes.minorticks_off()
        axes.grid(alpha=0.25)
        axes.axvline(1, color="0.6", linewidth=0.8)
        for label, family in drawn.items():
            _draw_family(axes, label, family, by_detector)
    panels[0].set_ylabel("healthy runs flagged at the end")
    figure.supxlabel("step of the flag ÷ onset, median (left of 1: before the onset)", size=10)
    figure.savefig(where, dpi=150)


def _draw_family(axes: Any, label: str, family: Family, by_detector: dict[str, dict[str, float]]) -> None:
    members = {
        threshold: by_detector[name]
        for threshold, name in family.members.items()
        if name in by_detector and by_detector[name]["recall"] >= LEAST_RECALL
    }
    places = {t: (p["flag/onset"], p["false alarms"]) for t, p in members.items() if not math.isnan(p["flag/onset"])}
    if not places:
        return
    colour = COLOURS[label]
    x, y = zip(*places.values(), strict=True)
    axes.plot(x, y, "o-", color=colour, markersize=3.5, linewidth=1.4, clip_on=False, zorder=3)
    if family.default in by_detector:
        point = by_detector[family.default]
        axes.plot(point["flag/onset"], point["false alarms"], "D", color=colour, markersize=7, clip_on=False, zorder=4)
    if len(places) > 1:
        for threshold, place in places.items():
            axes.annotate(threshold, place, xytext=(4, 3), textcoords="offset points", size=6.5, color=colour)
    axes.annotate(label, (x[0], y[0]), xytext=(0, 7), textcoords="offset points", size=8, color=colour, ha="center")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", type=Path)
    parser.add_argument("picture", type=Path)
    options = parser.parse_args()
    draw_frontier(json.loads(options.figures.read_text())["points"], families(), options.picture)


if __name__ == "__main__":
    main()
