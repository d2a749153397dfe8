"""The inputs of a probe, as the model is called with them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate
from typing import Any

import torch

from lightning_infogeo.probe.arrivals import Call, arriving
from lightning_infogeo.probe.structure import contents_of, cut, map_leaves, moved, owned, rows_of, shallow_copy


class Inputs:
    """The inputs of one probe in batches, some of which cannot be cut.

    Args:
        batches: inputs of the model.
        counts: samples of each batch.
        device: to which a batch is brought for its call; None where all are there already.

    Attributes:
        written: whether the model writes to its inputs, so that it gets a copy; None before the first evaluation.

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

    def calls(self, most: int) -> Iterator[Call]:
        """Yields first sample, last sample (exclusive) and inputs of each call.

        Args:
            most: samples in a call, where batches can be cut.
        """
        parts = self._parts(most)
        yield from parts if self._device is None else arriving(parts, self._device)

    def _parts(self, most: int) -> Iterator[Call]:
        start = 0
        for batch, count, whole in zip(self.batches, self.counts, self._whole, strict=True):
            step = count if whole else min(most, count)
            for first in range(0, count, step):
                last = min(first + step, count)
                yield start + first, start + last, batch if last - first == count else cut(batch, first, last)
            start += count

    @contextmanager
    def protected(self, batch: Any) -> Iterator[Any]:
        """Yields inputs for the model, so that nothing it does to them changes the batch.

        Containers and objects are copies, so that the model may take something out of a mapping or put something into a
        graph. Tensors are copies if the model is known to write to them. In the first evaluation, which shows whether
        it does, they are put back.

        Raises:
            RuntimeError: where the model writes to them for the first time later, so that they cannot be put back.
        """
        if self.written:
            yield owned(batch)
            return
        tensors = [leaf for leaf in contents_of(batch) if isinstance(leaf, torch.Tensor) and not leaf.is_inference()]
        copies = [tensor.clone() for tensor in tensors] if self.written is None else None
        versions = [tensor._version for tensor in tensors]
        yield shallow_copy(batch)
        changed = [k for k, tensor in enumerate(tensors) if tensor._version != versions[k]]
        if changed and copies is None:
            raise RuntimeError("the forward wrote its inputs, as it had not done before, so they could not be put back")
        for k in changed:
            tensors[k].copy_((copies or tensors)[k])
        self._wrote |= bool(changed)

    def mark_evaluated(self) -> None:
        """Notes that the model has been called with all batches once."""
        if self.written is None:
            self.written = self._wrote

    def largest(self, most: int) -> int:
        """Returns the number of samples in the largest call that can be made smaller; 1 where none can."""
        sizes = [count for count, whole in zip(self.counts, self._whole, strict=True) if not whole]
        return min(most, max(sizes, default=1))

    def on(self, device: torch.device) -> Inputs:
        """Returns the same inputs, all of them on a device."""
        made = Inputs([moved(batch, device) for batch in self.batches], self.counts)
        made.written = self.written
        return made

    def bounds(self, rank: int, ranks: int) -> tuple[int, int]:
        """Returns first and last (exclusive) sample of one of several equal parts, between two calls of the model."""
        size = len(self)
        if not any(self._whole):
            return size * rank // ranks, size * (rank + 1) // ranks
        edges = [0, *accumulate(self.counts)]
        batches = len(self.batches)
        return edges[batches * rank // ranks], edges[batches * (rank + 1) // ranks]

    def part(self, start: int, stop: int) -> Inputs:
        """Returns samples ``start`` to ``stop`` (exclusive), copied.

        A batch that cannot be cut belongs to the part in which it begins.
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
