"""Pictures of the trajectories while they grow: when there is one, and how it reaches the loggers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch

import lightning_infogeo.lightnings as pl
from lightning_infogeo import figures
from lightning_infogeo.copies import Portable
from lightning_infogeo.embedding import EmbeddedPath
from lightning_infogeo.embedding.live_axes import LiveAxes
from lightning_infogeo.embedding.snapshot import Snapshot
from lightning_infogeo.lightnings import rank_zero_warn
from lightning_infogeo.loggers import HostCopies, LoggerWriter, takes_figures
from lightning_infogeo.markers import Event
from lightning_infogeo.monitor.host.drawing_budget import DrawingBudget
from lightning_infogeo.monitor.settings import EmbeddingSettings
from lightning_infogeo.reference import References
from lightning_infogeo.schedules import Clock, LogSpaced

FIRST = 10
"""No picture before this step: two or three points are none."""

Paths = dict[str, EmbeddedPath]
"""What to draw, by the names of the probes in it."""


class EmbeddingPlots(Portable):
    """Draws the trajectories at log-spaced records and at the end, on the host, after the record.

    Args:
        settings: how often, and what else.
        writer: to the loggers.
        references: finished runs, on whose axes probes are drawn, too.
        state: to go on from; empty to begin.

    Attributes:
        axes: on which they are drawn.
        budget: of the time for drawing.
    """

    def __init__(
        self, settings: EmbeddingSettings, writer: LoggerWriter, references: References, state: Mapping[str, Any]
    ) -> None:
        self.axes = LiveAxes(state.get("places", {}))
        self.budget = DrawingBudget(settings.share)
        self._settings = settings
        self._writer = writer
        self._references = references
        self._copies = HostCopies()
        self._posted: list[list[Snapshot]] = []
        self._undrawn: list[tuple[int, int, Paths, Paths]] = []
        self._drawn: int = state.get("drawn", FIRST - 1)
        self._failed = False

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

    def post(self, step: int, x: int, snapshots: list[Snapshot]) -> None:
        """Starts the copy of what the picture needs."""
        self._drawn = step
        # A matrix is not to keep the device's memory until it is drawn.
        self._posted.append([each._replace(matrix=each.matrix.new_empty(0)) for each in snapshots])
        self._shapes = [each.matrix.shape for each in snapshots]
        self._copies.post(step, x, torch.cat([each.matrix.flatten() for each in snapshots]))
