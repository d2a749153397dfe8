"""Pictures of many runs: on one map, by their distances, and by how fast they come along."""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch

from lightning_infogeo.comparison import Comparison, Grouping, leaf_order
from lightning_infogeo.figures.names import lettered
from lightning_infogeo.figures.palette import COLOURS
from lightning_infogeo.shortening import shortened

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Colour = Any

_NAMED = 200
"""Runs up to which each has its name at its leaf."""
_SIZE, _LINE, _LETTER = 7, 0.135, 0.055
"""Of these names: the size, in points, and the height of a line and the width of a letter, in inches."""
_AROUND = 2.0
"""Inches for title, axes and legend."""
_LARGE, _HIGH_LINE, _NARROW = 10, 0.17, 9.6
"""Where groups are named: their size, the height of a leaf and the width of the picture; read on 760 pixels."""
_TALL = 12
"""Height, in inches, from which on the axis of distances is at the top, too."""
_QUALITATIVE = 10
"""Groups up to which colours are told apart by more than their order."""
_LONGEST_NAME, _LONGEST_VALUE = 56, 40
"""Letters of a run's name, and of a group's in the legend."""
_MOST_GROUPS, _LETTERS_PER_INCH = 16, 11
"""Of the legend: groups named in it, and how many of its letters an inch holds."""


