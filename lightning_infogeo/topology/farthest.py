"""Choosing points spread evenly over a cloud, and the nearest of them for every other point."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Representatives(NamedTuple):
    """Points chosen to represent a cloud.

    Attributes:
        indices: of these points, shape (M,), int64.
        nearest: for every point, the position in ``indices`` of the one that represents it, shape (P,), int64.
        radius: largest distance from a point to the one that represents it; 0 where all are chosen.
    """

    indices: Tensor
    nearest: Tensor
    radius: float

    @property
    def weights(self) -> Tensor:
        """How many points each represents, shape (M,), int64."""
        return self.nearest.bincount(minlength=len(self.indices))


def farthest_points(points: Tensor, count: int) -> Representatives:
    """Returns ``count`` points, each chosen farthest from those before; the first lies farthest from the origin.

    No point is farther than ``radius`` from a chosen one, and no two chosen ones are closer than ``radius``. Cells
    whose points cannot be nearer to the new one are skipped, which makes the cost nearly that of P log M distances for
    clouds of few dimensions. Of points that coincide only one is chosen, unless all are.

    Args:
        points: shape (P, d).
        count: how many to choose, at least one; all where there are no more.

    Example:
        >>> farthest_points(torch.tensor([[0.0], [1.0], [2.0], [10.0]]), 2)
        Representatives(indices=tensor([3, 0]), nearest=tensor([1, 1, 1, 0]), radius=2.0)
    """
    if len(points) <= count:
        all_indices = torch.arange(len(points))
        return Representatives(all_indices, all_indices, 0.0)
    x = points.double().numpy()
    first = int((x**2).sum(1).argmax())
    distance = np.linalg.norm(x - x[first], axis=1)
    nearest = np.zeros(len(x), dtype=np.int64)
    indices, cells = [first], [np.arange(len(x))]
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
        shrunk_cells = np.unique(nearest[moved])
        distance[moved], nearest[moved] = to_new[nearer], k
        for cell in shrunk_cells:
            cells[cell] = remaining = cells[cell][nearest[cells[cell]] == cell]
            far[cell] = remaining[distance[remaining].argmax()]
            radii[cell] = distance[far[cell]]
        cells.append(moved)
        indices.append(new)
        far[k] = moved[distance[moved].argmax()]
        radii[k] = distance[far[k]]
    return Representatives(torch.tensor(indices), torch.from_numpy(nearest), float(radii.max()))
