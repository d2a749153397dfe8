"""The records of one probe that are kept for its embedding, by a process that has all its samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor
from typing_extensions import Self

from lightning_infogeo.copies import Portable
from lightning_infogeo.distances.sketch import Sketch
from lightning_infogeo.embedding.snapshot import snapshot
from lightning_infogeo.trajectory import history
from lightning_infogeo.trajectory.history import History, HistoryState
from lightning_infogeo.trajectory.observation import SampleMeasurements


class ProbeHistory(Protocol):
    """What a recorder asks of a history, whether this process has all samples of the probe or a part of them.

    Attributes:
        state: the records kept, of the samples of this process.
    """

    state: HistoryState

    @property
    def width(self) -> int:
        """How many numbers ``sums`` gives."""

    def sums(self, make_point: Callable[[], Tensor], made: int) -> Tensor:
        """Returns sums over samples that ``extend`` needs of all processes.

        Args:
            make_point: returns the amplitudes or sketches to keep, shape (n, C).
            made: records so far.
        """

    def extend(self, step: int, point: Tensor, measured: SampleMeasurements) -> None:
        """Adds a record: what is kept of this process's samples, shape (n, C), and what is measured of all."""

    def mark(self, step: int) -> None:
        """Keeps the record nearest to ``step`` from now on."""

    def snapshot(self, joint: Sequence[Self], labels: Tensor | None, made: int) -> Tensor:
        """Returns what a picture needs of this history and those drawn with it: see ``embedding.snapshot``."""

    def in_order(self, made: int) -> History:
        """Returns the records in the order of time and on the CPU; waits for the device."""

    def to(self, device: torch.device) -> None:
        """Brings everything to a device."""

    def state_dict(self, made: int) -> dict[str, Any]:
        """Returns CPU tensors under "history" and, where there is one, "table"."""


class LocalHistory(Portable):
    """A history of all samples of a probe.

    Args:
        state: the records kept so far; written in place.
        floor: overlaps below it count as it.
        sketch: how amplitudes are sketched; None where they are not.

    Attributes:
        state: as given.
    """

    def __init__(self, state: HistoryState, floor: float, sketch: Sketch | None) -> None:
        self.state = state
        self._floor = floor
        self._sketch = sketch

    @property
    def width(self) -> int:
        """How many numbers ``sums`` gives: none, since all samples are here."""
        return 0

    def sums(self, make_point: Callable[[], Tensor], made: int) -> Tensor:
        """Returns nothing."""
        return self.state.gaps.new_zeros(0)

    def extend(self, step: int, point: Tensor, measured: SampleMeasurements) -> None:
        """Adds a record."""
        self.state = history.extend(self.state, step, point, self._floor)

    def mark(self, step: int) -> None:
        """Keeps the record nearest to ``step`` from now on."""
        self.state = history.mark(self.state, step)

    def snapshot(self, joint: Sequence[LocalHistory], labels: Tensor | None, made: int) -> Tensor:
        """Returns what a picture needs of this history and those drawn with it: see ``embedding.snapshot``."""
        return snapshot([member.state for member in joint], labels, self.used(made), self._sketch)

    def in_order(self, made: int) -> History:
        """Returns the records in the order of time and on the CPU; waits for the device."""
        return history.in_order(self.state, history.table(self.state, self.used(made), self._floor))

    def used(self, made: int) -> int:
        """Returns how many slots are in use at most after so many records."""
        return min(made, len(self.state.steps))

    def to(self, device: torch.device) -> None:
        """Brings everything to a device."""
        self.state = HistoryState(*(tensor.to(device) for tensor in self.state))

    def state_dict(self, made: int) -> dict[str, Any]:
        """Returns CPU tensors under "history"."""
        return {"history": history.saved(self.state, made)}
