"""What goes into the archive: predictions as they leave the device, joined with the record they belong to."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

import lightning_infogeo.lightnings as pl
from lightning_infogeo.archive import (
    ArchiveError,
    ArchiveInUse,
    ArchiveWriter,
    BackgroundWriter,
    Folder,
    Row,
    to_arrays,
)
from lightning_infogeo.copies import Portable
from lightning_infogeo.errors import ConfigurationError
from lightning_infogeo.lightnings import rank_zero_warn
from lightning_infogeo.loggers import HostCopies
from lightning_infogeo.markers import Event
from lightning_infogeo.monitor.distributed.collectives import first_process_decides
from lightning_infogeo.monitor.host.archive_location import ArchiveLocation, place, unused
from lightning_infogeo.monitor.host.neuron_recorder import ROOM, Neurons
from lightning_infogeo.monitor.host.run_metadata import metadata_of
from lightning_infogeo.monitor.settings import ArchiveSettings
from lightning_infogeo.probe import Probe, nbytes, same_labels
from lightning_infogeo.trajectory import Trajectory

SMALL = 2**24
"""Bytes of a probe's inputs that are stored without being asked for."""


class RunArchive(Portable, left_behind={"_background": None, "_mail": {}, "_arrived": {}, "_copied": True}):
    """Writes everything recorded to one archive, off the training thread; in the first process only.

    A copy of it writes nothing.

    Args:
        settings: where and how; None to write nothing.
        prefix: of the monitor, which names an archive beside the logs.
        strict: whether a failing archive raises instead of warning.
        neurons: whose vectors go into it, too.
    """

    def __init__(self, settings: ArchiveSettings | None, prefix: str, strict: bool, neurons: Neurons) -> None:
        self.settings = settings
        self._prefix = prefix
        self._strict = strict
        self._place = ArchiveLocation("", "")
        self._background: BackgroundWriter | None = None
        self._neurons = neurons
        self._mail: dict[str, HostCopies] = {}
        self._arrived: dict[tuple[str, int], np.ndarray[Any, Any]] = {}
        self._events: list[Event] = []
        self._known: dict[str, str] = {}
        self._copied = False
        self._forsaken: str | None = None

    @property
    def active(self) -> bool:
        """Whether it is writing."""
        return self._background is not None

    @property
    def path(self) -> str | None:
        """Of the archive; None before there is one."""
        return self._known.get("path")

    def locate(self, trainer: pl.Trainer) -> None:
        """Finds out where "auto" is; to be called in all processes."""
        if self.settings is not None:
            name = f"{self._prefix.replace('/', '_')}.zarr"
            given = os.fspath(self.settings.path)
            auto = given == "auto"
            self._place = first_process_decides(
                trainer, lambda: place(trainer, name) if auto else ArchiveLocation(given, given)
            )

    def begin(
        self,
        trainer: pl.Trainer,
        module: pl.LightningModule,
        trajectories: Mapping[str, Trajectory],
        probes: Mapping[str, Probe],
        samples: Mapping[str, tuple[int, int, Tensor | None]],
        exact: bool,
    ) -> None:
        """Opens the archive, new or to go on with.

        Args:
            trainer: whose run it is.
            module: trained.
            trajectories: by name.
            probes: by name.
            samples: number of samples and of classes of each probe, and the labels of the samples.
            exact: whether there are predictions to be archived, or only sketches of them.

        Raises:
            ConfigurationError: where it cannot be written.
        """
        if self.settings is None or getattr(trainer, "fast_dev_run", False):
            return  # which leaves no logs and no checkpoints either, and no path taken for the run it is a test of
        recorded = max((int(t.steps[-1]) for t in trajectories.values() if len(t)), default=-1)
        try:
            self._background = BackgroundWriter(self._opened(metadata_of(trainer, module, self.settings), recorded))
            self._add_all(self._background.writer, trajectories, probes, samples, exact)
            self._neurons.archived = True
        except (ArchiveError, OSError) as error:
            self.close()
            raise ConfigurationError(f"`InfoGeometryMonitor(archive=...)`: {error}") from error

    def ship(self, step: int, amplitudes: Mapping[str, Tensor]) -> None:
        """Starts the copy of predictions (N, C) to the host."""
        if self.settings is not None and self.active:
            dtype = torch.float16 if self.settings.dtype == "float16" else torch.float32
            for name, values in amplitudes.items():
                self._mail.setdefault(name, HostCopies()).start_copy(step, None, values.to(dtype))

    def take(self, step: int, rows: Mapping[str, Mapping[str, float]], events: Sequence[Event]) -> None:
        """Queues a record that has reached the host, with the events known by it."""
        if self._background is None:
            return
        for name, mailbox in self._mail.items():
            self._arrived.update({(name, at): values.numpy() for at, _, values in mailbox.finished()})
        entry = {name: Row(list(row.values()), self._arrived.pop((name, step), None)) for name, row in rows.items()}
        entry.update({_room(layer): Row([], vectors) for layer, vectors in self._neurons.taken(step).items()})
        told = [event._asdict() for event in events] if len(events) != len(self._events) else None
        self._events = list(events)
        self._attempt(lambda background: background.append(step, entry, told))

    def flush(self) -> None:
        """Returns when all that was taken is on disk, so that no checkpoint knows of more than its archive."""
        self._attempt(lambda background: background.flush())

    def close(self) -> None:
        """Writes what is queued and lets others write."""
        if self._background is not None:
            self._attempt(lambda background: background.close())
            self._background, self._neurons.archived = None, False

    def state_dict(self) -> dict[str, str]:
        """Returns where the archive is and whose run it holds."""
        return dict(self._known)

    def load_state_dict(self, state: dict[str, str]) -> None:
        """Goes on with the archive of an earlier session; one that is being written is gone on with by ``cut_back``."""
        if not self.active:
            self._known, self._copied = dict(state), False

    def cut_back(self, step: int, events: Sequence[Event]) -> None:
        """Goes on from a step, with the events known by it, without what came after."""
        for mailbox in self._mail.values():
            mailbox.finish()
        self._arrived.clear()
        self._events = list(events)
        self._attempt(lambda background: background.truncate(step))

    def replace(self, other: RunArchive) -> None:
        """May write over the archive of another, which holds no more than the state before a training."""
        self._forsaken = None if other._copied else other._known.get("run")

    def _attempt(self, action: Any) -> None:
        if self._background is None:
            return
        try:
            action(self._background)
        except Exception as error:
            background, self._background, self._neurons.archived = self._background, None, False
            background.abandon()
            if self._strict:
                raise
            rank_zero_warn(
                f"`InfoGeometryMonitor(archive=...)`: writing raised {type(error).__name__}: {error}. Nothing more is "
                "archived; what was written can be read, training and curves go on."
            )

    def _opened(self, metadata: dict[str, Any], recorded: int) -> ArchiveWriter:
        before = self._known.get("path") if recorded >= 0 else None
        if before is not None and Folder(before).exists():
            return self._noted(self._gone_on_with(Folder(before), metadata, recorded))
        writer = self._noted(self._begun(metadata))
        if recorded >= 0:
            lost = "the training so far was recorded without an archive"
            lost = lost if before is None else f"the archive to go on with, {before!r}, is gone"
            rank_zero_warn(
                f"`InfoGeometryMonitor(archive=...)`: {lost}; {writer.folder.path!r} begins at step {recorded}."
            )
        return writer

    def _begun(self, metadata: dict[str, Any]) -> ArchiveWriter:
        """Returns the writer of an archive that holds nothing yet."""
        assert self.settings is not None
        folder, auto = Folder(self._place.path), self.settings.path == "auto"
        for free in unused(folder) if auto else [folder]:
            try:
                writer = ArchiveWriter(free, metadata, self.settings.compression)
            except ArchiveInUse:
                if auto:
                    continue  # another process has taken it since
                raise
            if writer.run == self._forsaken and writer.last_step <= 0:
                writer.restart(metadata)
                return writer
            if writer.last_step < 0:
                return writer
            writer.close()
        raise ArchiveError(
            f"archive {folder.path!r}: already holds a run, recorded up to step {writer.last_step}; give each run "
            'a path of its own (archive="auto" does), or resume with Trainer.fit(ckpt_path=...).'
        )

    def _gone_on_with(self, old: Folder, metadata: dict[str, Any], recorded: int) -> ArchiveWriter:
        """Returns the writer of the archive so far, or where another training may go on with that, of a copy."""
        assert self.settings is not None
        folder = Folder(self._place.path)
        if self.settings.path == "auto" and self._place.holds(old.path):
            folder = old
        if old.path == folder.path:
            writer = ArchiveWriter(folder, metadata, self.settings.compression)
            if writer.run != self._known["run"]:
                writer.close()
                raise ArchiveError(f"archive {folder.path!r}: holds another run than the checkpoint's.")
        else:
            # A fork of the checkpoint gets its own copy: another may go on from it, too.
            folder = next(unused(folder))
            folder.copy_from(old)
            writer = ArchiveWriter(folder, metadata, self.settings.compression, fork=True)
        writer.truncate(recorded)
        return writer

    def _noted(self, writer: ArchiveWriter) -> ArchiveWriter:
        self._known = {"path": writer.folder.path, "run": writer.run}
        return writer

    def _add_all(
        self,
        writer: ArchiveWriter,
        trajectories: Mapping[str, Trajectory],
        probes: Mapping[str, Probe],
        samples: Mapping[str, tuple[int, int, Tensor | None]],
        exact: bool,
    ) -> None:
        assert self.settings is not None
        for name, trajectory in trajectories.items():
            attributes: dict[str, Any] = {
                "schedule": trajectory.schedule,
                "lag": trajectory.lag,
                "precision": trajectory.precision,
            }
            if name not in probes:
                writer.add(name, trajectory.quantities, attributes)
                continue
            probe, (size, classes, labels) = probes[name], samples[name]
            constants = {} if labels is None else {"labels": labels.cpu().numpy()}
            stored = self._stored(probe)
            if stored is not None:
                attributes["inputs"] = stored[0]
                constants.update({f"inputs/{i}": array for i, array in enumerate(stored[1])})
            if stored is not None and labels is not None and not same_labels(labels.cpu(), probe.labels):
                assert probe.labels is not None
                constants["targets"] = probe.labels.numpy()
            attributes["fingerprint"] = probe.fingerprint
            shape = (size, classes) if exact else None
            writer.add(name, trajectory.quantities, attributes, shape, self.settings.dtype, constants)
        for layer, shape in self._neurons.shapes.items():
            about = self._neurons.attributes[layer]
            writer.add(_room(layer), (), about, shape, constants=None, kind="vectors")
        if not exact:
            rank_zero_warn(
                "`InfoGeometryMonitor(archive=...)`: predictions are followed by sketches, which are not archived; the "
                "archive holds the curves alone. Give more memory to have them."
            )
        writer.commit()

    def _stored(self, probe: Probe) -> tuple[dict[str, Any], list[np.ndarray[Any, Any]]] | None:
        assert self.settings is not None
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


def _room(layer: str) -> str:
    return f"{ROOM}{layer or '(module)'}"
