"""The map that finished runs span, on which a running one is placed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.distances import pairwise_bhattacharyya
from lightning_infogeo.embedding import Embedding, inpca
from lightning_infogeo.geodesics import geodesic, ignorance, truth
from lightning_infogeo.reference.progress_table import in_parts
from lightning_infogeo.trajectory import Trajectory


class Chart(NamedTuple):
    """The map that references span, on which a running training is placed without moving it.

    Attributes:
        points: predictions of the records on it, shape (M, N, C).
        member: which reference a record is of, shape (M,).
        embedding: of these records.
        milestones: coordinates of ignorance and of points on the way to truth, shape (11, k).
    """

    points: Tensor
    member: Tensor
    embedding: Embedding
    milestones: Tensor


def chart(trajectories: Sequence[Trajectory], records: int = 128, n_components: int = 3) -> Chart:
    """Returns the InPCA embedding of references.

    Args:
        trajectories: opened from archives, of the same probe.
        records: of all references together, at most; evenly taken from each.
        n_components: axes.
    """
    points, member = [], []
    for index, trajectory in enumerate(trajectories):
        finite = trajectory.length.isfinite().nonzero()[:, 0]
        count = min(len(finite), max(2, records // len(trajectories)))
        chosen = finite[torch.linspace(0, len(finite) - 1, count).round().long()]
        points.append(torch.cat(list(in_parts(trajectory, chosen))))
        member += [index] * len(chosen)
    whole = torch.cat(points)
    embedding = inpca(pairwise_bhattacharyya(whole), n_components)
    labels = trajectories[0].labels
    way = ignorance(whole[0])[None]
    if labels is not None:
        way = geodesic(way[0], truth(labels, whole[0]), torch.linspace(0, 1, 11))
    return Chart(whole, torch.tensor(member), embedding, embedding.transform(pairwise_bhattacharyya(way, whole)))
