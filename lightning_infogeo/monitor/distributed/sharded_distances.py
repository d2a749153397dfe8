"""What the history and its picture need of a record whose samples no process has all of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from lightning_infogeo.copies import Portable
from lightning_infogeo.distances import bhattacharyya, pairwise_bhattacharyya
from lightning_infogeo.distances.sketch import Sketch
from lightning_infogeo.embedding.snapshot import MILESTONES, digits
from lightning_infogeo.geodesics import Plane, ignorance
from lightning_infogeo.monitor.distributed.probe_shards import Measured
from lightning_infogeo.trajectory import history
from lightning_infogeo.trajectory.history import HistoryState


class ShardedDistances(Portable):
    """Distances of the records kept to each other and to the milestones of a picture, by probe.

    They are made at the record, by all processes: a picture is drawn by the first one alone and when it has time, so
    nothing may then be asked of the others.

    Attributes:
        tables: shape (K, K + M), a row a slot; NaN where the history began in a single process, whose milestones are
            not drawn.
    """

    def __init__(self) -> None:
        self.tables: dict[str, Tensor] = {}

    def prepare(self, name: str, kept: HistoryState, labelled: bool) -> None:
        """Makes room for a probe, or for milestones beside the distances there are, on the device of ``kept``."""
        slots = len(kept.steps)
        known = self.tables.get(name, kept.gaps.new_zeros(slots, slots)).to(kept.gaps)
        columns = slots + (MILESTONES if labelled else 1)
        self.tables[name] = torch.cat([known, known.new_full((slots, columns - known.shape[1]), torch.nan)], dim=1)

    def load(self, probes: Mapping[str, Mapping[str, Any]], floor: float) -> None:
        """Goes on from the saved probes of a recorder; makes the distances that a single process had no need of."""
        for name, entry in probes.items():
            if "table" in entry:
                self.tables[name] = entry["table"]
            elif entry["history"]:
                kept = HistoryState(**entry["history"])
                self.tables[name] = history.table(kept, len(kept.amplitudes), floor)

    def apart(self, name: str, row: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """Returns the distance between slots, shape (1,) each, where ``b`` may be a new record with this ``row``."""
        slots = len(row)
        return torch.where(b == slots, row[a], self.tables[name][a, b.clamp_max(slots - 1)])

    def extend(self, name: str, kept: HistoryState, step: int, measured: Measured, floor: float) -> None:
        """Takes a record that ``kept`` holds already."""
        table, slots = self.tables[name], len(kept.steps)
        here = kept.steps == step
        plane = measured.observation.plane
        to_slots = torch.where(here, 0, row_in(measured).to(table))
        to_points = (measured.sums[-1:] if plane is None else to_milestones(plane, floor)).to(table)
        table = torch.where(here[:, None], torch.cat([to_slots, to_points]), table)
        mirrored = torch.where(here, to_slots[:, None], table[:, :slots])
        self.tables[name] = torch.cat([mirrored, table[:, slots:]], dim=1)

    def snapshot(self, name: str, kept: HistoryState) -> Tensor:
        """Returns what ``snapshots.snapshot`` does, for one probe."""
        table, slots = self.tables[name], len(kept.steps)
        return torch.cat([table[:, :slots], kept.weights[:, None], digits(kept.steps), table[:, slots:]], dim=1)

    def distances(self, name: str, kept: HistoryState) -> Tensor:
        """Returns the distances between all slots, shape (K, K)."""
        return self.tables[name][:, : len(kept.steps)]


def sums_of(
    kept: HistoryState, point: Tensor, made: int, floor: float, samples: int, first: int, sketch: Sketch | None
) -> Tensor:
    """Returns, over the samples of this process and divided by ``samples``, what ``room_for`` counts.

    Args:
        kept: the history, of these samples.
        point: what it is to keep of this record, shape (n, C).
        made: records so far.
        floor: of overlaps.
        samples: of the whole probe.
        first: of these among all.
        sketch: how the history is sketched; None where it is not.

    Returns:
        Whether any amplitude is not finite, 0 or more; distances to all slots; the distance to ignorance.
    """
    bad = (~point.isfinite()).any().to(kept.gaps)
    reach, row = min(made, len(kept.steps)), torch.zeros_like(kept.gaps)
    if reach and len(point):
        distances = pairwise_bhattacharyya(kept.amplitudes[:reach], point[None].float(), floor=floor)[:, 0]
        row[:reach] = distances.to(row) * len(point)
    nowhere = ignorance(point) if sketch is None else sketch.ignorance(first, first + len(point), point.device)
    away = bhattacharyya(point.float(), nowhere.float(), "sum", floor)
    return torch.cat([bad[None], row / samples, away[None] / samples])


def room_for(kept: HistoryState | None) -> int:
    """Returns how many numbers ``sums_of`` gives."""
    return 0 if kept is None else len(kept.steps) + 2


def row_in(measured: Measured) -> Tensor:
    """Returns the distances to all slots, shape (K,), that are in the sums of a record."""
    return measured.sums[1:-1]


def to_milestones(plane: Plane, floor: float) -> Tensor:
    """Returns the Bhattacharyya distances to the milestones from ignorance to truth, shape (M,), nats.

    The overlap with a point of the geodesic is r cos(tθ − φ).
    """
    t = torch.linspace(0, 1, MILESTONES, device=plane.radius.device, dtype=plane.radius.dtype)
    overlaps = plane.radius * (t[:, None] * plane.arcs - plane.angle).cos()
    return -overlaps.clamp(floor, 1).log().mean(-1)
