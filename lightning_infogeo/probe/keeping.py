"""Memory for the batches of a probe: one piece for all of those that are alike."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from lightning_infogeo.probe.structure import leaves, map_leaves, owned, rows_of


class Keeper:
    """Copies batches, so that none shares memory with a data set.

    Many copies between what a loader allocates and frees leave holes of their size, so that half as much again may be
    taken. Batches that can be cut and differ in their number of samples only are therefore written into
    one piece of memory, which takes no more than what is written.

    Args:
        samples: the most that there will be.
    """

    def __init__(self, samples: int) -> None:
        self._samples = samples
        self._rooms: list[Tensor] | None = None
        self._used = 0

    def keep(self, batch: Any, count: int) -> Any:
        """Returns a copy of a batch of so many samples."""
        if not _writable(batch, count):
            return owned(batch)
        parts = [part for part in leaves(batch) if isinstance(part, Tensor)]
        if self._rooms is None:
            self._rooms = [part.new_empty((self._samples, *part.shape[1:])) for part in parts]
        first, last = self._used, self._used + count
        fits = len(parts) == len(self._rooms) and last <= self._samples
        if not fits or any(_form(part) != _form(room) for part, room in zip(parts, self._rooms, strict=True)):
            return owned(batch)
        self._used = last
        rooms = iter(self._rooms)
        return map_leaves(
            lambda leaf: _written(leaf, next(rooms), first, last) if isinstance(leaf, Tensor) else leaf, batch
        )


def _written(leaf: Tensor, room: Tensor, first: int, last: int) -> Tensor:
    part = room[first:last]
    part.copy_(leaf.detach())
    return part


def _writable(batch: Any, count: int) -> bool:
    tensors = [leaf for leaf in leaves(batch) if not isinstance(leaf, (list, tuple))]
    return rows_of(batch) == count and all(type(leaf) is Tensor and leaf.dim() > 0 for leaf in tensors)


def _form(tensor: Tensor) -> tuple[torch.dtype, torch.device, tuple[int, ...]]:
    return tensor.dtype, tensor.device, tuple(tensor.shape[1:])
