"""Pictures of onset and knee by the number of images."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from lightning_infogeo.figures.palette import COLOURS
from replications.knee_found import Found
from replications.knee_groups import both, median_of
from replications.manifold_claims import NAMES

_MARKS = {"clean": "o", "noisy labels": "s", "dropout": "^", "shuffled labels": "x"}


def by_size(networks: Sequence[Found]) -> Figure:
    """Returns onset and knee of clean trainings, by number of images and rate, a panel for each data set."""
    clean = [one for one in networks if one.condition == "clean"]
    sets, rates = list(dict.fromkeys(one.data for one in clean)), list(dict.fromkeys(one.rate for one in clean))
    figure = Figure(figsize=(max(7, 3.1 * len(sets)), 4.4), layout="constrained")
    panels = figure.subplots(1, len(sets), sharex=True, sharey=True, squeeze=False)[0]
    sizes = sorted({one.size for one in clean})
    for axes, data in zip(panels, sets, strict=True):
        for rate, colour in zip(rates, COLOURS, strict=False):
            some = [one for one in clean if one.data == data and one.rate == rate]
            _curve(axes, some, lambda one: one.onset, color=colour, marker="o", linestyle="-")
            _curve(axes, some, lambda one: one.knee, color=colour, marker="D", linestyle=":")
        axes.set(title=NAMES[data], xscale="log", yscale="log", xlabel="training images")
        axes.set_xticks(sizes, [f"{size / 1_000:g}k" if size >= 1_000 else f"{size}" for size in sizes])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.grid(alpha=0.25)
    panels[0].set_ylabel("optimizer step")
    handles = [Line2D([], [], color=c, label=f"rate {rate:g}") for rate, c in zip(rates, COLOURS, strict=False)]
    handles += [
        Line2D([], [], color="0.3", marker="o", linestyle="-", label="onset of overfitting"),
        Line2D([], [], color="0.3", marker="D", linestyle=":", label="knee of the weights' length"),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=3, frameon=False, fontsize=9)
    return figure


def against(networks: Sequence[Found]) -> Figure:
    """Returns the knee against the onset of every network that has both, with the line on which they coincide."""
    figure = Figure(figsize=(7, 4.4), layout="constrained")
    axes = figure.subplots()
    there = both(networks)
    rates = sorted({one.rate for one in networks})
    for condition, mark in _MARKS.items():
        for rate, colour in zip(rates, COLOURS, strict=False):
            some = [one for one in there if one.condition == condition and one.rate == rate]
            axes.plot([o.onset for o in some], [o.knee for o in some], mark, color=colour, markersize=5, alpha=0.6)
    ends = [min((one.knee for one in there), default=1), max((one.onset for one in there), default=10)]
    axes.plot(ends, ends, "--", color="0.4", linewidth=1)
    used = [mark for mark in _MARKS if any(one.condition == mark for one in there)]
    handles = [Line2D([], [], color=c, label=f"rate {rate:g}") for rate, c in zip(rates, COLOURS, strict=False)]
    handles += [Line2D([], [], color="0.3", marker=_MARKS[c], linestyle="", label=c) for c in used]
    handles += [Line2D([], [], color="0.4", linestyle="--", label="they coincide")]
    figure.legend(handles=handles, loc="outside right upper", frameon=False, fontsize=9)
    axes.set(
        xscale="log", yscale="log", xlabel="onset of overfitting, step", ylabel="knee of the weights' length, step"
    )
    axes.grid(alpha=0.25)
    return figure


def _curve(axes: Axes, some: Sequence[Found], of: Callable[[Found], float], **style: str) -> None:
    """Draws medians over seeds, and every seed as a small mark."""
    sizes = sorted({one.size for one in some})
    places = [median_of([one for one in some if one.size == size], of) for size in sizes]
    there = [k for k, place in enumerate(places) if math.isfinite(place)]
    axes.plot([sizes[k] for k in there], [places[k] for k in there], markersize=5, **style)  # type: ignore[arg-type]
    axes.plot([one.size for one in some], [of(one) for one in some], ".", color=style["color"], alpha=0.35)
