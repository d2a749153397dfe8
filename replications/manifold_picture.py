"""A picture of beginnings that come together."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from matplotlib.figure import Figure

from lightning_infogeo.figures.palette import COLOURS
from replications.beginnings import VALUES
from replications.manifold_found import NAMES, Found


def coming_together(train: Mapping[str, Found]) -> Figure:
    """Returns the distance of runs that began with wrong labels from those that did not, by progress, a panel a set.

    Args:
        train: by data set.
    """
    figure = Figure(figsize=(9, 4.2), layout="constrained")
    panels = figure.subplots(1, len(train), sharey=True, squeeze=False)[0]
    for axes, (data, found) in zip(panels, train.items(), strict=True):
        one = found.beginnings
        progress = torch.arange(1, one.late + 1) / VALUES
        for pairs, colour, line, name in (
            (one.others, COLOURS[0], "-", "one taught wrong labels first, and any that was not"),
            (
                one.kin,
                COLOURS[1],
                "--",
                "one taught wrong labels first, and one of its kind that was not",
            ),
            (one.alike, "0.3", ":", "two of the latter, which differ in their seed"),
        ):
            axes.plot(progress, pairs.mean(), line, color=colour, linewidth=2, label=name)
        axes.set(xlabel="progress towards truth", yscale="log", xlim=(0, 1))
        axes.set_title(NAMES[data], fontsize="medium")
        axes.grid(alpha=0.25)
    panels[0].set_ylabel("distance of two networks, nats")
    figure.legend(*panels[0].get_legend_handles_labels(), frameon=False, loc="outside lower center", fontsize=10)
    return figure
