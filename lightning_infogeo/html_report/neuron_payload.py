"""What the page's script draws of neurons: their paths, graph and capacity."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from lightning_infogeo.archive import Archive
from lightning_infogeo.figures.topology import tree_layout
from lightning_infogeo.json_values import rounded
from lightning_infogeo.topology import effective_capacity, learning_graph, neuron_cloud

LAYERS = 12
"""The most layers that are shown, of all runs together."""

_NEURONS, _RECORDS = 100, 100
"""The most of a layer that the page shows, evenly chosen."""


def neurons_of(runs: Sequence[tuple[str, Archive]]) -> list[dict[str, Any]]:
    """Returns what is drawn of the layers of all runs, of the first ``LAYERS``.

    Args:
        runs: names and archives.

    Raises:
        ArchiveError: where neurons are damaged.
    """
    layers: list[dict[str, Any]] = []
    for k, (name, archive) in enumerate(runs):
        for layer in archive.layers[: LAYERS - len(layers)]:
            drawn = _layer(archive, layer)
            if drawn is not None:
                layers.append({"run": k, "name": layer if len(runs) == 1 else f"{name}: {layer}", **drawn})
    return layers


def _layer(archive: Archive, layer: str) -> dict[str, Any] | None:
    steps, stored = archive.neurons(layer)
    if not len(steps):
        return None
    which = torch.linspace(0, len(steps) - 1, min(len(steps), _RECORDS)).round().long()
    neurons = torch.linspace(0, stored.shape[1] - 1, min(stored.shape[1], _NEURONS)).round().long()
    vectors = torch.stack([stored[int(record)][neurons].float() for record in which])
    finite = vectors.isfinite().flatten(1).all(1)
    if finite.sum() < 2:
        return None
    cloud = neuron_cloud(vectors[finite], steps[which][finite])
    paths = cloud.trajectories[:, :, :3]
    paths = torch.nn.functional.pad(paths, (0, 3 - paths.shape[2]))
    return {
        "steps": cloud.steps.tolist(),
        "paths": rounded(paths.permute(2, 1, 0)),  # axis, neuron, record
        "clusters": effective_capacity(cloud).clusters.tolist(),
        "neurons": cloud.neurons,
        "all": stored.shape[1],
        "graph": _graph(cloud),
    }


def _graph(cloud: Any) -> dict[str, Any] | None:
    try:
        result = learning_graph(cloud)
    except ModuleNotFoundError:
        return None
    places, tree = tree_layout(result.graph)
    nodes = list(result.graph)
    index = {node: k for k, node in enumerate(nodes)}
    edges = [[index[a], index[b], int((a, b) in tree or (b, a) in tree)] for a, b in result.graph.edges]
    return {
        "x": rounded([places[node][0] for node in nodes]),
        "y": rounded([places[node][1] for node in nodes]),
        "step": rounded([float(result.graph.nodes[node]["step"]) for node in nodes]),
        "size": [int(result.graph.nodes[node]["size"]) for node in nodes],
        "edges": edges,
        "components": result.components,
        "cycle_rank": result.cycle_rank,
        "leaves": len(result.leaves),
    }
