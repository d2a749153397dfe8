"""The finished runs with which a monitor compares the running one at every record."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from lightning_infogeo.archive import Archive, ArchiveError
from lightning_infogeo.copies import Portable
from lightning_infogeo.distances import pairwise_bhattacharyya
from lightning_infogeo.distributions import amplitudes
from lightning_infogeo.embedding.embedded_path import EmbeddedPath
from lightning_infogeo.embedding.snapshot import digits, steps_of
from lightning_infogeo.errors import ConfigurationError
from lightning_infogeo.probe import Probe
from lightning_infogeo.reference.chart import Chart, chart
from lightning_infogeo.reference.progress_table import QUANTITIES, Reference, against, reference
from lightning_infogeo.trajectory import LABELLED_QUANTITIES, Trajectory
from lightning_infogeo.trajectory.history import HistoryState

_PROGRESS = LABELLED_QUANTITIES.index("progress")


class References(Portable):
    """Archives of finished runs, by probe.

    Args:
        paths: of the archives; without any there is nothing to compare with.
    """

    def __init__(self, paths: Sequence[str] = ()) -> None:
        self.paths = tuple(paths)
        self._runs: dict[str, list[Trajectory]] = {}
        self._tables: dict[str, Reference] = {}
        self._charts: dict[str, Chart] = {}

    def load(self, probes: Mapping[str, Probe] | None) -> dict[str, Probe]:
        """Reads the archives and returns the probes to follow; in the first process only.

        Args:
            probes: the user's, whose samples must be those of the archives; None to follow the archives' probes.

        Raises:
            ConfigurationError: where an archive cannot be read, or has other probes.
        """
        try:
            archives = [Archive(path) for path in self.paths]
            common = [name for name in archives[0].probes if all(name in archive.probes for archive in archives)]
            labelled = [name for name in common if archives[0][name].labels is not None]
            wanted = labelled if probes is None else [name for name in probes if name in labelled]
            if not wanted:
                raise ConfigurationError(
                    f"`InfoGeometryMonitor(reference={self.paths})`: the archives share no probe with labels"
                    f"{'' if probes is None else f' named as one of {sorted(probes)}'}; there are "
                    f"{[archive.probes for archive in archives]}."
                )
            followed = dict(probes or {})
            for name in wanted:
                self._runs[name] = [Trajectory.open(path, name) for path in self.paths]
                if name not in followed:
                    followed[name] = _probe_of(archives[0], name)
                self._check(name, followed[name])
                self._tables[name] = reference(self._runs[name])
                self._charts[name] = chart(self._runs[name])
        except (ArchiveError, ValueError) as error:
            if isinstance(error, ConfigurationError):
                raise
            raise ConfigurationError(f"`InfoGeometryMonitor(reference=...)`: {error}") from error
        return followed

    @property
    def nbytes(self) -> int:
        """Bytes that they take on the device."""
        tables = sum(table.tables.nbytes for table in self._tables.values())
        return tables + sum(embedded.points.nbytes for embedded in self._charts.values())

    def quantities(self, probe: str) -> tuple[str, ...]:
        """Returns the further quantities of a record of this probe."""
        return QUANTITIES if probe in self._tables else ()

    def check_shape(self, probe: str, shape: tuple[int, int]) -> None:
        """Raises ``ConfigurationError`` unless predictions of shape (N, C) can be compared with the references."""
        known = tuple(self._tables[probe].tables.shape[2:]) if probe in self._tables else shape
        if known != shape:
            raise ConfigurationError(
                f"`InfoGeometryMonitor(reference=...)`: on probe {probe!r} the references have predictions of shape "
                f"{known} (samples, classes), this model has {shape}."
            )

    def to(self, device: torch.device) -> None:
        """Brings everything to a device."""
        self._tables = {name: Reference(*(t.to(device) for t in table)) for name, table in self._tables.items()}
        self._charts = {name: c._replace(points=c.points.to(device)) for name, c in self._charts.items()}

    def extend(self, probe: str, step: int, logits: Tensor, record: Tensor) -> Tensor:
        """Returns a record with the quantities of ``against`` added; reads nothing back from the device."""
        if probe not in self._tables:
            return record
        measured = against(self._tables[probe], step, amplitudes(logits), record[_PROGRESS])
        return torch.cat([record, measured.to(record)])

    def snapshot(self, probe: str, history: HistoryState, used: int) -> Tensor | None:
        """Returns the data of an embedding on the references' axes, with a row for each slot of the history.

        Columns: distances to the records of the references; weight; step, as two digits. None without references;
        reads nothing back from the device.
        """
        if probe not in self._charts:
            return None
        points = self._charts[probe].points
        distances = history.gaps.new_zeros(len(history.steps), len(points))
        distances[:used] = pairwise_bhattacharyya(history.amplitudes[:used], points).to(distances)
        return torch.cat([distances, history.weights[:, None], digits(history.steps)], dim=1)

    def compose(self, probe: str, matrix: Tensor) -> EmbeddedPath | None:
        """Returns the running trajectory on the references' axes, which never change; None without records."""
        embedded = self._charts[probe]
        count = len(embedded.member)
        matrix = matrix[matrix[:, count] > 0]
        if not len(matrix):
            return None
        steps = steps_of(matrix[:, count + 1 :])
        order = steps.argsort()
        placed = embedded.embedding.transform(matrix[order, :count])
        names = [run.name for run in self._runs[probe]]
        paths = tuple((name, embedded.embedding.coordinates[embedded.member == k]) for k, name in enumerate(names))
        return EmbeddedPath(
            probes=(probe,),
            member=torch.zeros(len(order), dtype=torch.int64),
            steps=steps[order],
            embedding=embedded.embedding._replace(coordinates=placed, weights=matrix[order, count].double()),
            milestones=embedded.milestones,
            dropped=placed[:0],
            references=paths,
        )

    def _check(self, name: str, probe: Probe) -> None:
        for run in self._runs[name]:
            if run.fingerprint != probe.fingerprint:
                raise ConfigurationError(
                    f"`InfoGeometryMonitor(reference=...)`: probe {name!r} of {run.name!r} has other samples "
                    f"(fingerprint {run.fingerprint[:12]}…) than the probe followed here "
                    f'({probe.fingerprint[:12]}…); leave probes="auto" to follow those of the reference.'
                )


def _probe_of(archive: Archive, name: str) -> Probe:
    recorded = archive[name]
    probe = Probe(recorded.inputs(), recorded.targets)
    if probe.fingerprint != recorded.attributes.get("fingerprint"):
        raise ArchiveError(f"archive {archive.path!r}: the inputs of {name!r} do not match their fingerprint.")
    return probe
