"""A picture of beginnings that come together."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from matplotlib.figure import Figure

from lightning_infogeo.figures.palette import COLOURS
from replications.manifold_claims import NAMES
from replications.manifold_found import VALUES, Found


def coming_together(train: Mapping[str, Found]) -> Figure:
    """Returns the distance of runs that began with wrong labels from those that did not, by progress.

    Args:
        train: by data set.
    """
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    axes = figure.subplots()
    progress = torch.arange(1, VALUES + 1) / VALUES
    for (data, found), colour in zip(train.items(), COLOURS, strict=False):
        axes.plot(progress, found.pool, color=colour, label=f"{NAMES[data]}: from all other runs")
        axes.plot(progress, found.kin, color=colour, linestyle="--", label="from those in all else alike")
        axes.plot(progress, found.alike, color=colour, linestyle=":", label="these, by seed")
    axes.set(xlabel="progress towards truth", ylabel="distance at equal progress, nats", yscale="log")
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, title="runs taught wrong labels first", ncols=len(train), fontsize=9, title_fontsize=9)
    return figure
