"""Pictures of the trajectory while it grows: when there is one, and how what left the device becomes coordinates."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

import lightning_infogeo.lightnings as pl
from lightning_infogeo import figures
from lightning_infogeo.embedding.embedded_path import EmbeddedPath
from lightning_infogeo.embedding.inpca import inpca
from lightning_infogeo.embedding.snapshot import AGAINST, steps_of
from lightning_infogeo.lightnings import rank_zero_warn
from lightning_infogeo.loggers import HostCopies, LoggerWriter, takes_figures
from lightning_infogeo.markers import Event
from lightning_infogeo.monitor.settings import EmbeddingSettings
from lightning_infogeo.schedules import Clock, LogSpaced

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIRST = 10
"""No picture before this step: two or three points are none."""

COMPONENTS = 3


class EmbeddingPlots:
    """Draws the trajectories at log-spaced records and at the end, on the host, after the record.

    Args:
        settings: how often, and what else; None to draw nothing.
        publisher: of the monitor.
        on_charts: composes the picture of a probe on the axes of references, given its landscape.

    Attributes:
        places: coordinates a record has had last, by probe and step; for records since dropped, carried along.
    """

    def __init__(
        self,
        settings: EmbeddingSettings | None,
        publisher: LoggerWriter,
        on_charts: Callable[[str, Tensor], EmbeddedPath | None] = lambda probe, matrix: None,
    ) -> None:
        self.settings = settings
        self.places: dict[str, dict[int, list[float]]] = {}
        self._publisher = publisher
        self._on_charts = on_charts
        self._mailbox = HostCopies()
        self._undrawn: list[tuple[int, int | None, dict[str, EmbeddedPath]]] = []
        self._drawn = FIRST - 1
        self._spent = 0.0
        self._began = time.monotonic()
        self._shapes: dict[str, tuple[int, int]] = {}
        self._members: dict[str, tuple[str, ...]] = {}

    @property
    def waiting(self) -> bool:
        """Whether a picture is to be drawn."""
        return bool(self._mailbox) or bool(self._undrawn)

    def begin(self) -> None:
        """Starts the clock of a training."""
        self._spent, self._began = 0.0, time.monotonic()

    def attempt(self, draw: Callable[[], None]) -> None:
        """Draws; where that raises, there are no more pictures, but records go on."""
        try:
            draw()
        except Exception as error:
            if self._publisher.strict:
                raise
            self.settings = None
            self._mailbox.finish()
            self._undrawn.clear()
            rank_zero_warn(
                f"`InfoGeometryMonitor(embedding=...)`: drawing raised {type(error).__name__}: {error}. There will be "
                "no more pictures; curves go on."
            )

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

    @property
    def joint(self) -> tuple[str, ...]:
        """Names of the probes to be drawn in one picture."""
        return () if self.settings is None else self.settings.joint

    def pending(self, step: int) -> bool:
        """Returns whether a picture of this step waits to be drawn."""
        return self.waiting and self._drawn == step

    def groups(self, probes: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Returns which probes share a picture, by a name for each."""
        return (self.settings or EmbeddingSettings()).groups(probes)

    def take(
        self, probes: Iterable[str], pictures: Callable[[Mapping[str, tuple[str, ...]]], dict[str, Tensor]]
    ) -> dict[str, Tensor]:
        """Returns the landscapes of probes, and counts what it took to compute them as time spent."""
        began = time.monotonic()
        self._members = self.groups(probes)
        snapshots = pictures(self._members)
        self._spent += time.monotonic() - began
        return snapshots

    def post(self, step: int, x: int, snapshots: Mapping[str, Tensor]) -> None:
        """Starts the copy of what the picture needs."""
        self._drawn = step
        self._shapes = {name: (matrix.shape[0], matrix.shape[1]) for name, matrix in snapshots.items()}
        self._mailbox.start_copy(step, x, torch.cat([matrix.flatten() for matrix in snapshots.values()]))

    def receive(self) -> None:
        """Turns what was posted into coordinates."""
        for step, x, values in self._mailbox.finish():
            parts = torch.tensor(values).split_with_sizes([rows * columns for rows, columns in self._shapes.values()])
            composed = {
                name: self._composed(name, part.reshape(shape))
                for (name, shape), part in zip(self._shapes.items(), parts, strict=True)
            }
            self._undrawn.append((step, x, {name: p for name, p in composed.items() if p is not None}))

    def deliver(self, trainer: pl.Trainer, events: Sequence[Event], last: bool = False) -> None:
        """Draws what was posted, with the events known, and sends it to every logger that takes figures."""
        began = time.monotonic()
        self.receive()
        undrawn, self._undrawn = self._undrawn, []
        for step, x, drawn in undrawn:
            if not drawn or x is None:
                continue
            beside = {name: picture for name, picture in drawn.items() if picture.references}
            drawn = {name: picture for name, picture in drawn.items() if not picture.references}
            self._publisher.write_figure(trainer, "embedding", figures.embedding(drawn, step, events), x)
            if beside:
                self._publisher.write_figure(trainer, "reference", figures.embedding(beside, step, events), x)
            if last:
                self._publisher.write_figure(trainer, "distances", figures.distances(drawn, events), x)
            settings = self.settings or EmbeddingSettings()
            if settings.mesh or (settings.projector and last):
                self._publisher.write_points(trainer, drawn, x, settings.mesh, settings.projector and last)
        self._spent += time.monotonic() - began

    def finish(
        self,
        trainer: pl.Trainer,
        step: int,
        x: int,
        snapshots: Callable[[], Mapping[str, Tensor]],
        events: Sequence[Event],
    ) -> None:
        """Draws the last record, unless it waits to be drawn anyway, and delivers."""
        if not self.pending(step):
            self.attempt(lambda: self.post(step, x, snapshots()))
        self.attempt(lambda: self.deliver(trainer, events, last=True))

    def draw(
        self,
        members: Mapping[str, tuple[str, ...]],
        snapshots: Mapping[str, Tensor],
        step: int,
        events: Sequence[Event],
    ) -> Figure:
        """Returns a picture at once, waiting for the device; changes nothing in those to come."""
        placed = {name: self._placed(members[name], snapshots[name].float().cpu()) for name in members}
        return figures.embedding({name: found[0] for name, found in placed.items() if found is not None}, step, events)

    def _composed(self, name: str, matrix: Tensor) -> EmbeddedPath | None:
        probe = name.removesuffix(AGAINST)
        return self.compose(self._members[name], matrix) if probe == name else self._on_charts(probe, matrix)

    def compose(self, probes: tuple[str, ...], matrix: Tensor) -> EmbeddedPath | None:
        """Returns a picture of some probes, on the axes and sides of the one before it; None without records.

        Args:
            probes: their names.
            matrix: see ``snapshot``.
        """
        found = self._placed(probes, matrix)
        if found is None:
            return None
        self.places.update(found[1])
        return found[0]

    def _placed(
        self, probes: tuple[str, ...], matrix: Tensor
    ) -> tuple[EmbeddedPath, dict[str, dict[int, list[float]]]] | None:
        """Returns a picture, and where it puts the records of each probe."""
        slots = len(matrix)
        in_use = matrix[:, slots] > 0
        if not in_use.any():
            return None
        member = torch.arange(len(probes)).repeat_interleave(slots // len(probes))
        steps = steps_of(matrix[:, slots + 1 : slots + 3])
        order = torch.tensor(sorted(in_use.nonzero()[:, 0].tolist(), key=lambda k: (int(member[k]), int(steps[k]))))
        member, steps = member[order], steps[order]
        keys = [(probes[m], s) for m, s in zip(member.tolist(), steps.tolist(), strict=True)]
        embedding = inpca(matrix[order][:, order], COMPONENTS, weights=matrix[order, slots].double())
        places = {(name, step): place for name in probes for step, place in self.places.get(name, {}).items()}
        axes = embedding.coordinates.shape[1]
        unknown = [float("nan")] * COMPONENTS
        before = torch.tensor([places.get(key, unknown)[:axes] for key in keys], dtype=torch.float64)
        embedding = embedding.aligned(before)
        old = {key: place for key, place in places.items() if key not in set(keys)}
        carried = _carried(before, embedding.coordinates, list(old.values()))
        # In float32: the last bits of an eigenvector depend on where in memory it was computed.
        padded = torch.nn.functional.pad(torch.cat([carried, embedding.coordinates]), (0, COMPONENTS - axes)).float()
        found: dict[str, dict[int, list[float]]] = {name: {} for name in probes}
        for (name, step), place in zip([*old, *keys], padded.tolist(), strict=True):
            found[name][step] = place
        milestones = embedding.transform(matrix[order, slots + 3 :].T)
        return EmbeddedPath(probes, member, steps, embedding, milestones, carried), found

    def state_dict(self) -> dict[str, Any]:
        """Returns tensors and plain numbers from which ``load_state_dict`` goes on."""
        self.receive()
        return {"drawn": self._drawn, "places": {name: dict(places) for name, places in self.places.items()}}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on from where ``state_dict`` left off, without pictures of later records."""
        self.receive()
        self._drawn = state["drawn"]
        self._undrawn = [picture for picture in self._undrawn if picture[0] <= self._drawn]
        self.places = {name: dict(places) for name, places in state["places"].items()}


def _carried(before: Tensor, after: Tensor, dropped: list[list[float]]) -> Tensor:
    """Where dropped records stand on the new axes: moved as those are that stand on both, by the best affine map."""
    old = torch.tensor(dropped, dtype=before.dtype).reshape(-1, COMPONENTS)[:, : after.shape[1]]
    shared = before.isfinite().all(-1)
    if not dropped or shared.sum() <= after.shape[1] + 1:
        return old
    ones = torch.ones(int(shared.sum()), 1, dtype=before.dtype)
    moved = torch.linalg.lstsq(torch.cat([before[shared], ones], dim=1), after[shared]).solution
    carried: Tensor = torch.cat([old, torch.ones(len(old), 1, dtype=before.dtype)], dim=1) @ moved
    return carried
