"""Distance between two densities of weights, and the distance that sampling alone would show: the noise floor.

Sources: the histogram estimator follows Thiruthummal & Kim, Entropy 24, 1113 (2022), the Gaussian one Kim, Entropy 23,
1393 (2021), with the geodesic distance of normal distributions in place of its line element. The floors were derived
and checked by simulation (``tests/parameters/test_estimators.py``).
"""

from __future__ import annotations

import torch
from torch import Tensor

DISJOINT = 8**0.5
"""Distance 2√2 of histograms that share no bin, the largest there is."""

FEW = 10_000
"""Below as many weights a histogram is too noisy: "auto" takes the Gaussian estimator."""


def histogram_distance(before: Tensor, after: Tensor, weights: Tensor) -> Tensor:
    """Returns sqrt(4 Σ_b (√P_b − √Q_b)²) of counts on the same grid.

    Args:
        before: counts, shape (..., K), int64.
        after: counts, shape (..., K), int64.
        weights: number N that they sum to, shape (...).

    Returns:
        Shape (...); range [0, 2√2], without unit. Exactly 0 for equal counts; the difference of counts is taken before
        any root, so that one weight in 1e8 is seen.
    """
    roots = before.to(weights.dtype).sqrt() + after.to(weights.dtype).sqrt()
    gaps = (after - before) / torch.where(roots > 0, roots, 1)
    return (4 * gaps.square().sum(-1) / weights).sqrt()


def histogram_floor(before: Tensor, after: Tensor, weights: Tensor, moved: Tensor | float = 1.0) -> Tensor:
    """Returns the distance expected of histograms of the same density by chance.

    For independent samples, given the s = n + n′ weights of both in a bin, n is binomial, and with
    h(s) = E (√n − √(s − n))² the squared distance is 4/N Σ_b h(s_b). As h → ½ for large s and 0 for s = 0, that is
    2B/N, with B the number of occupied bins but for those with a handful of weights. Where the same weights are
    followed, only those that changed bin contribute: 2Bf/N. Of few that do, one that leaves n − 1 others behind moves
    √n by √n − √(n − 1), which for lonely weights, in the tails, is twice as much as fresh samples differ by.

    Args:
        before: counts, shape (..., K), int64.
        after: counts, shape (..., K), int64.
        weights: number N that they sum to, shape (...).
        moved: the fraction f of weights that changed bin, shape (...); 1 for independent samples.

    Returns:
        Shape (...).
    """
    old, new = before.to(weights.dtype), after.to(weights.dtype)
    fresh, kept = chance(old + new).sum(-1), (crossings(old) + crossings(new)).sum(-1) / 2
    return (4 * moved * (moved * fresh + (1 - moved) * kept) / weights).sqrt()


def chance(both: Tensor) -> Tensor:
    """Returns h(s) = E (√n − √(s − n))² with n binomial of s halves, within 2 %; 0 for s = 0.

    ½ + 3/(8s) are its leading terms for large s, and what they lack decays as an exponential, found by a fit.
    """
    few = 0.5 + 0.375 / both.clamp_min(1) + torch.exp(-0.44 * both)
    return torch.where(both > 0, few.clamp_max(1), 0)


def crossings(held: Tensor) -> Tensor:
    """Returns 2n (√n − √(n − 1))², ½ for large n and 0 for n = 0: times f, E (√n′ − √n)² of a bin that few change.

    Each of n weights leaves with probability f, which changes √n by √n − √(n − 1). As many come; averaged over n they
    add as much.
    """
    return 2 * held / (held.sqrt() + (held - 1).clamp_min(0).sqrt()).square().clamp_min(1)


def normal_distance(mean: Tensor, variance: Tensor, to_mean: Tensor, to_variance: Tensor) -> Tensor:
    """Returns the Fisher–Rao distance of two normal distributions, the length of the geodesic between them.

    2√2 arsinh sqrt(((m′ − m)²/2 + (σ′ − σ)²) / (4 σ σ′)), by which dL² = dm²/S + ½ (dS/S)² with S = σ².

    Args:
        mean: m, shape (...).
        variance: S, shape (...).
        to_mean: m′, shape (...).
        to_variance: S′, shape (...).

    Returns:
        Shape (...); range [0, ∞), without unit. It diverges as a variance goes to 0: where one is 0, the answer is 2√2,
        that of disjoint histograms, or 0 where nothing changed.

    Example:
        Along the axis of the variance it is |ln(S′/S)| / √2.

        >>> one, zero = torch.ones(()), torch.zeros(())
        >>> round(float(normal_distance(zero, one, zero, one.exp()) * 2**0.5), 5)
        1.0
    """
    deviation, to_deviation = variance.sqrt(), to_variance.sqrt()
    both = torch.where((variance > 0) & (to_variance > 0), deviation * to_deviation, 0)
    # σ′ − σ from S′ − S: the roots have lost the digits that tell near-identical variances apart.
    wider = (to_variance - variance) / torch.where(both > 0, deviation + to_deviation, 1)
    square = ((to_mean - mean).square() / 2 + wider.square()) / (4 * torch.where(both > 0, both, 1))
    same = (mean == to_mean) & (variance == to_variance)
    constant = torch.where(same, 0.0, DISJOINT).to(square.dtype)
    return torch.where(both > 0, torch.asinh(square.sqrt()) * DISJOINT, constant)


def normal_jitter(before: Tensor, after: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Returns what each weight followed adds to the squared noise floor of the Gaussian estimator, times N.

    With z the standardised weight it is (z′ − z)² + ½ (z′² − z²)²: the mean over weights ÷ N is the variance of
    (m′ − m)/σ plus that of (S′ − S)/S over √2. For independent samples of a normal distribution it is 4/N.

    Args:
        before: weights, shape (G, n).
        after: the same weights later, shape (G, n).
        mean: before and after, shape (2, G).
        variance: before and after, shape (2, G).

    Returns:
        Shape (G, n).
    """
    spread = torch.where(variance > 0, variance.sqrt(), 1)
    z = (before - mean[0, :, None]) / spread[0, :, None]
    to_z = (after - mean[1, :, None]) / spread[1, :, None]
    return (to_z - z).square() + (to_z.square() - z.square()).square() / 2
