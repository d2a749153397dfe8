"""Learning graphs: how the neurons of a layer diverge and merge while it learns.

Source: Gabella, arXiv 1902.08160. The cloud of a layer (neurons × records) is cut into overlapping intervals of a lens;
clusters within each are nodes, and nodes that share points are joined (Mapper).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from lightning_infogeo.topology.cloud import DIMENSIONS, Cloud, neuron_cloud
from lightning_infogeo.topology.farthest import Representatives, farthest_points

Lens = Literal["norm", "pca"]
Convention = Literal["interval", "spacing"]

INTERVALS = 30
"""Number of intervals for the first layer in arXiv 1902.08160, and the most that "auto" takes."""

_LEAST_INTERVALS = 5
"""The fewest that "auto" takes: with fewer a tree has hardly room to fork."""
_MOST_NEURONS = 0.9
"""Share of neurons that "auto" keeps whole at every record: the jump of a single one must not set the scale for all."""

MAX_POINTS = 5000
"""Above this, farthest points represent the others: clustering one interval may need the square of it in memory."""


@dataclass(frozen=True, eq=False)
class LearningGraph:
    """A Mapper graph of a layer's neurons over training, with its numbers.

    Attributes:
        graph: ``networkx.Graph`` with a node for each cluster, numbered along the lens. Its attributes: ``neurons``,
            sorted; ``steps``, sorted; ``points``, indices record · neurons + neuron, sorted, an int64 tensor; ``size``,
            their number; ``step``, the median over them; ``lens``, its mean over them. An edge has ``shared``, number
            of points in both.
        points: number of points, neurons × records.
        kept: how many of them were clustered; each of the others belongs to the clusters of the nearest of these.
        radius: largest distance from a point to the one that represents it, in the unit of the weights; 0 if all are
            kept.
        eps: distance up to which points of an interval are joined, in the unit of the weights.
        spacing: h, from the middle of an interval to that of the next, in the unit of the weights.
        intervals: number of them.
        explained: share of the variance that the principal axes hold.
    """

    graph: Any
    points: int
    kept: int
    radius: float
    eps: float
    spacing: float
    intervals: int
    explained: float

    @property
    def components(self) -> int:
        """Number of connected components, b₀."""
        import networkx

        return int(networkx.number_connected_components(self.graph))

    @property
    def cycle_rank(self) -> int:
        """Number of independent cycles, b₁ = edges − nodes + components."""
        return int(self.graph.number_of_edges()) - len(self.graph) + self.components

    @property
    def leaves(self) -> tuple[int, ...]:
        """Nodes with one neighbour; the root, where training begins, is a leaf if it has only one."""
        return tuple(node for node, degree in self.graph.degree if degree == 1)

    @property
    def branch_nodes(self) -> tuple[int, ...]:
        """Nodes with three neighbours or more."""
        return tuple(node for node, degree in self.graph.degree if degree > 2)

    @property
    def branch_steps(self) -> tuple[int, ...]:
        """For each branch node the step at which neurons diverged or merged there, sorted.

        It is the step at which the third of its neighbours is first reached: the second branch out, or the continuation
        of two merged ones. The divergence itself is earlier, by at most the duration of the node: its ``steps``.
        """
        first = {node: steps[0] for node, steps in self.graph.nodes(data="steps")}
        return tuple(sorted(sorted(first[other] for other in self.graph[node])[2] for node in self.branch_nodes))

    @property
    def is_tree(self) -> bool:
        """Whether there is one component and no cycle."""
        return self.components == 1 and self.cycle_rank == 0


def learning_graph(
    vectors: Any,
    steps: Any = None,
    lens: Lens = "norm",
    intervals: int | Literal["auto"] = "auto",
    overlap: float = 0.4975,
    eps: float | Literal["auto"] = "auto",
    min_samples: int = 2,
    *,
    convention: Convention = "interval",
    dimensions: int = DIMENSIONS,
    max_points: int = MAX_POINTS,
    nested: bool = False,
) -> LearningGraph:
    """Returns the Mapper graph of a layer: KeplerMapper's, with scikit-learn's DBSCAN in every interval.

    The order of neurons changes nothing but the numbers of nodes, and weights scaled by a factor give the same graph.

    The automatic ``eps`` is the longest distance of any neuron from one record to the next, below which its trajectory
    would fall apart. It is at least the spacing h of the intervals, so that the graph does not resolve more across the
    lens than along it; at most their width, since otherwise one jump of one neuron could join everything; and never
    less than twice ``radius``, the gaps between chosen points.

    The automatic number of ``intervals`` follows the sampling: the most, up to 30, with which two records of a neuron
    still share an interval, and the longest ``eps`` still joins them, at every record for nine neurons of ten. A path
    recorded more coarsely than its intervals falls into pieces, whatever its shape.

    Beyond ``max_points`` points the graph is that of farthest points, each weighted by the number it represents; all of
    the others count in the attributes of nodes. A feature smaller than ``radius`` is lost.

    A cluster whose points all belong to another is left out. It adds nothing: components and cycles stay as they are
    (the nerve is collapsed, not changed), but where the lens has a turning point on the path of some neurons such a
    cluster would be a leaf.

    Args:
        vectors: incoming weights, tensor or array of shape (records, neurons, fan_in); or a ``neuron_cloud`` of them.
        steps: optimizer steps of the records, shape (records,), increasing; None for 0, 1, 2, …
        lens: "norm", of the centred vector; or "pca", its first principal coordinate.
        intervals: number of them, of equal width, over the range of the lens; or "auto".
        overlap: of neighbouring intervals, below half of their width, or triangles of three of them would be counted as
            cycles; see ``interval_overlap``.
        eps: in the unit of the weights, or "auto".
        min_samples: points within ``eps`` of one, itself included, that make it part of a cluster; others are left out.
        convention: what ``overlap`` is a share of.
        dimensions: principal axes kept before anything else.
        max_points: the most points that are clustered.
        nested: whether to keep clusters that lie within another, as the published graphs do.

    Raises:
        ValueError: for vectors that make no cloud (``neuron_cloud``), or settings out of range.
        ModuleNotFoundError: where KeplerMapper, scikit-learn or networkx is not installed.

    Example:
        Three neurons that part at the first step, in three directions: a tree of three branches.

        >>> import math
        >>> turns = [2 * math.pi * k / 3 for k in range(3)]
        >>> path = [[(t * math.cos(turn), t * math.sin(turn)) for turn in turns] for t in range(12)]
        >>> tree = learning_graph(torch.tensor(path))
        >>> tree.is_tree, len(tree.leaves), len(tree.branch_nodes)
        (True, 3, 1)
    """
    share = interval_overlap(overlap, convention)
    _check(lens, intervals, eps, min_samples, max_points)
    kmapper, networkx, clusterer = _libraries()
    layer = neuron_cloud(vectors, steps, dimensions, caller="learning_graph")
    values = layer.points.norm(dim=1) if lens == "norm" else layer.points[:, 0]
    if (values.max() - values.min()) <= 1e-12 * values.abs().max():
        values, intervals = torch.zeros_like(values), 1  # one interval, not many copies of it
    if intervals == "auto":
        intervals = _automatic_intervals(layer, values, share)
    spacing = float(values.max() - values.min()) / intervals
    chosen = farthest_points(layer.points, max_points)
    reach = _automatic_eps(layer, spacing, spacing / (1 - share), chosen.radius) if eps == "auto" else float(eps)

    weighted = torch.cat([layer.points[chosen.indices], chosen.weights[:, None]], 1).numpy()
    mapper_complex = kmapper.KeplerMapper(verbose=0).map(
        values[chosen.indices, None].numpy(),
        weighted,
        cover=kmapper.Cover(n_cubes=intervals, perc_overlap=share),
        clusterer=_Weighted(clusterer(eps=reach, min_samples=min_samples)),
        nerve=_Nerve(),
    )
    nodes, links = mapper_complex["nodes"], mapper_complex["links"]
    if not nested:
        nodes = _without_nested(nodes, links)
    graph = _add_nodes_and_edges(networkx.Graph(), nodes, links, layer, values, chosen)
    return LearningGraph(
        graph, len(layer.points), len(chosen.indices), chosen.radius, reach, spacing, intervals, layer.explained
    )


def interval_overlap(overlap: float, convention: Convention = "interval") -> float:
    """Returns an overlap as a share of the interval's width w, as KeplerMapper takes it since 1.2.

    Intervals whose middles are h apart share w − h. Before 1.2 the overlap was a share of h: w = (1 + overlap) h; since
    1.2 it is one of w: w = h / (1 − overlap).

    Args:
        overlap: between 0 and half of the width, that is below 0.5 for "interval" and below 1 for "spacing".
        convention: "interval" for (w − h)/w, or "spacing" for (w − h)/h.

    Raises:
        ValueError: for overlaps out of range.

    Example:
        What the notebook of arXiv 1902.08160 calls 0.99 are intervals 1.99 h wide.

        >>> round(interval_overlap(0.99, "spacing"), 4)
        0.4975
    """
    if convention not in ("interval", "spacing"):
        raise ValueError(f'`interval_overlap(convention={convention!r})`: must be "interval" or "spacing".')
    if not 0 < overlap < (0.5 if convention == "interval" else 1):
        raise ValueError(
            f"`interval_overlap({overlap!r}, {convention!r})`: must be above 0, so that clusters can be joined, and "
            'below half of the width, which is 0.5 for "interval" and 1 for "spacing", so that no three intervals meet.'
        )
    return overlap if convention == "interval" else overlap / (1 + overlap)


def _check(lens: str, intervals: object, eps: object, min_samples: int, max_points: int) -> None:
    if lens not in ("norm", "pca"):
        raise ValueError(f'`learning_graph(lens={lens!r})`: must be "norm" or "pca".')
    for name, value in (("intervals", intervals), ("min_samples", min_samples), ("max_points", max_points)):
        automatic = name == "intervals" and value == "auto"
        if not automatic and (not isinstance(value, int) or value < 1):
            remedy = ', or "auto"' if name == "intervals" else ""
            raise ValueError(f"`learning_graph({name}={value!r})`: must be a positive int{remedy}.")
    if eps != "auto" and not (isinstance(eps, (int, float)) and 0 < eps < float("inf")):
        raise ValueError(f'`learning_graph(eps={eps!r})`: must be "auto" or a positive distance.')


def _libraries() -> tuple[Any, Any, Any]:
    try:
        import kmapper
        import networkx
        from sklearn.cluster import DBSCAN
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"`learning_graph()` needs KeplerMapper, scikit-learn and networkx, of which {error.name} is missing: "
            "pip install 'lightning-infogeo[topology]'"
        ) from None
    return kmapper, networkx, DBSCAN


def _automatic_intervals(layer: Cloud, values: Tensor, share: float) -> int:
    """Returns the automatic number of ``intervals`` of ``learning_graph``, for a lens that is not constant."""
    if len(layer.steps) < 2:
        return INTERVALS
    across = layer.trajectories.diff(dim=0).norm(dim=-1)
    along = values.view(len(layer.steps), layer.neurons).diff(dim=0).abs()
    longest, farthest = (float(hops.quantile(_MOST_NEURONS, dim=1).max()) for hops in (across, along))
    # Intervals h apart are h / (1 − share) wide, which bounds eps, and share h · share / (1 − share) with the next.
    least = max(longest * (1 - share), farthest * (1 - share) / share)
    most = float(values.max() - values.min()) / least if least > 0 else INTERVALS
    return max(_LEAST_INTERVALS, min(INTERVALS, int(most)))


def _automatic_eps(layer: Cloud, spacing: float, width: float, radius: float) -> float:
    """Returns the automatic ``eps`` of ``learning_graph``."""
    hops = layer.trajectories.diff(dim=0).norm(dim=-1).flatten()
    longest = float(hops.max()) if len(hops) else 0.0
    return max(min(max(longest, spacing), width), 2 * radius) or 1.0  # identical points are joined by any distance


class _Weighted:
    """DBSCAN over rows whose last column is the number of points that each represents."""

    def __init__(self, clusterer: Any) -> None:
        self._clusterer = clusterer

    def get_params(self) -> dict[str, int]:
        """Returns 1 as the fewest rows of an interval that KeplerMapper clusters: one row may represent many points."""
        return {"min_samples": 1}

    def fit_predict(self, rows: np.ndarray[Any, Any]) -> Any:
        return self._clusterer.fit(rows[:, :-1], sample_weight=rows[:, -1]).labels_


class _Nerve:
    """Joins nodes that share a point, in time linear in the points; KeplerMapper's own class tries every pair."""

    min_intersection = 1

    def compute(self, nodes: Mapping[str, Sequence[int]]) -> tuple[dict[str, list[str]], list[list[str]]]:
        holders: defaultdict[int, list[str]] = defaultdict(list)
        links: defaultdict[str, list[str]] = defaultdict(list)
        for name, members in nodes.items():
            for member in members:
                for other in holders[member]:
                    if name not in links[other]:
                        links[other].append(name)
                holders[member].append(name)
        return links, []


