"""Ignorance, truth and the geodesic between them, sample by sample on the unit sphere."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float32]

COUNT = 11
"""Points of the geodesic, its ends among them."""


def milestones(samples: int, classes: int, labels: ArrayLike | None) -> Floats:
    """Returns points on the geodesic from ignorance (uniform) to truth (one-hot), or without labels ignorance alone.

    Args:
        samples: N.
        classes: C.
        labels: shape (N,), or None.

    Returns:
        Amplitudes, shape (11, N, C) or (1, N, C), equally spaced along the arc.

    Example:
        >>> milestones(1, 4, [2])[[0, -1], 0]
        array([[0.5, 0.5, 0.5, 0.5],
               [0. , 0. , 1. , 0. ]], dtype=float32)
    """
    root = classes**-0.5
    if labels is None:
        return np.full((1, samples, classes), root, np.float32)
    arc = np.arccos(root)
    t = np.linspace(0, 1, COUNT)
    start, end = (np.sin((1 - t) * arc), np.sin(t * arc)) / np.sin(arc) if arc > 0 else (1 - t, t)
    points = np.repeat((start * root)[:, None, None], samples, 1).repeat(classes, 2)
    points[:, np.arange(samples), np.asarray(labels)] += end[:, None]
    return points.astype(np.float32)
