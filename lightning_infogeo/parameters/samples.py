"""Velocity and length of weights at hand: the definitions, for two or more samples that are all kept."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from lightning_infogeo.parameters.estimators import FEW, histogram_distance, normal_distance
from lightning_infogeo.parameters.grid import bin_count
from lightning_infogeo.parameters.weights import pieces, wide

Estimator = Literal["auto", "histogram", "gaussian"]


def parameter_velocity(before: Tensor, after: Tensor, dt: float = 1.0, estimator: Estimator = "histogram") -> Tensor:
    """Returns the information velocity of a sample of weights, the distance between two of its densities ÷ ``dt``.

    "histogram": Γ = (1/Δt) sqrt(4 Σ_b (√P_b − √Q_b)²) over one grid of B = int(1.4 · 2.59 · N^(1/3)) bins of equal
    width on the joint range; Thiruthummal & Kim, Entropy 24, 1113 (2022). Two samples of the same density still show
    Γ Δt ≈ sqrt(2B/N), the noise floor. "gaussian": the Fisher–Rao distance of the normal distributions with their
    means and variances, Γ² = m′²/S + ½ (S′/S)²; Kim, Entropy 23, 1393 (2021).

    Args:
        before: weights, any shape, N in all.
        after: as many, any shape.
        dt: time between them, such as optimizer steps.
        estimator: "histogram", "gaussian", or "auto" for the latter below 10,000 weights.

    Returns:
        Scalar, per unit of ``dt``; range [0, 2√2 / dt] for histograms. 0 where nothing moved, also of constant weights;
        NaN where weights are not finite.

    Raises:
        ValueError: for an unknown estimator, samples of different or no length, or ``dt`` that is not positive.
        TypeError: where weights are not of a floating type.

    Example:
        Samples that share no bin.

        >>> parameter_velocity(torch.zeros(8), torch.ones(8), dt=2.0, estimator="histogram").float()
        tensor(1.4142)
    """
    if not dt > 0:
        raise ValueError(f"`parameter_velocity(dt={dt!r})`: must be positive, such as dt=1.0.")
    _check("parameter_velocity", before, after, estimator)
    return _distance(before, after, estimator) / dt


def information_length(samples: Sequence[Tensor], estimator: Estimator = "histogram") -> Tensor:
    """Returns the information length L = ∫ Γ dt up to each of a sequence of samples, summed over the steps between.

    It does not change with the times at which the samples were taken, nor under an affine map of the weights, but with
    how many were taken: each step adds at least about its noise floor (``parameter_velocity``).

    Args:
        samples: T ≥ 1 tensors of as many weights each, in the order of time.
        estimator: as for ``parameter_velocity``.

    Returns:
        Shape (T,), from 0 for the first; without unit.

    Raises:
        ValueError: for an unknown estimator, no samples, or samples of different or no length.
        TypeError: where weights are not of a floating type.

    Example:
        >>> information_length([torch.zeros(8), torch.ones(8), torch.ones(8)]).float()
        tensor([0.0000, 2.8284, 2.8284])
    """
    if not samples:
        raise ValueError("`information_length(samples=[])`: must hold at least one tensor of weights.")
    for sample in samples:
        _check("information_length", samples[0], sample, estimator)
    hops = [_distance(before, after, estimator) for before, after in itertools.pairwise(samples)]
    zero = torch.zeros((), dtype=wide(samples[0].device), device=samples[0].device)
    return torch.stack([zero, *hops]).cumsum(0)


@torch.no_grad()
def _distance(before: Tensor, after: Tensor, estimator: Estimator) -> Tensor:
    dtype = wide(before.device)
    ends = torch.stack([torch.stack(x.detach().to(dtype).aminmax()) for x in (before, after)])
    if estimator == "gaussian" or (estimator == "auto" and before.numel() < FEW):
        centre = ends.mean()
        (m, s), (to_m, to_s) = (_moments(x, centre) for x in (before, after))
        return normal_distance(m, s, to_m, to_s) + 0 * ends.sum()
    low, high = ends[:, 0].amin(), ends[:, 1].amax()
    bins = bin_count(before.numel())
    counts = [_counts(x, low, high, bins) for x in (before, after)]
    finite = ends.isfinite().all()
    return torch.where(
        finite, histogram_distance(counts[0], counts[1], torch.full_like(low, before.numel())), torch.nan
    )


def _counts(sample: Tensor, low: Tensor, high: Tensor, bins: int) -> Tensor:
    counts = torch.zeros(bins, dtype=torch.int64, device=sample.device)
    one = torch.ones((), dtype=torch.int64, device=sample.device)
    width = torch.where(high > low, (high - low) / bins, 1)
    for piece in pieces([sample], low.dtype):
        index = ((piece - low) / width).to(torch.int64).clamp_(0, bins - 1)
        counts.scatter_add_(0, index, one.expand(index.shape))
    return counts


def _moments(sample: Tensor, centre: Tensor) -> tuple[Tensor, Tensor]:
    gaps = sample.detach().to(centre.dtype) - centre
    return centre + gaps.mean(), gaps.var(correction=0)


def _check(name: str, before: Tensor, after: Tensor, estimator: str) -> None:
    if estimator not in ("auto", "histogram", "gaussian"):
        raise ValueError(f'`{name}(estimator={estimator!r})`: must be "auto", "histogram" or "gaussian".')
    if before.numel() != after.numel() or not before.numel():
        raise ValueError(
            f"`{name}`: samples must hold the same weights, got {before.numel()} and {after.numel()} of them; pass "
            "tensors with the same positive number of elements."
        )
    for tensor in (before, after):
        if not tensor.is_floating_point():
            raise TypeError(f"`{name}`: weights must be a floating tensor, got {tensor.dtype}; convert with .float().")
