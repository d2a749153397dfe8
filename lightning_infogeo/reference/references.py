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
from lightning_infogeo.reference.chart import chart
from lightning_infogeo.reference.progress_table import QUANTITIES, Reference, against, reference
from lightning_infogeo.trajectory import Trajectory
from lightning_infogeo.trajectory.history import HistoryState


class References(Portable):
    """Finished runs, by probe.

    Args:
        runs: opened from archives, by probe; none to measure by nothing.
    """

    def __init__(self, runs: Mapping[str, Sequence[Trajectory]] | None = None) -> None:
        self._runs = {name: list(of) for name, of in (runs or {}).items()}
        self._tables = {name: reference(of) for name, of in self._runs.items()}
        self._charts = {name: chart(of) for name, of in self._runs.items()}

    @classmethod
    def open(cls, paths: Sequence[str], probes: Mapping[str, Probe] | None) -> tuple[References, dict[str, Probe]]:
        """Reads archives and returns the probes to follow.

        Args:
            paths: of the archives.
            probes: those that the user has given, which have to be those of the archives; None to take these.

        Raises:
            ConfigurationError: where an archive cannot be read, or has other probes.
        """
        try:
            archives = [Archive(path) for path in paths]
            shared = [name for name in archives[0].probes if all(name in other.probes for other in archives)]
            labelled = [name for name in shared if archives[0][name].labels is not None]
            wanted = labelled if probes is None else [name for name in probes if name in labelled]
            if not wanted:
                raise ConfigurationError(
                    f"`InfoGeometryMonitor(reference={tuple(paths)})`: the archives share no probe with labels"
                    f"{'' if probes is None else f' named as one of {sorted(probes)}'}; there are "
                    f"{[archive.probes for archive in archives]}."
                )
            followed, runs = dict(probes or {}), {}
            for name in wanted:
                runs[name] = [Trajectory.open(path, name) for path in paths]
                if name not in followed:
                    followed[name] = _probe_of(archives[0], name)
                _check(runs[name], name, followed[name])
            return cls(runs), followed
        except (ArchiveError, ValueError) as error:
            if isinstance(error, ConfigurationError):
                raise
            raise ConfigurationError(f"`InfoGeometryMonitor(reference=...)`: {error}") from error

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

    def compared(self, probe: str, step: int, logits: Tensor, progress: Tensor) -> Tensor:
        """Returns ``quantities`` of a record, given its logits and its progress; reads nothing back from the device."""
        return against(self._tables[probe], step, amplitudes(logits), progress)

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

    def placed(self, probe: str, matrix: Tensor) -> EmbeddedPath | None:
        """Returns the running trajectory placed on the references' axes, which never move; None without records."""
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


def _check(runs: Sequence[Trajectory], name: str, probe: Probe) -> None:
    for run in runs:
        if run.fingerprint != probe.fingerprint:
            raise ConfigurationError(
                f"`InfoGeometryMonitor(reference=...)`: probe {name!r} of {run.name!r} has other samples (fingerprint "
                f"{run.fingerprint[:12]}…) than the probe followed here ({probe.fingerprint[:12]}…); leave "
                'probes="auto" to follow those of the reference.'
            )


def _probe_of(archive: Archive, name: str) -> Probe:
    recorded = archive[name]
    probe = Probe(recorded.inputs(), recorded.targets)
    if probe.fingerprint != recorded.attributes.get("fingerprint"):
        raise ArchiveError(f"archive {archive.path!r}: the inputs of {name!r} do not match their fingerprint.")
    return probe
