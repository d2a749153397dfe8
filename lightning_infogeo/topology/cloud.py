"""The cloud of a layer: one point for each neuron at each recorded step, centred, on its principal axes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

DIMENSIONS = 20
"""Principal axes kept, as in arXiv 1902.08160."""


class Cloud(NamedTuple):
    """Points of a layer, ordered by record and then by neuron.

    Attributes:
        points: coordinates on the principal axes, centred, shape (records · neurons, d), float64, on the CPU.
        steps: of the records, shape (records,), int64.
        neurons: how many there are.
        explained: share of the variance that these axes hold, range [0, 1].
    """

    points: Tensor
    steps: Tensor
    neurons: int
    explained: float

    @property
    def trajectories(self) -> Tensor:
        """The points by record and neuron, shape (records, neurons, d)."""
        return self.points.view(len(self.steps), self.neurons, -1)


def neuron_cloud(
    vectors: Any, steps: Any = None, dimensions: int = DIMENSIONS, *, caller: str = "neuron_cloud"
) -> Cloud:
    """Returns the cloud of a layer on its first principal axes.

    Up to 1,024 inputs the axes are the exact eigenvectors of the covariance; beyond, they come from six rounds of
    subspace iteration with a fixed seed, so that the same vectors always give the same points. The largest loading of
    an axis is positive.

    Args:
        vectors: incoming weights, tensor or array of shape (records, neurons, fan_in), any floating type; a ``Cloud``
            is returned as it is.
        steps: of the records, shape (records,), increasing; None for 0, 1, 2, …
        dimensions: principal axes to keep; all are kept where there are fewer.
        caller: the function named in errors.

    Raises:
        ValueError: where the vectors have another shape, are empty or not finite, or do not match the steps.

    Example:
        Two neurons that part along one axis.

        >>> parting = neuron_cloud([[[0.0, 0.0], [0.0, 0.0]], [[1.0, 0.0], [-1.0, 0.0]]])
        >>> parting.trajectories[:, :, 0]
        tensor([[ 0.,  0.],
                [ 1., -1.]], dtype=torch.float64)
    """
    if isinstance(vectors, Cloud):
        return vectors
    v = vectors.detach() if isinstance(vectors, Tensor) else torch.as_tensor(np.asarray(vectors))
    if v.dim() != 3 or not v.numel() or not v.is_floating_point():
        raise ValueError(
            f"`{caller}(vectors=...)`: must be floating, of shape (records, neurons, fan_in), none of them 0; got "
            f"{v.dtype}, {tuple(v.shape)}."
        )
    at = torch.arange(len(v)) if steps is None else torch.as_tensor(steps).detach().cpu().to(torch.int64)
    if at.shape != v.shape[:1] or (at.diff() <= 0).any():
        raise ValueError(
            f"`{caller}(steps=...)`: must be increasing, one for each of the {len(v)} records, got shape "
            f"{tuple(at.shape)}: {at.flatten()[:5].tolist()}…"
        )
    if dimensions < 1:
        raise ValueError(f"`{caller}(dimensions={dimensions!r})`: must be a positive int, such as {DIMENSIONS}.")
    scale = v.abs().max().double().cpu()
    if not scale.isfinite():
        raise ValueError(f"`{caller}(vectors=...)`: holds NaN or ∞; leave out the records or neurons concerned.")
    scale = scale if scale > 0 else torch.ones_like(scale)
    # In units of the largest weight, so that squares of tiny ones do not vanish.
    mean = sum((part.sum(0) for part in _parts(v, scale)), torch.zeros(v.shape[2], dtype=torch.float64))
    mean = mean / (v.shape[0] * v.shape[1])
    total = sum(float((part - mean).square().sum()) for part in _parts(v, scale))
    axes = _axes(v, scale, mean, min(dimensions, v.shape[2]))
    points = torch.cat([(part - mean) @ axes for part in _parts(v, scale)])
    explained = min(1.0, float(points.square().sum()) / total) if total > 0 else 1.0
    return Cloud(points * scale, at, v.shape[1], explained)


_EXACT = 1024
"""Inputs up to which the covariance is diagonalised: 0.2 s."""


def _parts(vectors: Tensor, scale: Tensor) -> Iterator[Tensor]:
    """Yields the points of some records at a time, (P, fan_in), float64, about 64 MB."""
    records = max(1, 2**23 // (vectors.shape[1] * vectors.shape[2]))
    for part in torch.split(vectors, records):
        yield part.flatten(0, 1).cpu().double() / scale


def _axes(vectors: Tensor, scale: Tensor, mean: Tensor, count: int) -> Tensor:
    """Returns the leading eigenvectors of the covariance, (fan_in, count)."""
    fan_in = len(mean)

    def times(block: Tensor | None) -> Tensor:
        result = torch.zeros(fan_in, fan_in if block is None else block.shape[1], dtype=torch.float64)
        for part in _parts(vectors, scale):
            centred = part - mean
            result += centred.mT @ (centred if block is None else centred @ block)
        return result

    if fan_in <= _EXACT:
        axes = torch.linalg.eigh(times(None))[1].flip(1)[:, :count]
    else:
        generator = torch.Generator().manual_seed(0)
        block = torch.randn(fan_in, count + 10, dtype=torch.float64, generator=generator)
        for _ in range(6):
            block = torch.linalg.qr(times(block))[0]
        small = block.mT @ times(block)
        axes = block @ torch.linalg.eigh((small + small.mT) / 2)[1].flip(1)[:, :count]
    largest = axes.gather(0, axes.abs().argmax(0, keepdim=True))
    signed: Tensor = axes * torch.where(largest < 0, -1.0, 1.0)
    return signed
