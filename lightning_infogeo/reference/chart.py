"""The embedding of finished runs, on whose axes a running one is placed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.distances import pairwise_bhattacharyya
from lightning_infogeo.embedding import Embedding, inpca
from lightning_infogeo.geodesics import geodesic, ignorance, truth
from lightning_infogeo.reference.progress_table import amplitude_blocks
from lightning_infogeo.trajectory import Trajectory


class Chart(NamedTuple):
    """The embedding of references, on whose axes a running training is placed without changing them.

    Attributes:
        points: predictions of the embedded records, shape (M, N, C).
        member: index of the reference of each record, shape (M,).
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
        records: the most records of all references together, evenly spaced in each.
        n_components: number of axes.
    """
    points, member = [], []
    for index, trajectory in enumerate(trajectories):
        finite = trajectory.length.isfinite().nonzero()[:, 0]
        count = min(len(finite), max(2, records // len(trajectories)))
        chosen = finite[torch.linspace(0, len(finite) - 1, count).round().long()]
        points.append(torch.cat(list(amplitude_blocks(trajectory, chosen))))
        member += [index] * len(chosen)
    amplitudes = torch.cat(points)
    embedding = inpca(pairwise_bhattacharyya(amplitudes), n_components)
    labels = trajectories[0].labels
    milestones = ignorance(amplitudes[0])[None]
    if labels is not None:
        milestones = geodesic(milestones[0], truth(labels, amplitudes[0]), torch.linspace(0, 1, 11))
    milestones = embedding.transform(pairwise_bhattacharyya(milestones, amplitudes))
    return Chart(amplitudes, torch.tensor(member), embedding, milestones)
