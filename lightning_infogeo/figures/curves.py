"""All quantities of a training as one picture of several panels, for pages and papers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lightning_infogeo.figures.names import lettered
from lightning_infogeo.figures.palette import LINES, cycled, event_colour
from lightning_infogeo.markers import Event
from lightning_infogeo.quantities import panels
from lightning_infogeo.trajectory import Trajectory, of_probes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_COLUMNS = 3
"""Panels side by side."""


def curves(trajectories: Mapping[str, Trajectory], title: str = "", events: Sequence[Event] = ()) -> Figure:
    """Returns the quantities of probes against the logarithm of the step, a panel each, one line a probe.

    ``quantities`` says which. Where a probe has labels, its closest approach to truth is marked; events are vertical
    lines at their steps.

    Args:
        trajectories: by probe.
        title: above the picture.
        events: to be marked.
    """
    from matplotlib.figure import Figure

    drawn = panels()
    rows = -(-len(drawn) // _COLUMNS)
    figure = Figure(figsize=(11, 3.15 * rows), layout="constrained")
    grid = figure.subplots(rows, _COLUMNS, sharex=True).flatten()
    for axes in grid[len(drawn) :]:
        axes.remove()
    grid = grid[: len(drawn)]
    probes = of_probes(trajectories)
    # Of the colours of cards: what is held out first, since blue is the validation there.
    colours = dict(
        zip(sorted(probes, key=lambda name: name.startswith("train")), cycled(len(probes), LINES), strict=True)
    )
    for axes, quantity in zip(grid, drawn, strict=True):
        for name, trajectory in probes.items():
            colour = colours[name]
            if quantity.name in trajectory.quantities:
                steps = trajectory.steps.clamp_min(0) + 1  # a logarithmic axis has no 0
                axes.plot(steps, getattr(trajectory, quantity.name), color=colour, label=lettered(name), linewidth=1.5)
                if quantity.name == "distance_to_truth":
                    _mark_closest(axes, trajectory, colour, name)
        for event in events:
            first = event.name not in axes.get_legend_handles_labels()[1]
            label_once = event.name if first else None
            axes.axvline(event.step + 1, color=event_colour(event), linestyle=":", linewidth=1.2, label=label_once)
        axes.set(title=quantity.title, xscale="log", yscale=quantity.scale)
        axes.title.set_fontsize("medium")
        axes.grid(alpha=0.25)
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    for axes in grid[-_COLUMNS:]:
        axes.tick_params(labelbottom=True)  # also where nothing is drawn below it
        axes.set_xlabel("optimizer steps + 1")
    if title:
        figure.suptitle(title)
    return figure


def _mark_closest(axes: Axes, trajectory: Trajectory, colour: str, name: str) -> None:
    distance = trajectory.distance_to_truth.nan_to_num(float("inf"))
    if not len(trajectory) or distance.isinf().all():
        return
    at = int(distance.argmin())
    step = int(trajectory.steps[at])
    label = f"{lettered(name)}: closest to truth at step {step}"
    axes.plot(step + 1, float(distance[at]), "o", color=colour, markersize=7, label=label)
