"""Pictures of networks on maps of linear models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from lightning_infogeo.figures.palette import COLOURS
from replications.linear_models import CONVOLVED, PIXELS
from replications.placed import Placed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from torch import Tensor

KINDS = {f"linear, {PIXELS}": COLOURS[4], f"linear, {CONVOLVED}": COLOURS[1], "non-linear": COLOURS[0]}


def _kind(one: Placed, run: int) -> str:
    if not one.is_linear[run]:
        return "non-linear"
    return f"linear, {CONVOLVED if CONVOLVED.replace(' ', '-') in one.names[run] else PIXELS}"


def two_maps(one: Placed) -> Figure:
    """Returns all runs on their common map, and on the axes of the linear models alone."""
    figure = Figure(figsize=(9.6, 4.9), layout="constrained")
    left, right = figure.subplots(1, 2)
    here = len(one.linear.coordinates)
    # An eigenvector has no sign: both maps are turned so that linear models end on the same side.
    on_axes = torch.cat([one.linear.coordinates, one.others])
    sides = (on_axes[:here, :2] * one.joint.coordinates[:here, :2]).sum(0)
    on_axes = on_axes[:, :2] * torch.where(sides < 0, -1.0, 1.0)
    _ways(left, one, one.joint.coordinates[:, :2])
    left.set_title(f"one map of all runs: {one.joint_curve[1]:.0%} of their stress", fontsize="medium")
    _ways(right, one, on_axes)
    right.set_title(f"axes of linear models: {one.placed_curve[1]:.0%} of the networks' stress", fontsize="medium")
    names, lines = zip(*_legend(left).items(), strict=True)
    figure.legend(lines, names, loc="outside lower center", ncols=3, frameon=False)
    return figure


def _ways(axes: Axes, one: Placed, points: Tensor) -> None:
    for run in reversed(range(len(one.is_linear))):
        kind, way = _kind(one, run), points[one.member == run]
        is_linear = bool(one.is_linear[run])
        look: dict[str, Any] = {
            "linewidth": 1.1 if is_linear else 0.8,
            "alpha": 0.9 if is_linear else 0.55,
            "label": kind,
        }
        axes.plot(way[:, 0], way[:, 1], ".-", color=KINDS[kind], markersize=2.5, zorder=3 if is_linear else 2, **look)
    axes.set(xlabel="first axis", ylabel="second axis", aspect="equal", adjustable="datalim")
    axes.grid(alpha=0.25)


def _legend(axes: Axes) -> dict[str, object]:
    lines, names = axes.get_legend_handles_labels()
    return dict(zip(names, lines, strict=True))


def curves(found: Mapping[str, Placed]) -> Figure:
    """Returns the explained stress of the networks' records by the number of dimensions, a panel a probe."""
    figure = Figure(figsize=(9.6, 3.9), layout="constrained")
    panels = figure.subplots(1, len(found), sharey=True, squeeze=False)[0]
    for axes, (probe, one) in zip(panels, found.items(), strict=True):
        for curve, name, colour, line in (
            (one.own_curve, "on their own map", COLOURS[0], "o-"),
            (one.placed_curve, "placed on the linear models' map", COLOURS[1], "s-"),
            (one.null_curve, "on that of linear models shuffled within classes", "0.5", "x--"),
        ):
            axes.plot(range(1, len(curve) + 1), curve, line, color=colour, label=name, markersize=4)
        axes.set(xlabel="dimensions", ylim=(min(0, float(one.null_curve.min()) * 1.1), 1))
        axes.set_title({"train": "samples trained on", "val": "held-out samples"}[probe], fontsize="medium")
        axes.yaxis.set_major_formatter(PercentFormatter(1))
        axes.grid(alpha=0.25)
    panels[0].set_ylabel("explained stress of non-linear runs")
    panels[-1].legend(frameon=False, fontsize=8, loc="lower right")
    return figure
