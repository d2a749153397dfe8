"""The records of probes that are kept for embeddings, where each process has a part of their samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from lightning_infogeo.copies import Portable
from lightning_infogeo.distances import bhattacharyya, pairwise_bhattacharyya
from lightning_infogeo.distances.sketch import Sketch
from lightning_infogeo.embedding.snapshot import MILESTONES, digits
from lightning_infogeo.geodesics import Plane, ignorance
from lightning_infogeo.trajectory import history
from lightning_infogeo.trajectory.history import History, HistoryState
from lightning_infogeo.trajectory.observation import SampleMeasurements
from lightning_infogeo.trajectory.step import Step


class ShardedHistory(Portable):
    """A history of this process's samples beside the distances over all of them.

    The distances of the records kept to each other and to the milestones of a picture are made at the record, by all
    processes: a picture is drawn by the first one alone and when it has time, so nothing may then be asked of the
    others.

    Args:
        state: the records kept so far, of the samples of this process; written in place.
        table: their distances so far, shape (K, K) or more columns; None for none yet.
        labelled: whether the probe has labels, and so eleven milestones instead of one.
        samples: of the whole probe.
        first: where the samples of this process begin among all.
        floor: overlaps below it count as it.
        sketch: how amplitudes are sketched; None where they are not.

    Attributes:
        state: as given.
        samples: as given.
    """

    def __init__(
        self,
        state: HistoryState,
        table: Tensor | None,
        labelled: bool,
        samples: int,
        first: int,
        floor: float,
        sketch: Sketch | None,
    ) -> None:
        self.state = state
        self.samples, self._first = samples, first
        self._floor, self._sketch = floor, sketch
        slots = len(state.steps)
        known = state.gaps.new_zeros(slots, slots) if table is None else table.to(state.gaps)
        columns = slots + (MILESTONES if labelled else 1)
        # NaN where the history began in a single process, whose milestones are not drawn.
        self._table = torch.cat([known, known.new_full((slots, columns - known.shape[1]), torch.nan)], dim=1)

    @property
    def width(self) -> int:
        """How many numbers ``sums`` gives."""
        return len(self.state.steps) + 2

    def sums(self, point: Tensor, made: int) -> Tensor:
        """Returns sums over the samples of this process, divided by the number of all.

        Returns:
            Shape (K + 2,): whether any amplitude is not finite, 0 or more; distances to all slots; the distance to
            ignorance.
        """
        kept, samples, floor = self.state, self.samples, self._floor
        bad = (~point.isfinite()).any().to(kept.gaps)
        reach, row = min(made, len(kept.steps)), torch.zeros_like(kept.gaps)
        if reach and len(point):
            distances = pairwise_bhattacharyya(kept.amplitudes[:reach], point[None].float(), floor=floor)[:, 0]
            row[:reach] = distances.to(row) * len(point)
        last = self._first + len(point)
        sketch = self._sketch
        nowhere = ignorance(point) if sketch is None else sketch.ignorance(self._first, last, point.device)
        away = bhattacharyya(point.float(), nowhere.float(), "sum", floor)
        return torch.cat([bad[None], row / samples, away[None] / samples])

    def extend(self, step: Step, point: Tensor, sums: Tensor, plane: Plane | None) -> None:
        """Adds a record of which ``sums``, and where it lies beside the geodesic, are of all processes."""
        to_slots = sums[1:-1].to(self.state.gaps)
        slots = len(to_slots)

        def apart(a: Tensor, b: Tensor | None) -> Tensor:
            new = to_slots[a]
            return new if b is None else torch.where(b == slots, new, self._table[a, b.clamp_max(slots - 1)])

        finite = sums[0] == 0
        self.state = history.extend(self.state, step, point, self._floor, apart, finite=finite)
        here = self.state.steps == step
        row = torch.where(here, 0, to_slots)
        to_points = (sums[-1:] if plane is None else to_milestones(plane, self._floor)).to(self._table)
        table = torch.where(here[:, None], torch.cat([row, to_points]), self._table)
        mirrored = torch.where(here, row[:, None], table[:, :slots])
        self._table = torch.cat([mirrored, table[:, slots:]], dim=1)

    def mark(self, step: int) -> None:
        """Keeps the record nearest to ``step`` from now on."""
        self.state = history.mark(self.state, step)

    def snapshot(self) -> Tensor:
        """Returns what ``embedding.snapshot`` does, of this probe alone."""
        slots = len(self.state.steps)
        weights, steps = self.state.weights[:, None], digits(self.state.steps)
        return torch.cat([self._table[:, :slots], weights, steps, self._table[:, slots:]], dim=1)

    def in_order(self) -> History:
        """Returns the records in the order of time and on the CPU, of the samples of this process."""
        return history.in_order(self.state, self._table[:, : len(self.state.steps)])

    def to(self, device: torch.device) -> None:
        """Brings everything to a device."""
        self.state = HistoryState(*(tensor.to(device) for tensor in self.state))
        self._table = self._table.to(device)

    def state_dict(self, made: int) -> dict[str, Any]:
        """Returns CPU tensors under "history" and "table"."""
        return {"history": history.saved(self.state, made), "table": self._table.cpu()}


class ShardedHistories(Portable):
    """Histories of this process's samples of some probes.

    Args:
        histories: by probe.
        rows: where its samples stand among this process's of all of them, by probe.
    """

    def __init__(self, histories: Mapping[str, ShardedHistory], rows: Sequence[slice]) -> None:
        self._histories = dict(histories)
        self._rows = list(rows)

    @property
    def width(self) -> int:
        """How many numbers ``sums`` gives."""
        return sum(self._widths)

    def sums(self, point: Tensor, made: int) -> Tensor:
        """Returns what ``ShardedHistory.sums`` does, of one probe after the other."""
        pairs = zip(self._histories.values(), self._rows, strict=True)
        return torch.cat([kept.sums(point[rows], made) for kept, rows in pairs])

    def extend(self, step: Step, point: Tensor, measured: SampleMeasurements, finite: Tensor, made: int) -> None:
        """Adds a record of which ``measured`` holds the sums over all processes."""
        plane, samples = measured.observation.plane, [kept.samples for kept in self._histories.values()]
        planes: list[Plane | None] = [None for _ in samples]
        if plane is not None:
            columns = [torch.split(column, samples) for column in plane]
            planes = [Plane(*parts) for parts in zip(*columns, strict=True)]
        sums_of = torch.split(measured.sums, self._widths)
        parts = zip(self._histories.values(), self._rows, sums_of, planes, strict=True)
        for kept, rows, sums, of in parts:
            kept.extend(step, point[rows], sums, of)

    def state(self, name: str) -> HistoryState:
        """Returns the records kept of one probe, of the samples of this process."""
        return self._histories[name].state

    def mark(self, name: str, step: int) -> None:
        """Keeps the record of a probe nearest to ``step`` from now on."""
        self._histories[name].mark(step)

    def snapshot(self, name: str, joint: Sequence[HistoryState], labels: Tensor | None, made: int) -> Tensor:
        """Returns what ``embedding.snapshot`` does, of one probe alone."""
        return self._histories[name].snapshot()

    def in_order(self, name: str, made: int) -> History:
        """Returns the records of a probe in the order of time and on the CPU, of the samples of this process."""
        return self._histories[name].in_order()

    def to(self, device: torch.device) -> None:
        """Brings everything to a device."""
        for kept in self._histories.values():
            kept.to(device)

    def state_dict(self, name: str, made: int) -> dict[str, Any]:
        """Returns CPU tensors of a probe under "history" and "table"."""
        return self._histories[name].state_dict(made)

    @property
    def _widths(self) -> list[int]:
        return [kept.width for kept in self._histories.values()]


def to_milestones(plane: Plane, floor: float) -> Tensor:
    """Returns the Bhattacharyya distances to the milestones from ignorance to truth, shape (M,), nats.

    The overlap with a point of the geodesic is r cos(tθ − φ).
    """
    t = torch.linspace(0, 1, MILESTONES, device=plane.radius.device, dtype=plane.radius.dtype)
    overlaps = plane.radius * (t[:, None] * plane.arcs - plane.angle).cos()
    return -overlaps.clamp(floor, 1).log().mean(-1)
