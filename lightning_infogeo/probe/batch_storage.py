"""Memory for the batches of a probe: one buffer for all batches of the same form."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lightning_infogeo.probe.structure import leaves, map_leaves, owned, rows_of


class BatchStorage:
    """Copies batches, so that none shares memory with a data set.

    Many copies, made between what a loader allocates and frees, would fragment memory and take half as much again.
    Batches that can be cut and differ only in their number of samples are therefore written into one buffer.

    Args:
        samples: the most samples that will be stored.
    """

    def __init__(self, samples: int) -> None:
        self._samples = samples
        self._buffers: list[Tensor] | None = None
        self._used = 0

    def store(self, batch: Any, count: int) -> Any:
        """Returns a copy of a batch of ``count`` samples."""
        if not _writable(batch, count):
            return owned(batch)
        tensors = [tensor for tensor in leaves(batch) if isinstance(tensor, Tensor)]
        if self._buffers is None:
            self._buffers = [tensor.new_empty((self._samples, *tensor.shape[1:])) for tensor in tensors]
        first, last = self._used, self._used + count
        fits = len(tensors) == len(self._buffers) and last <= self._samples
        if not fits or any(
            _form(tensor) != _form(buffer) for tensor, buffer in zip(tensors, self._buffers, strict=True)
        ):
            return owned(batch)
        self._used = last
        buffers = iter(self._buffers)
        return map_leaves(
            lambda leaf: _written(leaf, next(buffers), first, last) if isinstance(leaf, Tensor) else leaf, batch
        )


def _written(leaf: Tensor, buffer: Tensor, first: int, last: int) -> Tensor:
    part = buffer[first:last]
    part.copy_(leaf.detach())
    return part


def _writable(batch: Any, count: int) -> bool:
    tensors = [leaf for leaf in leaves(batch) if not isinstance(leaf, (list, tuple))]
    return rows_of(batch) == count and all(type(leaf) is Tensor and leaf.dim() > 0 for leaf in tensors)


def _form(tensor: Tensor) -> tuple[torch.dtype, torch.device, tuple[int, ...]]:
    return tensor.dtype, tensor.device, tuple(tensor.shape[1:])
