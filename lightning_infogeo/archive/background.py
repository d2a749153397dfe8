"""Writing off the training thread, with bounded memory: at most two records wait; the third waits for them."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lightning_infogeo.archive.writer import ArchiveWriter, Row

WAITING = 2


class Background:
    """Hands records to a writer in a thread of its own.

    Args:
        writer: to be used by nobody else until ``close``.

    Attributes:
        writer: as given.
    """

    def __init__(self, writer: ArchiveWriter) -> None:
        self.writer = writer
        self._queue: queue.Queue[Callable[[], None] | None] = queue.Queue(maxsize=WAITING)
        self._error: BaseException | None = None
        self._failed = False
        self._thread = threading.Thread(target=self._run, name="lightning-infogeo archive", daemon=True)
        self._thread.start()

    def append(self, step: int, rows: Mapping[str, Row], events: Sequence[Mapping[str, Any]] | None) -> None:
        """Queues one record; waits while two are queued.

        Raises:
            Exception: what an earlier record failed with, once. Nothing is written after that.
        """
        self._raise()

        def write() -> None:
            self.writer.append(step, rows, events)
            self.writer.commit()

        self._queue.put(write)

    def flush(self) -> None:
        """Returns when everything queued is written.

        Raises:
            Exception: what a record failed with, once.
        """
        self._queue.join()
        self._raise()

    def close(self) -> None:
        """Writes what is queued, ends the thread and lets others write.

        Raises:
            Exception: what a record failed with, once.
        """
        if self._thread.is_alive():
            self._queue.put(None)
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
        while True:
            task = self._queue.get()
            try:
                if task is None:
                    return
                if not self._failed:
                    task()
            except BaseException as error:
                self._error, self._failed = error, True
            finally:
                self._queue.task_done()

    def _raise(self) -> None:
        error, self._error = self._error, None
        if error is not None:
            raise error
