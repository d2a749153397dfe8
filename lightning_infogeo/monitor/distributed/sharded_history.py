"""The records of one probe that are kept for its embedding, where each process has a part of its samples."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
        self._samples, self._first = samples, first
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

    def sums(self, make_point: Callable[[], Tensor], made: int) -> Tensor:
        """Returns sums over the samples of this process, divided by the number of all.

        Returns:
            Shape (K + 2,): whether any amplitude is not finite, 0 or more; distances to all slots; the distance to
            ignorance.
        """
        kept, samples, floor, point = self.state, self._samples, self._floor, make_point()
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

    def extend(self, step: int, point: Tensor, measured: SampleMeasurements) -> None:
        """Adds a record of which ``measured`` holds the sums over all processes."""
        to_slots = measured.sums[1:-1].to(self.state.gaps)
        slots = len(to_slots)

        def apart(a: Tensor, b: Tensor | None) -> Tensor:
            new = to_slots[a]
            return new if b is None else torch.where(b == slots, new, self._table[a, b.clamp_max(slots - 1)])

        finite = measured.sums[0] == 0
        self.state = history.extend(self.state, step, point, self._floor, apart, finite=finite)
        here, plane = self.state.steps == step, measured.observation.plane
        row = torch.where(here, 0, to_slots)
        to_points = (measured.sums[-1:] if plane is None else to_milestones(plane, self._floor)).to(self._table)
        table = torch.where(here[:, None], torch.cat([row, to_points]), self._table)
        mirrored = torch.where(here, row[:, None], table[:, :slots])
        self._table = torch.cat([mirrored, table[:, slots:]], dim=1)

    def mark(self, step: int) -> None:
        """Keeps the record nearest to ``step`` from now on."""
        self.state = history.mark(self.state, step)

    def snapshot(self, joint: Sequence[ShardedHistory], labels: Tensor | None, made: int) -> Tensor:
        """Returns what ``embedding.snapshot`` does, of this probe alone."""
        slots = len(self.state.steps)
        weights, steps = self.state.weights[:, None], digits(self.state.steps)
        return torch.cat([self._table[:, :slots], weights, steps, self._table[:, slots:]], dim=1)

    def in_order(self, made: int) -> History:
        """Returns the records in the order of time and on the CPU, of the samples of this process."""
        return history.in_order(self.state, self._table[:, : len(self.state.steps)])

    def to(self, device: torch.device) -> None:
        """Brings everything to a device."""
        self.state = HistoryState(*(tensor.to(device) for tensor in self.state))
        self._table = self._table.to(device)

    def state_dict(self, made: int) -> dict[str, Any]:
        """Returns CPU tensors under "history" and "table"."""
        return {"history": history.saved(self.state, made), "table": self._table.cpu()}


def to_milestones(plane: Plane, floor: float) -> Tensor:
    """Returns the Bhattacharyya distances to the milestones from ignorance to truth, shape (M,), nats.

    The overlap with a point of the geodesic is r cos(tθ − φ).
    """
    t = torch.linspace(0, 1, MILESTONES, device=plane.radius.device, dtype=plane.radius.dtype)
    overlaps = plane.radius * (t[:, None] * plane.arcs - plane.angle).cos()
    return -overlaps.clamp(floor, 1).log().mean(-1)
