"""The noise of training: by how much a record's mean distance differs from the curve it scatters about."""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import torch
from torch import Tensor

FLOOR = 1e-3
"""Distances in nats below which nothing is relative to them, but to this."""

CORRELATION = 0.5
"""Correlation that is assumed between the noise of a record and that of the one before, however far apart they are.

Records 3 % apart were seen to be nearly independent of each other; but of the correlation a training has, too little
shows in a few records to be estimated, and what is taken for independent and is not looks like a trend.
"""

_SEEN = 1 - (30 * CORRELATION - 12 * CORRELATION**2 + 2 * CORRELATION**3) / 20
"""The share of the variance of such noise that shows in third differences, which trends are taken out of by."""

_MEMORY = 2.0
_FEW = 16

_MOST, _ALWAYS = 4, 0.02
"""A record counts as no noisier than so many times what records were so far, or than 2 %: a drop or a spike is none."""


class RecordNoise(NamedTuple):
    """The last three records, and how large the noise has been.

    Attributes:
        times: ln(step + 1) of the last three records, the latest first, shape (..., 3).
        means: mean distance at these, shape (..., 3).
        size: how far a record missed the parabola through the three before it, relative, as a running mean, (...).
        records: finite ones so far, shape (...).
    """

    times: Tensor
    means: Tensor
    size: Tensor
    records: Tensor

    @classmethod
    def none(cls, like: Tensor) -> RecordNoise:
        """Returns what there is before the first record, of the type and device of ``like``."""
        return cls(like.new_zeros(3), like.new_zeros(3), like.new_zeros(()), like.new_zeros(()))

    def after(self, time: Tensor, mean: Tensor) -> RecordNoise:
        """Returns what there is after a record at ``time`` with this ``mean``, shape (...)."""
        times = torch.cat([time[..., None], self.times], -1)
        means = torch.cat([mean[..., None], self.means], -1)
        # Of four points on a parabola the third divided difference is 0: their sum, each over its distances in time
        # from the others.
        apart = times[..., None] - times[..., None, :] + _diagonal(times.dtype, times.device)
        weights = apart.prod(-1).reciprocal()
        missed = (weights * means).sum(-1).abs() / torch.linalg.vector_norm(weights, dim=-1)
        least = (_MOST * self.size).clamp_min(_ALWAYS)
        relative = torch.minimum(missed / means.amax(-1).clamp_min(FLOOR), least)
        forgotten = -torch.expm1((self.times[..., 0] - time) / _MEMORY)
        share = torch.maximum(forgotten, (self.records - 2).clamp_min(1).reciprocal())
        return RecordNoise(
            times=times[..., :3],
            means=means[..., :3],
            size=torch.lerp(self.size, relative, share).masked_fill(self.records < 3, 0),
            records=self.records + 1,
        )

    @property
    def deviation(self) -> Tensor:
        """Standard deviation of a record's noise, as a share of the mean distance; 0 where it cannot be known yet.

        That of normal noise with the correlation above.
        """
        return deviation_of(self.size, self.records - 3, _SEEN)


@cache
def _diagonal(dtype: torch.dtype, device: torch.device) -> Tensor:
    return torch.eye(4, dtype=dtype, device=device)


def deviation_of(size: Tensor, residuals: Tensor, seen: float = 1.0) -> Tensor:
    """Returns the standard deviation of normal noise, from the mean of absolute residuals and their number.

    A single residual sways that mean less than the mean of squares. Of few residuals the noise is taken to be larger,
    by as much as Student's t has longer tails than a normal at three standard errors, where neighbours count half.
    """
    scale = math.pi / 2 / seen
    return size * (residuals.clamp_min(1).reciprocal() * (_FEW * scale) + scale).sqrt()
