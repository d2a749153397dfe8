"""Curvatures over runs of several sizes, on rescaled axes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from lightning_infogeo.figures.palette import COLOURS, cycled
from lightning_infogeo.scaling.finite_size import Estimate, Scaling

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def collapse(scaling: Scaling, title: str = "") -> Figure:
    """Returns curvatures of all sizes, the same on rescaled axes, and the knee against the size.

    Bands are one standard deviation, error bars intervals; the verdict stands above the middle. s is the size over the
    geometric mean of all. Where a size has no knee the middle is left empty.

    Args:
        scaling: what ``finite_size_scaling`` returned.
        title: above the picture.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4.2), layout="constrained")
    left, middle, right = figure.subplots(1, 3)
    n, a, b = scaling.sizes.numpy(), scaling.width, scaling.height
    scales = n / np.exp(np.log(n).mean())
    for k, (colour, curve) in enumerate(zip(cycled(len(n)), scaling.curves, strict=True)):
        # Beyond the palette the dashes tell sizes apart.
        line: dict[str, Any] = {"color": colour, "linewidth": 1.5, "linestyle": "-" if k < len(COLOURS) else "--"}
        steps, values, error = (tensor.numpy() for tensor in curve)
        knee = float(scaling.knees[k])
        rescaled = (np.log(steps) - np.log(knee)) * scales[k] ** a.value
        for axes, x, unit in ((left, steps, 1.0), (middle, rescaled, scales[k] ** b.value)):
            axes.plot(x, unit * values, label=f"n = {n[k]:g}", **line)
            band = unit * (values - error), unit * (values + error)
            axes.fill_between(x, *band, color=colour, alpha=0.15, linewidth=0)
        if np.isfinite(knee):
            low, high = scaling.intervals[k].tolist()
            reach = [[max(0, knee - low)], [max(0, high - knee)]]
            right.errorbar(n[k], knee, reach, color=colour, fmt="o", capsize=3)
    if np.isfinite(scaling.shift.value):
        weights = scaling.intervals.log().diff(dim=1)[:, 0].clamp_min(1e-3).numpy() ** -2
        offset = np.average(scaling.knees.log().numpy() - scaling.shift.value * np.log(n), weights=weights)
        right.plot(n, np.exp(offset) * n**scaling.shift.value, "--", color="0.4", label=_power("n", scaling.shift))
        right.legend(frameon=False)
    left.set(title="curvature as it is", xlabel="optimizer step t", ylabel="d²(ln L)/d(ln t)²", xscale="log")
    left.legend(frameon=False)
    verdict: str = scaling.verdict
    if np.isfinite(scaling.quality):
        verdict += f" (quality {scaling.quality:.2g}, unscaled {scaling.unscaled:.2g})"
    middle.set(title=verdict, xlabel=f"(ln t − ln t_c) {_power('s', a)}", ylabel=f"curvature · {_power('s', b)}")
    right.set(title="knee", xlabel="size n", ylabel="t_c [optimizer steps]")
    if scaling.knees.isfinite().any():  # a logarithmic axis has to show something
        right.set(xscale="log", yscale="log")
        right.set_xticks(n, [f"{size:g}" for size in n])
        right.minorticks_off()
    for axes in (left, middle, right):
        axes.title.set_fontsize("medium")
        axes.grid(alpha=0.25)
    if title:
        figure.suptitle(title)
    return figure


def _power(base: str, exponent: Estimate) -> str:
    if not np.isfinite(exponent.value):
        return base
    low, high = exponent.low - exponent.value, exponent.high - exponent.value
    return f"${base}^{{{exponent.value:.2f}}}$ ({low:+.2f}, {high:+.2f})"
