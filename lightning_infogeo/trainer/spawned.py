"""Returning results from a process that Lightning spawned for a fit to its parent.

Lightning itself returns weights, the trainer's state and ``callback_metrics``, but calls no hook of a callback.
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
    """A file that a child process writes for its parent; spawning gives both a copy of this object.

    The file is deleted when it is read, or with the parent's copy. Any other copy or pickle has a file of its own.

    Args:
        owner: process id of the parent; None for this process.
        name: name of the file; empty for a new one.
    """

    def __init__(self, owner: int | None = None, name: str = "") -> None:
        self._owner = os.getpid() if owner is None else owner
        self._name = name or f"lightning-infogeo-{uuid.uuid4().hex}.pt"
        weakref.finalize(self, _discard, self._owner, self._name)

    def __reduce__(self) -> tuple[Any, ...]:
        spawning = multiprocessing.context.get_spawning_popen() is not None
        return SpawnedResults, (self._owner, self._name) if spawning else ()

    @property
    def in_child(self) -> bool:
        """Whether this process is a child of the one that made the object."""
        parent = multiprocessing.parent_process()
        return parent is not None and parent.pid == self._owner != os.getpid()

    def call_at_exit(self, send: Callable[[], None]) -> None:
        """Registers ``send`` to be called when this process ends, also by an exception, for which no hook is called."""
        multiprocessing.util.Finalize(None, send, exitpriority=1)

    def send(self, content: Any) -> None:
        """Writes tensors and plain values for the parent."""
        path = _path(self._name)
        partial = path.with_suffix(".partial")
        partial.unlink(missing_ok=True)
        # Created exclusively and readable by this user only, since all users share the folder.
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            torch.save(content, file)
        os.replace(partial, path)

    def receive(self) -> Any:
        """Returns what a child has written; None where there is nothing. The parent's call deletes the file."""
        with suppress(OSError):
            path = _path(self._name)
            if path.exists():
                content = torch.load(path, weights_only=True)
                if not self.in_child:
                    path.unlink()
                return content
        return None


def _path(name: str) -> Path:
    return Path(tempfile.gettempdir(), name)


def _discard(owner: int, name: str) -> None:
    with suppress(OSError):
        if os.getpid() == owner:
            _path(name).unlink(missing_ok=True)
