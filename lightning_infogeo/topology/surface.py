"""Learning surfaces: how close a layer's cloud is to a surface, and where on it each neuron is.

Source: Gabella, arXiv 1902.08160, in which neurons started at tiny random weights sweep out a smooth surface.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.embedding.inpca import inpca
from lightning_infogeo.topology.cloud import DIMENSIONS, neuron_cloud
from lightning_infogeo.topology.farthest import farthest_points

LANDMARKS = 600
"""Points spread evenly over the cloud, on which the surface is measured; the others are placed by distances to them."""

LOCAL_VARIANCE = 0.9
"""Share of the local variance that the dimension explains."""


class LearningSurface(NamedTuple):
    """The shape of a cloud.

    Attributes:
        dimension: fewest axes of a neighbourhood that hold 90 % of its variance, on average over neighbourhoods; 0 for
            points that all coincide.
        spectrum: the mean share of each axis in the variance of a neighbourhood, shape (d,), decreasing, summing to 1.
        flatness: share of the first two axes, range [0, 1]: 1 for a surface, however bent, and for a curve.
        coordinates: of each neuron at each record on the unrolled surface, shape (records, neurons, 2), along its
            longer side first. In the unit of the weights.
        stress: of the unrolled surface, range [0, 1]: 1 where two coordinates give all distances within the cloud.
        order: neurons sorted by either coordinate at the last record, shape (2, neurons).
    """

    dimension: int
    spectrum: Tensor
    flatness: float
    coordinates: Tensor
    stress: float
    order: Tensor


def learning_surface(
    vectors: Any, steps: Any = None, neighbours: int = 20, *, dimensions: int = DIMENSIONS
) -> LearningSurface:
    """Returns how two-dimensional a layer's cloud is, and its coordinates.

    The cloud is dense along trajectories and sparse across them: the nearest points of any point lie on its own
    trajectory, and would show a line whatever the surface. Neighbourhoods are therefore those of landmarks, farthest
    points of the cloud, which are equally dense in all directions. The dimension is that at their spacing; one above
    four comes out too low, since twenty neighbours are too few. Coordinates are those of Isomap: distances along the
    graph of neighbours, embedded in a plane (``inpca`` of their squares).

    Args:
        vectors: incoming weights, tensor or array of shape (records, neurons, fan_in); or a ``neuron_cloud`` of them.
        steps: optimizer steps of the records, shape (records,), increasing; None for 0, 1, 2, …
        neighbours: of each landmark.
        dimensions: principal axes kept before anything else; the dimension cannot be larger.

    Raises:
        ValueError: for vectors that make no cloud (``neuron_cloud``), or fewer than two neighbours.

    Example:
        Neurons that move apart along a line.

        >>> line = torch.linspace(-1, 1, 9) * torch.arange(10.0)[:, None]
        >>> learning_surface(line[..., None] * torch.ones(3)).dimension
        1
    """
    if not isinstance(neighbours, int) or neighbours < 2:
        raise ValueError(f"`learning_surface(neighbours={neighbours!r})`: must be an int of at least 2.")
    layer = neuron_cloud(vectors, steps, dimensions, caller="learning_surface")
    chosen = farthest_points(layer.points, LANDMARKS)
    landmarks = layer.points[chosen.indices]
    distances = torch.cdist(landmarks, landmarks, compute_mode="donot_use_mm_for_euclid_dist")
    neighbour_indices = distances.topk(min(neighbours + 1, len(landmarks)), largest=False).indices
    local = landmarks[neighbour_indices] - landmarks[neighbour_indices].mean(1, keepdim=True)
    shares = torch.linalg.svdvals(local).square()
    shares = shares / shares.sum(-1, keepdim=True)
    spectrum = shares[shares.isfinite().all(-1)].mean(0).nan_to_num(0.0)
    geodesic_distances = _graph_distances(distances, neighbour_indices)
    plane = inpca(geodesic_distances.square(), 2)
    placed = torch.cat(
        [
            plane.transform(_distances_to_landmarks(part, landmarks, geodesic_distances).square())
            for part in torch.split(layer.points, 512)
        ]
    )
    coordinates = torch.nn.functional.pad(placed, (0, 2 - placed.shape[1])).view(len(layer.steps), layer.neurons, 2)
    return LearningSurface(
        dimension=int((spectrum.cumsum(0) < LOCAL_VARIANCE * (1 - 1e-9)).sum()) + 1 if spectrum.sum() > 0 else 0,
        spectrum=spectrum,
        flatness=float(spectrum[:2].sum()),
        coordinates=coordinates,
        stress=float(plane.explained_stress),
        order=coordinates[-1].argsort(dim=0, stable=True).T,
    )


def _graph_distances(distances: Tensor, neighbour_indices: Tensor) -> Tensor:
    """Returns the shortest distances along the graph of neighbours, (M, M), its components joined by shortest edges."""
    count = len(distances)
    lengths = (
        torch.full_like(distances, torch.inf)
        .scatter_(1, neighbour_indices, distances.gather(1, neighbour_indices))
        .fill_diagonal_(0)
    )
    joined = torch.zeros(count, dtype=torch.bool)
    joined[0] = True
    gap, bridge = distances[0].clone(), torch.zeros(count, dtype=torch.int64)
    for _ in range(count - 1):  # Prim's algorithm
        new = int(torch.where(joined, torch.inf, gap).argmin())
        lengths[new, bridge[new]] = distances[new, bridge[new]]
        joined[new] = True
        closer = distances[new] < gap
        gap, bridge = torch.where(closer, distances[new], gap), bridge.masked_fill(closer, new)
    lengths = torch.minimum(lengths, lengths.mT)
    for k in range(count):  # Floyd and Warshall's
        lengths = torch.minimum(lengths, lengths[:, k, None] + lengths[None, k])
    return lengths


def _distances_to_landmarks(points: Tensor, landmarks: Tensor, geodesic_distances: Tensor) -> Tensor:
    """Returns the graph distances from points (P, d) to landmarks, (P, M), through the nearest few of these."""
    direct = torch.cdist(points, landmarks, compute_mode="donot_use_mm_for_euclid_dist")
    gaps, through = direct.topk(min(5, len(landmarks)), largest=False)
    return (gaps[..., None] + geodesic_distances[through]).min(1).values
