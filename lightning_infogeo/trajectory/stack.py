"""Samples of one probe, or of several one after the other, and what joins the numbers of samples by probe.

What is of single samples is one operation for all probes. What is of a probe has a dimension for them, which is missing
where there is one probe alone: shapes below begin with (P,) or nothing.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from lightning_infogeo.copies import Portable


class Alone:
    """The samples of a single probe: there is nothing to join."""

    def padded(self, values: Tensor) -> Tensor:
        """Returns numbers of samples, shape (..., N), by probe: as they are."""
        return values

    def mean(self, values: Tensor) -> Tensor:
        """Returns the mean over the samples, shape (...)."""
        return values.mean(-1)

    def column(self, values: Tensor) -> Tensor:
        """Returns the number of its probe for every sample, to be broadcast with (N, C)."""
        return values

    def take(self, table: Tensor, slots: Tensor) -> Tensor:
        """Returns the entries, shape (N, C), of a table (K, N, C) at the slot of each probe, shape (1,)."""
        return table.index_select(0, slots)[0]

    def put(self, table: Tensor, slots: Tensor, values: Tensor, when: Tensor) -> None:
        """Writes entries, shape (N, C), to a table (K, N, C) at the slot of each probe, shape (1,), if ``when``."""
        table.index_copy_(0, slots, torch.where(when, values, self.take(table, slots))[None])


class Stack(Alone, Portable):
    """The samples of P probes, M in all; means of shorter ones are of samples padded by zeros.

    Args:
        sizes: samples of each probe.
        device: of the tensors.

    Example:
        >>> stack = Stack([1, 2], torch.device("cpu"))
        >>> stack.mean(torch.tensor([3.0, 4.0, 6.0])), stack.rows
        (tensor([3., 5.]), [slice(0, 1, None), slice(1, 3, None)])
    """

    def __init__(self, sizes: Sequence[int], device: torch.device) -> None:
        self.sizes = list(sizes)
        longest = max(self.sizes)
        ends = torch.tensor(self.sizes).cumsum(0)
        self.rows = [slice(end - size, end) for end, size in zip(ends.tolist(), self.sizes, strict=True)]
        samples, total = torch.arange(longest), int(ends[-1])
        starts = ends - torch.tensor(self.sizes)
        inside = samples < torch.tensor(self.sizes)[:, None]
        self._equal = bool(inside.all())
        self._padded = torch.where(inside, starts[:, None] + samples, total).flatten()
        self._probe = torch.arange(len(self.sizes)).repeat_interleave(torch.tensor(self.sizes))
        self._each = torch.arange(total)
        self._counts = torch.tensor(self.sizes, dtype=torch.float32)
        self.to(device)

    def to(self, device: torch.device) -> None:
        """Brings indices to a device."""
        for name in ("_padded", "_probe", "_each", "_counts"):
            setattr(self, name, getattr(self, name).to(device))

    def padded(self, values: Tensor) -> Tensor:
        """Returns numbers of samples, shape (..., M), by probe, zeros behind those of shorter ones: (..., P, N)."""
        if not self._equal:
            values = torch.nn.functional.pad(values, (0, 1)).index_select(-1, self._padded)
        return values.reshape(*values.shape[:-1], len(self.sizes), -1)

    def mean(self, values: Tensor) -> Tensor:
        """Returns the means over the samples of each probe, shape (..., P), for values of shape (..., M)."""
        return self.padded(values).sum(-1) / self._counts

    def column(self, values: Tensor) -> Tensor:
        """Returns the number of its probe for every sample, shape (M, 1), given one a probe, shape (P,) or (P, 1)."""
        return values.take(self._probe)[:, None]

    def take(self, table: Tensor, slots: Tensor) -> Tensor:
        """Returns the entries, shape (M, C), of a table (K, M, C) at the slot of each probe, shape (P, 1)."""
        return table[slots.take(self._probe), self._each]

    def put(self, table: Tensor, slots: Tensor, values: Tensor, when: Tensor) -> None:
        """Writes entries, shape (M, C), to a table (K, M, C) at the slot of each probe, shape (P, 1), if ``when``."""
        places = slots.take(self._probe), self._each
        table.index_put_(places, torch.where(self.column(when), values, table[places]))


ALONE = Alone()
"""What joins the samples of a single probe."""
