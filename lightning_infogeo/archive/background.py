"""Writing in a thread of its own, with bounded memory: records queued while the writer is busy are written together."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from lightning_infogeo.archive.writer import ArchiveWriter, Row

MIN_QUEUED = 2
"""Records that may be queued whatever their size; ``append`` waits before it queues a further one."""

MAX_QUEUED = 16
"""Records that may be queued where they are small."""

SMALL_BYTES = 2**24
"""Bytes that all queued records may take to count as small."""

Record = tuple[int, Mapping[str, Row], Sequence[Mapping[str, Any]] | None]


class BackgroundWriter:
    """Hands records to a writer in a thread of its own.

    Args:
        writer: to be used by nobody else until ``close``.
    """

    def __init__(self, writer: ArchiveWriter) -> None:
        self.writer = writer
        self._changed = threading.Condition()
        self._queue: list[Record] = []
        self._writing = False
        self._ending = False
        self._error: BaseException | None = None
        self._failed = False
        self._thread = threading.Thread(target=self._run, name="lightning-infogeo archive", daemon=True)
        self._thread.start()

    def append(self, step: int, rows: Mapping[str, Row], events: Sequence[Mapping[str, Any]] | None) -> None:
        """Queues one record; waits while as many are queued as there is room for.

        Raises:
            Exception: what an earlier record failed with, once. Nothing is written after that.
        """
        self._raise_error()
        size = sum(row.values.nbytes for row in rows.values() if row.values is not None)
        room = max(MIN_QUEUED, min(MAX_QUEUED, SMALL_BYTES // max(size, 1)))
        with self._changed:
            self._changed.wait_for(lambda: len(self._queue) < room or not self._thread.is_alive())
            self._queue.append((step, rows, events))
            self._changed.notify_all()

    def flush(self) -> None:
        """Returns when everything queued is written.

        Raises:
            Exception: what a record failed with, once.
        """
        with self._changed:
            self._changed.wait_for(lambda: not (self._queue or self._writing) or not self._thread.is_alive())
        self._raise_error()

    def truncate(self, step: int) -> None:
        """Writes what is queued, and drops all records after a step.

        Raises:
            Exception: what a record failed with, once.
        """
        self.flush()
        with self._changed:
            self.writer.truncate(step)

    def close(self) -> None:
        """Writes what is queued, ends the thread and releases the archive.

        Raises:
            Exception: what a record failed with, once.
        """
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        self._thread.join()
        try:
            self._raise_error()
        finally:
            self.writer.close()

    def abandon(self) -> None:
        """Closes without raising: what is queued is dropped, and others may write to the archive."""
        self._failed = True
        with contextlib.suppress(Exception):
            self.close()

    def _run(self) -> None:
        while records := self._next():
            try:
                if not self._failed:
                    self._write(records)
            except BaseException as error:
                self._error, self._failed = error, True

    def _next(self) -> list[Record]:
        """Returns all queued records once there are any; an empty list after ``close``."""
        with self._changed:
            self._writing = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._queue or self._ending)
            records, self._queue = self._queue, []
            self._writing = bool(records)
            self._changed.notify_all()
            return records

    def _write(self, records: Sequence[Record]) -> None:
        try:
            for step, rows, events in records:
                self.writer.append(step, rows, events)
        finally:  # those before one that fails are whole
            self.writer.commit()

    def _raise_error(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error
