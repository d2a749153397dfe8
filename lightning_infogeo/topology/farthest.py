"""Fewer points of a cloud, spread evenly over it, and which of them stands for each of the others."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Representatives(NamedTuple):
    """Points kept of a cloud.

    Attributes:
        kept: indices of these points, shape (M,), int64.
        nearest: for every point, the position in ``kept`` of the one that stands for it, shape (P,), int64.
        radius: largest distance from a point to the one that stands for it; 0 where all are kept.
    """

    kept: Tensor
    nearest: Tensor
    radius: float

    @property
    def weights(self) -> Tensor:
        """How many points each stands for, shape (M,), int64."""
        return self.nearest.bincount(minlength=len(self.kept))


def farthest_points(points: Tensor, count: int) -> Representatives:
    """Returns ``count`` points, each chosen farthest from those before; the first lies farthest from the origin.

    No point is farther than ``radius`` from one kept, and no two kept are closer than ``radius``. Cells whose points
    cannot be nearer to the new one are passed over, which makes the cost nearly that of P log M distances for clouds of
    few dimensions. Points that coincide are kept once only, where any are left out.

    Args:
        points: shape (P, d).
        count: how many to keep, at least one; all where there are no more.

    Example:
        >>> farthest_points(torch.tensor([[0.0], [1.0], [2.0], [10.0]]), 2)
        Representatives(kept=tensor([3, 0]), nearest=tensor([1, 1, 1, 0]), radius=2.0)
    """
    if len(points) <= count:
        every = torch.arange(len(points))
        return Representatives(every, every, 0.0)
    x = points.double().numpy()
    first = int((x**2).sum(1).argmax())
    distance = np.linalg.norm(x - x[first], axis=1)
    nearest = np.zeros(len(x), dtype=np.int64)
    kept, cells = [first], [np.arange(len(x))]
    centres = np.empty((count, x.shape[1]))
    centres[0] = x[first]
    radii, far = np.zeros(count), np.zeros(count, dtype=np.int64)
    far[0] = distance.argmax()
    radii[0] = distance[far[0]]
    for k in range(1, count):
        widest = int(radii[:k].argmax())
        if radii[widest] == 0:
            break
        new = int(far[widest])
        centres[k] = x[new]
        gaps = np.sqrt(np.square(centres[:k] - x[new]).sum(1))
        # By the triangle inequality a point at distance r of its own may be nearer to the new one only if gap < 2 r.
        touched = np.flatnonzero(gaps < 2 * radii[:k])
        members = np.concatenate([cells[cell] for cell in touched])
        to_new = np.sqrt(np.square(x[members] - x[new]).sum(1))
        nearer = to_new < distance[members]
        moved = members[nearer]
        robbed = np.unique(nearest[moved])
        distance[moved], nearest[moved] = to_new[nearer], k
        for cell in robbed:
            cells[cell] = left = cells[cell][nearest[cells[cell]] == cell]
            far[cell] = left[distance[left].argmax()]
            radii[cell] = distance[far[cell]]
        cells.append(moved)
        kept.append(new)
        far[k] = moved[distance[moved].argmax()]
        radii[k] = distance[far[k]]
    return Representatives(torch.tensor(kept), torch.from_numpy(nearest), float(radii.max()))
