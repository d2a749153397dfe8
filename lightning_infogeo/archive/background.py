"""Writing off the training thread, with bounded memory: what arrives while the writer is busy is written together."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from lightning_infogeo.archive.writer import ArchiveWriter, Row

FEWEST = 2
"""Records that may wait, of whatever size; a further one waits for them."""

MOST = 16
"""Records that may wait where they are small."""

ROOM = 2**24
"""Bytes up to which records count as small, all that wait together."""

Record = tuple[int, Mapping[str, Row], Sequence[Mapping[str, Any]] | None]


class Background:
    """Hands records to a writer in a thread of its own.

    Args:
        writer: to be used by nobody else until ``close``.

    Attributes:
        writer: as given.
    """

    def __init__(self, writer: ArchiveWriter) -> None:
        self.writer = writer
        self._changed = threading.Condition()
        self._waiting: list[Record] = []
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
        self._raise()
        size = sum(row.values.nbytes for row in rows.values() if row.values is not None)
        room = max(FEWEST, min(MOST, ROOM // max(size, 1)))
        with self._changed:
            self._changed.wait_for(lambda: len(self._waiting) < room or not self._thread.is_alive())
            self._waiting.append((step, rows, events))
            self._changed.notify_all()

    def flush(self) -> None:
        """Returns when everything queued is written.

        Raises:
            Exception: what a record failed with, once.
        """
        with self._changed:
            self._changed.wait_for(lambda: not (self._waiting or self._writing) or not self._thread.is_alive())
        self._raise()

    def truncate(self, step: int) -> None:
        """Writes what is queued, and drops all records after a step.

        Raises:
            Exception: what a record failed with, once.
        """
        self.flush()
        with self._changed:
            self.writer.truncate(step)

    def close(self) -> None:
        """Writes what is queued, ends the thread and lets others write.

        Raises:
            Exception: what a record failed with, once.
        """
        with self._changed:
            self._ending = True
            self._changed.notify_all()
        self._thread.join()
        try:
            self._raise()
        finally:
            self.writer.close()

    def abandon(self) -> None:
        """Lets others write, whatever state the archive is in."""
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
        """Returns all that waits, once there is something; nothing when it is over."""
        with self._changed:
            self._writing = False
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._waiting or self._ending)
            records, self._waiting = self._waiting, []
            self._writing = bool(records)
            self._changed.notify_all()
            return records

    def _write(self, records: Sequence[Record]) -> None:
        try:
            for step, rows, events in records:
                self.writer.append(step, rows, events)
        finally:  # those before one that fails are whole
            self.writer.commit()

    def _raise(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error
