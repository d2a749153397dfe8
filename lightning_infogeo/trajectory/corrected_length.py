"""The information length of weights without the noise floor of its estimator."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def corrected_hop(velocity: float, floor: float, interval: float) -> float:
    """Returns √(d² − floor²), what a distance d = velocity · interval shows beyond the noise; 0 below it, or for NaN.

    A histogram of N weights in B bins is off by chance, by which d² exceeds the true square by about floor² (2B/N for
    weights drawn anew, less for followed ones). On small groups and short intervals that is most of a length: 57 to
    71 % of the squared path in the examples. Of noise alone something is left, since d² − floor² is 0 on average only:
    about 0.4 (2/B)^¼ of the raw length, 15 % for 100 bins.

    Args:
        velocity: as recorded, per step.
        floor: as recorded, per step.
        interval: steps since the record before.

    Example:
        >>> corrected_hop(0.5, 0.3, 10), corrected_hop(0.3, 0.5, 10)
        (4.0, 0.0)
    """
    square = velocity**2 - floor**2
    return interval * math.sqrt(square) if square > 0 else 0.0


def corrected_length(velocity: Tensor, floor: Tensor, interval: Tensor) -> Tensor:
    """Returns Σ √(max(0, d² − floor²)) over the records so far, d being the distance from the record before.

    Args:
        velocity: as recorded, per step, shape (T,); NaN at the first record and at those left out.
        floor: of it, shape (T,).
        interval: steps since the record before, shape (T,).

    Returns:
        Shape (T,), radians; NaN at no record.

    Example:
        >>> corrected_length(torch.tensor([torch.nan, 0.5, 0.5]), torch.tensor([torch.nan, 0.3, 0.5]), torch.ones(3))
        tensor([0.0000, 0.4000, 0.4000], dtype=torch.float64)
    """
    hops = interval.double() * (velocity.double().square() - floor.double().square()).clamp_min(0).sqrt()
    return torch.where(hops.isfinite(), hops, 0).cumsum(0)
