"""The stress of maps when kinds of runs are drawn again, from moments: no map is made again record by record."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.embedding.inpca import leading_eigenpairs

_MOST = 300
"""Dimensions that are looked for: there are thousands of records, and far fewer dimensions matter."""


class Moments(NamedTuple):
    """Records as points u of few dimensions with signs s, whose products Σ_i s_i u_i v_i are those of a table.

    A kind that is drawn m times counts m times in every sum. All that maps of drawn kinds are made of are the sums of
    1, u and u uᵀ, so that a draw costs as much as the dimensions, whatever the number of records.

    Attributes:
        signs: s, of the dimensions, shape (r,).
        counts: of the records of each kind, shape (G,).
        sums: of their points, shape (G, r).
        squares: of their products u uᵀ, shape (G, r, r).
    """

    signs: Tensor
    counts: Tensor
    sums: Tensor
    squares: Tensor

    def _about_mean(self, times: Tensor) -> Tensor:
        """Returns Σ (u − mean)(u − mean)ᵀ of the drawn records, shape (r, r)."""
        count, total = times @ self.counts, times @ self.sums
        return torch.einsum("g,gij->ij", times, self.squares) - torch.outer(total, total) / count

    def _axes(self, times: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Returns the eigenvalues of the drawn records' products, their eigenvectors in the second basis, and it."""
        sizes, directions = torch.linalg.eigh(self._about_mean(times))
        basis = directions * sizes.clamp_min(0).sqrt()
        eigenvalues, vectors = torch.linalg.eigh(basis.T @ (self.signs[:, None] * basis))
        order = eigenvalues.abs().argsort(descending=True)
        return eigenvalues[order], vectors[:, order], basis

    def stress(self, times: Tensor, dimensions: int = 2) -> float:
        """Returns the explained stress of the drawn kinds on their own map.

        Args:
            times: how often each kind was drawn, shape (G,).
            dimensions: of the map.
        """
        squares = self._axes(times)[0].square()
        return float(1 - (squares[dimensions:].sum() / squares.sum()).sqrt())

    def placed_stress(self, axes: Tensor, times: Tensor, dimensions: int = 2) -> float:
        """Returns the explained stress of the drawn kinds on a map of others, as ``placed.stresses``.

        Args:
            axes: how often each kind was drawn of which the map is made, shape (G,).
            times: how often each kind was drawn that is placed on it, shape (G,).
            dimensions: of the map.
        """
        eigenvalues, vectors, basis = self._axes(axes)
        leading = eigenvalues[:dimensions]
        # A record u has the coordinates (u − mean) · towards.
        towards = self.signs[:, None] * (basis @ vectors[:, :dimensions]) / leading.abs().sqrt()
        squares, signs = self._about_mean(times), leading.sign()
        products = squares @ (self.signs[:, None] * squares)
        whole = (self.signs * products.diagonal()).sum()
        shared = (signs * (towards * (products @ towards)).sum(0)).sum()
        own = (torch.outer(signs, signs) * (towards.T @ squares @ towards).square()).sum()
        return float(1 - ((whole - 2 * shared + own).clamp_min(0) / whole).sqrt())


def moments(distances: Tensor, kinds: Tensor, left: float = 1e-7) -> Moments:
    """Returns the moments of the records of a table of distances, by kind.

    Args:
        distances: between all records, shape (M, M).
        kinds: number of each record's kind, shape (M,).
        left: share of the products' squares that may be left out, by which the dimensions are chosen.
    """
    means = distances.mean(0)
    products = -0.5 * (distances - means - means[:, None] + means.mean())
    eigenvalues, vectors, total = leading_eigenpairs(products, _MOST)
    beyond = 1 - eigenvalues.square().cumsum(0) / total
    kept = slice(int((beyond > left).sum()) + 1)
    points = vectors[:, kept] * eigenvalues[kept].abs().sqrt()
    groups = [points[kinds == kind] for kind in range(int(kinds.max()) + 1)]
    return Moments(
        eigenvalues[kept].sign(),
        torch.tensor([len(group) for group in groups], dtype=points.dtype),
        torch.stack([group.sum(0) for group in groups]),
        torch.stack([group.T @ group for group in groups]),
    )


def drawn(kinds: int, generator: torch.Generator) -> Tensor:
    """Returns how often each of some kinds is drawn, when as many are drawn with replacement, shape (kinds,)."""
    return torch.randint(kinds, (kinds,), generator=generator).bincount(minlength=kinds).double()
