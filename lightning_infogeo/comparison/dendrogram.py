"""The dendrogram of the runs: complete linkage of the distances between trajectories."""

from __future__ import annotations

import numpy as np
from torch import Tensor


def dendrogram(distances: Tensor) -> np.ndarray:
    """Returns SciPy's linkage matrix by complete linkage: clusters are as far apart as their farthest members.

    Args:
        distances: between R runs, shape (R, R), symmetric.

    Returns:
        Shape (R − 1, 4): the two clusters joined, their distance, and the number of runs in both.

    Raises:
        ModuleNotFoundError: where SciPy is not installed.
    """
    try:
        from scipy.cluster.hierarchy import linkage
        from scipy.spatial.distance import squareform
    except ModuleNotFoundError:
        raise ModuleNotFoundError("`dendrogram()` needs SciPy: pip install 'lightning-infogeo[analysis]'") from None
    if len(distances) < 2:
        return np.zeros((0, 4))
    return np.asarray(linkage(squareform(distances.cpu().numpy(), checks=False), "complete"))


def leaf_order(tree: np.ndarray) -> list[int]:
    """Returns the runs in the order of the tree's leaves."""
    if not len(tree):
        return [0]
    from scipy.cluster.hierarchy import leaves_list

    return [int(leaf) for leaf in leaves_list(tree)]
