"""Pictures of how fast neurons move, and of where that breaks learning graphs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from matplotlib.figure import Figure

from lightning_infogeo.figures.palette import COLOURS
from replications.learning_trees import PUBLISHED, speeds

if TYPE_CHECKING:
    from replications.branching import Study


def breaks(studies: Sequence[Study]) -> Figure:
    """Returns how far the fastest neuron goes between two records, over the steps, a panel a layer; below, the loss.

    The unit is the farther of eps and of what two intervals of the lens share.
    """
    figure = Figure(figsize=(8.2, 8.4), layout="constrained")
    panels = figure.subplots(len(PUBLISHED) + 1, 1, sharex=True)
    for axes, (layer, paper) in zip(panels, PUBLISHED.items(), strict=False):
        for one in studies:
            cloud = one.run.clouds[layer]
            fastest = torch.maximum(*speeds(cloud, paper.eps, paper.intervals)).amax(1)
            axes.plot(cloud.steps[1:], fastest, color=COLOURS[0], linewidth=0.8, alpha=0.6)
        torn = [tear for one in studies for tear in one.tears if tear.layer == layer]
        heights = [max(tear.hop, tear.jump) for tear in torn]
        axes.plot([tear.first for tear in torn], heights, ".", color=COLOURS[1], markersize=9)
        axes.axhline(1, color="black", linewidth=0.8, linestyle="--")
        whole = sum(one.shapes[layer]["published"].components == 1 for one in studies)
        axes.set_title(f"{layer}: one component in {whole} of {len(studies)} seeds", fontsize="medium")
        axes.set(ylabel="fastest neuron", ylim=(0, None))
        axes.grid(alpha=0.25)
    for one in studies:
        panels[-1].plot(one.run.steps, one.run.losses, color=COLOURS[2], linewidth=0.8, alpha=0.6)
    panels[-1].set(xlabel="optimizer step", ylabel="test loss (nats)", ylim=(0, None))
    panels[-1].grid(alpha=0.25)
    return figure
