"""Which number of a record's vector is which: the only place that knows positions; all else goes by names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

Reading = tuple[str, str]
"""A marker of samples, and the probe that it watches."""


class RecordLayout(NamedTuple):
    """The vector of a record, as it goes from the process that made it to all others, and to the host.

    Attributes:
        quantities: of each probe and of each group of weights, in order.
        readings: how many numbers each marker of samples adds, after all quantities, in order.

    Example:
        >>> layout = RecordLayout({"train": ("length",), "val": ("length", "entropy")}, {("onset", "val"): 1})
        >>> rows = {"val": torch.tensor([2.0, 3.0]), "train": torch.tensor([1.0])}
        >>> vector = layout.pack(rows, {("onset", "val"): torch.tensor([4.0])})
        >>> vector.tolist()
        [1.0, 2.0, 3.0, 4.0]
        >>> layout.unpack(vector.tolist())[0]["val"]
        {'length': 2.0, 'entropy': 3.0}
    """

    quantities: dict[str, tuple[str, ...]]
    readings: dict[Reading, int]

    @property
    def keys(self) -> list[tuple[str, str]]:
        """Name and quantity of each number but the readings."""
        return [(name, quantity) for name, quantities in self.quantities.items() for quantity in quantities]

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return len(self.keys) + sum(self.readings.values())

    def pack(self, rows: Mapping[str, Tensor], readings: Mapping[Reading, Tensor]) -> Tensor:
        """Returns the vector, given the quantities and the readings by name; reads nothing back from the device."""
        return torch.cat([*(rows[name] for name in self.quantities), *(readings[key] for key in self.readings)])

    def unpack(self, values: Sequence[float]) -> tuple[dict[str, dict[str, float]], dict[Reading, list[float]]]:
        """Returns quantities and readings by name."""
        rest, rows, readings = list(values), {}, {}
        for name, quantities in self.quantities.items():
            row, rest = rest[: len(quantities)], rest[len(quantities) :]
            rows[name] = dict(zip(quantities, row, strict=True))
        for key, width in self.readings.items():
            readings[key], rest = rest[:width], rest[width:]
        return rows, readings


NOTHING = RecordLayout({}, {})
"""Before there is anything to record."""
