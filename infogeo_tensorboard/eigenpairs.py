"""The few eigenpairs of a symmetric matrix that are largest in size, from where they were before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_ALL = 300
"""Up to this size all eigenpairs are computed, in some 10 ms."""
_SPARE = 3
_POWERS = 4
_ROUNDS = 40
_RESIDUAL = 1e-10
"""Of the largest eigenvalue. An eigenvector is wrong by no more than this over the relative gap to the others."""


def leading_eigenpairs(matrix: Floats, count: int, start: Floats | None = None) -> tuple[Floats, Floats]:
    """Returns the eigenvalues largest in size, of either sign, and their eigenvectors.

    By a block Krylov iteration with restarts (Rayleigh–Ritz on [V, WV, W²V, W³V]), which needs few products with the
    matrix where the eigenvalues fall off as those of trajectories do; where it does not converge, all are computed.

    Args:
        matrix: symmetric, shape (n, n).
        count: number k of eigenpairs, at most n.
        start: guess of the eigenvectors, shape (n, any); a good one saves time and changes nothing else.

    Returns:
        Shapes (k,) and (n, k), in the order of size, largest first.
    """
    n = len(matrix)
    if n <= max(_ALL, 2 * _POWERS * (count + _SPARE)):
        return _of_all(matrix, count)
    block = np.random.default_rng(0).standard_normal((n, count + _SPARE))
    if start is not None:
        guessed = start[:, :count]
        # A random part beside it: a guess without any share in an eigenvector would never find it.
        block[:, : guessed.shape[1]] = guessed + 1e-6 * block[:, : guessed.shape[1]] / np.sqrt(n)
    for _ in range(_ROUNDS):
        basis = np.linalg.qr(_powers(matrix, block))[0]
        product = matrix @ basis
        small = basis.T @ product
        values, vectors = np.linalg.eigh((small + small.T) / 2)
        order = np.argsort(-np.abs(values), kind="stable")[: count + _SPARE]
        values, block = values[order], basis @ vectors[:, order]
        residual = product @ vectors[:, order[:count]] - block[:, :count] * values[:count]
        if np.linalg.norm(residual, axis=0).max() <= _RESIDUAL * np.abs(values).max():
            return values[:count], block[:, :count]
    return _of_all(matrix, count)


def _powers(matrix: Floats, block: Floats) -> Floats:
    blocks = [np.linalg.qr(block)[0]]
    for _ in range(_POWERS - 1):
        blocks.append(np.linalg.qr(matrix @ blocks[-1])[0])
    return np.concatenate(blocks, axis=1)


def _of_all(matrix: Floats, count: int) -> tuple[Floats, Floats]:
    values, vectors = np.linalg.eigh(matrix)
    order = np.argsort(-np.abs(values), kind="stable")[:count]
    return values[order], vectors[:, order]
