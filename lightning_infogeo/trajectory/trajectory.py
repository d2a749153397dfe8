"""What was recorded on one probe, on the host or on disk."""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from lightning_infogeo.archive import Amplitudes, Archive, ArchivedTrajectory
from lightning_infogeo.trajectory.history import History
from lightning_infogeo.trajectory.state import LABELLED_QUANTITIES

WEIGHTS = "parameters/"
"""What the names of the weights' trajectories begin with, and no probe's."""


def of_probes(trajectories: Mapping[str, Trajectory]) -> dict[str, Trajectory]:
    """Returns those of probes alone: the weights' have other quantities and other units."""
    return {name: trajectory for name, trajectory in trajectories.items() if not name.startswith(WEIGHTS)}


class Trajectory:
    """What was recorded on one probe, on the host: one entry a record.

    Every quantity is an attribute: ``trajectory.velocity`` is a float64 CPU tensor of shape (records,). NaN stands
    where a quantity is not defined, and in all quantities of a record whose logits were not finite.

    Args:
        quantities: the names, in the order of the rows.
        schedule: how the schedule describes itself.
        lag: optimizer steps over which velocity is measured.
        precision: "full" or "training", and the dtype of the logits, as "full float32".

    Attributes:
        quantities: as given.
        schedule: as given. Lengths recorded on different schedules are not comparable.
        lag: as given.
        precision: as given.
        recorded: where ``open`` has it from, with ``amplitudes``, ``labels`` and ``inputs()``; otherwise None.
    """

    def __init__(self, quantities: Sequence[str], schedule: str, lag: int, precision: str) -> None:
        self.quantities = tuple(quantities)
        self.schedule = schedule
        self.lag = lag
        self.precision = precision
        # Numbers alone, eight bytes each: a long run leaves nothing else on the host.
        self._steps = array("q")
        self._values = array("d")
        self._kept: Callable[[], History] | None = None
        self.recorded: ArchivedTrajectory | None = None

    @classmethod
    def open(cls, path: str | os.PathLike[str], probe: str | None = None) -> Trajectory:
        """Returns a trajectory from an archive; amplitudes are read when they are asked for, and in parts.

        Args:
            path: of the archive, a local folder or a URL.
            probe: which to open; None for "val", or the only one there is.

        Raises:
            ArchiveError: where there is no archive, or a damaged one.
            KeyError: where it has no such probe.
        """
        archive = Archive(path)
        names = archive.probes
        recorded = archive[probe or (names[0] if len(names) == 1 else "val")]
        about = recorded.attributes
        trajectory = cls(
            about["quantities"], str(about.get("schedule")), about.get("lag", 1), str(about.get("precision"))
        )
        for step, row in zip(recorded.steps.tolist(), recorded.quantities.tolist(), strict=True):
            trajectory.append(step, row)
        trajectory.recorded = recorded
        return trajectory

    def append(self, step: int, row: Sequence[float]) -> None:
        """Adds one record."""
        self._steps.append(step)
        self._values.extend(row)

    @property
    def steps(self) -> Tensor:
        """Optimizer steps of the records, int64."""
        return torch.tensor(self._steps, dtype=torch.int64)

    def keep(self, kept: Callable[[], History]) -> None:
        """Says where the history kept for the embedding is to be had."""
        self._kept = kept

    @property
    def kept(self) -> bool:
        """Whether a history is kept for the embedding, here."""
        return self._kept is not None

    @property
    def history(self) -> History:
        """The records kept for the embedding, in order: amplitudes, distances, weights, steps; waits for the device.

        Raises:
            RuntimeError: where none are kept: ``embedding=False``, or a process other than the first.
        """
        if self._kept is None:
            raise RuntimeError(
                "`Trajectory.history`: no history is kept here (embedding=False, or not the first process)."
            )
        return self._kept()

    @property
    def distances(self) -> Tensor:
        """Bhattacharyya distances between the records kept, shape (K, K), nats; their steps are ``history.steps``."""
        return self.history.distances

    @property
    def amplitudes(self) -> Amplitudes:
        """Predictions of all records, (T, N, C), read in the parts that are asked for; of an archive only."""
        return self._opened("amplitudes").amplitudes

    @property
    def labels(self) -> Tensor | None:
        """Of the probe's samples, (N,), or None; of an archive only."""
        return self._opened("labels").labels

    @property
    def name(self) -> str:
        """Of the run; of an archive only."""
        return self._opened("name").archive.name

    @property
    def fingerprint(self) -> str:
        """Of the probe's inputs; of an archive only."""
        return str(self._opened("fingerprint").attributes.get("fingerprint"))

    @property
    def metadata(self) -> dict[str, Any]:
        """What was trained and how; of an archive only."""
        return self._opened("metadata").archive.metadata

    @property
    def events(self) -> list[dict[str, Any]]:
        """What the markers saw on any probe of the run; of an archive only."""
        return self._opened("events").archive.events

    def _opened(self, what: str) -> ArchivedTrajectory:
        if self.recorded is None:
            raise RuntimeError(
                f'`Trajectory.{what}`: is kept in archives only; record with InfoGeometryMonitor(archive="auto") and '
                "read with Trajectory.open(path)."
            )
        return self.recorded

    @property
    def skipped(self) -> int:
        """Number of records whose logits were not finite."""
        return int(self._table().isnan().all(1).sum())

    def __len__(self) -> int:
        return len(self._steps)

    def __getattr__(self, name: str) -> Tensor:
        quantities: tuple[str, ...] = self.__dict__.get("quantities", ())
        if name in quantities:
            return self._table()[:, quantities.index(name)]
        hint = "; this probe has no labels" if name in LABELLED_QUANTITIES else ""
        raise AttributeError(f"`Trajectory.{name}`: recorded are steps, {', '.join(quantities)}{hint}.")

    def __repr__(self) -> str:
        span = f"steps {self._steps[0]} to {self._steps[-1]}" if self._steps else "nothing yet"
        return f"Trajectory({len(self)} records, {span}: {', '.join(self.quantities)})"

    def state_dict(self) -> dict[str, Any]:
        """Returns tensors and plain values from which ``from_state_dict`` makes an equal trajectory."""
        return {
            "quantities": list(self.quantities),
            "schedule": self.schedule,
            "lag": self.lag,
            "precision": self.precision,
            "steps": self.steps,
            "values": self._table(),
        }

    @classmethod
    def from_state_dict(cls, state: dict[str, Any]) -> Trajectory:
        """Returns the trajectory that ``state_dict`` was taken from."""
        trajectory = cls(state["quantities"], state["schedule"], state["lag"], state["precision"])
        for step, row in zip(state["steps"].tolist(), state["values"].tolist(), strict=True):
            trajectory.append(step, row)
        return trajectory

    def _table(self) -> Tensor:
        return torch.tensor(self._values, dtype=torch.float64).reshape(len(self._steps), len(self.quantities))
