"""What goes into the archive: predictions as they leave the device, joined with the record they belong to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lightning_infogeo.archive import ArchiveWriter, BackgroundWriter, Row
from lightning_infogeo.copies import Portable
from lightning_infogeo.lightnings import rank_zero_warn
from lightning_infogeo.loggers import HostCopies
from lightning_infogeo.markers import Event
from lightning_infogeo.monitor.host.archive_opening import group_of
from lightning_infogeo.monitor.record_layout import Record


class RunArchive(Portable, left_behind={"_background": None, "_copies": {}, "_arrived": {}, "owned": False}):
    """Writes everything recorded to one archive, off the training thread; in the first process only.

    A copy of it writes nothing.

    Args:
        writer: of the archive; None where nothing is written.
        known: path and run of the archive so far, where there has been one.
        half: whether predictions are kept in float16.
        strict: whether a failing archive raises instead of warning.

    Attributes:
        owned: whether this is no copy, and so may begin anew what it has begun.
    """

    def __init__(self, writer: ArchiveWriter | None, known: Mapping[str, str], half: bool, strict: bool) -> None:
        self.owned = True
        self._background = None if writer is None else BackgroundWriter(writer)
        self._known = dict(known) if writer is None else {"path": writer.folder.path, "run": writer.run}
        self._dtype = torch.float16 if half else torch.float32
        self._strict = strict
        self._copies: dict[str, HostCopies] = {}
        self._arrived: dict[tuple[str, int], np.ndarray[Any, Any]] = {}
        self._written_events: list[Event] = []

    @property
    def active(self) -> bool:
        """Whether it is writing."""
        return self._background is not None

    @property
    def run(self) -> str | None:
        """The identity of the run it holds; None where there is none."""
        return self._known.get("run")

    def start_copy(self, step: int, amplitudes: Mapping[str, Tensor]) -> None:
        """Starts the copy of predictions (N, C) to the host, where they wait for their record."""
        for name, values in amplitudes.items():
            self._copies.setdefault(name, HostCopies()).start_copy(step, None, values.to(self._dtype))

    def append(self, record: Record, neurons: Mapping[str, Tensor], events: Sequence[Event]) -> None:
        """Queues a record that has reached the host.

        Args:
            record: with its predictions started before.
            neurons: their vectors at this record, by layer.
            events: all that are known by it.
        """
        for name, copies in self._copies.items():
            self._arrived.update({(name, step): values.numpy() for step, _, values in copies.finished()})
        rows = {
            name: Row(list(row.values()), self._arrived.pop((name, record.step), None))
            for name, row in record.rows.items()
        }
        rows.update({group_of(layer): Row([], vectors.numpy()) for layer, vectors in neurons.items()})
        new = len(events) != len(self._written_events)
        self._written_events = list(events)
        told = [event._asdict() for event in events] if new else None
        self._attempt(lambda background: background.append(record.step, rows, told))

    def flush(self) -> None:
        """Returns when all that was appended is on disk, so that no checkpoint knows of more than its archive."""
        self._attempt(lambda background: background.flush())

    def close(self) -> None:
        """Writes what is queued and lets others write."""
        self._attempt(lambda background: background.close())
        self._background = None

    def cut_back(self, step: int, events: Sequence[Event]) -> None:
        """Goes on from a step, with the events known by it, without what came after."""
        for copies in self._copies.values():
            copies.finish()
        self._arrived.clear()
        self._written_events = list(events)
        self._attempt(lambda background: background.truncate(step))

    def state_dict(self) -> dict[str, str]:
        """Returns where the archive is and whose run it holds."""
        return dict(self._known)

    def _attempt(self, action: Callable[[BackgroundWriter], None]) -> None:
        if self._background is None:
            return
        try:
            action(self._background)
        except Exception as error:
            background, self._background = self._background, None
            background.abandon()
            if self._strict:
                raise
            rank_zero_warn(
                f"`InfoGeometryMonitor(archive=...)`: writing raised {type(error).__name__}: {error}. Nothing more is "
                "archived; what was written can be read, training and curves go on."
            )
