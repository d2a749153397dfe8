"""Learning graphs of one training by several settings, as numbers, and where a tree breaks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import networkx
import torch
from torch import Tensor

from lightning_infogeo.topology import Cloud, LearningGraph, learning_graph

OVERLAP = 0.99
"""Of the notebook, as a share of the spacing."""


class Published(NamedTuple):
    """What arXiv 1902.08160 shows of a layer, and the settings of its notebook."""

    nodes: int
    edges: int
    leaves: int
    forks: int
    eps: float
    intervals: int


PUBLISHED = {
    "layer 1": Published(156, 155, 40, 25, 0.1, 30),
    "layer 2": Published(65, 64, 8, 6, 0.2, 25),
    "layer 3": Published(68, 67, 10, 7, 0.5, 20),
}


class Shape(NamedTuple):
    """A learning graph as numbers.

    Attributes:
        nodes: clusters.
        edges: between those that share points.
        components: 1 for a tree.
        cycles: cycle rank, 0 for a tree.
        leaves: nodes with one neighbour.
        forks: nodes with three and more.
        intervals: of the lens.
        eps: distance up to which points are joined.
        radius: farthest point from the one that stands for it.
    """

    nodes: int
    edges: int
    components: int
    cycles: int
    leaves: int
    forks: int
    intervals: int
    eps: float
    radius: float

    @classmethod
    def of(cls, one: LearningGraph) -> Shape:
        """Returns the numbers of a graph."""
        leaves, forks = len(one.leaves), len(one.branch_nodes)
        counts = (len(one.graph), one.graph.number_of_edges(), one.components, one.cycle_rank, leaves, forks)
        return cls(*counts, one.intervals, one.eps, one.radius)


class Tear(NamedTuple):
    """Where a neuron leaves one component of the graph for another.

    Attributes:
        layer: name.
        neuron: of the layer.
        last: step of its last record in the one.
        first: step of its first record in the other.
        hop: longest distance between successive records on the way, in units of eps.
        jump: longest change of the lens, in units of what two intervals share.
        together: neurons of the smaller of the two components.
    """

    layer: str
    neuron: int
    last: int
    first: int
    hop: float
    jump: float
    together: int

    @property
    def is_fast(self) -> bool:
        """Whether the neuron by itself could not be joined across: farther than eps, or than two intervals share."""
        return max(self.hop, self.jump) > 1


def published_graph(layer: str, cloud: Cloud, max_points: int = 10**6) -> LearningGraph:
    """Returns the graph of a layer by the settings of the notebook; all points, where ``max_points`` is not lower."""
    own = PUBLISHED[layer]
    return learning_graph(
        cloud,
        intervals=own.intervals,
        overlap=OVERLAP,
        eps=own.eps,
        convention="spacing",
        max_points=max_points,
        nested=True,
    )


def thinned(cloud: Cloud, records: Tensor) -> Cloud:
    """Returns some records of a cloud, on the same axes."""
    points = cloud.trajectories[records].double().flatten(0, 1)
    return cloud._replace(points=points - points.mean(0), steps=cloud.steps[records])


def speeds(cloud: Cloud, eps: float, intervals: int) -> tuple[Tensor, Tensor]:
    """Returns how far each neuron goes from one record to the next, shape (records − 1, neurons).

    Args:
        cloud: of a layer.
        eps: distance up to which points are joined.
        intervals: of the lens.

    Returns:
        The distance in units of eps, and the change of the lens in units of what two intervals share. Above 1 in either
        two records of a neuron by itself are not joined.
    """
    lens = cloud.points.double().norm(dim=1)
    shared = OVERLAP * float(lens.max() - lens.min()) / intervals
    jumps = lens.view(-1, cloud.neurons).diff(dim=0).abs() / shared
    return cloud.trajectories.double().diff(dim=0).norm(dim=-1) / eps, jumps


def evenly_moved(clouds: Mapping[str, Cloud], count: int) -> Tensor:
    """Returns so many records between which the fastest neurons of all layers go equally far, as ``speeds`` has it.

    It knows the whole training: what such records show is what the same number of them could have shown.
    """
    fastest = []
    for layer, cloud in clouds.items():
        fastest += [speed.amax(1) for speed in speeds(cloud, PUBLISHED[layer].eps, PUBLISHED[layer].intervals)]
    way = torch.cat([torch.zeros(1, dtype=torch.float64), torch.stack(fastest).amax(0).cumsum(0)])
    marks = torch.linspace(0, float(way[-1]) * (1 - 1e-9), count, dtype=torch.float64)
    chosen = torch.searchsorted(way, marks).clamp(max=len(way) - 1)
    return chosen[torch.cat([torch.tensor([True]), chosen.diff() > 0])]


def exchanged(cloud: Cloud, seed: int) -> Cloud:
    """Returns a null model: between two records each neuron moves as another one did, chosen anew every time."""
    generator = torch.Generator().manual_seed(seed)
    moves = cloud.trajectories.diff(dim=0)
    moves = torch.stack([move[torch.randperm(cloud.neurons, generator=generator)] for move in moves])
    points = torch.cat([cloud.trajectories[:1], cloud.trajectories[:1] + moves.cumsum(0)]).flatten(0, 1)
    return cloud._replace(points=points - points.mean(0))


def tears(layer: str, cloud: Cloud, one: LearningGraph) -> list[Tear]:
    """Returns where neurons change from one component to another, a point left out in between or not."""
    component, neurons = torch.full((len(cloud.points),), -1), []
    for k, nodes in enumerate(networkx.connected_components(one.graph)):
        points = torch.cat([one.graph.nodes[node]["points"] for node in nodes])
        component[points] = k
        neurons.append(int(((points % cloud.neurons).bincount() > 0).sum()))
    hops, jumps = speeds(cloud, one.eps, one.intervals)
    found = []
    for neuron, way in enumerate(component.view(-1, cloud.neurons).T):
        inside = (way >= 0).nonzero()[:, 0]
        for at in (way[inside].diff() != 0).nonzero()[:, 0].tolist():
            a, b = int(inside[at]), int(inside[at + 1])
            longest, farthest = float(hops[a:b, neuron].max()), float(jumps[a:b, neuron].max())
            together = min(neurons[int(way[a])], neurons[int(way[b])])
            found.append(Tear(layer, neuron, int(cloud.steps[a]), int(cloud.steps[b]), longest, farthest, together))
    return found
