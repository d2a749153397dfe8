"""From a process that Lightning has made for a fit back to the one that asked for it, whose monitor saw nothing of it.

Lightning itself brings back weights, the trainer's state and ``callback_metrics``, and calls no hook of the callback.
"""

from __future__ import annotations

import multiprocessing.context
import multiprocessing.util
import os
import tempfile
import uuid
import weakref
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch


class SpawnedResults:
    """A file that a child process leaves for its parent; both have a copy of this, made before they parted.

    It goes when it is read, or with the parent's copy. Any other copy, or pickle, is a parcel of its own.

    Args:
        owner: the parent's process id; None for this process.
        name: of the file; empty for a new one.
    """

    def __init__(self, owner: int | None = None, name: str = "") -> None:
        self._owner = os.getpid() if owner is None else owner
        self._name = name or f"lightning-infogeo-{uuid.uuid4().hex}.pt"
        weakref.finalize(self, _discard, self._owner, self._name)

    def __reduce__(self) -> tuple[Any, ...]:
        spawning = multiprocessing.context.get_spawning_popen() is not None
        return SpawnedResults, (self._owner, self._name) if spawning else ()

    @property
    def away(self) -> bool:
        """Whether this is a child of the process that made it."""
        parent = multiprocessing.parent_process()
        return parent is not None and parent.pid == self._owner != os.getpid()

    def at_the_end(self, send: Callable[[], None]) -> None:
        """Has ``send`` called when this process ends, also by an exception, of which no callback is told in a child."""
        multiprocessing.util.Finalize(None, send, exitpriority=1)

    def send(self, content: Any) -> None:
        """Leaves tensors and plain values for the parent."""
        path = _path(self._name)
        partial = path.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        # Of nobody else's making, and for nobody else to read: the folder is everybody's.
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            torch.save(content, file)
        os.replace(partial, path)

    def receive(self) -> Any:
        """Returns what a child has left, in the parent once; None where there is nothing."""
        with suppress(OSError):
            path = _path(self._name)
            if path.exists():
                content = torch.load(path, weights_only=True)
                if not self.away:
                    path.unlink()
                return content
        return None


def _path(name: str) -> Path:
    return Path(tempfile.gettempdir(), name)


def _discard(owner: int, name: str) -> None:
    with suppress(OSError):
        if os.getpid() == owner:
            _path(name).unlink(missing_ok=True)
