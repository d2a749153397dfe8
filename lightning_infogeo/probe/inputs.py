"""What a model is called with on a probe: call by call, on its device or on the way to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from typing import Any

import torch

from lightning_infogeo.probe.structure import contents_of, cut, lent, map_leaves, moved, owned, rows_of


class Inputs:
    """The inputs of one probe, in batches that stay together wherever they cannot be cut.

    Args:
        batches: what the model is called with.
        counts: samples of each.
        device: where to bring a batch when it is called for; None where all are there already.

    Attributes:
        batches: as given.
        counts: as given.
        written: whether the model writes what it is called with, so that it is given a copy; None before it was seen.

    Example:
        >>> inputs = Inputs([torch.zeros(3, 2), torch.zeros(2, 2)], [3, 2])
        >>> [(start, stop) for start, stop, _ in inputs.calls(2)]
        [(0, 2), (2, 3), (3, 5)]
    """

    def __init__(self, batches: Sequence[Any], counts: Sequence[int], device: torch.device | None = None) -> None:
        self.batches = list(batches)
        self.counts = list(counts)
        self._device = device
        self.written: bool | None = None
        self._wrote = False
        self._whole = [rows_of(batch) != count for batch, count in zip(self.batches, self.counts, strict=True)]

    def __len__(self) -> int:
        return sum(self.counts)

    def calls(self, most: int) -> Iterator[tuple[int, int, Any]]:
        """Yields the first and (exclusively) the last sample of each call, and what to call the model with.

        Args:
            most: samples a call, where batches can be cut.
        """
        start = 0
        for batch, count, whole in zip(self.batches, self.counts, self._whole, strict=True):
            step = count if whole else min(most, count)
            for first in range(0, count, step):
                last = min(first + step, count)
                part = batch if last - first == count else cut(batch, first, last)
                yield start + first, start + last, part if self._device is None else moved(part, self._device)
            start += count

    @contextmanager
    def lent(self, batch: Any) -> Iterator[Any]:
        """Yields what to call the model with, so that nothing it does to it reaches the batch.

        Nestings and objects are its own, so that it may take something out of a mapping or put something into a graph.
        Tensors are copies where it is known to write them; where it is not known yet they are put back, and it is then.

        Raises:
            RuntimeError: where it writes them as it has not done before, so that they cannot be put back.
        """
        if self.written:
            yield owned(batch)
            return
        tensors = [one for one in contents_of(batch) if isinstance(one, torch.Tensor) and not one.is_inference()]
        copies = [tensor.clone() for tensor in tensors] if self.written is None else None
        versions = [tensor._version for tensor in tensors]
        yield lent(batch)
        changed = [k for k, tensor in enumerate(tensors) if tensor._version != versions[k]]
        if changed and copies is None:
            raise RuntimeError("the forward wrote its inputs, as it had not done before, so they could not be put back")
        for k in changed:
            tensors[k].copy_((copies or tensors)[k])
        self._wrote |= bool(changed)

    def seen(self) -> None:
        """Takes note that all batches were lent once."""
        if self.written is None:
            self.written = self._wrote

    def largest(self, most: int) -> int:
        """Returns the samples of the largest call that could be made smaller; 1 where none can."""
        sizes = [count for count, whole in zip(self.counts, self._whole, strict=True) if not whole]
        return min(most, max(sizes, default=1))

    def bounds(self, rank: int, ranks: int) -> tuple[int, int]:
        """Returns the first and (exclusively) the last sample of one of several equal parts, between two calls."""
        size = len(self)
        if not any(self._whole):
            return size * rank // ranks, size * (rank + 1) // ranks
        edges = [0, *accumulate(self.counts)]
        batches = len(self.batches)
        return edges[batches * rank // ranks], edges[batches * (rank + 1) // ranks]

    def part(self, start: int, stop: int) -> Inputs:
        """Returns samples ``start`` to ``stop`` (exclusive) with memory of their own.

        Where a bound falls into a batch that cannot be cut, the batch belongs to the part in which it begins.
        """
        batches: list[Any] = []
        counts: list[int] = []
        first = 0
        for batch, count, whole in zip(self.batches, self.counts, self._whole, strict=True):
            low, high = max(start - first, 0), min(stop - first, count)
            if (low, high) == (0, count) or (whole and start <= first < stop):
                batches.append(batch)
                counts.append(count)
            elif low < high and not whole:
                batches.append(map_leaves(_own, cut(batch, low, high)))
                counts.append(high - low)
            first += count
        return Inputs(batches, counts, self._device)


def _own(leaf: Any) -> Any:
    return leaf.clone() if isinstance(leaf, torch.Tensor) else leaf
