"""Pictures. Nothing else in the package knows matplotlib, and it is imported only when a picture is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from lightning_infogeo.embedding.embedded_path import EmbeddedPath
from lightning_infogeo.embedding.inpca import inpca
from lightning_infogeo.figures.names import lettered
from lightning_infogeo.markers import Event
from lightning_infogeo.quantities import panels
from lightning_infogeo.scaling.finite_size import Estimate, Scaling
from lightning_infogeo.trajectory import Trajectory, of_probes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
"""Okabe and Ito's palette, told apart with any kind of colour vision."""

_COLUMNS = 3
"""Panels side by side."""


def curves(trajectories: Mapping[str, Trajectory], title: str = "", events: Sequence[Event] = ()) -> Figure:
    """Returns the quantities of probes against the logarithm of the step, a panel each, one line a probe.

    ``quantities`` says which. Where a probe has labels, its closest approach to truth is marked; events are vertical
    lines at their steps.

    Args:
        trajectories: by probe.
        title: above the picture.
        events: to be marked.
    """
    from matplotlib.figure import Figure

    drawn = panels()
    rows = -(-len(drawn) // _COLUMNS)
    figure = Figure(figsize=(11, 3.15 * rows), layout="constrained")
    grid = figure.subplots(rows, _COLUMNS, sharex=True).flatten()
    for axes in grid[len(drawn) :]:
        axes.remove()
    grid = grid[: len(drawn)]
    probes = of_probes(trajectories)
    for axes, quantity in zip(grid, drawn, strict=True):
        for colour, (name, trajectory) in zip(_cycled(len(probes)), probes.items(), strict=True):
            if quantity.name in trajectory.quantities:
                steps = trajectory.steps.clamp_min(0) + 1  # a logarithmic axis has no 0
                axes.plot(steps, getattr(trajectory, quantity.name), color=colour, label=lettered(name), linewidth=1.5)
                if quantity.name == "distance_to_truth":
                    _mark_closest(axes, trajectory, colour, name)
        for event in events:
            first = event.name not in axes.get_legend_handles_labels()[1]
            label_once = event.name if first else None
            axes.axvline(event.step + 1, color=_event_colour(event), linestyle=":", linewidth=1.2, label=label_once)
        axes.set(title=quantity.title, xscale="log", yscale=quantity.scale)
        axes.title.set_fontsize("medium")
        axes.grid(alpha=0.25)
    figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    for axes in grid[-_COLUMNS:]:
        axes.tick_params(labelbottom=True)  # also where nothing is drawn below it
        axes.set_xlabel("optimizer steps + 1")
    if title:
        figure.suptitle(title)
    return figure


def embedding(pictures: Mapping[str, EmbeddedPath], step: int, events: Sequence[Event] = ()) -> Figure:
    """Returns each probe's trajectory on its first three InPCA axes, a row a probe.

    Coloured by the logarithm of the step, with ignorance (square), truth (star), the geodesic between them and the
    current point (ring), and the records nearest to events (crosses). Probes have different samples and so no distances
    to each other: they cannot share axes, only their conventions; those that hold the same samples may be joined in one
    picture, told apart by the lines' colour. An axis named "time-like" counts its squared distances negative.

    Args:
        pictures: by probe.
        step: step of the current point.
        events: to be marked.
    """
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    # Drawn while training waits: finding a layout by trying would take twice as long as the drawing.
    width, height = 9.5, 4.1 * len(pictures) + 1.1
    figure = Figure(figsize=(width, height))
    margins = {"left": 0.75 / width, "right": 1 - 1.2 / width, "top": 1 - 0.7 / height}
    panels = figure.subplots(len(pictures), 2, squeeze=False, gridspec_kw={**margins, "wspace": 0.28, "hspace": 0.25})
    norm = LogNorm(1, max(step + 1, 2))
    for row, (name, picture) in zip(panels, pictures.items(), strict=True):
        of = "stress of the references" if picture.references else "stress"
        stress = f"{lettered(name)}: {float(picture.embedding.explained_stress):.0%} of the {of} in these axes"
        for axes, (i, j) in zip(row, ((0, 1), (0, 2)), strict=True):
            _draw_path(axes, picture, i, j, norm, events)
        row[0].set_title(stress, fontsize="medium")
    # Events differ from row to row: each kind once, from whichever row has it.
    known = {
        label: handle
        for axes in panels[::-1, 0]
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.subplots_adjust(bottom=(0.6 + 0.25 * -(-len(known) // 4)) / height)
    figure.legend(known.values(), known.keys(), loc="lower center", ncols=4, frameon=False)
    beside = figure.add_axes((1 - 0.95 / width, 0.25, 0.2 / width, 0.5))
    figure.colorbar(panels[0][0].collections[0], cax=beside, label="optimizer steps + 1")
    figure.suptitle(f"Predictions at step {step}, embedded by InPCA")
    return figure


def distances(pictures: Mapping[str, EmbeddedPath], events: Sequence[Event] = ()) -> Figure:
    """Returns each probe's table of distances as a heat map, and the leading eigenvalues with their signs.

    Args:
        pictures: by probe.
        events: to be marked, by lines at their steps.
    """
    from matplotlib.figure import Figure

    width, height = 9.5, 4.0 * len(pictures)
    figure = Figure(figsize=(width, height))
    margins = {"left": 0.7 / width, "right": 1 - 0.15 / width, "bottom": 0.7 / height, "top": 1 - 0.4 / height}
    panels = figure.subplots(len(pictures), 2, squeeze=False, gridspec_kw={**margins, "wspace": 0.2, "hspace": 0.4})
    for (left, right), (name, picture) in zip(panels, pictures.items(), strict=True):
        image = left.imshow(picture.embedding.distances.numpy(), cmap="cividis", origin="lower")
        ticks = list(range(0, len(picture.steps), max(1, len(picture.steps) // 5)))
        left.set_xticks(ticks, [str(int(picture.steps[k])) for k in ticks], rotation=45)
        left.set_yticks(ticks, [str(int(picture.steps[k])) for k in ticks])
        for event, at in _nearest(picture, events):
            left.axvline(at, color=_event_colour(event), linestyle=":", linewidth=1)
        left.set(title=f"{lettered(name)}: distances between records [nats]", xlabel="optimizer step")
        figure.colorbar(image, ax=left, shrink=0.8)
        whole = inpca(picture.embedding.distances, _SPECTRUM, weights=picture.embedding.weights)
        eigenvalues = whole.eigenvalues.numpy()
        colours = [COLOURS[0] if value >= 0 else COLOURS[1] for value in eigenvalues]
        right.bar(range(1, len(eigenvalues) + 1), abs(eigenvalues), color=colours)
        right.set_xticks(range(1, len(eigenvalues) + 1))
        stress = float(picture.embedding.explained_stress)
        right.set(title=f"|eigenvalue| ({stress:.0%} of stress in three)", xlabel="axis (time-like ones orange)")
        right.set_yscale("log")
        for axes in (left, right):
            axes.title.set_fontsize("medium")
    return figure


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
    for k, (colour, curve) in enumerate(zip(_cycled(len(n)), scaling.curves, strict=True)):
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


_SPECTRUM = 12
"""Eigenvalues shown."""


def _draw_path(axes: Axes, picture: EmbeddedPath, i: int, j: int, norm: LogNorm, events: Sequence[Event]) -> None:
    width = picture.embedding.coordinates.shape[1]
    path = _padded(picture.embedding.coordinates)
    way = _padded(picture.milestones)
    old = _padded(picture.dropped)
    axes.scatter(path[:, i], path[:, j], c=picture.steps.numpy() + 1, norm=norm, cmap="viridis", s=14, zorder=3)
    axes.scatter(old[:, i], old[:, j], c="0.8", s=4, zorder=0)
    for k, (name, coordinates) in enumerate(picture.references):
        other = _padded(coordinates)
        dashes = ("-", "--", "-.", ":")[k % 4]
        axes.plot(other[:, i], other[:, j], dashes, color="0.6", linewidth=1.4, label=lettered(name), zorder=0)
    ring: dict[str, Any] = {"marker": "o", "markersize": 11, "markerfacecolor": "none", "linestyle": "none"}
    alone = len(picture.probes) == 1
    for k, name in enumerate(picture.probes):
        own = path[(picture.member == k).numpy()]
        line = {"color": "0.75", "linewidth": 0.8} if alone else {"color": COLOURS[2 + k % 4], "label": lettered(name)}
        axes.plot(own[:, i], own[:, j], zorder=1, **line)
        axes.plot(own[-1:, i], own[-1:, j], color=COLOURS[1], label=None if k else "now", zorder=4, **ring)
    for event, at in _nearest(picture, events):
        known = axes.get_legend_handles_labels()[1]
        cross: dict[str, Any] = {"color": _event_colour(event), "markersize": 9, "markeredgewidth": 2, "zorder": 5}
        axes.plot(path[at, i], path[at, j], "x", label=None if event.name in known else event.name, **cross)
    axes.plot(way[:1, i], way[:1, j], "s", color="black", label="ignorance", zorder=4)
    if len(way) > 1:
        axes.plot(way[:, i], way[:, j], "--", color="black", linewidth=1, label="geodesic", zorder=2)
        axes.plot(way[-1:, i], way[-1:, j], "*", color=COLOURS[3], markersize=13, label="truth", zorder=4)
    for axis, which in ((axes.set_xlabel, i), (axes.set_ylabel, j)):
        time_like = which < width and picture.embedding.eigenvalues[which] < 0
        axis(f"PC{which + 1}{' (time-like)' if time_like else ''}")
    axes.grid(alpha=0.25)


def _nearest(picture: EmbeddedPath, events: Sequence[Event]) -> list[tuple[Event, int]]:
    """Returns the events on probes of a picture, each with the record nearest to its step."""
    nearest = []
    for event in events:
        if event.probe in picture.probes:
            other = picture.member != picture.probes.index(event.probe)
            nearest.append((event, int(((picture.steps - event.step).abs() + other * 2**40).argmin())))
    return nearest


def _event_colour(event: Event) -> str:
    return _EVENT_COLOURS.get(event.name, "0.4")


_EVENT_COLOURS = {
    "overfitting": "#D55E00",
    "recovered": "#56B4E9",
    "memorisation": "#CC79A7",
    "generalisation": "#E69F00",
    "knee": "#009E73",
    "velocity_change": "#0072B2",
}


def _padded(points: Tensor) -> np.ndarray[Any, Any]:
    """Returns three columns; those of missing axes are zero."""
    return torch.nn.functional.pad(points, (0, 3 - points.shape[1])).numpy()


def _mark_closest(axes: Axes, trajectory: Trajectory, colour: str, name: str) -> None:
    distance = trajectory.distance_to_truth.nan_to_num(float("inf"))
    if not len(trajectory) or distance.isinf().all():
        return
    at = int(distance.argmin())
    step = int(trajectory.steps[at])
    label = f"{lettered(name)}: closest to truth at step {step}"
    axes.plot(step + 1, float(distance[at]), "o", color=colour, markersize=7, label=label)


def _cycled(count: int) -> list[str]:
    return [COLOURS[index % len(COLOURS)] for index in range(count)]
