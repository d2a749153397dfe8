"""Pictures of the trajectories while they grow: when there is one, and how it reaches the loggers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

import lightning_infogeo.lightnings as pl
from lightning_infogeo import figures
from lightning_infogeo.copies import Portable
from lightning_infogeo.embedding import EmbeddedPath
from lightning_infogeo.embedding.live_axes import LiveAxes
from lightning_infogeo.embedding.settings import EmbeddingSettings
from lightning_infogeo.embedding.snapshot import Snapshot
from lightning_infogeo.lightnings import rank_zero_warn
from lightning_infogeo.loggers import HostCopies, LoggerWriter, takes_figures
from lightning_infogeo.markers import Event
from lightning_infogeo.monitor.host.drawing_budget import DrawingBudget
from lightning_infogeo.reference import References
from lightning_infogeo.schedules import Clock, LogSpaced

FIRST = 10
"""No picture before this step: two or three points are none."""


class EmbeddingPlots(Portable):
    """Draws the trajectories at log-spaced records and at the end, on the host, after the record.

    Args:
        settings: how often, and what else.
        writer: to the loggers; where it is strict, drawing that fails raises.
        references: finished runs, on whose axes probes are drawn, too.
        state: to go on from; empty to begin.
        replaced: the plots of the same fit that these replace: pictures of no later record still wait there.

    Attributes:
        axes: on which they are drawn.
        budget: of the time for drawing.
    """

    def __init__(
        self,
        settings: EmbeddingSettings,
        writer: LoggerWriter,
        references: References,
        state: Mapping[str, Any],
        replaced: EmbeddingPlots | None = None,
    ) -> None:
        self.axes = LiveAxes(state.get("places", {}))
        self.budget = DrawingBudget(settings.share)
        self._settings = settings
        self._writer = writer
        self._references = references
        self._copies = HostCopies()
        self._snapshots: list[tuple[Snapshot, torch.Size]] = []
        self._undrawn: list[tuple[int, int, list[EmbeddedPath]]] = []
        self._drawn: int = state.get("drawn", FIRST - 1)
        self._failed = False
        if replaced is not None:
            replaced._receive()
            self._undrawn = [picture for picture in replaced._undrawn if picture[0] <= self._drawn]
            self._failed = replaced._failed

    @property
    def waiting(self) -> bool:
        """Whether a picture is to be drawn."""
        return bool(self._copies) or bool(self._undrawn)

    def due(self, trainer: pl.Trainer, step: int) -> bool:
        """Returns whether to draw the record at this step: often enough, affordable, and somebody to see it."""
        if self._failed:
            return False
        following = LogSpaced(self._settings.per_decade).next_step(self._drawn, Clock(step))
        return following is not None and following <= step and self.budget.affordable and takes_figures(trainer)

    def post(self, step: int, x: int, snapshots: Sequence[Snapshot]) -> None:
        """Starts the copy of what the picture needs."""
        self._drawn = step
        # Without their matrices, which would keep memory of the device.
        self._snapshots = [(each._replace(matrix=torch.empty(0)), each.matrix.shape) for each in snapshots]
        self._copies.start_copy(step, x, torch.cat([each.matrix.flatten() for each in snapshots]))

    def deliver(self, trainer: pl.Trainer, events: Sequence[Event], last: bool = False) -> None:
        """Draws what was posted, with the events known, and writes it to every logger that takes figures."""
        self._attempt(lambda: self._deliver(trainer, events, last))

    def finish(
        self,
        trainer: pl.Trainer,
        step: int,
        x: int,
        take: Callable[[], Sequence[Snapshot]],
        events: Sequence[Event],
    ) -> None:
        """Draws the last record, unless it waits to be drawn anyway, and delivers."""
        if not (self.waiting and self._drawn == step):
            self._attempt(lambda: self.post(step, x, take()))
        self.deliver(trainer, events, last=True)

    def state_dict(self) -> dict[str, Any]:
        """Returns plain numbers to go on from."""
        self._receive()
        return {"drawn": self._drawn, "places": self.axes.state_dict()}

    def _attempt(self, draw: Callable[[], None]) -> None:
        """Draws; where that raises, there are no more pictures, but records go on."""
        if self._failed:
            return
        try:
            draw()
        except Exception as error:
            if self._writer.strict:
                raise
            self._failed = True
            self._copies.finish()
            self._undrawn.clear()
            rank_zero_warn(
                f"`InfoGeometryMonitor(embedding=...)`: drawing raised {type(error).__name__}: {error}. There will be "
                "no more pictures; curves go on."
            )

    def _receive(self) -> None:
        """Turns what was posted into coordinates."""
        for step, x, values in self._copies.finish():
            assert x is not None
            parts = torch.tensor(values).split_with_sizes([shape.numel() for _, shape in self._snapshots])
            placed = [
                self._placed(snapshot._replace(matrix=part.reshape(shape)))
                for (snapshot, shape), part in zip(self._snapshots, parts, strict=True)
            ]
            self._undrawn.append((step, x, [path for path in placed if path is not None]))

    def _placed(self, snapshot: Snapshot) -> EmbeddedPath | None:
        if snapshot.referred:
            return self._references.placed(snapshot.probes[0], snapshot.matrix)
        return self.axes.follow(snapshot.probes, snapshot.matrix)

    def _deliver(self, trainer: pl.Trainer, events: Sequence[Event], last: bool) -> None:
        with self.budget.spending():
            self._receive()
            undrawn, self._undrawn = self._undrawn, []
            for step, x, paths in undrawn:
                if paths:
                    self._write(trainer, step, x, paths, events, last)

    def _write(
        self, trainer: pl.Trainer, step: int, x: int, paths: list[EmbeddedPath], events: Sequence[Event], last: bool
    ) -> None:
        own = {", ".join(path.probes): path for path in paths if not path.references}
        referred = {f"{path.probes[0]} against references": path for path in paths if path.references}
        self._writer.write_figure(trainer, "embedding", figures.embedding(own, step, events), x)
        if referred:
            self._writer.write_figure(trainer, "reference", figures.embedding(referred, step, events), x)
        if last:
            self._writer.write_figure(trainer, "distances", figures.distances(own, events), x)
        mesh, projector = self._settings.mesh, self._settings.projector and last
        if mesh or projector:
            self._writer.write_points(trainer, own, x, mesh, projector)
