"""Opening the archive of a run: a new one, the one so far, or a copy of that for another continuation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from lightning_infogeo.archive import ArchiveError, ArchiveInUse, ArchiveWriter, Folder, to_arrays
from lightning_infogeo.archive.settings import ArchiveSettings
from lightning_infogeo.errors import ConfigurationError
from lightning_infogeo.lightnings import rank_zero_warn
from lightning_infogeo.probe import Probe, nbytes, same_labels
from lightning_infogeo.topology import NeuronRecorder
from lightning_infogeo.trainer.run_folder import ArchiveLocation, unused
from lightning_infogeo.trajectory import Trajectory

SMALL = 2**24
"""Bytes of a probe's inputs that are stored without being asked for."""


class ArchivedProbe(NamedTuple):
    """What an archive holds of a probe beside its records.

    Attributes:
        probe: its inputs and labels.
        samples: N.
        classes: C.
        labels: of the samples, shape (N,), or None.
    """

    probe: Probe
    samples: int
    classes: int
    labels: Tensor | None


class ArchiveOpening(NamedTuple):
    """Finds the archive that a run is written to, and makes room in it.

    Attributes:
        settings: where and how.
        location: where "auto" is.
        metadata: of the run.
        known: path and run of the archive so far; empty where there is none.
        overwritable: the run of an archive that holds no more than the state before a training, and may be begun anew.
    """

    settings: ArchiveSettings
    location: ArchiveLocation
    metadata: dict[str, Any]
    known: Mapping[str, str]
    overwritable: str | None

    def open(
        self,
        recorded: int,
        trajectories: Mapping[str, Trajectory],
        probes: Mapping[str, ArchivedProbe],
        neurons: NeuronRecorder | None,
        exact: bool,
    ) -> ArchiveWriter:
        """Returns the writer of the archive.

        Args:
            recorded: the step of the last record so far, −1 before the first.
            trajectories: by name.
            probes: by name.
            neurons: whose vectors go into it, too.
            exact: whether there are predictions to be archived, or only sketches of them.

        Raises:
            ConfigurationError: where it cannot be written.
        """
        with _refused():
            writer = self._writer(recorded)
            try:
                for name, trajectory in trajectories.items():
                    self._add(writer, name, trajectory, probes.get(name), exact)
                for layer in () if neurons is None else neurons.layers:
                    assert neurons is not None
                    projection, about = neurons.projections.get(layer), {}
                    if projection is not None:
                        about = {"projected": {"seed": projection.seed, "relative_error": projection.relative_error}}
                    writer.add(group_of(layer), (), about, neurons.shapes[layer], constants=None, kind="vectors")
                if not exact:
                    rank_zero_warn(
                        "`InfoGeometryMonitor(archive=...)`: predictions are followed by sketches, which are not "
                        "archived; the archive holds the curves alone. Give more memory to have them."
                    )
                writer.commit()
            except BaseException:
                writer.close()
                raise
        return writer

    def _writer(self, recorded: int) -> ArchiveWriter:
        before = self.known.get("path") if recorded >= 0 else None
        if before is not None and Folder(before).exists():
            return self._continued(Folder(before), recorded)
        writer = self._begun()
        if recorded >= 0:
            lost = "the training so far was recorded without an archive"
            lost = lost if before is None else f"the archive to go on with, {before!r}, is gone"
            rank_zero_warn(
                f"`InfoGeometryMonitor(archive=...)`: {lost}; {writer.folder.path!r} begins at step {recorded}."
            )
        return writer

    def _begun(self) -> ArchiveWriter:
        """Returns the writer of an archive that holds nothing yet."""
        folder, auto = Folder(self.location.path), self.settings.path == "auto"
        for free in unused(folder) if auto else [folder]:
            try:
                writer = ArchiveWriter(free, self.metadata, self.settings.compression)
            except ArchiveInUse:
                if auto:
                    continue  # another process has taken it since
                raise
            if writer.run == self.overwritable and writer.last_step <= 0:
                writer.restart(self.metadata)
                return writer
            if writer.last_step < 0:
                return writer
            writer.close()
        raise ArchiveError(
            f"archive {folder.path!r}: already holds a run, recorded up to step {writer.last_step}; give each run "
            'a path of its own (archive="auto" does), or resume with Trainer.fit(ckpt_path=...).'
        )

    def _continued(self, old: Folder, recorded: int) -> ArchiveWriter:
        """Returns the writer of the archive so far, or where another training may go on with that, of a copy."""
        folder = Folder(self.location.path)
        if self.settings.path == "auto" and self.location.holds(old.path):
            folder = old
        if old.path == folder.path:
            writer = ArchiveWriter(folder, self.metadata, self.settings.compression)
            if writer.run != self.known["run"]:
                writer.close()
                raise ArchiveError(f"archive {folder.path!r}: holds another run than the checkpoint's.")
        else:
            # A fork of the checkpoint gets its own copy: another may go on from it, too.
            folder = next(unused(folder))
            folder.copy_from(old)
            writer = ArchiveWriter(folder, self.metadata, self.settings.compression, fork=True)
        writer.truncate(recorded)
        return writer

    def _add(
        self, writer: ArchiveWriter, name: str, trajectory: Trajectory, followed: ArchivedProbe | None, exact: bool
    ) -> None:
        about: dict[str, Any] = {key: getattr(trajectory, key) for key in ("schedule", "lag", "precision")}
        if followed is None:
            writer.add(name, trajectory.quantities, about)
            return
        probe, size, classes, labels = followed
        constants = {} if labels is None else {"labels": labels.cpu().numpy()}
        stored = self._stored(probe)
        if stored is not None:
            about["inputs"] = stored[0]
            constants.update({f"inputs/{i}": array for i, array in enumerate(stored[1])})
        if stored is not None and labels is not None and not same_labels(labels.cpu(), probe.labels):
            assert probe.labels is not None
            constants["targets"] = probe.labels.numpy()
        about["fingerprint"] = probe.fingerprint
        shape = (size, classes) if exact else None
        writer.add(name, trajectory.quantities, about, shape, self.settings.dtype, constants)

    def _stored(self, probe: Probe) -> tuple[dict[str, Any], list[np.ndarray[Any, Any]]] | None:
        wanted = self.settings.store_inputs
        if wanted is False or (wanted is None and nbytes(probe.batches) > SMALL):
            return None
        stored = to_arrays(probe.inputs) if probe.joinable else None
        if stored is None and wanted:
            raise ConfigurationError(
                "`ArchiveSettings(store_inputs=True)`: the inputs of the probe are not tensors or strings in lists, "
                "tuples and dicts, and cannot be stored without pickling them; or they are batches of varying shape, "
                "which cannot be one. Leave store_inputs=None."
            )
        return stored


def group_of(layer: str) -> str:
    """Returns the name of the group of an archive that holds the neurons of a layer."""
    return f"neurons/{layer or '(module)'}"


@contextmanager
def _refused() -> Iterator[None]:
    """Turns what the archive raises into a ``ConfigurationError``."""
    try:
        yield
    except (ArchiveError, OSError) as error:
        raise ConfigurationError(f"`InfoGeometryMonitor(archive=...)`: {error}") from error
