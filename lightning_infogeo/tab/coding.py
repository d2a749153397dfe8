"""Predictions in a byte a number, as they are written for the tab."""

from __future__ import annotations

import torch
from torch import Tensor


def coded(points: Tensor, signed: bool) -> Tensor:
    """Returns predictions in 8 bits; a reader makes each sample's of norm 1 again.

    Args:
        points: amplitudes, shape (..., C), or sketches of them, (..., m).
        signed: whether these are sketches: then each sample's largest number becomes ±127, and 0 becomes 128.

    Returns:
        Of the same shape, uint8; of what is not finite anything.

    Example:
        >>> coded(torch.tensor([0.6, 0.8]), signed=False), coded(torch.tensor([0.5, -1.0]), signed=True)
        (tensor([153, 204], dtype=torch.uint8), tensor([192,   1], dtype=torch.uint8))
    """
    if not signed:
        return (points * 255).round().to(torch.uint8)
    largest: Tensor = torch.linalg.vector_norm(points, torch.inf, -1, keepdim=True)
    largest = largest.clamp_min(torch.finfo(points.dtype).tiny)
    return (points * (127 / largest) + 128).round().to(torch.uint8)
