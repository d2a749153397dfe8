"""Pictures of the trajectories while they grow: when there is one, and how it reaches the loggers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch

import lightning_infogeo.lightnings as pl
from lightning_infogeo.copies import Portable
from lightning_infogeo.embedding import EmbeddedPath
from lightning_infogeo.embedding.live_axes import LiveAxes
from lightning_infogeo.embedding.settings import EmbeddingSettings
from lightning_infogeo.embedding.snapshot import Snapshot
from lightning_infogeo.lightnings import rank_zero_warn
from lightning_infogeo.loggers import HostCopies, LoggerWriter
from lightning_infogeo.monitor.host.drawing import Drawing
from lightning_infogeo.monitor.host.drawing_budget import AHEAD, DrawingBudget
from lightning_infogeo.monitor.host.drawing_thread import DrawingThread
from lightning_infogeo.monitor.host.record_log import RecordLog
from lightning_infogeo.reference import References
from lightning_infogeo.trajectory import Trajectory


class EmbeddingPlots(Portable, left_behind={"_thread": DrawingThread()}):
    """Draws the trajectories at log-spaced records and at the end, beside the training.

    A picture is begun at the hook after its record, drawn in a thread, and written to the loggers at a later hook, so
    that training waits for none but those that are not finished at its end.

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
        self.budget = DrawingBudget(settings.share, AHEAD)
        self._settings = settings
        self._writer = writer
        self._references = references
        self._copies = HostCopies()
        self._snapshots: list[tuple[Snapshot, torch.Size]] = []
        self._undrawn: list[tuple[int, int, list[EmbeddedPath]]] = []
        self._drawn: int = state.get("drawn", 0)
        self._failed = False
        self._finished = False
        self._thread = DrawingThread()
        if replaced is not None:
            replaced._receive()
            self._undrawn = [picture for picture in replaced._undrawn if picture[0] <= self._drawn]
            self._failed = replaced._failed
            replaced.close()

    @property
    def waiting(self) -> bool:
        """Whether a picture is to be drawn or written."""
        return bool(self._copies) or bool(self._undrawn) or self._thread.begun

    def due(self, trainer: pl.Trainer, step: int, final: int | None = None) -> bool:
        """Returns whether to draw the record at this step: often enough, affordable, and somebody to see it.

        Args:
            trainer: of the fit.
            step: of the record.
            final: the step at which training will end, as far as is known.
        """
        if self._failed or step < self._settings.next_picture(self._drawn, final):
            return False
        planned = self._thread.spent + self._thread.foreseen
        return self.budget.affords(planned) and self._writer.takes(trainer, "figures")

    def post(self, step: int, x: int, snapshots: Sequence[Snapshot]) -> None:
        """Starts the copy of what the picture needs."""
        self._drawn = step
        # Without their matrices, which would keep memory of the device.
        self._snapshots = [(each._replace(matrix=torch.empty(0)), each.matrix.shape) for each in snapshots]
        self._copies.start_copy(step, x, torch.cat([each.matrix.flatten() for each in snapshots]))

    def deliver(self, trainer: pl.Trainer, log: RecordLog, last: bool = False) -> None:
        """Begins to draw what was posted, with all that is known, and writes what is drawn to the loggers.

        Args:
            trainer: of the fit.
            log: what was recorded.
            last: whether training has ended; then everything is waited for, as long as that is bearable.
        """
        self._attempt(lambda: self._deliver(trainer, log, last))

    def finish(
        self, trainer: pl.Trainer, step: int, x: int, take: Callable[[], Sequence[Snapshot]] | None, log: RecordLog
    ) -> None:
        """Draws the last record, unless it waits to be drawn anyway, and delivers; once.

        Args:
            trainer: of the fit.
            step: of the last record.
            x: at which the loggers get its pictures.
            take: gives what the pictures need; None where nothing can be taken any more.
            log: what was recorded.
        """
        if self._finished:
            return
        self._finished = True
        begun = bool(self._copies) or any(undrawn[0] == step for undrawn in self._undrawn)
        if take is not None and not (begun and self._drawn == step):
            self._attempt(lambda: self.post(step, x, take()))
        self.deliver(trainer, log, last=True)

    def close(self) -> None:
        """Ends the thread that draws."""
        self._thread.close()

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
            self._thread.close()
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

    def _deliver(self, trainer: pl.Trainer, log: RecordLog, last: bool) -> None:
        with self.budget.spending():
            self._receive()
            undrawn, self._undrawn = [each for each in self._undrawn if each[2]], []
            if undrawn:
                # Copies, since records go on to be added.
                known = {n: Trajectory.from_state_dict(t.state_dict(), n) for n, t in log.trajectories.items()}
                for k, (step, x, paths) in enumerate(undrawn, start=1):
                    final = last and k == len(undrawn)
                    self._thread.draw(Drawing(step, x, paths, known, tuple(log.events), final))
        if last:
            self._thread.hurry(AHEAD)
        for drawing, pictures in self._thread.finished(wait=last):
            with self.budget.spending():
                for key, picture in pictures:
                    self._writer.write_figure(trainer, key, picture, drawing.x)
                self._write_points(trainer, drawing)

    def _write_points(self, trainer: pl.Trainer, drawing: Drawing) -> None:
        mesh, projector = self._settings.mesh, self._settings.projector and drawing.last
        if mesh or projector:
            paths = {", ".join(path.probes): path for path in drawing.paths if not path.references}
            self._writer.write_points(trainer, paths, drawing.x, mesh, projector)
