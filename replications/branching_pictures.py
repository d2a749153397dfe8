"""Pictures of how fast neurons move, and of where that breaks learning graphs."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lightning_infogeo.figures.palette import COLOURS
from replications.branching_hops import fast_hops
from replications.branching_studies import Study
from replications.learning_trees import PUBLISHED, speeds


def breaks(studies: Sequence[Study]) -> Figure:
    """Returns how far the fastest neuron goes between two records, over the steps, a panel a layer; below, the loss.

    The unit is eps, or what two intervals of the lens share, whichever a hop exceeds more.
    """
    figure = Figure(figsize=(6.9, 8.6), layout="constrained")  # 760 px wide, as the page shows it
    panels = figure.subplots(len(PUBLISHED) + 1, 1, sharex=True)
    for axes, layer in zip(panels, PUBLISHED, strict=False):
        _hops(axes, studies, layer)
    panels[0].legend(loc="upper left")
    hops = [hop.step for one in studies for layer in PUBLISHED for hop in fast_hops(one, layer)]
    last = int(studies[0].run.steps[-1])
    panels[0].set_xlim(max(0, min(hops, default=0) - last // 10) / 1000, last / 1000)  # before, nothing moves so far
    for one in studies:
        panels[-1].plot(one.run.steps / 1000, one.run.losses, color=COLOURS[2], linewidth=0.8, alpha=0.6)
    panels[-1].set(xlabel="optimizer step (thousands)", ylabel="test loss (nats)", ylim=(0, None))
    panels[-1].grid(alpha=0.25)
    return figure


def _hops(axes: Axes, studies: Sequence[Study], layer: str) -> None:
    """Draws a layer's panel."""
    paper, found = PUBLISHED[layer], [hop for one in studies for hop in fast_hops(one, layer)]
    for one in studies:
        cloud = one.run.clouds[layer]
        fastest = torch.maximum(*speeds(cloud, paper.eps, paper.intervals)).amax(1)
        axes.plot(cloud.steps[1:] / 1000, fastest, color=COLOURS[0], linewidth=0.8, alpha=0.6)
    for tears, label, face in ((False, "hop above 1, nothing torn", "white"), (True, "hop that tears", COLOURS[1])):
        some = [hop for hop in found if hop.tears == tears]
        places, heights = [hop.step / 1000 for hop in some], [max(hop.hop, hop.jump) for hop in some]
        axes.plot(
            places, heights, "o", color=COLOURS[1], markerfacecolor=face, markersize=4, markeredgewidth=0.8, label=label
        )
    axes.axhline(1, color="black", linewidth=0.8, linestyle="--")
    whole = sum(one.shapes[layer]["published"].components == 1 for one in studies)
    axes.set_title(f"{layer}: one component in {whole} of {len(studies)} seeds", fontsize="medium")
    axes.set(ylabel="longest hop / reach", ylim=(0, None))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.grid(alpha=0.25)
