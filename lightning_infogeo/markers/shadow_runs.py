"""Shadows of a run: what its held-out distance would look like if it never rose again, many times over."""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lightning_infogeo.markers.record_noise import CORRELATION, FLOOR

SHADOWS = 200
_GROUPS = 4096
_LEAST_ROWS = 512
_EULER = 0.5772156649015329


class ShadowRuns(NamedTuple):
    """What is known of the shadows after a record; B of them, and with a dimension before that of several series.

    A shadow stays at the closest approach that the run has reached, and differs from it by chance alone: by what other
    samples of the same kind would have changed (a multiplier bootstrap: every sample's deviation from the mean, times a
    number that is the same at all records), and by the noise of training, correlated from record to record.

    Attributes:
        level: distance to truth, averaged as the run's own is, shape (B,).
        least: the least level so far, shape (B,).
        noise: of training at the last record, in standard deviations, shape (B,).
        farthest: the greatest rise above ``least`` so far, relative to the closest approach at that time, shape (B,).
    """

    level: Tensor
    least: Tensor
    noise: Tensor
    farthest: Tensor

    @classmethod
    def none(cls, like: Tensor) -> ShadowRuns:
        """Returns the shadows before the first record, of the type and device of ``like``."""
        return cls(*(like.new_zeros(SHADOWS) for _ in cls._fields))

    def after(
        self, chances: Tensor, multipliers: Tensor, closest: Tensor, deviation: Tensor, records: Tensor, share: Tensor
    ) -> ShadowRuns:
        """Returns the shadows after a record; reads nothing back from the device.

        Args:
            chances: what ``resampled`` returned of it, shape (..., B).
            multipliers: what ``multipliers`` returned for its samples.
            closest: the run's least average distance so far, this record included, shape (...).
            deviation: of the noise of training, relative, shape (...).
            records: before this one, shape (...).
            share: of this record in the average, shape (...); 1 for the first.
        """
        column = torch.fmod(records, len(multipliers)).long()
        drawn = torch.nn.functional.embedding(column, multipliers)
        closest, first = closest[..., None], (records == 0)[..., None]
        noise = torch.where(
            first, drawn, torch.add(CORRELATION * self.noise, drawn, alpha=math.sqrt(1 - CORRELATION**2))
        )
        value = torch.addcmul(chances, closest, deviation[..., None] * noise + 1)
        level = torch.lerp(self.level, value, share[..., None])
        least = torch.where(first, level, torch.minimum(self.least, level))
        risen = (level - least) / closest.clamp_min(FLOOR)
        return ShadowRuns(level, least, noise, torch.maximum(self.farthest, risen))

    def threshold(self, alpha: float) -> Tensor:
        """Returns the relative rise that a share ``alpha`` of shadows exceeds at some record so far, shape (...).

        The greatest of many rises follows Gumbel's law; its two parameters are those with the mean and the standard
        deviation of the shadows, of which there are too few to count the outermost.
        """
        deviations = math.sqrt(6) / math.pi * (-math.log(-math.log1p(-alpha)) - _EULER)
        deviation, mean = torch.std_mean(self.farthest, -1, correction=0)
        return torch.add(mean, deviation, alpha=deviations)


def multipliers(samples: int, like: Tensor) -> Tensor:
    """Returns normal numbers, the same at every call, shape (rows, B), of the type and device of ``like``.

    Of mean 0 and variance 1 over the shadows in every row. A row is of one sample, or of several that are far
    apart where there are more than 4,096. Few samples have more rows than they need, for the noise of training.
    """
    return _standard(max(min(samples, _GROUPS), _LEAST_ROWS), like.dtype).to(like.device)


@cache
def _standard(rows: int, dtype: torch.dtype) -> Tensor:
    drawn = np.random.default_rng(0).standard_normal((rows, SHADOWS))
    return torch.from_numpy((drawn - drawn.mean(1, keepdims=True)) / drawn.std(1, keepdims=True)).to(dtype)


def resampled(distances: Tensor, mean: Tensor, multipliers: Tensor) -> Tensor:
    """Returns by how much the mean over other samples would differ from the mean over these, shape (..., B).

    Args:
        distances: to truth, of every sample, shape (..., N).
        mean: of them, shape (..., 1).
        multipliers: what ``multipliers`` returned for N samples.
    """
    samples = distances.shape[-1]
    centred = distances - mean
    size = -(-samples // min(samples, _GROUPS))
    if size > 1:
        # Samples of a group get signs at random, so that it does not matter in which order they come.
        order = torch.arange(samples, device=distances.device)
        signed = centred * (1 - 2 * ((order * order * 2654435761) >> 16 & 1))
        padded = torch.nn.functional.pad(signed, (0, -samples % size))
        centred = padded.reshape(*distances.shape[:-1], size, -1).sum(-2)
    return centred @ multipliers[: centred.shape[-1]] / math.sqrt(samples * max(samples - 1, 1))
