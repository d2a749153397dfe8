"""The predicted spectrum of a trajectory, and whether it is low-dimensional."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.theory.covariance import covariance_factor
from lightning_infogeo.theory.slope import Slope, decay_slope

THRESHOLD = 0.9
"""Share of the variance in three dimensions from which a trajectory counts as low-dimensional."""


class Spectrum(NamedTuple):
    """Eigenvalues of a trajectory's covariance or of its InPCA, and what the first few of them hold.

    Attributes:
        eigenvalues: shape (K,), float64, in the order of their moduli; only InPCA has negative ones.
    """

    eigenvalues: Tensor

    def explained_variance(self, dimensions: int = 3) -> float:
        """Returns Σ_{i ≤ k} |Λ_i| / Σ |Λ_i|, range [0, 1]; 1 where all are 0."""
        return _share(self.eigenvalues.abs(), dimensions)

    def explained_stress(self, dimensions: int = 2) -> float:
        """Returns 1 − √(1 − Σ_{i ≤ k} Λ_i² / Σ Λ_i²), range [0, 1]; 1 where all are 0."""
        squares = self.eigenvalues.square()
        total = squares.sum()
        return float(1 - (squares[dimensions:].sum() / total).sqrt()) if total > 0 else 1.0

    def dimensions(self, share: float = 0.95) -> int:
        """Returns how many dimensions hold ``share`` of Σ |Λ_i|, to 1e-12 of it; at least 1."""
        if not 0 < share <= 1:
            raise ValueError(f"`Spectrum.dimensions(share={share!r})`: must be in (0, 1].")
        sizes = self.eigenvalues.abs()
        # Summed from the small end, which keeps the digits of what is left over.
        beyond = sizes.flip(0).cumsum(0).flip(0)
        return max(1, int((beyond > (1 - share + 1e-12) * beyond[:1]).sum()))


class LowDimensional(NamedTuple):
    """A verdict, and what it does not say.

    Attributes:
        is_low_dimensional: whether the first three dimensions hold ``threshold`` of the variance.
        explained_variance: share of the first three dimensions.
        threshold: 0.9 unless chosen otherwise.
        slope: of −ln |Λ_i| on i, with R² and range. A hyper-ribbon in the usage of arXiv 2505.08915 is a hierarchy,
            whose eigenvalues fall about evenly in the logarithm: R² near 1. One long direction and noise pass the
            verdict, and have none. None where fewer than two eigenvalues are above rounding.
    """

    is_low_dimensional: bool
    explained_variance: float
    threshold: float
    slope: Slope | None = None

    @property
    def is_ribbon(self) -> bool:
        """The earlier name of ``is_low_dimensional``, which promised a hierarchy that was not tested."""
        return self.is_low_dimensional


HyperRibbon = LowDimensional
"""The earlier name."""


def low_dimensional(
    spectrum: Spectrum | Tensor, threshold: float = THRESHOLD, fit: tuple[int, int] | None = None
) -> LowDimensional:
    """Returns whether three dimensions explain enough of the variance, and how evenly the eigenvalues fall.

    Args:
        spectrum: predicted or measured, or eigenvalues of any order, shape (K,).
        threshold: range (0, 1].
        fit: indices [first, last) of the eigenvalues, largest modulus first, for the slope; None for all above 1e-12 of
            the largest. The tail of a measured spectrum is noise: choose the range before believing the slope.

    Raises:
        ValueError: where ``threshold`` or ``fit`` is out of its range, or there are no eigenvalues.

    Example:
        Both have three quarters and more of their variance in one dimension; only the first is a hierarchy.

        >>> even = low_dimensional(torch.exp(-1.5 * torch.arange(8)))
        >>> even.is_low_dimensional, round(even.explained_variance, 3), round(even.slope.r_squared, 3)
        (True, 0.989, 1.0)
        >>> one = low_dimensional(torch.tensor([100.0] + 7 * [1.0]))
        >>> one.is_low_dimensional, round(one.explained_variance, 3), round(one.slope.r_squared, 3)
        (True, 0.953, 0.333)
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"`low_dimensional(threshold={threshold!r})`: must be in (0, 1], such as 0.9.")
    ordered = sorted_spectrum(spectrum.eigenvalues if isinstance(spectrum, Spectrum) else spectrum)
    sizes = ordered.eigenvalues.abs()
    above = sizes[sizes > 1e-12 * sizes[0]]
    slope = decay_slope(sizes, fit or (0, len(above))) if fit is not None or len(above) > 1 else None
    explained = ordered.explained_variance(3)
    return LowDimensional(explained >= threshold, explained, threshold, slope)


