"""A step: a number on the host, or a scalar on the device where what follows the forward is captured."""

from __future__ import annotations

import math

import torch
from torch import Tensor

Step = int | Tensor
"""Optimizer steps taken; as a tensor a scalar int64, which is never read by the host."""


def filled(old: Tensor, when: Tensor, step: Step) -> Tensor:
    """Returns ``step`` where ``when`` (bool) holds, else ``old``; of the type of ``old``."""
    if isinstance(step, Tensor):  # `masked_fill` would read it
        return torch.where(when, step.to(old), old)
    return old.masked_fill(when, step)


def log_time(step: Step, like: Tensor) -> Tensor:
    """Returns ln(step + 1) in the shape and type of ``like``, by way of float64."""
    if isinstance(step, Tensor):
        return torch.log(step.double() + 1).to(like).expand_as(like)
    return torch.full_like(like, math.log(step + 1))