def joint(comparison: Comparison, key: str | None = None, title: str = "") -> Figure:
    """Returns all runs on the first three axes of their common InPCA embedding, coloured by group.

    With ignorance (square), truth (star) and the geodesic between them (dashed); a dot ends each run. An axis named
    "time-like" counts its squared distances negative.

    Args:
        comparison: comparison of the runs.
        key: key of the metadata to colour by; None for the factor that matters most.
        title: above the picture.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 5.2), layout="constrained")
    embedding = comparison.embedding
    groups, colours = _coloured(comparison, key)
    points, way = _three(embedding.coordinates), _three(embedding.milestones)
    for axes, (i, j) in zip(figure.subplots(1, 2), ((0, 1), (0, 2)), strict=True):
        for k in range(len(comparison.names)):
            own, group = points[(embedding.member == k).numpy()], int(groups.member[k])
            # Where groups lie on top of each other, thin transparent lines let both be seen.
            axes.plot(own[:, i], own[:, j], color=colours[group], linewidth=1, alpha=0.7)
            axes.plot(own[-1:, i], own[-1:, j], ".", color=colours[group], markersize=7)
        axes.plot(way[:1, i], way[:1, j], "s", color="black", markersize=8, label="ignorance", zorder=4)
        if len(way) > 1:
            axes.plot(way[:, i], way[:, j], "--", color="black", linewidth=1.2, label="geodesic", zorder=3)
            axes.plot(way[-1:, i], way[-1:, j], "*", color="black", markersize=14, label="truth", zorder=4)
        for label, which in ((axes.set_xlabel, i), (axes.set_ylabel, j)):
            time_like = which < len(embedding.eigenvalues) and embedding.eigenvalues[which] < 0
            label(f"PC{which + 1}{' (time-like)' if time_like else ''}")
        axes.grid(alpha=0.25)
    _legend(figure, figure.axes[0], groups, colours)
    dimensions = len(embedding.eigenvalues)
    text = f"{embedding.explained_stress:.0%} of the stress in {dimensions} dimension{'s' * (dimensions > 1)}"
    figure.suptitle(f"{title}: {text}" if title else text)
    return figure


def trajectory_distances(
    comparison: Comparison, key: str | None = None, title: str = "", leaves: Literal["runs", "groups"] = "runs"
) -> Figure:
    """Returns the dendrogram of the runs, their names at its leaves, and the distances between their trajectories.

    The heat map's rows are those of the dendrogram, its columns in the same order. The dashed line is the mean distance
    of a run from another with samples shuffled within classes: what joins right of it agrees on more than the loss. The
    picture grows with the runs, so that up to 200 have their names.

    Args:
        comparison: comparison of the runs.
        key: key of the metadata to colour leaves by; None for the factor that matters most.
        title: above the picture.
        leaves: what is written at the leaves: "runs", the name of each, or "groups", the value of ``key`` once for
            neighbours that share it, in larger letters.

    Raises:
        ModuleNotFoundError: where SciPy is not installed.
        ValueError: for other ``leaves``.
    """
    from matplotlib.figure import Figure

    if leaves not in ("runs", "groups"):
        raise ValueError(f"`trajectory_distances(leaves={leaves!r})`: must be 'runs' or 'groups'.")
    count = len(comparison.names)
    groups, colours = _coloured(comparison, key)
    order = leaf_order(comparison.tree)
    named = count <= _NAMED
    height = _AROUND + _LINE * count if named else 11
    texts = [comparison.names[k] for k in order] if named else []
    names, places = [lettered(text) for text in shortened(texts, _LONGEST_NAME)], [float(k) for k in range(count)]
    width = 10 + _LETTER * max(map(len, names), default=0) + min(height / 4, 7)
    if leaves == "groups":
        names, places = _blocks([groups.values[int(groups.member[k])] for k in order])
        width, height = _NARROW, max(height, _AROUND + _HIGH_LINE * count)
    figure = Figure(figsize=(width, max(height, 4.2)), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.3))
    _draw_tree(left, comparison)
    farthest = [float(comparison.distances.max())]
    if math.isfinite(comparison.shuffled_mean):
        farthest.append(comparison.shuffled_mean)
        left.axvline(farthest[1], color="0.4", linestyle="--", linewidth=1, label="shuffled within classes")
    dots = [colours[int(groups.member[k])] for k in order]
    left.scatter(np.zeros(count), range(count), c=dots, s=16 if named else 4, zorder=3, clip_on=False)
    left.set(
        xlabel="distance between trajectories [nats]", ylim=(-0.5, count - 0.5), xlim=(1.04 * max(farthest) or 1, 0)
    )
    left.spines[["top", "left", "right"]].set_visible(False)
    left.yaxis.tick_right()
    left.set_yticks(places[: len(names)], names, fontsize=_SIZE if leaves == "runs" else _LARGE)
    left.tick_params("y", length=0, pad=5)
    left.tick_params("x", top=height > _TALL, labeltop=height > _TALL)
    if not named and leaves == "runs":
        left.set_title(f"{count} runs: too many for names, which are shown of up to {_NAMED}", fontsize="medium")
    _draw_distances(figure, right, comparison.distances[order][:, order].numpy(), min(0.8, 8 / height))
    _legend(figure, left, groups, colours)
    figure.suptitle(title or "Distances between trajectories, complete linkage")
    return figure


def speed(comparison: Comparison, key: str | None = None, title: str = "") -> Figure:
    """Returns progress against the step for every run, and the width of the tube around the mean trajectory.

    Args:
        comparison: comparison of the runs. Where it has tubes of the groups of ``key``, they have the groups' colours.
        key: key of the metadata to colour by; None for the factor that matters most.
        title: above the picture.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2)
    groups, colours = _coloured(comparison, key)
    for k, course in enumerate(comparison.courses):
        colour = colours[int(groups.member[k])]
        left.plot(course.steps + 1, course.progress, color=colour, linewidth=1, alpha=0.8)
    left.set(xscale="log", xlabel="optimizer steps + 1", ylabel="progress", ylim=(-0.02, 1.02))
    for name, tube in comparison.tubes.items():
        grid = torch.arange(1, len(tube.mean) + 1) / len(tube.mean)
        value = name.partition(f"{groups.key}=")[2]
        if name == "all":
            right.plot(grid, tube.mean, color="black", linewidth=1.8, label="all runs")
            right.fill_between(grid, tube.mean, tube.largest, color="0.85", label="up to the farthest of all", zorder=0)
        elif value in groups.values:
            right.plot(grid, tube.mean, color=colours[groups.values.index(value)], linewidth=1.4)
    right.set(xlabel="progress", ylabel="d_B to the mean trajectory [nats]", xlim=(0, 1), ylim=(0, None))
    for axes in (left, right):
        axes.grid(alpha=0.25)
    _legend(figure, right, groups, colours)
    if title:
        figure.suptitle(title)
    return figure


