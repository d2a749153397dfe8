"""Pictures of the trajectory while it grows: what leaves the device for one, and how it becomes coordinates."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import lightning.pytorch as pl
import torch
from torch import Tensor

from lightning_infogeo import figures
from lightning_infogeo.embedding import inpca
from lightning_infogeo.geodesics import geodesic, ignorance, truth
from lightning_infogeo.history import HistoryState, distances_to
from lightning_infogeo.monitor.settings import EmbeddingSettings
from lightning_infogeo.picture import Picture
from lightning_infogeo.report import Mailbox, Publisher, takes_figures
from lightning_infogeo.schedules import Clock, LogSpaced

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIRST = 10
"""No picture before this step: two or three points are none."""

COMPONENTS = 3
_MILESTONES = 11
_BASE = 2**20


def landscape(kept: HistoryState, labels: Tensor | None, used: int) -> Tensor:
    """Returns all that a picture needs, as one matrix with a row a slot; reads nothing back from the device.

    Columns: distances to the K slots; weight; step, as two digits to the base 2²⁰, each exact in float32; and distances
    to ignorance, or with labels to eleven points of the geodesic from ignorance to truth.
    """
    like = kept.amplitudes[0]
    milestones = ignorance(like)[None]
    if labels is not None:
        positions = torch.linspace(0, 1, _MILESTONES, device=like.device)
        milestones = geodesic(milestones[0], truth(labels, like), positions)
    distances = torch.zeros(len(kept.steps), len(milestones), device=like.device)
    distances[:used] = torch.stack([distances_to(kept.amplitudes[:used], point) for point in milestones], dim=1)
    digits = torch.stack([kept.steps // _BASE, kept.steps % _BASE], dim=1).float()
    return torch.cat([kept.distances, kept.weights[:, None], digits, distances], dim=1)


class Album:
    """Draws the trajectories at log-spaced records and at the end, on the host, after the record.

    Args:
        settings: how often, and what else; None to draw nothing.
        publisher: of the monitor.

    Attributes:
        places: coordinates a record has had last, by probe and step; for records since dropped, carried along.
    """

    def __init__(self, settings: EmbeddingSettings | None, publisher: Publisher) -> None:
        self.settings = settings
        self.places: dict[str, dict[int, list[float]]] = {}
        self._publisher = publisher
        self._mailbox = Mailbox()
        self._undrawn: list[tuple[int, int | None, dict[str, Picture]]] = []
        self._drawn = FIRST - 1
        self._spent = 0.0
        self._began = time.monotonic()
        self._shapes: dict[str, tuple[int, int]] = {}

    @property
    def waiting(self) -> bool:
        """Whether a picture is to be drawn."""
        return bool(self._mailbox) or bool(self._undrawn)

    def begin(self) -> None:
        """Starts the clock of a training."""
        self._spent, self._began = 0.0, time.monotonic()

    def close(self) -> None:
        """Draws nothing more."""
        self.settings = None
        self._mailbox.collect()
        self._undrawn.clear()

    def due(self, trainer: pl.Trainer, step: int) -> bool:
        """Returns whether to draw the record at this step: often enough, affordable, and somebody to see it."""
        if self.settings is None:
            return False
        following = LogSpaced(self.settings.per_decade).next_step(self._drawn, Clock(step))
        affordable = self._spent <= self.settings.share * (time.monotonic() - self._began)
        return following is not None and following <= step and affordable and takes_figures(trainer)

    @property
    def max_records(self) -> int:
        """Records to keep for it."""
        return 0 if self.settings is None else self.settings.max_records

    def pending(self, step: int) -> bool:
        """Returns whether a picture of this step waits to be drawn."""
        return self.waiting and self._drawn == step

    def post(self, step: int, x: int, landscapes: Mapping[str, Tensor]) -> None:
        """Starts the copy of what the picture needs."""
        self._drawn = step
        self._shapes = {name: (matrix.shape[0], matrix.shape[1]) for name, matrix in landscapes.items()}
        self._mailbox.post(step, x, torch.cat([matrix.flatten() for matrix in landscapes.values()]))

    def receive(self) -> None:
        """Turns what was posted into coordinates."""
        for step, x, values in self._mailbox.collect():
            parts = torch.tensor(values).split_with_sizes([rows * columns for rows, columns in self._shapes.values()])
            composed = {
                name: self.compose(name, part.reshape(shape))
                for (name, shape), part in zip(self._shapes.items(), parts, strict=True)
            }
            self._undrawn.append((step, x, {name: p for name, p in composed.items() if p is not None}))

    def deliver(self, trainer: pl.Trainer, last: bool = False) -> None:
        """Draws what was posted and sends it to every logger that takes figures."""
        began = time.monotonic()
        self.receive()
        undrawn, self._undrawn = self._undrawn, []
        for step, x, drawn in undrawn:
            if not drawn or x is None:
                continue
            self._publisher.publish_figure(trainer, "embedding", figures.embedding(drawn, step), x)
            if last:
                self._publisher.publish_figure(trainer, "distances", figures.distances(drawn), x)
            settings = self.settings or EmbeddingSettings()
            if settings.mesh or (settings.projector and last):
                self._publisher.publish_points(trainer, drawn, x, settings.mesh, settings.projector and last)
        self._spent += time.monotonic() - began

    def draw(self, landscapes: Mapping[str, Tensor], step: int) -> Figure:
        """Returns a picture at once, waiting for the device."""
        composed = {name: self.compose(name, matrix.float().cpu()) for name, matrix in landscapes.items()}
        return figures.embedding({name: p for name, p in composed.items() if p is not None}, step)

    def compose(self, name: str, matrix: Tensor) -> Picture | None:
        """Returns the picture of one probe, on the axes and sides of the one before; None without records."""
        slots = len(matrix)
        steps = (matrix[:, slots + 1] * _BASE + matrix[:, slots + 2]).long()
        used = int((matrix[:, slots] > 0).sum())
        if not used:
            return None
        order = torch.where(matrix[:, slots] > 0, steps, torch.iinfo(torch.int64).max).argsort()[:used]
        steps = steps[order]
        embedding = inpca(matrix[order][:, order], COMPONENTS, weights=matrix[order, slots].double())
        places = self.places.get(name, {})
        axes = embedding.coordinates.shape[1]
        unknown = [float("nan")] * COMPONENTS
        before = torch.tensor([places.get(int(s), unknown)[:axes] for s in steps], dtype=torch.float64)
        embedding = embedding.aligned(before)
        kept = {int(s): c.tolist() for s, c in zip(steps, embedding.coordinates, strict=True)}
        carried = _carried(before, embedding.coordinates, {s: c for s, c in places.items() if s not in kept})
        padded = {s: [*c, *[0.0] * (COMPONENTS - axes)] for s, c in {**carried, **kept}.items()}
        # In float32: the last bits of an eigenvector depend on where in memory it was computed.
        self.places[name] = {s: torch.tensor(c).tolist() for s, c in padded.items()}
        milestones = embedding.transform(matrix[order, slots + 3 :].T)
        return Picture(steps, embedding, milestones, carried)

    def state_dict(self) -> dict[str, Any]:
        """Returns tensors and plain numbers from which ``load_state_dict`` goes on."""
        self.receive()
        return {"drawn": self._drawn, "places": {name: dict(places) for name, places in self.places.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from where ``state_dict`` left off."""
        self._drawn = state["drawn"]
        self.places = {name: dict(places) for name, places in state["places"].items()}


def _carried(before: Tensor, after: Tensor, dropped: Mapping[int, list[float]]) -> dict[int, list[float]]:
    """Where dropped records stand on the new axes: moved as those are that stand on both, by the best affine map."""
    shared = before.isfinite().all(-1)
    if not dropped or shared.sum() <= after.shape[1] + 1:
        return {step: place[: after.shape[1]] for step, place in dropped.items()}
    ones = torch.ones(int(shared.sum()), 1, dtype=before.dtype)
    moved = torch.linalg.lstsq(torch.cat([before[shared], ones], dim=1), after[shared]).solution
    old = torch.tensor(list(dropped.values()), dtype=before.dtype)
    new = torch.cat([old, torch.ones(len(old), 1, dtype=before.dtype)], dim=1) @ moved
    return dict(zip(dropped, new.tolist(), strict=True))
