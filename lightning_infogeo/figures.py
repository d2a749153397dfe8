"""Pictures. Nothing else in the package knows matplotlib, and it is imported only when a picture is drawn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lightning_infogeo.trajectory import Trajectory

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's palette, told apart with any kind of colour vision."""

_PANELS = (
    ("distance_to_truth", "distance to truth [nats per sample]", "linear"),
    ("velocity", "information velocity [rad per step]", "log"),
    ("length", "information length [rad]", "linear"),
    ("straightness", "straightness: displacement ÷ length", "linear"),
    ("roughness", "roughness: 1 straight, ½ diffusive", "linear"),
    ("entropy", "entropy of the predictions [nats]", "linear"),
)


def curves(trajectories: Mapping[str, Trajectory], title: str = "") -> Figure:
    """Returns every quantity against the logarithm of the step, one line a probe.

    Where a probe has labels, its closest approach to truth is marked.

    Args:
        trajectories: by probe.
        title: above the picture.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6.3), layout="constrained")
    panels = figure.subplots(2, 3, sharex=True).flatten()
    for axes, (quantity, label, scale) in zip(panels, _PANELS, strict=True):
        for colour, (name, trajectory) in zip(_cycled(len(trajectories)), trajectories.items(), strict=True):
            if quantity in trajectory.quantities:
                steps = trajectory.steps.clamp_min(0) + 1  # a logarithmic axis has no 0
                axes.plot(steps, getattr(trajectory, quantity), color=colour, label=name, linewidth=1.5)
                if quantity == "distance_to_truth":
                    _mark_closest(axes, trajectory, colour, name)
        axes.set(title=label, xscale="log", yscale=scale)
        axes.title.set_fontsize("medium")
        axes.grid(alpha=0.25)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    for axes in panels[3:]:
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
    label = f"{name}: closest to truth at step {step}"
    axes.plot(step + 1, float(distance[at]), "o", color=colour, markersize=7, label=label)


def _cycled(count: int) -> list[str]:
    return [COLOURS[index % len(COLOURS)] for index in range(count)]
