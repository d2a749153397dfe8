"""Pictures of the linear theory: phase diagrams, and spectra predicted and measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch

from lightning_infogeo.figures.palette import COLOURS
from lightning_infogeo.theory import PhaseDiagram, Spectrum

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_DECAYS = {
    "exponential": "decay c of the inputs' eigenvalues",
    "power": "exponent α of the inputs' eigenvalues, i^−α",
}
_LABELS = {
    "scale": "scale of the target, |w*| ÷ σ_w",
    "steps": "steps T",
}


def phase_diagram(diagrams: PhaseDiagram | Sequence[PhaseDiagram], title: str = "", dimensions: bool = True) -> Figure:
    """Returns the variance that three dimensions explain on a grid of two controls, a panel a diagram.

    The thick line is the boundary, beyond which trajectories are low-dimensional; thin lines are numbers of dimensions
    for 95 % of the variance.

    Args:
        diagrams: one or several.
        title: above the picture.
        dimensions: whether the thin lines are drawn; without them there is room for marks of one's own.
    """
    from matplotlib.figure import Figure

    each = [diagrams] if isinstance(diagrams, PhaseDiagram) else list(diagrams)
    figure = Figure(figsize=(4.6 * len(each) + 1.2, 4.4), layout="constrained")
    panels = figure.subplots(1, len(each), squeeze=False)[0]
    image: Any = None
    for axes, diagram in zip(panels, each, strict=True):
        grid = diagram.column_values.numpy(), diagram.row_values.numpy()
        table = diagram.explained_variance.numpy()
        image = axes.pcolormesh(*grid, table, cmap="cividis", vmin=0, vmax=1, shading="nearest", rasterized=True)
        _contours(axes, diagram, dimensions)
        labels = {**_LABELS, "decay": _DECAYS[diagram.model]}
        for set_scale, set_label, name in (
            (axes.set_xscale, axes.set_xlabel, diagram.columns),
            (axes.set_yscale, axes.set_ylabel, diagram.rows),
        ):
            set_scale("linear" if name == "decay" else "log")
            set_label(labels[name])
        (third,) = {"decay", "scale", "steps"} - {diagram.rows, diagram.columns}
        axes.set_title(f"{labels[third]} = {diagram.fixed:g}", fontsize="medium")
    figure.colorbar(image, ax=list(panels), label="variance explained by three dimensions", shrink=0.9)
    if title:
        figure.suptitle(title)
    return figure


def _contours(axes: Axes, diagram: PhaseDiagram, thin: bool) -> None:
    from matplotlib.patheffects import withStroke

    grid = diagram.column_values.numpy(), diagram.row_values.numpy()
    if min(diagram.explained_variance.shape) < 2:
        return
    dimensions = diagram.dimensions
    levels = [n + 0.5 for n in (5, 10, 20, 40) if dimensions.min() <= n < dimensions.max()]
    if levels and thin:
        lines = axes.contour(*grid, dimensions.numpy(), levels, colors="black", linewidths=0.7, linestyles="dashed")
        names = axes.clabel(lines, fmt=lambda level: f"{int(level)} dimensions", fontsize=7, inline=False)
        for drawn in (lines, *names):  # the ground is dark here and light there
            drawn.set_path_effects([withStroke(linewidth=2, foreground="white")])
    low = diagram.is_low_dimensional
    if low.any() and not low.all():
        table = diagram.explained_variance.numpy()
        axes.contour(*grid, table, [diagram.threshold], colors=COLOURS[1], linewidths=2.5)


def spectra(
    panels: Mapping[str, Mapping[str, Spectrum]], title: str = "", shown: int = 20, share: float = 0.95
) -> Figure:
    """Returns eigenvalues ÷ their sum of moduli, a panel a case, a line a spectrum.

    The legend gives the number of dimensions for ``share`` of the variance. Negative eigenvalues are hollow.

    Args:
        panels: by case, such as a data set, spectra by name, such as "predicted" and "measured".
        title: above the picture.
        shown: eigenvalues of each at most.
        share: share of the variance to be explained.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    columns = min(3, len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(max(4.8, 3.9 * columns), 3.7 * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for empty in grid.flatten()[len(panels) :]:
        empty.remove()
    for axes, (case, lines) in zip(grid.flatten(), panels.items(), strict=False):
        for k, (name, spectrum) in enumerate(lines.items()):
            whole = spectrum.eigenvalues.abs().sum()
            values = (spectrum.eigenvalues / torch.where(whole > 0, whole, 1))[:shown].cpu()
            index = torch.arange(1, len(values) + 1)
            colour, marker = COLOURS[k % len(COLOURS)], "os^Dvx"[k % 6]
            label = f"{name}: dimensions {spectrum.dimensions(share)}"
            seen = values.abs() > 1e-12
            axes.plot(index[seen], values[seen].abs(), "-", color=colour, linewidth=1)
            for chosen, face in ((seen & (values > 0), colour), (seen & (values < 0), "none")):
                own = {"color": colour, "markersize": max(3.5, 6.5 - 1.5 * k), "markerfacecolor": face}
                named = label if face == colour else None
                axes.plot(index[chosen], values[chosen].abs(), marker, label=named, **own)
        axes.set(title=case, yscale="log", xlabel="dimension")
        axes.set_ylim(1e-6, 1.5)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.title.set_fontsize("medium")
        axes.grid(alpha=0.25)
        axes.legend(fontsize=8, frameon=False)
    for axes in grid[:, 0]:
        axes.set_ylabel("share of the variance")
    if title:
        figure.suptitle(title)
    return figure
