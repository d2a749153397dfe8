"""Effective capacity: how many of a layer's neurons differ, step by step.

Source: Gabella, arXiv 1902.08160, in which neurons started near zero move as one and branch as they learn.
"""

from __future__ import annotations

import math
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.topology.cloud import DIMENSIONS, neuron_cloud

RESOLUTION = 30
"""The automatic eps is the range of the norms over this: the spacing of the default intervals of a learning graph."""


class Capacity(NamedTuple):
    """The number of clusters of neurons over the steps, and where it levels off.

    Attributes:
        steps: of the records, shape (records,).
        clusters: number of distinct clusters of neurons, shape (records,), int64, range [1, neurons].
        neurons: how many there are.
        eps: distance up to which neurons are joined, in the unit of the weights.
        saturation: median number of clusters from ``saturation_step`` on; NaN where the curve has not levelled off.
        saturation_step: first step from which the curve stays within 5 % of the last count; NaN where that is in the
            last tenth of the steps.
    """

    steps: Tensor
    clusters: Tensor
    neurons: int
    eps: float
    saturation: float
    saturation_step: float


def effective_capacity(
    vectors: Any, steps: Any = None, eps: float | Literal["auto"] = "auto", *, dimensions: int = DIMENSIONS
) -> Capacity:
    """Returns the number of distinct clusters of neurons at every step.

    Two neurons are in the same cluster if a chain of neurons with no hop above ``eps`` connects them; a neuron by
    itself is a cluster. The distance is the same at all steps, so a layer whose neurons drift apart gains capacity, and
    one whose neurons become equal loses it.

    Args:
        vectors: incoming weights, tensor or array of shape (records, neurons, fan_in); or a ``neuron_cloud`` of them.
        steps: optimizer steps of the records, shape (records,), increasing; None for 0, 1, 2, …
        eps: in the unit of the weights; "auto" for 1/30 of the range of the norms of the centred vectors, which is
            the spacing of the intervals in ``learning_graph``.
        dimensions: principal axes kept before distances are taken.

    Raises:
        ValueError: for vectors that make no cloud (``neuron_cloud``), or an ``eps`` that is no distance.

    Example:
        Three neurons that begin as one and end as two and one.

        >>> v = torch.zeros(4, 3, 1)
        >>> v[1:, 0], v[1:, 1], v[1:, 2] = 1.0, 1.001, -1.0
        >>> effective_capacity(v).clusters
        tensor([1, 2, 2, 2])
    """
    if eps != "auto" and not (isinstance(eps, (int, float)) and 0 < eps < math.inf):
        raise ValueError(f'`effective_capacity(eps={eps!r})`: must be "auto" or a positive distance.')
    layer = neuron_cloud(vectors, steps, dimensions, caller="effective_capacity")
    norms = layer.points.norm(dim=1)
    # Neurons that never differ are one cluster whatever their distance.
    reach = (float(norms.max() - norms.min()) / RESOLUTION or 1.0) if eps == "auto" else float(eps)
    clusters = torch.tensor([_clusters(neurons, reach) for neurons in layer.trajectories])
    return Capacity(layer.steps, clusters, layer.neurons, reach, *_saturation(layer.steps, clusters))


def last_capacity(vectors: Tensor, records: int = 12, neurons: int = 512) -> float:
    """Returns the number of clusters at the last record, from so many records and neurons at most, evenly chosen.

    Args:
        vectors: incoming weights, shape (T, neurons, fan_in), finite at the last record.
        records: to take.
        neurons: to take.
    """
    some = torch.linspace(0, len(vectors) - 1, min(len(vectors), records)).round().long()
    few = torch.linspace(0, vectors.shape[1] - 1, min(vectors.shape[1], neurons)).round().long()
    return float(effective_capacity(vectors[some][:, few]).clusters[-1])


_BATCH = 256
"""Neurons whose distances to the others are computed at once."""


def _clusters(points: Tensor, reach: float) -> int:
    """Returns the number of connected components of points (P, d), joined where at most ``reach`` apart."""
    unvisited, count = points, 0
    while len(unvisited):
        count += 1
        queue, unvisited = unvisited[:1], unvisited[1:]
        while len(queue) and len(unvisited):
            front, queue = queue[:_BATCH], queue[_BATCH:]
            near = (torch.cdist(front, unvisited, compute_mode="donot_use_mm_for_euclid_dist") <= reach).any(0)
            queue, unvisited = torch.cat([queue, unvisited[near]]), unvisited[~near]
    return count


def _saturation(steps: Tensor, clusters: Tensor) -> tuple[float, float]:
    last = int(clusters[-1])
    outside = ((clusters - last).abs() > 0.05 * last).nonzero()
    first = int(outside[-1]) + 1 if len(outside) else 0
    if float(steps[first] - steps[0]) > 0.9 * float(steps[-1] - steps[0]) or len(steps) < 2:
        return math.nan, math.nan
    return float(clusters[first:].double().quantile(0.5)), float(steps[first])
