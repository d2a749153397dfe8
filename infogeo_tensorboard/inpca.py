"""InPCA in NumPy: points with signed axes from a table of distances, and further points on the same axes.

The definitions are those of ``lightning_infogeo.inpca``, with equal weights. Source: Mao et al., arXiv 2305.01604.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from infogeo_tensorboard.eigenpairs import leading_eigenpairs

Floats = NDArray[np.float64]

AXES = 3

_NOTHING = 1e-7
"""Of the largest eigenvalue: an axis of a smaller one would be rounding of float32, so it has no length."""


@dataclass(frozen=True)
class SignedAxes:
    """Points on axes along which squared distances count positive or negative.

    Attributes:
        coordinates: shape (T, 3); zeros beyond the number of points.
        eigenvalues: shape (3,), largest in size first, negative for time-like axes.
        vectors: eigenvectors, shape (T, k), k = min(3, T).
        stress: explained by the three axes, 1 − √(1 − Σ_{i ≤ 3} Λ_i² / Σ Λ_i²), range [0, 1].
        means: of the distances from each point, shape (T,).
    """

    coordinates: Floats
    eigenvalues: Floats
    vectors: Floats
    stress: float
    means: Floats

    def place(self, distances: ArrayLike) -> Floats:
        """Returns the coordinates of further points, shape (n, 3), from their distances to the points, (n, T)."""
        d = np.asarray(distances, np.float64)
        centred = -0.5 * (d - d.mean(-1, keepdims=True) - self.means + self.means.mean())
        scale = np.where(self.eigenvalues == 0, 1, self.eigenvalues)
        return np.asarray(centred @ self.coordinates / scale)

    def flipped(self, signs: Floats) -> SignedAxes:
        """Returns the same with the directions of the axes multiplied by signs, shape (3,)."""
        return SignedAxes(
            self.coordinates * signs,
            self.eigenvalues,
            self.vectors * signs[: self.vectors.shape[1]],
            self.stress,
            self.means,
        )


def inpca(distances: ArrayLike, start: Floats | None = None) -> SignedAxes:
    """Returns the InPCA embedding of a table of distances on its three largest axes.

    Args:
        distances: shape (T, T), T ≥ 1, symmetric, finite, zero diagonal, used as squared distances.
        start: guess of the eigenvectors, shape (T, any).

    Example:
        Three points on a line.

        >>> x = np.array([0.0, 1.0, 3.0])
        >>> axes = inpca((x[:, None] - x) ** 2)
        >>> np.abs(np.diff(axes.coordinates[:, 0])).round(6)
        array([1., 2.])
        >>> round(axes.stress, 6)
        1.0
    """
    d = np.asarray(distances, np.float64)
    means = d.mean(1)
    centred = means[:, None] + means - d
    centred -= means.mean()
    centred *= 0.5
    k = min(AXES, len(d))
    values, vectors = leading_eigenpairs(centred, k, start)
    values = np.where(np.abs(values) > _NOTHING * np.abs(values).max(), values, 0)
    coordinates, eigenvalues = np.zeros((len(d), AXES)), np.zeros(AXES)
    coordinates[:, :k], eigenvalues[:k] = vectors * np.sqrt(np.abs(values)), values
    total = float(np.einsum("ij,ij->", centred, centred))
    stress = 1 - np.sqrt(max(1 - float(values @ values) / total, 0)) if total > 0 else 1.0
    return SignedAxes(coordinates, eigenvalues, vectors, float(stress), means)
