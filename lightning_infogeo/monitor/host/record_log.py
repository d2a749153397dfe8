"""From vectors on the device to trajectories and events on the host, and from there to the loggers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

import lightning_infogeo.lightnings as pl
from lightning_infogeo.lightnings import rank_zero_warn
from lightning_infogeo.loggers import HostCopies, LoggerWriter, event_list
from lightning_infogeo.markers import Event
from lightning_infogeo.monitor.host.marker_runner import MarkerRunner
from lightning_infogeo.monitor.host.run_archive import RunArchive
from lightning_infogeo.monitor.record_layout import NOTHING, RecordLayout
from lightning_infogeo.trajectory import WEIGHTS, Trajectory


class Entry(NamedTuple):
    """A record that has reached the host and not yet the loggers: its place, rows, scalars of markers, and events."""

    step: int
    x: int | None
    rows: dict[str, dict[str, float]]
    markers: dict[tuple[str, ...], float]
    events: list[Event]

    @classmethod
    def of(cls, saved: Sequence[Any]) -> Entry:
        """Returns the entry that ``RecordLog.undelivered`` gave ``saved`` for; raises where it is none."""
        step, x, rows, markers, events = saved
        if not all("length" in row for row in rows.values()):
            raise KeyError("length")
        return cls(
            int(step),
            None if x is None else int(x),
            {str(name): {str(key): float(value) for key, value in row.items()} for name, row in rows.items()},
            {tuple(str(part) for part in key): float(value) for key, value in markers},
            [Event.of(fields) for fields in events],
        )


class RecordLog:
    """Keeps what was recorded and passes it on, each record once.

    Args:
        publisher: to the loggers; where it is strict, logits that are not finite raise.
        watch: the markers.
        archivist: is given every record, too.

    Attributes:
        trajectories: one a probe; complete after ``receive``.
        watch: as given.
        layout: of the vectors of records; ``begin`` takes it.
        failed: whether the first process has failed to make a record.
        publisher: as given.
    """

    def __init__(self, publisher: LoggerWriter, watch: MarkerRunner, archivist: RunArchive) -> None:
        self.trajectories: dict[str, Trajectory] = {}
        self.layout = NOTHING
        self.failed = False
        self.strict = publisher.strict
        self.watch = watch
        self._archivist = archivist
        self._mailbox = HostCopies()
        self.publisher = publisher
        self._unpublished: list[Entry] = []
        self._warned_of_nan = False

    @property
    def waiting(self) -> bool:
        """Whether there is anything to deliver."""
        return bool(self._mailbox) or bool(self._unpublished)

    def begin(self, trainer: pl.Trainer, layout: RecordLayout, dtype: torch.dtype, device: torch.device) -> None:
        """Gets ready for vectors of this layout and type; ``callback_metrics`` are as they were last."""
        self.layout = layout
        last: dict[tuple[str, ...], float] = {}
        for name, quantity in layout.keys:
            values = getattr(self.trajectories[name], quantity)
            finite = values[values.isfinite()]
            last[name, quantity] = finite[-1].item() if len(finite) else math.nan
        self.publisher.restore(trainer, last, torch.empty(0, dtype=dtype, device=device))
        self.publisher.write_scalars(trainer, None, self.watch.scalars())

    def post(self, trainer: pl.Trainer, step: int, x: int | None, vector: Tensor) -> None:
        """Takes a record: whether there is one, 1 or NaN, and what there is, as ``layout`` says.

        ``callback_metrics`` hold its values at once, still on the device: a callback that scores the weights of this
        step must not score them by the record before.
        """
        self._mailbox.start_copy(step, x, vector)
        keys = self.layout.keys
        self.publisher.replace_metrics(trainer, keys, vector[1 : 1 + len(keys)])

    def receive(self) -> None:
        """Moves what was posted into the trajectories."""
        for step, x, (recorded, *values) in self._mailbox.finish():
            if recorded != recorded:
                self.failed = True
                continue
            rows, readings = self.layout.unpack(values)
            for name, row in rows.items():
                self.trajectories[name].append(step, list(row.values()))
            events = self.watch.observe(step, rows, readings)
            self._archivist.take(step, rows, self.watch.events)
            self._unpublished.append(Entry(step, x, rows, self.watch.scalars(), events))

    def deliver(self, trainer: pl.Trainer) -> list[Event]:
        """Publishes what has not been published yet, and returns the events in it.

        Raises:
            FloatingPointError: under ``strict``, where logits were not finite.
        """
        self.receive()
        events: list[Event] = []
        while self._unpublished:
            entry = self._unpublished.pop(0)
            scalars: dict[tuple[str, ...], float] = {
                (name, key): value for name, row in entry.rows.items() for key, value in row.items()
            }
            self.publisher.write_scalars(trainer, entry.x, {**scalars, **entry.markers})
            if entry.events:
                self.publisher.write_text(trainer, "events", event_list(self.watch.events), entry.x)
            events += entry.events
            lost = sorted(name for name, row in entry.rows.items() if row["length"] != row["length"])
            if lost:
                self._report_nan(entry.step, lost)
        return events

    def state_dict(self) -> dict[str, Any]:
        """Returns the trajectories as tensors and plain values."""
        self.receive()
        return {name: trajectory.state_dict() for name, trajectory in self.trajectories.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from where ``state_dict`` left off, without what has been recorded since."""
        self._mailbox.finish()
        self.trajectories = {name: Trajectory.from_state_dict(saved) for name, saved in state.items()}

    def undelivered(self) -> list[list[Any]]:
        """Returns, as plain values, what is known and not told yet: a checkpoint is made before the hook that tells."""
        self.receive()
        return [
            [step, x, rows, [[list(key), value] for key, value in markers.items()], [list(event) for event in events]]
            for step, x, rows, markers, events in self._unpublished
        ]

    def load_undelivered(self, entries: Sequence[Any], again: bool = False) -> None:
        """Tells at the next hook what the session that made a checkpoint may not have lived to tell.

        Args:
            entries: what ``undelivered`` returned.
            again: whether this is that session, which has told of those records that do not wait any more.
        """
        waiting = {entry.step for entry in self._unpublished}
        found = [Entry.of(saved) for saved in entries]
        self._unpublished = [entry for entry in found if not again or entry.step in waiting]

    def _report_nan(self, step: int, probes: list[str]) -> None:
        on = [name for name in probes if not name.startswith(WEIGHTS)]
        what = f"logits on probe {', '.join(on)}" if on else "weights"
        message = (
            f"`InfoGeometryMonitor`: {what} at step {step} are not all finite. The record "
            "is NaN and left out of the path; `trajectories[...].skipped` counts such records."
        )
        if self.strict:
            raise FloatingPointError(message)
        if not self._warned_of_nan:
            self._warned_of_nan = True
            rank_zero_warn(message)
