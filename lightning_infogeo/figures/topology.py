"""Pictures of how a layer's neurons branch and spread."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from lightning_infogeo.figures.names import lettered
from lightning_infogeo.figures.palette import COLOURS
from lightning_infogeo.topology import (
    Capacity,
    LearningGraph,
    LearningSurface,
    effective_capacity,
    learning_graph,
    learning_surface,
    neuron_cloud,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


_LAYERS = 4
"""Layers drawn at most."""


def neurons(trajectories: Mapping[str, tuple[Tensor, Tensor]]) -> Iterator[tuple[str, Figure]]:
    """Yields all pictures of the first layers that have three finite records, by name.

    Args:
        trajectories: steps (T,) and incoming weights (T, neurons, fan_in) by layer.
    """
    layers = {}
    for layer, (steps, vectors) in list(trajectories.items())[:_LAYERS]:
        finite = vectors.flatten(1).isfinite().all(1)
        if finite.sum() >= 3:
            layers[layer or "(module)"] = (vectors[finite], steps[finite])
    if not layers:
        return
    clouds = {layer: neuron_cloud(*of) for layer, of in layers.items()}
    yield "tree", learning_tree({layer: learning_graph(cloud) for layer, cloud in clouds.items()})
    yield "paths", neuron_paths(layers)
    yield "norms", weight_norms(layers)
    yield "capacity", capacity({layer: effective_capacity(cloud) for layer, cloud in clouds.items()})
    surfaces = {layer: learning_surface(cloud) for layer, cloud in clouds.items()}
    yield "sheets", sheets(surfaces, next(iter(clouds.values())).steps)


def learning_tree(graphs: Mapping[str, LearningGraph]) -> Figure:
    """Returns learning graphs drawn as trees, a panel a layer, from the earliest node at the left to the leaves.

    Colour is the median step of a node's points, area their number. Each component is drawn below the one before;
    edges that a tree has not, each of which closes a cycle, are dashed and orange.

    Args:
        graphs: by layer, of ``learning_graph``.
    """
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6 * min(len(graphs), 3), 6.4 * math.ceil(len(graphs) / 3)), layout="constrained")
    panels = figure.subplots(math.ceil(len(graphs) / 3), min(len(graphs), 3), squeeze=False).flatten()
    last = max((step for one in graphs.values() for _, step in one.graph.nodes(data="step")), default=0)
    norm = Normalize(0, max(last, 1))
    for axes, (name, one) in zip(panels, graphs.items(), strict=False):
        _draw_tree(axes, one, norm)
        numbers = f"{len(one.graph)} nodes, {one.graph.number_of_edges()} edges, {len(one.leaves)} leaves"
        shape = "a tree" if one.is_tree else f"{one.components} components, cycle rank {one.cycle_rank}"
        sample = f" (on {one.kept} of {one.points} points)" if one.kept < one.points else ""
        axes.set_title(f"{lettered(name)}: {shape}{sample}\n{numbers}", fontsize="medium")
    for axes in panels:
        axes.set_axis_off()
    drawn = [axes.collections[-1] for axes in panels if axes.collections]
    if drawn:
        figure.colorbar(drawn[0], ax=list(panels), label="optimizer step (median over the node)", shrink=0.6)
    return figure


def neuron_paths(layers: Mapping[str, tuple[Any, Any]], most: int = 100) -> Figure:
    """Returns the way of every neuron in three principal axes of its layer's cloud, coloured by the step.

    Args:
        layers: vectors (records, neurons, fan_in) and steps (records,) by layer.
        most: neurons drawn of a layer, evenly chosen.
    """
    from matplotlib.colors import Normalize
    from matplotlib.figure import Figure
    from mpl_toolkits.mplot3d.art3d import Line3DCollection  # type: ignore[import-untyped]

    figure = Figure(figsize=(5.2 * len(layers), 5), layout="constrained")
    panels = figure.subplots(1, len(layers), squeeze=False, subplot_kw={"projection": "3d"}).flatten()
    norm = Normalize(0, max(1, *(int(steps[-1]) for _, steps in layers.values())))
    for axes, (name, (vectors, steps)) in zip(panels, layers.items(), strict=True):
        layer = neuron_cloud(vectors, steps, 3)
        chosen = torch.linspace(0, layer.neurons - 1, min(most, layer.neurons)).round().long()
        ways = torch.nn.functional.pad(layer.trajectories[:, chosen], (0, 3 - layer.points.shape[1])).numpy()
        pieces = np.stack([ways[:-1], ways[1:]], axis=2).reshape(-1, 2, 3)
        colours = layer.steps[1:].repeat_interleave(len(chosen)).numpy()
        lines = Line3DCollection(pieces, cmap="viridis", norm=norm, array=colours, linewidth=0.8, alpha=0.8)
        axes.add_collection(lines, autolim=False)
        axes.scatter(*ways[-1].T, color=COLOURS[1], s=6, depthshade=False, label="at the end")
        axes.plot(*ways[0].mean(0)[:, None], "s", color="black", markersize=5, label="at the beginning, on average")
        for limit, values in zip((axes.set_xlim, axes.set_ylim, axes.set_zlim), ways.reshape(-1, 3).T, strict=True):
            low, high = float(values.min()), float(values.max())
            limit(low, high if high > low else low + 1)
        axes.set(xlabel="PC1", ylabel="PC2", zlabel="PC3")
        axes.set_box_aspect(None, zoom=0.85)  # or the label of the third axis is cut off
        drawn = "" if len(chosen) == layer.neurons else f" of {layer.neurons}"
        axes.set_title(
            f"{lettered(name)}: {len(chosen)}{drawn} neurons, {layer.explained:.0%} of the variance", fontsize="medium"
        )
    figure.colorbar(lines, ax=list(panels), label="optimizer step", shrink=0.6, pad=0.1)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    return figure


def weight_norms(layers: Mapping[str, tuple[Any, Any]]) -> Figure:
    """Returns the Euclidean norm of every neuron's incoming weights over the steps, and their median.

    Args:
        layers: vectors (records, neurons, fan_in) and steps (records,) by layer.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.6 * len(layers), 3.6), layout="constrained")
    panels = figure.subplots(1, len(layers), squeeze=False).flatten()
    for axes, (name, (vectors, steps)) in zip(panels, layers.items(), strict=True):
        norms = torch.as_tensor(vectors).detach().float().norm(dim=-1).cpu().numpy()
        at = torch.as_tensor(steps).cpu().numpy()
        axes.plot(at, norms, color=COLOURS[5], linewidth=0.7, alpha=0.6)
        axes.plot(at, np.median(norms, 1), color="black", linewidth=1.5, label="median over neurons")
        axes.set(xlabel="optimizer step", ylabel="norm of incoming weights")
        axes.set_title(f"{lettered(name)}: {norms.shape[1]} neurons", fontsize="medium")
        axes.grid(alpha=0.25)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", frameon=False)
    return figure


