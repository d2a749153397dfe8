"""What a record holds, and which number of its vector is which: the only file that knows positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lightning_infogeo.markers import ReadingKey
from lightning_infogeo.trajectory import Series


class Record(NamedTuple):
    """A record that has reached the host.

    Attributes:
        step: optimizer steps taken.
        rows: the quantities of each series, by the series' name and theirs.
        readings: what each marker of samples says, by its name and that of the probe.
    """

    step: int
    rows: dict[str, dict[str, float]]
    readings: dict[ReadingKey, list[float]]


class RecordLayout(NamedTuple):
    """The vector of a record, as it goes from the process that made it to all others, and to the host.

    Attributes:
        series: what is recorded, in order.
        readings: how many numbers each marker of samples adds, after all series, in order.

    Example:
        >>> train, val = Series("train", "probe", ("length",), True), Series("val", "probe", ("length", "entropy"))
        >>> layout = RecordLayout((train, val), {("onset", "val"): 1})
        >>> rows = {"val": torch.tensor([2.0, 3.0]), "train": torch.tensor([1.0])}
        >>> vector = layout.encode(rows, {("onset", "val"): torch.tensor([4.0])})
        >>> vector.tolist()
        [1.0, 2.0, 3.0, 4.0]
        >>> layout.decode(7, vector.tolist()).rows["val"]
        {'length': 2.0, 'entropy': 3.0}
    """

    series: tuple[Series, ...]
    readings: dict[ReadingKey, int]

    @property
    def keys(self) -> list[tuple[str, str]]:
        """Name and quantity of each number but the readings; ``values`` gives these numbers."""
        return [(series.name, quantity) for series in self.series for quantity in series.quantities]

    @property
    def size(self) -> int:
        """How many numbers there are."""
        return len(self.keys) + sum(self.readings.values())

    def encode(self, rows: Mapping[str, Tensor], readings: Mapping[ReadingKey, Tensor]) -> Tensor:
        """Returns the vector, given rows and readings by name; reads nothing back from the device."""
        parts = [rows[series.name] for series in self.series]
        return torch.cat([*parts, *(readings[key] for key in self.readings)])

    def values(self, vector: Tensor, first: int = 0) -> Tensor:
        """Returns the numbers that ``keys`` names, without reading them, of a vector that begins at ``first``."""
        return vector[first : first + len(self.keys)]

    def decode(self, step: int, values: Sequence[float]) -> Record:
        """Returns the record of which ``values`` are the vector."""
        rest, rows, readings = list(values), {}, {}
        for series in self.series:
            row, rest = rest[: len(series.quantities)], rest[len(series.quantities) :]
            rows[series.name] = dict(zip(series.quantities, row, strict=True))
        for key, width in self.readings.items():
            readings[key], rest = rest[:width], rest[width:]
        return Record(step, rows, readings)
