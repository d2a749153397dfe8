"""Drawing beside the training."""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait

from lightning_infogeo.loggers.picture import Picture
from lightning_infogeo.monitor.host.drawing import Drawing

Drawn = list[tuple[str, Picture]]


class DrawingThread:
    """Draws one record after another in a thread of its own, so that training waits for none of them.

    What it draws has left the device and is its own. Loggers are not written to from here: many may not be.

    Attributes:
        spent: seconds of the processor's time on all drawings but the first, which imports what is drawn with.
    """

    def __init__(self) -> None:
        self.spent = 0.0
        self._thread: ThreadPoolExecutor | None = None
        self._drawings: deque[tuple[Drawing, Future[tuple[Drawn, float]]]] = deque()
        self._drawn = 0

    @property
    def begun(self) -> bool:
        """Whether there are drawings that ``finished`` has not given yet."""
        return bool(self._drawings)

    @property
    def foreseen(self) -> float:
        """Seconds that drawings under way will take, if they take as long as those so far."""
        return len(self._drawings) * (self.spent / (self._drawn - 1) if self._drawn > 1 else _ABOUT)

    def draw(self, drawing: Drawing) -> None:
        """Begins a drawing, once those before it are finished."""
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="infogeo-drawing")
        self._drawings.append((drawing, self._thread.submit(_timed, drawing)))

    def finished(self, wait: bool = False) -> Iterator[tuple[Drawing, Drawn]]:
        """Yields drawings in their order, each once, and raises what one of them has raised.

        Args:
            wait: whether to wait for those that are not finished.
        """
        while self._drawings and (wait or self._drawings[0][1].done()):
            drawing, future = self._drawings.popleft()
            if future.cancelled():
                continue
            pictures, seconds = future.result()
            self.spent += seconds if self._drawn else 0.0
            self._drawn += 1
            yield drawing, pictures

    def hurry(self, patience: float) -> None:
        """Gives up what is not begun after so many seconds, but for the last drawing."""
        futures = [future for _, future in self._drawings]
        wait(futures, timeout=patience)
        for future in futures[:-1]:
            future.cancel()

    def close(self) -> None:
        """Ends the thread; what it has not begun is not drawn."""
        self._drawings.clear()
        if self._thread is not None:
            self._thread.shutdown(cancel_futures=True)
            self._thread = None


_ABOUT = 0.1
"""Seconds of a drawing, before one has been timed."""


_AT_WORK = threading.RLock()
"""Held while a picture is drawn, and while a process is forked: a DataLoader's worker that was forked in between would
have matplotlib's locks, and those of its import, as they were held, and nobody there to release them."""

if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(before=_AT_WORK.acquire, after_in_parent=_AT_WORK.release, after_in_child=_AT_WORK.release)


def _timed(drawing: Drawing) -> tuple[Drawn, float]:
    with _AT_WORK:
        began = time.thread_time()
        pictures = drawing.pictures()
        return pictures, time.thread_time() - began