def capacity(capacities: Mapping[str, Capacity]) -> Figure:
    """Returns the number of distinct clusters of neurons over the steps, one line a layer; a ring is where it settles.

    Args:
        capacities: by layer, of ``effective_capacity``.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.5, 4), layout="constrained")
    axes = figure.subplots()
    for k, (name, one) in enumerate(capacities.items()):
        line: dict[str, Any] = {"color": COLOURS[k % len(COLOURS)], "linestyle": "-" if k < len(COLOURS) else "--"}
        axes.plot(one.steps, one.clusters, label=f"{lettered(name)} ({one.neurons} neurons)", linewidth=1.5, **line)
        if math.isfinite(one.saturation_step):
            height = float(one.clusters[one.steps == int(one.saturation_step)][0])
            axes.plot(one.saturation_step, height, "o", markersize=9, markerfacecolor="none", color=line["color"])
    axes.set(xlabel="optimizer step", ylabel="distinct clusters of neurons", yscale="log")
    axes.set_title("effective capacity (ring: settled)", fontsize="medium")
    axes.grid(alpha=0.25)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    return figure


def sheets(surfaces: Mapping[str, LearningSurface], steps: Any) -> Figure:
    """Returns clouds unrolled to two coordinates, coloured by the step, with the neurons at the last record.

    Args:
        surfaces: by layer, of ``learning_surface``.
        steps: optimizer steps of the records, shape (records,).
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(4.8 * len(surfaces), 4.2), layout="constrained")
    panels = figure.subplots(1, len(surfaces), squeeze=False).flatten()
    at = torch.as_tensor(steps).cpu()
    for axes, (name, one) in zip(panels, surfaces.items(), strict=True):
        points = one.coordinates.flatten(0, 1)
        colours = at.repeat_interleave(one.coordinates.shape[1])
        drawn = axes.scatter(*points.T, c=colours, cmap="viridis", s=3, linewidths=0, rasterized=True)
        axes.scatter(*one.coordinates[-1].T, color=COLOURS[1], s=9, label="at the end")
        axes.set(xlabel="first coordinate", ylabel="second coordinate", aspect="equal", adjustable="datalim")
        title = f"{lettered(name)}: dimension {one.dimension}, two axes hold {one.flatness:.0%} locally"
        axes.set_title(title, fontsize="medium")
        axes.grid(alpha=0.25)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", frameon=False)
    figure.colorbar(drawn, ax=list(panels), label="optimizer step")
    return figure