def _coloured(comparison: Comparison, key: str | None) -> tuple[Grouping, list[Colour]]:
    """Returns the grouping to be shown, and a colour a group.

    Where no factor tells groups apart, each of a few runs is one; many are one together.
    """
    if key is None and not comparison.groups:
        count, nan = len(comparison.names), math.nan
        each = 1 < count <= len(COLOURS)
        values = comparison.names if each else ("runs",)
        member = torch.arange(count) if each else torch.zeros(count, dtype=torch.int64)
        table = torch.full((len(values), len(values)), nan)
        return Grouping("run" if each else "", values, member, nan, nan, nan, (0, 0, 0), table), list(COLOURS)
    groups = comparison.group_by(
        key if key is not None else max(comparison.groups, key=lambda k: _weight(comparison, k))
    )
    count = len(groups.values)
    if count <= len(COLOURS):
        return groups, list(COLOURS[:count])
    import matplotlib

    if count <= _QUALITATIVE:
        return groups, matplotlib.color_sequences["tab10"][:count]
    return groups, list(matplotlib.colormaps["turbo"](np.linspace(0.05, 0.95, count)))


def _weight(comparison: Comparison, key: str) -> float:
    groups = comparison.groups[key]
    return groups.alone if math.isfinite(groups.alone) else -1.0


def _legend(figure: Figure, axes: Axes, groups: Grouping, colours: list[Colour]) -> None:
    from matplotlib.lines import Line2D

    handles, labels = axes.get_legend_handles_labels()
    shown = range(min(len(groups.values), _MOST_GROUPS) if groups.key else 0)
    lines: list[Any] = [Line2D([], [], color=colours[g], linewidth=2) for g in shown]
    name, values = groups.key.rpartition(".")[2], shortened([groups.values[g] for g in shown], _LONGEST_VALUE)
    texts = [lettered(f"{name} = {value}") for value in values] + labels
    columns = int(figure.get_figwidth() * _LETTERS_PER_INCH / (max(map(len, texts), default=0) + 8))
    figure.legend(lines + handles, texts, loc="outside lower center", ncols=max(1, min(columns, 5)), frameon=False)


def _blocks(values: list[str]) -> tuple[list[str], list[float]]:
    """Returns each value once for neighbours that share it, and the place of their middle."""
    names, places, first = [], [], 0
    for value, some in groupby(values):
        size = len(list(some))
        names.append(lettered(shortened([value], _LONGEST_VALUE)[0]))
        places.append(first + (size - 1) / 2)
        first += size
    return names, places


def _draw_tree(axes: Axes, comparison: Comparison) -> None:
    """Draws SciPy's tree lying: leaves at 0, 1, 2 … upwards, joins at their distances."""
    if not len(comparison.tree):
        return
    from scipy.cluster.hierarchy import dendrogram

    drawn = dendrogram(comparison.tree, no_plot=True)
    for across, along in zip(drawn["dcoord"], drawn["icoord"], strict=True):
        # SciPy puts leaves at 5, 15, 25 …
        axes.plot(across, [(place - 5) / 10 for place in along], color="0.2", linewidth=1)


def _draw_distances(figure: Figure, axes: Axes, distances: np.ndarray[Any, Any], shrink: float) -> None:
    """Draws the distances between different runs; their scale is that of what differs, so the diagonal is blank."""
    import matplotlib

    shown = np.ma.array(distances, mask=np.eye(len(distances), dtype=bool))
    # From blue over green to yellow: also distances in the middle of the scale have a colour of their own.
    colours = matplotlib.colormaps["viridis"].with_extremes(bad="0.85")
    image = axes.imshow(shown, cmap=colours, origin="lower", aspect="auto", interpolation="none")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_title("the same order", fontsize="medium")
    if shown.count():
        figure.colorbar(image, ax=axes, label="d_B at equal progress [nats]", shrink=shrink)


def _three(points: torch.Tensor) -> np.ndarray[Any, Any]:
    return torch.nn.functional.pad(points, (0, 3 - min(points.shape[1], 3)))[:, :3].numpy()
