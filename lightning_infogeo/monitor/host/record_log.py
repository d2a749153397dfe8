"""What was recorded, on the host: trajectories, events, and what the loggers have not got yet."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import torch

from lightning_infogeo.console import say
from lightning_infogeo.markers import Event, Marker
from lightning_infogeo.markers.runner import MarkerRunner
from lightning_infogeo.monitor.record_layout import Record
from lightning_infogeo.monitor.resume import check_continues, check_follows
from lightning_infogeo.trajectory import Series, Trajectory
from lightning_infogeo.trajectory.corrected_length import corrected_hop

Scalars = dict[tuple[str, ...], float]
"""Numbers by the parts of their keys."""


class PendingRecord(NamedTuple):
    """A record that has reached the host and not yet the loggers.

    Attributes:
        step: optimizer steps taken.
        x: the step at which Lightning logs its own metrics of that batch; None where the loggers do not get it.
        rows: the quantities of each series, by name.
        markers: scalars of the markers.
        events: that the record made known.
    """

    step: int
    x: int | None
    rows: dict[str, dict[str, float]]
    markers: Scalars
    events: list[Event]

    @property
    def scalars(self) -> Scalars:
        """What the loggers get."""
        rows: Scalars = {(name, key): value for name, row in self.rows.items() for key, value in row.items()}
        return {**rows, **self.markers}

    @property
    def lost(self) -> list[str]:
        """Names of the series whose record is not finite."""
        return sorted(name for name, row in self.rows.items() if row["length"] != row["length"])

    def plain(self) -> list[Any]:
        """Returns plain values, of which ``of`` makes an equal record."""
        markers = [[list(key), value] for key, value in self.markers.items()]
        return [self.step, self.x, self.rows, markers, [list(event) for event in self.events]]

    @classmethod
    def of(cls, saved: Sequence[Any]) -> PendingRecord:
        """Returns the record of which ``plain`` made ``saved``; raises an error for anything else."""
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
    """Keeps what was recorded, and hands each record on to the loggers once.

    Args:
        markers: of the monitor, each of another name.
        strict: whether a marker that raises stops training.
        state: to go on from; empty to begin.

    Attributes:
        trajectories: one a series, by name.
        runner: of the markers.
    """

    def __init__(self, markers: Sequence[Marker], strict: bool, state: Mapping[str, Any]) -> None:
        saved = state.get("trajectories", {})
        self.trajectories = {name: Trajectory.from_state_dict(of, name) for name, of in saved.items()}
        self.runner = MarkerRunner(markers, strict, state=state.get("watch"))
        self._pending = [PendingRecord.of(record) for record in state.get("undelivered", [])]
        self._corrected: dict[str, float] = {}

    @property
    def events(self) -> list[Event]:
        """What the markers have seen, in the order in which it became known."""
        return self.runner.events

    def follow(
        self,
        series: Sequence[Series],
        trajectories: Mapping[str, Trajectory],
        sizes: Mapping[str, int],
        markers: Sequence[Marker],
        strict: bool,
        dtype: torch.dtype,
        anew: Collection[str],
        watch: Mapping[str, Any] | None,
    ) -> None:
        """Takes records of these series from now on.

        Args:
            series: in the order in which their markers are asked.
            trajectories: empty ones by name, for what is new among them.
            sizes: the samples of each probe.
            markers: of the monitor; one that has raised watches no more.
            strict: whether a marker that raises stops training.
            dtype: of records.
            anew: probes of which markers of samples see other samples than so far.
            watch: what markers go on from; None to begin.

        Raises:
            ConfigurationError: where something recorded so far cannot go on.
        """
        check_follows(self.trajectories, trajectories)
        new = [name for name in trajectories if name not in self.trajectories]
        if any(map(len, self.trajectories.values())) and new:
            say(f"begins to record here, in the middle of the training: {', '.join(new)}.")
        for name, made in trajectories.items():
            check_continues(self.trajectories.setdefault(name, made), made)
        before = self.runner
        self.runner = MarkerRunner(markers, strict, series, sizes, watch, dtype, anew)
        self.runner.failed.update(before.failed)

    def append(self, x: int | None, record: Record) -> None:
        """Adds a record, to be handed on at the step ``x`` of the loggers."""
        for name, row in record.rows.items():
            self.trajectories[name].append(record.step, list(row.values()))
        rows = {name: self._with_derived(name, row) for name, row in record.rows.items()}
        events = self.runner.observe(record.step, rows, record.readings)
        self._pending.append(PendingRecord(record.step, x, rows, self.runner.scalars(events), events))

    def _with_derived(self, name: str, row: dict[str, float]) -> dict[str, float]:
        """Returns a record that was appended, with the quantities that follow from it and those before."""
        if "floor" not in row:
            return row
        before = self._corrected.get(name)
        if before is None:  # the first record here: those of a checkpoint count
            corrected = self.trajectories[name].last_finite("corrected_length")
        else:
            corrected = before + corrected_hop(row["velocity"], row["floor"], row["interval"])
        self._corrected[name] = corrected
        return {**row, "corrected_length": corrected}

    def pop_pending(self) -> PendingRecord | None:
        """Returns the first record that the loggers have not got yet, each once; None where they have all."""
        return self._pending.pop(0) if self._pending else None

    def replace(self, before: RecordLog) -> None:
        """Takes the place of a log in the middle of a fit.

        What was pending in a checkpoint and has reached the loggers since is forgotten, and a marker that has raised
        watches no more.
        """
        self.runner.failed.update(before.runner.failed)
        waiting = [record.step for record in before._pending]
        self._pending = [record for record in self._pending if record.step in waiting]

    def state_dict(self) -> dict[str, Any]:
        """Returns tensors and plain values to go on from."""
        return {
            "trajectories": {name: trajectory.state_dict() for name, trajectory in self.trajectories.items()},
            "undelivered": [record.plain() for record in self._pending],
            "watch": self.runner.state_dict(),
        }


def describe_not_finite(step: int, names: Sequence[str], trajectories: Mapping[str, Trajectory]) -> str:
    """Returns the warning of a record that is not finite."""
    probes = [name for name in names if trajectories[name].kind == "probe"]
    what = f"logits on probe {', '.join(probes)}" if probes else "weights"
    return (
        f"`InfoGeometryMonitor`: {what} at step {step} are not all finite. The record is NaN and left out of the path; "
        "`trajectories[...].skipped` counts such records."
    )
