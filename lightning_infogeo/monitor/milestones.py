"""What the history and its picture need of a record whose samples no process has all of."""

from __future__ import annotations

import torch
from torch import Tensor

from lightning_infogeo.distances import bhattacharyya
from lightning_infogeo.geodesics import Plane, ignorance
from lightning_infogeo.history import HistoryState, row_of
from lightning_infogeo.monitor.album import MILESTONES, digits
from lightning_infogeo.monitor.shards import Measured
from lightning_infogeo.sketches import Sketch


class Milestones:
    """Distances of the records kept to the milestones of a picture, by probe: made at the record, drawn from later.

    A picture is drawn by the first process alone and when it has time, so nothing may then be asked of the others.
    """

    def __init__(self) -> None:
        self.tables: dict[str, Tensor] = {}

    def prepare(self, name: str, kept: HistoryState, labelled: bool) -> None:
        """Makes room for a probe, or brings its distances to the device of ``kept``.

        Records kept before there was a table (by a single process) have NaN in it: they are drawn, milestones are not.
        """
        unknown = kept.distances.new_full((len(kept.steps), MILESTONES if labelled else 1), torch.nan)
        self.tables[name] = self.tables.get(name, unknown).to(kept.distances.device)

    def extend(self, name: str, kept: HistoryState, step: int, measured: Measured, floor: float) -> None:
        """Takes a record that ``kept`` holds already."""
        plane = measured.observation.plane
        row = measured.sums[-1:] if plane is None else to_milestones(plane, floor)
        self.tables[name] = torch.where((kept.steps == step)[:, None], row.to(self.tables[name]), self.tables[name])

    def landscape(self, name: str, kept: HistoryState) -> Tensor:
        """Returns what ``album.landscape`` does, for one probe."""
        return torch.cat([kept.distances, kept.weights[:, None], digits(kept.steps), self.tables[name]], dim=1)


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
    bad = (~point.isfinite()).any().to(kept.distances)
    row = row_of(kept, point, made, floor, "sum")
    nowhere = ignorance(point) if sketch is None else sketch.ignorance(first, first + len(point), point.device)
    away = bhattacharyya(point.float(), nowhere.float(), "sum", floor)
    return torch.cat([bad[None], row / samples, away[None] / samples])


def room_for(kept: HistoryState | None) -> int:
    """Returns how many numbers ``sums_of`` gives."""
    return 0 if kept is None else len(kept.steps) + 2


def to_milestones(plane: Plane, floor: float) -> Tensor:
    """Returns the Bhattacharyya distances to the milestones from ignorance to truth, shape (M,), nats.

    The overlap with a point of the geodesic is r cos(tθ − φ).
    """
    t = torch.linspace(0, 1, MILESTONES, device=plane.radius.device, dtype=plane.radius.dtype)
    overlaps = plane.radius * (t[:, None] * plane.arcs - plane.angle).cos()
    return -overlaps.clamp(floor, 1).log().mean(-1)