def _without_nested(nodes: Mapping[str, Sequence[int]], links: Mapping[str, Sequence[str]]) -> dict[str, Sequence[int]]:
    """Returns the nodes whose points do not all belong to another returned node."""
    sets = {name: frozenset(members) for name, members in nodes.items()}
    around: defaultdict[str, list[str]] = defaultdict(list)
    for name, others in links.items():
        for other in others:
            around[name].append(other)
            around[other].append(name)
    # By size, so that a node that contains another is removed only later, for one that contains both.
    for name in sorted(nodes, key=lambda name: len(sets[name])):
        if any(other in sets and sets[name] <= sets[other] for other in around[name]):
            del sets[name]
    return {name: nodes[name] for name in nodes if name in sets}


def _add_nodes_and_edges(
    graph: Any,
    nodes: Mapping[str, Sequence[int]],
    links: Mapping[str, Sequence[str]],
    layer: Cloud,
    values: Tensor,
    chosen: Representatives,
) -> Any:
    """Adds the nodes, with all points that the chosen ones represent, and the edges."""
    cells = torch.split(chosen.nearest.argsort(stable=True), chosen.weights.tolist())
    points = {name: torch.cat([cells[member] for member in members]) for name, members in nodes.items()}
    number = {name: k for k, name in enumerate(sorted(points, key=lambda name: float(values[points[name]].mean())))}
    for name, k in number.items():
        record, neuron = points[name] // layer.neurons, points[name] % layer.neurons
        graph.add_node(
            k,
            neurons=tuple(torch.unique(neuron).tolist()),
            steps=tuple(layer.steps[torch.unique(record)].tolist()),
            points=points[name].sort().values,
            size=len(record),
            step=int(layer.steps[record].median()),
            lens=float(values[points[name]].mean()),
        )
    for name, others in links.items():
        for other in (other for other in others if name in number and other in number):
            shared = np.intersect1d(points[name], points[other], assume_unique=True)
            graph.add_edge(number[name], number[other], shared=len(shared))
    return graph
