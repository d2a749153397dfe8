"""What can be read off a monitor, at any time and from anywhere on the host."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lightning_infogeo.loggers import Summary, summary_table
from lightning_infogeo.markers import Event, Verdict
from lightning_infogeo.monitor.device.recorder import Recorder
from lightning_infogeo.monitor.host.embedding_plots import EmbeddingPlots
from lightning_infogeo.monitor.host.neuron_recorder import Neurons, NeuronTrajectory
from lightning_infogeo.monitor.host.record_log import RecordLog
from lightning_infogeo.probe import Probe
from lightning_infogeo.theory import ProbeSpectrum
from lightning_infogeo.theory.probe_dimensions import FEATURES, dimensions_of
from lightning_infogeo.trainer.spawned import SpawnedResults
from lightning_infogeo.trajectory import Trajectory, export

if TYPE_CHECKING:
    import pandas
    from matplotlib.figure import Figure


class Readings(ABC):
    """The reading side of ``InfoGeometryMonitor``; the callback fills in the parts."""

    _parcel: SpawnedResults
    _journal: RecordLog
    _album: EmbeddingPlots
    _recorder: Recorder | None
    _neurons: Neurons

    @abstractmethod
    def _unpack(self, content: Mapping[str, Any]) -> None:
        """Takes what was recorded in a process that Lightning had made for a fit."""

    def _catch_up(self) -> None:
        """Waits for records still on their way, from the device or from another process."""
        self._journal.receive()
        content = self._parcel.receive()
        if content is not None:
            self._unpack(content)

    @property
    def trajectories(self) -> dict[str, Trajectory]:
        """What was recorded so far, by probe; waits for records still on their way from the device."""
        self._catch_up()
        return self._journal.trajectories

    @property
    def followed(self) -> dict[str, Probe]:
        """The probes by name, once training has started; empty in every process but the first."""
        return {} if self._recorder is None else {name: c.probe for name, c in self._recorder.chosen.items()}

    @property
    def neuron_trajectories(self) -> dict[str, NeuronTrajectory]:
        """Steps and incoming weights of the neurons of each layer that ``neurons=`` follows; in the first process."""
        self._catch_up()
        return self._neurons.trajectories

    def picture(self) -> Figure:
        """Returns the trajectories kept so far, embedded by InPCA, as a matplotlib figure; in the first process only.

        Raises:
            RuntimeError: where nothing has been kept.
        """
        if not self._album.max_records or self._recorder is None or not any(map(len, self.trajectories.values())):
            raise RuntimeError("`InfoGeometryMonitor.picture()`: nothing has been kept to draw in this process.")
        step = max(int(trajectory.steps[-1]) for trajectory in self.trajectories.values())
        members = self._album.groups(self._recorder.chosen)
        return self._album.draw(members, self._recorder.pictures(members), step, self.events)

    def to_frame(self, probe: str) -> pandas.DataFrame:
        """Returns what was recorded on ``probe``, one row a record, indexed by step.

        Raises:
            KeyError: where there is no such probe.
            ModuleNotFoundError: where pandas is not installed.
        """
        if probe not in self.trajectories:
            raise KeyError(f"`to_frame(probe={probe!r})`: there are {sorted(self.trajectories)}.")
        return export.to_frame(self.trajectories[probe])

    def to_csv(self, path: str | Path) -> None:
        """Writes what was recorded on all probes to one file, a row a probe and record."""
        export.to_csv(self.trajectories, path)

    @property
    def events(self) -> list[Event]:
        """What the markers have seen so far, in the order in which it became known."""
        self._catch_up()
        return self._journal.watch.events

    @property
    def verdicts(self) -> dict[str, Verdict]:
        """Whether each held-out probe with labels overfits as of the last record: flagged, clean, or undecidable."""
        self._catch_up()
        return self._journal.watch.verdicts()

    def dimensions(self, features: int = FEATURES) -> dict[str, ProbeSpectrum]:
        """Returns how many dimensions each trajectory had, beside what the linear theory predicts from the inputs.

        Of probes with labels whose inputs are one floating tensor, and whose history is kept; in the first process.

        Args:
            features: inputs with more of them are left out, since their spectrum takes seconds.
        """
        return dimensions_of(self.trajectories, self.followed, features)

    def summary(self) -> Summary:
        """Returns tables for the terminal: what was seen on each probe, its dimensions, and the events."""
        return summary_table(self.trajectories, self.events, self.verdicts, self.dimensions())
