"""Pictures of curvatures and knees by width."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator, StrMethodFormatter

from lightning_infogeo.figures.palette import COLOURS
from replications.finite_size_found import Case, Family
from replications.manifold_claims import NAMES
from replications.parametrisation import PARAMETRISATIONS


def curves(found: Mapping[Case, Family]) -> Figure:
    """Returns the curvature of every width, a row for each parametrisation and a column for each data set."""
    sets = list(dict.fromkeys(case.data for case in found))
    figure = Figure(figsize=(max(7, 3.1 * len(sets) + 1), 5.6), layout="constrained")
    panels = figure.subplots(len(PARAMETRISATIONS), len(sets), sharex=True, sharey=True, squeeze=False)
    for case, family in found.items():
        axes = panels[PARAMETRISATIONS.index(case.parametrisation)][sets.index(case.data)]
        for n, curve, colour in zip(family.scaling.sizes.tolist(), family.scaling.curves, COLOURS, strict=False):
            steps, values, error = (tensor.numpy() for tensor in curve)
            axes.plot(steps, values, color=colour, linewidth=1.3, label=f"{n:,.0f}")
            axes.fill_between(steps, values - error, values + error, color=colour, alpha=0.15, linewidth=0)
        axes.set_title(f"{NAMES[case.data]}, {case.parametrisation}:\n{family.scaling.verdict}", fontsize=10)
        axes.set_xscale("log")
        axes.grid(alpha=0.25)
    for row in panels:
        row[0].set_ylabel("d²(ln L)/d(ln t)²")
    for axes in panels[-1]:
        axes.set_xlabel("optimizer step t")
    handles, labels = panels[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, title="width", loc="outside right center", frameon=False)
    return figure


def knees(found: Mapping[Case, Family]) -> Figure:
    """Returns the knee against the width, a panel for each data set."""
    sets = list(dict.fromkeys(case.data for case in found))
    figure = Figure(figsize=(max(6, 3.1 * len(sets)), 3.8), layout="constrained")
    panels = figure.subplots(1, len(sets), sharey=True, squeeze=False)[0]
    for case, family in found.items():
        axes, scaling = panels[sets.index(case.data)], family.scaling
        colour = COLOURS[PARAMETRISATIONS.index(case.parametrisation)]
        n, places, ends = scaling.sizes.numpy(), scaling.knees.numpy(), scaling.intervals.numpy().T
        there = np.isfinite(places)
        reach = np.abs(ends - places)[:, there]
        power = f"$n^{{{scaling.shift.value:.2f}}}$" if np.isfinite(scaling.shift.value) else "not at every width"
        name = f"{case.parametrisation}: {power}"
        axes.errorbar(n[there], places[there], reach, color=colour, fmt="o", capsize=3, label=name)
        if there.all():
            middle = np.exp(np.log(places[there]).mean()) / np.exp(np.log(n[there]).mean()) ** scaling.shift.value
            axes.plot(n, middle * n**scaling.shift.value, "--", color=colour, linewidth=1)
        axes.set(title=NAMES[case.data], xscale="log", yscale="log", xlabel="width")
        axes.set_xlim(n[0] / 1.4, n[-1] * 1.4)
        axes.set_xticks(n, [f"{size:g}" for size in n])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.grid(alpha=0.25)
        axes.legend(frameon=False, fontsize=8, loc="upper right")
    panels[0].yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    panels[0].yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    panels[0].yaxis.set_minor_formatter(NullFormatter())
    panels[0].set_ylim(top=2.2 * panels[0].get_ylim()[1])  # for the legends
    panels[0].set_ylabel("knee, step")
    return figure
