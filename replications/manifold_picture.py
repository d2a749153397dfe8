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
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    progress = torch.arange(1, VALUES + 1) / VALUES
    for (data, found), colour in zip(train.items(), COLOURS, strict=False):
        axes.plot(progress, found.pool, color=colour, label=f"{NAMES[data]}: taught wrong labels first")
        alike = float(found.comparison.distances[found.comparison.distances > 0].median())
        axes.axhline(alike, color=colour, linestyle=":", linewidth=1)
    axes.set(xlabel="progress towards truth", ylabel="distance to the other runs, nats", yscale="log")
    axes.grid(alpha=0.25)
    axes.legend(frameon=False, title="dotted: median of all pairs of runs", fontsize=9, title_fontsize=9)
    return figure