hyper_ribbon = low_dimensional
"""The earlier name of ``low_dimensional``."""


def predicted_spectrum(
    eigenvalues: Tensor,
    targets: Tensor,
    sigma_w: float | Tensor,
    lr: float,
    steps: int | Sequence[int] | Tensor,
    *,
    weight_decay: float = 0.0,
    momentum: float = 0.0,
    noise: float | Tensor = 0.0,
    weights: Tensor | None = None,
) -> Spectrum:
    """Returns the eigenvalues of ``trajectory_covariance``, of all outputs.

    They are squared singular values of a factor of C, so that small ones are not rounding of the large. InPCA of
    m Gaussian predictions of variance s² has m/8s² times these eigenvalues.

    Args:
        eigenvalues: λ_i of K = XᵀX/N, shape (modes,).
        targets: w* in the eigenbasis, shape (modes,) or (modes, outputs).
        sigma_w: standard deviation of the initial weights, scalar or shape (modes,); 0 for a single run, with
            ``targets`` then w* − w_0.
        lr: learning rate η.
        steps: T, for records k = 0, …, T − 1, up to 1e7 and more; or the recorded steps, shape (M,).
        weight_decay: α.
        momentum: β, range [0, 1).
        noise: variance of the gradient's noise per step and mode.
        weights: weights of the recorded steps, shape (M,); None for equal ones.

    Raises:
        ValueError: as ``trajectory_covariance``.

    Example:
        Small weights to begin with, and a far target: two or three dimensions, though no eigenvalue of the inputs is
        small.

        >>> decay = torch.exp(-0.5 * torch.arange(60))
        >>> predicted_spectrum(decay, 100 * torch.ones(60), 1.0, lr=1.0, steps=1000).dimensions()
        3
        >>> predicted_spectrum(decay, 0.01 * torch.ones(60), 1.0, lr=1.0, steps=1000).dimensions()
        17
    """
    if eigenvalues.dim() != 1:
        raise ValueError(f"`predicted_spectrum(eigenvalues=...)`: shape (modes,), got {tuple(eigenvalues.shape)}.")
    factor = covariance_factor(
        eigenvalues, targets, sigma_w, lr, steps,
        weight_decay=weight_decay, momentum=momentum, noise=noise, weights=weights,
    )  # fmt: skip
    rows = torch.cat([factor.signal, torch.diag(factor.spread.sqrt())])
    first = torch.linalg.svdvals(rows).square()
    return sorted_spectrum(torch.cat([first, factor.spread.repeat(factor.outputs - 1)]))


def sorted_spectrum(eigenvalues: Tensor) -> Spectrum:
    """Returns eigenvalues of any order as a spectrum.

    Raises:
        ValueError: where there are none, or one is not finite.
    """
    values = eigenvalues.detach().double().flatten()
    if not len(values) or not values.isfinite().all():
        raise ValueError(f"`Spectrum`: needs at least one eigenvalue, all finite, got {tuple(eigenvalues.shape)}.")
    return Spectrum(values[values.abs().argsort(descending=True, stable=True)])


def _share(sizes: Tensor, dimensions: int) -> float:
    total = sizes.sum()
    return float(sizes[:dimensions].sum() / total) if total > 0 else 1.0
