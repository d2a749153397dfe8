"""InPCA: points in a space of signature (+, −) with the squared distances between predictions.

Source: Mao et al., arXiv 2305.01604. A table D of distances, used as squared ones, is centred to W = −½ J D Jᵀ and
diagonalised; eigenvalues of either sign are kept, those below zero with axes along which squared distances count
negative ("time-like").
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Embedding(NamedTuple):
    """Points with signed axes, and the data for placing further points.

    Attributes:
        coordinates: shape (T, k), axes in the order of |eigenvalue|.
        eigenvalues: shape (k,), with their sign: positive for space-like axes, negative for time-like ones.
        explained_stress: 1 − √(1 − Σ_{i ≤ k} Λ_i² / Σ Λ_i²) for the k axes, scalar, range [0, 1].
        explained_distance: 1 − Σ |D̂ − D| / Σ D, scalar, at most 1.
        distances: the table embedded, shape (T, T).
        weights: of the points, shape (T,), summing to 1.
    """

    coordinates: Tensor
    eigenvalues: Tensor
    explained_stress: Tensor
    explained_distance: Tensor
    distances: Tensor
    weights: Tensor

    @property
    def squared_distances(self) -> Tensor:
        """Squared distances of the coordinates, Σ_i sign(Λ_i) (X_ui − X_vi)², shape (T, T); D itself with all axes."""
        gaps = (self.coordinates[:, None] - self.coordinates[None]).square()
        return (gaps * self.eigenvalues.sign()).sum(-1)

    def transform(self, new_distances: Tensor) -> Tensor:
        """Returns the coordinates of further points on the same axes.

        Args:
            new_distances: from each of them to every embedded point, shape (..., T).

        Returns:
            Shape (..., k); for an embedded point, its own coordinates.
        """
        d = new_distances.to(self.distances.dtype)
        means = self.distances @ self.weights
        centred = -0.5 * (d - (d @ self.weights)[..., None] - means + self.weights @ means)
        scale = torch.where(self.eigenvalues == 0, 1, self.eigenvalues)
        return centred @ (self.weights[:, None] * self.coordinates) / (scale / len(self.weights))

    def aligned(self, previous: Tensor) -> Embedding:
        """Returns this embedding with the signs of its axes chosen to match earlier coordinates.

        Args:
            previous: earlier coordinates of the same points, shape (T, k); rows of NaN are left out.
        """
        shared = previous.isfinite().all(-1)
        overlap = (self.coordinates[shared] * previous[shared]).sum(0)
        return self._replace(coordinates=self.coordinates * torch.where(overlap < 0, -1.0, 1.0))


def inpca(distances: Tensor, n_components: int = 3, weights: Tensor | None = None) -> Embedding:
    """Returns the InPCA embedding of a table of distances.

    With weights the centring is weighted and the eigenvectors those of √w W √w, scaled by the number of points, so
    that equal weights give the unweighted embedding and a point of weight 2/m stands for two of weight 1/m.

    Args:
        distances: shape (T, T), symmetric with zero diagonal, used as squared distances: d_B, or squared Hellinger,
            for which no eigenvalue is negative.
        n_components: number of axes k; fewer are returned for fewer points.
        weights: of the points, shape (T,), non-negative; scaled to sum to 1. None for equal ones.

    Raises:
        ValueError: where the table is not square and symmetric or not finite, or ``n_components`` is not positive.

    Example:
        Three points on a line.

        >>> x = torch.tensor([0.0, 1.0, 3.0], dtype=torch.float64)
        >>> embedding = inpca((x[:, None] - x[None]) ** 2, n_components=1)
        >>> embedding.coordinates[:, 0].diff().abs().float()
        tensor([1., 2.])
        >>> round(float(embedding.explained_stress), 6)
        1.0
    """
    d = _checked(distances, n_components)
    points = len(d)
    w = torch.full((points,), 1 / points, dtype=d.dtype, device=d.device)
    if weights is not None:
        w = weights.to(d) / weights.sum()
    means = d @ w
    centred = -0.5 * (d - means[:, None] - means[None] + w @ means)
    roots = (points * w).sqrt()
    leading, vectors, total = leading_eigenpairs(roots[:, None] * centred * roots, n_components)
    coordinates = vectors * leading.abs().sqrt() / torch.where(roots > 0, roots, 1)[:, None]
    # An eigenvector has no sign: the axis points to where the last record is.
    coordinates = coordinates * torch.where(coordinates[-1] < 0, -1.0, 1.0)
    missing = (1 - leading.square().sum() / total).clamp_min(0).sqrt()
    stress = torch.where(total > 0, 1 - missing, 1.0)
    embedding = Embedding(coordinates, leading, stress, stress, d, w)
    pairs = w[:, None] * w
    error = (pairs * (embedding.squared_distances - d).abs()).sum()
    whole = (pairs * d).sum()
    return embedding._replace(explained_distance=torch.where(whole > 0, 1 - error / whole, 1.0))


def leading_eigenpairs(matrix: Tensor, n_components: int) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the eigenvalues of largest modulus, (k,), their eigenvectors, (T, k), and the sum of squares of all.

    Args:
        matrix: symmetric, shape (T, T).
        n_components: k; fewer are returned of a smaller matrix.

    Raises:
        ModuleNotFoundError: where the matrix is large and SciPy is not installed.
    """
    total = matrix.square().sum()
    if len(matrix) <= _ALL_EIGENPAIRS or n_components > len(matrix) // 10:
        eigenvalues, vectors = torch.linalg.eigh(matrix)
        order = eigenvalues.abs().argsort(descending=True, stable=True)[:n_components]
        return eigenvalues[order], vectors[:, order], total
    try:
        from scipy.sparse.linalg import eigsh
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            f"`inpca()` of more than {_ALL_EIGENPAIRS} points needs SciPy: pip install 'lightning-infogeo[analysis]'"
        ) from None
    initial = torch.ones(len(matrix), dtype=matrix.dtype) + torch.arange(len(matrix)) / len(matrix)
    eigenpairs = eigsh(matrix.cpu().numpy(), k=n_components, which="LM", v0=initial.numpy())
    eigenvalues, vectors = (torch.from_numpy(array.copy()).to(matrix) for array in eigenpairs)
    order = eigenvalues.abs().argsort(descending=True, stable=True)
    return eigenvalues[order], vectors[:, order], total


_ALL_EIGENPAIRS = 600
"""Up to this many points all eigenpairs are computed (0.1 s); beyond, only the leading ones, by Lanczos iteration."""


def _checked(distances: Tensor, n_components: int) -> Tensor:
    if n_components < 1:
        raise ValueError(f"`inpca(n_components={n_components!r})`: must be a positive int, such as n_components=3.")
    if distances.dim() != 2 or distances.shape[0] != distances.shape[1] or not len(distances):
        raise ValueError(f"`inpca(distances=...)`: must have shape (T, T) with T ≥ 1, got {tuple(distances.shape)}.")
    d = distances.double() if distances.device.type != "mps" else distances
    if not d.isfinite().all():
        raise ValueError("`inpca(distances=...)`: holds NaN or ∞; leave out the records concerned.")
    if not torch.allclose(d, d.mT, rtol=1e-5, atol=1e-12):
        raise ValueError("`inpca(distances=...)`: is not symmetric.")
    return (d + d.mT) / 2
