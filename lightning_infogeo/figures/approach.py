"""Distance to truth of all probes over the step: the picture that answers whether a training overfits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lightning_infogeo.figures.answer import answer
from lightning_infogeo.figures.card import (
    LETTERS,
    SMALL,
    WIDTH,
    Corners,
    Words,
    card,
    end_labels,
    log_steps,
    settled,
)
from lightning_infogeo.figures.names import lettered
from lightning_infogeo.figures.palette import INK, LINES, cycled, event_colour
from lightning_infogeo.markers import Event
from lightning_infogeo.markers.event import standing_flags
from lightning_infogeo.quantities import quantity
from lightning_infogeo.shortening import shortened
from lightning_infogeo.trajectory import Trajectory, of_probes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_BOX = 92.0, 62.0, 560.0, 282.0


def approach(trajectories: Mapping[str, Trajectory], probe: str, events: Sequence[Event] = ()) -> Figure:
    """Returns the distance to truth of all probes, of the size of a card, with the answer for one of them as title.

    Where it is flagged, what follows the closest approach is shaded, with the steps since which it overfits and at
    which that was known; other events on it stand at the foot. Probes without labels are left out; where none has
    labels, their velocity is drawn.

    Args:
        trajectories: by probe.
        probe: whose answer is the title, and whose events are marked.
        events: known by now.
    """
    probes = of_probes(trajectories)
    shown = {name: each for name, each in probes.items() if "distance_to_truth" in each.quantities}
    what = quantity("distance_to_truth" if shown else "velocity", of_weights=False)
    title, colour = answer(probe, probes[probe], events)
    figure, axes = card(lettered(title), _BOX, colour)
    lines = {name: _points(each, what.name) for name, each in (shown or probes).items()}
    lines = {name: lines[name] for name in sorted(lines, key=lambda name: name != probe) if lines[name]}
    if not lines:
        axes.axis("off")
        return settled(figure)
    first = min(points[0][0] for points in lines.values())
    last = max(max(points[-1][0] for points in lines.values()), first + 1)
    ends = {}
    words = shortened(list(lines), 9)
    for word, points, colour in zip(words, lines.values(), cycled(len(lines), LINES), strict=True):
        steps, values = zip(*points, strict=True)
        axes.plot(steps, values, "-", color=colour, linewidth=2.6)
        ends[lettered(word)] = values[-1], colour
    axes.set_xlim(first, last)
    if what.scale == "log" and any(value > 0 for points in lines.values() for _, value in points):
        from matplotlib.ticker import NullLocator

        axes.set_yscale("log")
        axes.yaxis.set_major_formatter("{x:.0e}")  # a power of ten as a formula is parsed, which one thread can do
        axes.yaxis.set_minor_locator(NullLocator())
        axes.tick_params("y", labelsize=SMALL)
    else:
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter("{x:g}")
        axes.locator_params(axis="y", nbins=4)
    log_steps(axes, first, last)
    axes.set_xlabel("optimizer step", color=INK, fontsize=LETTERS, labelpad=2)
    axes.set_ylabel(what.label, color=INK, fontsize=LETTERS)
    axes.yaxis.set_label_coords(-(_BOX[0] - 28) / _BOX[2], 0.5)
    _mark(axes, probe, events, end_labels(axes, ends))
    return settled(figure)


def _points(trajectory: Trajectory, name: str) -> list[tuple[int, float]]:
    """Returns (step, value) of the records after the first step; a logarithmic axis has no 0."""
    values = getattr(trajectory, name)
    finite = values.isfinite() & (trajectory.steps > 0)
    return list(zip(trajectory.steps[finite].tolist(), values[finite].tolist(), strict=True))


def _mark(axes: Axes, probe: str, events: Sequence[Event], taken: Sequence[Corners]) -> None:
    own = [event for event in events if event.probe == probe]
    flag = next(iter(standing_flags(own)), None)
    left, bottom, _, height = _BOX
    words = Words(axes, (left, bottom, WIDTH - 4 - left, height), taken)
    for line in axes.get_lines():
        words.avoid_line(line.get_xydata())
    in_view = axes.get_xaxis_transform()
    foot = axes.transData.inverted().transform(axes.transAxes.transform((0, 0.02)))[1]
    for event in own:
        if event != flag:
            step, colour = max(event.step, 1), event_colour(event)
            axes.plot([step], [0.02], "^", transform=in_view, color=colour, markersize=9)
            words.write(lettered(event.name.replace("_", " ")), (step, foot), colour, SMALL + 1)
    if flag is not None:
        _mark_flag(axes, flag, words)


def _mark_flag(axes: Axes, flag: Event, words: Words) -> None:
    """Shades what follows a flag's step, and names that step to its left and the one at which it was known beyond."""
    colour = event_colour(flag)
    since, known = max(flag.step, 1), max(flag.detected_at, 1)
    axes.axvspan(since, axes.get_xlim()[1], color=colour, alpha=0.13, linewidth=0)
    for step, style in ((since, ":"), (known, "-")):
        axes.axvline(step, color=colour, linestyle=style, linewidth=1.6, marker="")
        words.avoid_line([(step, height) for height in axes.get_ylim()])
    words.write_beside_upright(f"since {flag.step}", [("left", since)], colour, SMALL + 1.5)
    places = [("right", known), ("left", known), ("left", since)]
    words.write_beside_upright(f"known at {flag.detected_at}", places, colour, SMALL + 1.5)