def _draw_tree(axes: Axes, one: LearningGraph, norm: Any) -> None:
    places, tree = tree_layout(one.graph)
    for a, b in one.graph.edges:
        closes = (a, b) not in tree and (b, a) not in tree
        style: dict[str, Any] = {"color": COLOURS[1], "linestyle": "--"} if closes else {"color": "0.7"}
        axes.plot(*zip(places[a], places[b], strict=True), linewidth=0.8, zorder=2 if closes else 1, **style)
    if places:
        x, y = zip(*(places[node] for node in one.graph), strict=True)
        steps, sizes = zip(*((n["step"], n["size"]) for _, n in one.graph.nodes(data=True)), strict=True)
        areas = 4 + 120 * np.sqrt(np.array(sizes) / max(sizes))
        axes.scatter(x, y, c=steps, s=areas, norm=norm, cmap="viridis", zorder=3, edgecolors="white", linewidths=0.3)


def tree_layout(graph: Any) -> tuple[dict[int, tuple[float, float]], set[tuple[int, int]]]:
    """Returns where to draw nodes, by hops from the earliest of their component, and the edges of the tree spanned.

    A leaf has a line of its own, any other node is amid its children; a breadth-first tree, so that no edge of it is
    longer than one hop.
    """
    places: dict[int, tuple[float, float]] = {}
    tree: set[tuple[int, int]] = set()
    line = 0.0
    for root in sorted(graph, key=lambda node: (graph.nodes[node]["step"], node)):
        if root in places:
            continue
        depth, children, order = {root: 0}, {root: list[int]()}, [root]
        for node in order:  # grows while it is walked
            for other in sorted(graph[node], key=lambda node: (graph.nodes[node]["step"], node)):
                if other not in depth:
                    depth[other], children[other] = depth[node] + 1, []
                    children[node].append(other)
                    order.append(other)
                    tree.add((node, other))
        heights: dict[int, float] = {}
        stack = [root]
        while stack:
            node = stack.pop()
            if children[node]:
                stack.extend(reversed(children[node]))
            else:
                heights[node], line = line, line - 1
        for node in reversed(order):
            if children[node]:
                heights[node] = sum(heights[child] for child in children[node]) / len(children[node])
        places.update({node: (float(depth[node]), heights[node]) for node in order})
    return places, tree
