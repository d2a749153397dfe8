"""Distances between two predictions on the same samples: from amplitudes, and, sharper, from logits.

Every quantity is a mean over samples of something simple between square roots of probabilities, taken before the
final root, so that a probe may be cut into chunks or shards and summed.

Two predictions one optimizer step apart often differ by less than the rounding of their overlap. No distance here is
therefore taken from 1 − overlap, or from the arc cosine of it: from amplitudes they come from the chord ‖a − b‖, and
from logits from chords in float64, or, where these are float64 themselves, from the difference of the logits, which
keeps all digits that the logits hold. A logit of −∞, or so far
below the others that nothing is left of it, is a probability of 0.

Sources: Mao et al., arXiv 2305.01604 (d_B, arcs); Ramesh et al., arXiv 2210.17011; Fisher–Rao is the geodesic
distance of the product of spheres of radius 2, here per square root of the number of samples.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from lightning_infogeo.distributions import amplitudes, precise

Reduction = Literal["mean", "sum", "none"]

OVERLAP_FLOOR = torch.finfo(torch.float32).tiny
"""Amplitudes with less overlap than this count as disjoint: d_B is then −ln of it, 87.34 nats, instead of ∞."""

_IMPOSSIBLE = -1000.0
"""The exponential of a logarithm below this is 0, in float64 too."""

_FAR = -100.0
"""A logarithm of a ratio that stands for any beyond: 1 − e^(−50) is 1 in float64."""


def hellinger(a: Tensor, b: Tensor, reduction: Reduction = "mean") -> Tensor:
    """Returns the squared Hellinger distance, H² = ½ ‖a − b‖² = 1 − Σ_c a b.

    Args:
        a: amplitudes, shape (..., N, C).
        b: amplitudes, shape broadcastable with ``a``.
        reduction: over the samples N: "mean", "sum" or "none".

    Returns:
        Shape (...), or (..., N) for "none"; range [0, 1], 0 where equal, 1 where disjoint.

    Raises:
        ValueError: where ``reduction`` is unknown.

    Example:
        >>> hellinger(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.6, 0.8]]))
        tensor(0.4000)
    """
    return _reduced((a - b).square().sum(-1) / 2, reduction)


def arc(a: Tensor, b: Tensor, reduction: Reduction = "mean") -> Tensor:
    """Returns the arc between amplitudes on the unit sphere, θ = 2 arcsin(‖a − b‖ / 2).

    Args:
        a: amplitudes, shape (..., N, C).
        b: amplitudes, shape broadcastable with ``a``.
        reduction: over the samples N: "mean" (d_G of arXiv 2305.01604), "sum" or "none".

    Returns:
        Shape (...), or (..., N) for "none"; radians, range [0, π/2].

    Raises:
        ValueError: where ``reduction`` is unknown.

    Example:
        A quarter of a circle, where no class is in common.

        >>> round(float(arc(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]))), 4)
        1.5708
    """
    return _reduced(_arc(hellinger(a, b, "none")), reduction)


def bhattacharyya(a: Tensor, b: Tensor, reduction: Reduction = "mean", floor: float = OVERLAP_FLOOR) -> Tensor:
    """Returns the Bhattacharyya distance, −ln Σ_c a b.

    Args:
        a: amplitudes, shape (..., N, C).
        b: amplitudes, shape broadcastable with ``a``.
        reduction: over the samples N: "mean", "sum" or "none".
        floor: overlaps below it count as it: for sketches, the error of an overlap.

    Returns:
        Shape (...), or (..., N) for "none"; nats (per sample for "mean"), range [0, −ln ``floor``].

    Raises:
        ValueError: where ``reduction`` is unknown.

    Example:
        From ignorance to truth it is half the logarithm of the number of classes.

        >>> truth, ignorance = torch.tensor([[1.0, 0, 0, 0]]), torch.full((1, 4), 0.5)
        >>> bool(torch.isclose(bhattacharyya(truth, ignorance), torch.tensor(4.0).log() / 2))
        True
    """
    overlap = (a * b).sum(-1)
    return _reduced(_bhattacharyya((a - b).square().sum(-1), overlap.clamp_min(floor).log()), reduction)


def fisher_rao(a: Tensor, b: Tensor) -> Tensor:
    """Returns the Fisher–Rao distance per square root of the number of samples, 2 sqrt(mean_n θ_n²).

    Args:
        a: amplitudes, shape (..., N, C).
        b: amplitudes, shape broadcastable with ``a``.

    Returns:
        Shape (...); radians on the sphere of radius 2, range [0, π].

    Example:
        Between certainties that exclude each other it is π.

        >>> fisher_rao(torch.eye(2), torch.eye(2).flip(0))
        tensor(3.1416)
    """
    return 2 * arc(a, b, "none").square().mean(-1).sqrt()


def hellinger_from_logits(before: Tensor, after: Tensor, reduction: Reduction = "mean") -> Tensor:
    """Returns the squared Hellinger distance of two predictions, accurate for steps of any size.

    Against float64 arithmetic on the same stored logits the relative error stays near 1e-7 (``benchmarks/
    small_distances.py``), where 1 − overlap has lost every digit at steps of 1e-4.

    Args:
        before: logits, shape (..., N, C), any floating type.
        after: logits, shape broadcastable with ``before``.
        reduction: over the samples N: "mean", "sum" or "none".

    Returns:
        Shape (...), or (..., N) for "none"; range [0, 1].

    Raises:
        TypeError: where logits are not of a floating type.
        ValueError: where ``reduction`` is unknown.

    Example:
        A class that was excluded, and takes a quarter: H² = 1 − √¾ = 0.134.

        >>> hellinger_from_logits(torch.tensor([[0, 0, 0, float("-inf")]]), torch.zeros(1, 4))
        tensor(0.1340)
    """
    a, b = _in_double(before), _in_double(after)
    if a is not None and b is not None:
        return _reduced(((a - b).square().sum(-1) / 2).float(), reduction)
    return _reduced(_log_probabilities_and_hellinger(before, after)[2], reduction)


def arc_from_logits(before: Tensor, after: Tensor, reduction: Reduction = "mean") -> Tensor:
    """Returns the arc between the amplitudes of two predictions in radians, range [0, π/2].

    Args:
        before: logits, shape (..., N, C), any floating type.
        after: logits, shape broadcastable with ``before``.
        reduction: over the samples N: "mean", "sum" or "none".

    Returns:
        Shape (...), or (..., N) for "none".

    Raises:
        TypeError: where logits are not of a floating type.
        ValueError: where ``reduction`` is unknown.

    Example:
        From certainty to the undecided prediction of two classes: π/4.

        >>> certain, undecided = torch.tensor([[0.0, float("-inf")]]), torch.zeros(1, 2)
        >>> round(float(arc_from_logits(certain, undecided)), 4)
        0.7854
    """
    return _reduced(_arc(hellinger_from_logits(before, after, "none")), reduction)


def arcs_from_logits(predictions: Tensor) -> Tensor:
    """Returns the arcs of predictions to the last of them, shape (T − 1, N), radians; see ``arc_from_logits``.

    Args:
        predictions: logits, shape (T, N, C), any floating type.
    """
    a = _in_double(predictions)
    if a is None:
        return arc_from_logits(predictions[:-1], predictions[-1], "none")
    return 2 * torch.asin(torch.linalg.vector_norm(a[:-1] - a[-1], dim=-1) / 2).float()


def bhattacharyya_from_logits(before: Tensor, after: Tensor, reduction: Reduction = "mean") -> Tensor:
    """Returns the Bhattacharyya distance of two predictions in nats, range [0, ∞], without any clipping.

    Where a sample's predictions have no class in common, by logits of −∞, it is ∞, and so is the mean.

    Args:
        before: logits, shape (..., N, C), any floating type.
        after: logits, shape broadcastable with ``before``.
        reduction: over the samples N: "mean", "sum" or "none".

    Returns:
        Shape (...), or (..., N) for "none".

    Raises:
        TypeError: where logits are not of a floating type.
        ValueError: where ``reduction`` is unknown.

    Example:
        >>> z = torch.tensor([[0.0, float("-inf")], [1.0, float("-inf")]])
        >>> bhattacharyya_from_logits(z, z.flip(0)), bhattacharyya_from_logits(z, z.flip(1))
        (tensor(0.), tensor(inf))
    """
    log_p, log_q, hellinger = _log_probabilities_and_hellinger(before, after)
    return _reduced(_bhattacharyya(2 * hellinger, torch.logsumexp((log_p + log_q) / 2, dim=-1)), reduction)


def fisher_rao_from_logits(before: Tensor, after: Tensor) -> Tensor:
    """Returns the Fisher–Rao distance of two predictions per square root of the number of samples.

    Args:
        before: logits, shape (..., N, C), any floating type.
        after: logits, shape broadcastable with ``before``.

    Returns:
        Shape (...); range [0, π].

    Raises:
        TypeError: where logits are not of a floating type.

    Example:
        Only differences of logits matter.

        >>> z = torch.tensor([[0.0, 1.0], [2.0, -1.0]])
        >>> float(fisher_rao_from_logits(z, z + 5.0))
        0.0
    """
    return 2 * arc_from_logits(before, after, "none").square().mean(-1).sqrt()


def _in_double(logits: Tensor) -> Tensor | None:
    """Returns amplitudes in float64; None for logits in float64 and where there is none.

    Rounded to 1e-16, amplitudes of logits that differ at all in float32 have enough digits left in their difference.
    """
    logits = precise(logits)
    without = logits.dtype == torch.float64 or logits.device.type == "mps"
    return None if without else amplitudes(logits.double())


def _log_probabilities_and_hellinger(before: Tensor, after: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Returns ln p and ln q, the log-softmax of each, shape (..., N, C), and squared Hellinger distances (..., N).

    With d = z′ − z, ln(q/p) = d − ln Σ p e^d. Centring d by Σ p d makes ln Σ p e^d = log1p(Σ p expm1(d)) of second
    order in d and its argument non-negative, so nothing cancels. Where an exponential would overflow, q is so far from
    p that the plain difference ln q − ln p has all digits that matter.

    Classes that are impossible in one prediction, or in both, have no d: it is ±∞ or NaN, or lost the digits of a logit
    beside one of −10⁹. There |√q − √p| is √q or √p. What p has there leaves the sum, as p expm1(−∞) = −p, and what q
    has there is q e^l of a sum e^l, so that l = log1p(Σ p expm1(d)) − log1p(−Σ q), the last over these classes alone.
    """
    before, after = precise(before), precise(after)
    log_p, log_q = torch.log_softmax(before, dim=-1), torch.log_softmax(after, dim=-1)
    p, larger = log_p.exp(), torch.maximum(log_p, log_q).exp()
    impossible = torch.minimum(log_p, log_q) < _IMPOSSIBLE  # false for NaN, which stays
    d = torch.where(impossible, 0, after - before)
    d = torch.where(impossible, _FAR, d - (p * d).sum(-1, keepdim=True))
    grown = log_p + d
    growth = torch.where(d < 1, p * torch.expm1(d.clamp_max(1)), grown.clamp_max(60).exp() - p).sum(-1, keepdim=True)
    rest = ((p - larger) * impossible).sum(-1, keepdim=True)  # −Σ q
    # e^60 is well inside float32's range; 1 + growth and 1 + rest lose digits near 0. False for NaN too.
    is_near = (grown.amax(-1, keepdim=True) < 60) & (torch.minimum(growth, rest) > -0.5)
    log_sum = torch.log1p(growth) - torch.log1p(rest)
    log_ratio = torch.where(is_near, d - log_sum, torch.where(impossible, _FAR, log_q - log_p))
    # |√q − √p| = √max(p, q) · (1 − e^(−|ln(q/p)|/2)): bounded, and free of cancellation for any ratio.
    square = larger * torch.expm1(log_ratio.abs() / -2).square()
    return log_p, log_q, square.sum(-1) / 2


def _arc(hellinger: Tensor) -> Tensor:
    # ‖a − b‖ / 2 = sqrt(H² / 2); amplitudes are non-negative, so no arc exceeds a right angle but by rounding.
    return 2 * torch.asin((hellinger / 2).clamp_max(0.5).sqrt())


def _bhattacharyya(squared_chord: Tensor, log_overlap: Tensor) -> Tensor:
    # Each form where it is accurate: near identity the logarithm of the overlap has lost its digits, far away 1 − H².
    return -torch.where(squared_chord < 1, torch.log1p(squared_chord * -0.5), log_overlap)


def _reduced(values: Tensor, reduction: Reduction) -> Tensor:
    if reduction == "mean":
        return values.mean(-1)
    if reduction == "sum":
        return values.sum(-1)
    if reduction == "none":
        return values
    raise ValueError(f'`reduction={reduction!r}`: must be "mean", "sum" or "none".')
