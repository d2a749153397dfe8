"""The recorded trajectory of one probe, on the host or on disk."""

from __future__ import annotations

import math
import os
from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from lightning_infogeo.archive import Amplitudes, Archive, ArchivedTrajectory
from lightning_infogeo.quantities import quantity
from lightning_infogeo.trajectory.corrected_length import corrected_length, corrected_length_error
from lightning_infogeo.trajectory.history import History
from lightning_infogeo.trajectory.series import Kind, kind_of


def of_probes(trajectories: Mapping[str, Trajectory]) -> dict[str, Trajectory]:
    """Returns those of probes alone: the weights' have other quantities and other units."""
    return {name: trajectory for name, trajectory in trajectories.items() if trajectory.kind == "probe"}


class Trajectory:
    """The records of one probe on the host.

    Every quantity is an attribute: ``trajectory.velocity`` is a float64 CPU tensor of shape (records,). It is NaN where
    the quantity is not defined, and at every record whose logits were not finite.

    Args:
        quantities: the names, in the order of the rows.
        schedule: how the schedule describes itself.
        lag: optimizer steps over which velocity is measured.
        precision: "full" or "training", and the dtype of the logits, as "full float32".
        kind: what it is of: predictions on a probe, or the distribution of weights.

    Attributes:
        kind: as given.
        quantities: as given.
        schedule: as given. Lengths recorded on different schedules are not comparable.
        recorded: source in the archive of a trajectory from ``open``, with ``inputs()``; else None.
    """

    def __init__(
        self, quantities: Sequence[str], schedule: str, lag: int, precision: str, kind: Kind = "probe"
    ) -> None:
        self.kind = kind
        self.quantities = tuple(quantities)
        self.schedule = schedule
        self.lag = lag
        self.precision = precision
        # Plain numbers of eight bytes each, so that a long run takes little memory on the host.
        self._steps = array("q")
        self._values = array("d")
        self._history: Callable[[], History] | None = None
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
        how = str(about.get("schedule")), about.get("lag", 1), str(about.get("precision"))
        trajectory = cls(about["quantities"], *how, kind_of(recorded.name))
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

    def keep(self, history: Callable[[], History]) -> None:
        """Sets the function that returns the history kept for the embedding."""
        self._history = history

    @property
    def kept(self) -> bool:
        """Whether this process keeps a history for the embedding."""
        return self._history is not None

    @property
    def history(self) -> History:
        """The records kept for the embedding, in the order of time; waits for the device.

        Raises:
            RuntimeError: where none are kept: with ``embedding=False``, or in a process other than the first.
        """
        if self._history is None:
            raise RuntimeError(
                "`Trajectory.history`: no history is kept here (embedding=False, or not the first process)."
            )
        return self._history()

    @property
    def distances(self) -> Tensor:
        """Bhattacharyya distances between the records kept, shape (K, K), nats; their steps are ``history.steps``."""
        return self.history.distances

    @property
    def amplitudes(self) -> Amplitudes:
        """Predictions of all records, (T, N, C), read from the archive by indexing; only if opened from an archive."""
        return self._archived("amplitudes").amplitudes

    @property
    def labels(self) -> Tensor | None:
        """Labels of the probe's samples, (N,), or None; only if opened from an archive."""
        return self._archived("labels").labels

    @property
    def name(self) -> str:
        """Name of the run; only if opened from an archive."""
        return self._archived("name").archive.name

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the probe's inputs; only if opened from an archive."""
        return str(self._archived("fingerprint").attributes.get("fingerprint"))

    @property
    def metadata(self) -> dict[str, Any]:
        """Metadata of the run; only if opened from an archive."""
        return self._archived("metadata").archive.metadata

    @property
    def events(self) -> list[dict[str, Any]]:
        """Events on all probes of the run; only if opened from an archive."""
        return self._archived("events").archive.events

    def _archived(self, attribute: str) -> ArchivedTrajectory:
        if self.recorded is None:
            raise RuntimeError(
                f"`Trajectory.{attribute}`: is stored in archives only; record with "
                'InfoGeometryMonitor(archive="auto") and read with Trajectory.open(path).'
            )
        return self.recorded

    def last_finite(self, quantity: str) -> float:
        """Returns the last finite value of a quantity; NaN where there is none."""
        values: Tensor = getattr(self, quantity)
        finite = values[values.isfinite()]
        return float(finite[-1]) if len(finite) else math.nan

    @property
    def corrected_length(self) -> Tensor:
        """Information length of weights without the noise floor of its estimator, (T,), rad; predictions have none."""
        return corrected_length(self.velocity, self.floor, self.interval)

    @property
    def corrected_length_error(self) -> Tensor:
        """Standard error of ``corrected_length``, (T,), rad; of normal estimates it is up to twice this."""
        return corrected_length_error(self.floor, self.interval)

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
        needs = quantity(name, of_weights=False).needs
        hint = f"; this probe has no {needs}" if needs else ""
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
    def from_state_dict(cls, state: Mapping[str, Any], name: str = "") -> Trajectory:
        """Returns the trajectory of this name that ``state_dict`` was taken from."""
        trajectory = cls(state["quantities"], state["schedule"], state["lag"], state["precision"], kind_of(name))
        for step, row in zip(state["steps"].tolist(), state["values"].tolist(), strict=True):
            trajectory.append(step, row)
        return trajectory

    def _table(self) -> Tensor:
        return torch.tensor(self._values, dtype=torch.float64).reshape(len(self._steps), len(self.quantities))
