"""The records of a stack of probes that are kept for embeddings, by a process that has all their samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from lightning_infogeo.copies import Portable
from lightning_infogeo.distances.sketch import Sketch
from lightning_infogeo.embedding.snapshot import snapshot
from lightning_infogeo.trajectory import history
from lightning_infogeo.trajectory.history import History, HistoryState
from lightning_infogeo.trajectory.observation import SampleMeasurements
from lightning_infogeo.trajectory.stack import Stack
from lightning_infogeo.trajectory.step import Step


class ProbeHistories(Protocol):
    """What a recorder asks of histories, whether this process has all samples of the probes or a part of them."""

    @property
    def width(self) -> int:
        """How many numbers ``sums`` gives."""

    def sums(self, point: Tensor, made: int) -> Tensor:
        """Returns sums over samples that ``extend`` needs of all processes.

        Args:
            point: the amplitudes or sketches to keep, shape (M, C).
            made: records so far.
        """

    def extend(self, step: Step, point: Tensor, measured: SampleMeasurements, finite: Tensor, made: int) -> None:
        """Adds a record.

        Args:
            step: optimizer steps taken.
            point: what is kept of this process's samples, shape (M, C).
            measured: of all samples.
            finite: whether all logits of a probe are valid, shape (P,).
            made: records before.
        """

    def state(self, name: str) -> HistoryState:
        """Returns the records kept of one probe, of the samples of this process."""

    def mark(self, name: str, step: int) -> None:
        """Keeps the record of a probe nearest to ``step`` from now on."""

    def snapshot(self, name: str, joint: Sequence[HistoryState], labels: Tensor | None, made: int) -> Tensor:
        """Returns what a picture needs of a probe and those drawn with it: see ``embedding.snapshot``."""

    def in_order(self, name: str, made: int) -> History:
        """Returns the records of a probe in the order of time and on the CPU; waits for the device."""

    def to(self, device: torch.device) -> None:
        """Brings everything to a device."""

    def state_dict(self, name: str, made: int) -> dict[str, Any]:
        """Returns CPU tensors of a probe under "history" and, where there is one, "table"."""


class LocalHistories(Portable):
    """Histories of all samples of some probes.

    Args:
        states: the records of each probe kept so far; written in place.
        samples: joins them.
        floor: overlaps below it count as it.
        sketches: how amplitudes are sketched; None where they are not.

    Attributes:
        tensors: the state.
    """

    def __init__(
        self, states: Mapping[str, HistoryState], samples: Stack, floor: float, sketches: Mapping[str, Sketch | None]
    ) -> None:
        self.tensors = history.stacked(list(states.values()))
        self._names = list(states)
        self._samples = samples
        self._floor = floor
        self._sketches = dict(sketches)

    @property
    def width(self) -> int:
        """How many numbers ``sums`` gives: none, since all samples are here."""
        return 0

    def sums(self, point: Tensor, made: int) -> Tensor:
        """Returns nothing."""
        return point.new_zeros(0)

    def extend(self, step: Step, point: Tensor, measured: SampleMeasurements, finite: Tensor, made: int) -> None:
        """Adds a record."""
        room = made < self.tensors.steps.shape[-1]
        self.tensors = history.extend(
            self.tensors, step, point, self._floor, finite=finite, samples=self._samples, room=room
        )

    def state(self, name: str) -> HistoryState:
        """Returns the records kept of one probe, as views."""
        probe = self._names.index(name)
        return history.of_probe(self.tensors, probe, self._samples.rows[probe])

    def mark(self, name: str, step: int) -> None:
        """Keeps the record of a probe nearest to ``step`` from now on."""
        of = self.state(name)
        of.marked.copy_(history.mark(of, step).marked)

    def snapshot(self, name: str, joint: Sequence[HistoryState], labels: Tensor | None, made: int) -> Tensor:
        """Returns what a picture needs of a probe and those drawn with it: see ``embedding.snapshot``."""
        return snapshot(joint, labels, self.used(made), self._sketches[name])

    def in_order(self, name: str, made: int) -> History:
        """Returns the records of a probe in the order of time and on the CPU; waits for the device."""
        state = self.state(name)
        return history.in_order(state, history.table(state, self.used(made), self._floor))

    def used(self, made: int) -> int:
        """Returns how many slots are in use at most after so many records."""
        return min(made, self.tensors.steps.shape[-1])

    def to(self, device: torch.device) -> None:
        """Brings everything to a device."""
        self.tensors = HistoryState(*(tensor.to(device) for tensor in self.tensors))

    def state_dict(self, name: str, made: int) -> dict[str, Any]:
        """Returns CPU tensors of a probe under "history"."""
        return {"history": history.saved(self.state(name), made)}
